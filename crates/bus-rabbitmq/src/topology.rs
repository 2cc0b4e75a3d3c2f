//! What is declared, and how (chapter 01 §1.2–1.3).
//!
//! Every exchange is declared before a queue is bound to it, so that no start
//! order of services matters. Arguments match the reference's byte for byte:
//! the broker refuses anything else.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPHardError};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind, ExchangeKind};

/// Exchange of delayed messages; exists only where the broker has the plugin.
pub(crate) const DELAY_EXCHANGE: &str = "bin-manager.delay";

/// A volatile queue that nobody uses goes after this time, milliseconds.
const VOLATILE_EXPIRES_MS: i32 = 1_800_000;

/// How long a queue of retries outlives the last message in it, milliseconds.
const RETRY_QUEUE_SPARE_MS: u64 = 3_600_000;

/// Which form a volatile queue is declared in. A broker from 4.3 on may refuse
/// queues that are neither durable nor exclusive; then the nearest form is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VolatileForm {
    /// As the reference has it.
    Transient,
    /// The same, but durable.
    Durable,
}

/// A queue as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueueForm {
    pub(crate) options: QueueDeclareOptions,
    pub(crate) arguments: FieldTable,
}

/// The form of the kind `normal`.
pub(crate) fn normal() -> QueueForm {
    QueueForm {
        options: QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        },
        arguments: FieldTable::default(),
    }
}

/// The form of the kind `volatile`.
pub(crate) fn volatile(form: VolatileForm) -> QueueForm {
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(VOLATILE_EXPIRES_MS));
    QueueForm {
        options: QueueDeclareOptions {
            durable: form == VolatileForm::Durable,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        },
        arguments,
    }
}

/// A queue whose messages go to `back_to` after `delay_ms`: how a failed event
/// comes again without a plugin. It is durable, so that a failed event outlives
/// the broker, and goes by itself when it is not used any more.
pub(crate) fn retry(back_to: &str, delay_ms: u64) -> QueueForm {
    let ms = |ms: u64| AMQPValue::LongLongInt(i64::try_from(ms).unwrap_or(i64::MAX));
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-message-ttl".into(), ms(delay_ms));
    arguments.insert("x-expires".into(), ms(delay_ms + RETRY_QUEUE_SPARE_MS));
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(back_to));
    QueueForm {
        options: normal().options,
        arguments,
    }
}

/// Its name.
pub(crate) fn retry_name(back_to: &str, delay_ms: u64) -> String {
    format!("trunkline.retry.{back_to}.{delay_ms}")
}

/// The queue under which replies come: the broker names it, and it goes with the
/// connection.
pub(crate) fn replies() -> QueueForm {
    QueueForm {
        options: QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        },
        arguments: FieldTable::default(),
    }
}

/// An exchange as it is declared. All are durable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExchangeForm {
    pub(crate) kind: ExchangeKind,
    pub(crate) arguments: FieldTable,
}

/// The exchange of some service's events.
pub(crate) fn events() -> ExchangeForm {
    ExchangeForm {
        kind: ExchangeKind::Fanout,
        arguments: FieldTable::default(),
    }
}

/// The exchange of delayed messages. Where the plugin is missing, the broker ends the
/// whole connection that declares it.
pub(crate) fn delays() -> ExchangeForm {
    let mut arguments = FieldTable::default();
    let direct = AMQPValue::LongString("direct".into());
    arguments.insert("x-delayed-type".into(), direct);
    ExchangeForm {
        kind: ExchangeKind::Custom("x-delayed-message".to_owned()),
        arguments,
    }
}

/// Declares an exchange.
pub(crate) async fn declare_exchange(
    channel: &Channel,
    name: &ShortString,
    form: ExchangeForm,
) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name.clone(), form.kind, durable, form.arguments)
        .await
}

/// Fails when there is no such exchange; that ends the channel. Its form does not
/// matter.
pub(crate) async fn look_for_exchange(channel: &Channel, name: &ShortString) -> lapin::Result<()> {
    let passive = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    let (kind, nothing) = (ExchangeKind::Fanout, FieldTable::default());
    channel
        .exchange_declare(name.clone(), kind, passive, nothing)
        .await
}

/// Declares a queue.
pub(crate) async fn declare(
    channel: &Channel,
    name: &ShortString,
    form: QueueForm,
) -> lapin::Result<lapin::Queue> {
    channel
        .queue_declare(name.clone(), form.options, form.arguments)
        .await
}

/// Fails when there is no such queue; that ends the channel.
pub(crate) async fn look_for(channel: &Channel, name: &ShortString) -> lapin::Result<lapin::Queue> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.clone(), passive, FieldTable::default())
        .await
}

/// Whether a broker refuses what was declared because it does not know such things,
/// or does not permit them any more. It ends the connection then, as it does for many
/// other reasons: an operator closes it, or the broker itself ends.
pub(crate) fn is_refused_for_good(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    matches!(
        error.kind(),
        AMQPErrorKind::Hard(AMQPHardError::INTERNALERROR | AMQPHardError::NOTIMPLEMENTED)
    )
}

/// Whether a broker does not know the kind of exchange that was declared: "503, unknown
/// exchange type".
pub(crate) fn is_unknown(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    *error.kind() == AMQPErrorKind::Hard(AMQPHardError::COMMANDINVALID)
}

/// Binds a queue to an exchange.
pub(crate) async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    routing_key: &ShortString,
) -> lapin::Result<()> {
    channel
        .queue_bind(
            queue.clone(),
            exchange.clone(),
            routing_key.clone(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(form: &QueueForm, name: &str) -> AMQPValue {
        form.arguments.inner()[name].clone()
    }

    #[test]
    fn kinds_are_as_the_reference_declares_them() {
        let form = normal();
        assert!(form.options.durable && !form.options.auto_delete && !form.options.exclusive);
        assert_eq!(form.arguments, FieldTable::default());

        let form = volatile(VolatileForm::Transient);
        assert!(!form.options.durable && form.options.auto_delete && !form.options.exclusive);
        assert_eq!(number(&form, "x-expires"), AMQPValue::LongInt(1_800_000));
    }

    #[test]
    fn the_nearest_form_of_a_volatile_queue_differs_in_durability_only() {
        let (exact, near) = (
            volatile(VolatileForm::Transient),
            volatile(VolatileForm::Durable),
        );
        assert!(near.options.durable && near.options.auto_delete);
        assert_eq!(near.arguments, exact.arguments);
    }

    #[test]
    fn a_queue_of_retries_sends_back_and_outlives_what_is_in_it() {
        let form = retry("q", 5_000);
        assert_eq!(
            number(&form, "x-message-ttl"),
            AMQPValue::LongLongInt(5_000)
        );
        assert_eq!(
            number(&form, "x-expires"),
            AMQPValue::LongLongInt(3_605_000)
        );
        let key = number(&form, "x-dead-letter-routing-key");
        assert_eq!(key, AMQPValue::LongString("q".into()));
    }
}
