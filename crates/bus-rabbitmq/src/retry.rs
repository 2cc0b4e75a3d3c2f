//! Failed events wait at the broker for their next delivery: in a queue whose
//! messages go back after a while. The reference does it with a plugin.
//!
//! The copy is confirmed before the original is acknowledged. A process or a broker
//! that ends in between makes one delivery too many, never one too few.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use trunkline_bus::Error;
use trunkline_bus::failing::Again;

use crate::publish::{self, Destination};
use crate::session::{Session, short};
use crate::topology;

/// Header that counts deliveries of an event (chapter 01 §1.4).
const RETRY_COUNT: &str = "x-retry-count";

/// How often an event failed before. Anything but a signed 32-bit number counts as
/// 0, as the reference has it.
pub(crate) fn count(properties: &BasicProperties) -> u32 {
    let headers = properties.headers().as_ref();
    match headers.and_then(|headers| headers.inner().get(RETRY_COUNT)) {
        Some(AMQPValue::LongInt(count)) => u32::try_from(*count).unwrap_or(0),
        _ => 0,
    }
}

/// The queue in which an event of `queue` waits for its next delivery.
///
/// # Errors
///
/// Its name would be longer than a queue's can be.
pub(crate) fn name(queue: &str, delay: Duration) -> Result<ShortString, Error> {
    short(&topology::retry_name(queue, milliseconds(delay)))
}

fn milliseconds(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX / 2)
}

/// An event that is to come again.
pub(crate) struct Later {
    pub(crate) queue: ShortString,
    pub(crate) body: Bytes,
    /// Those of the failed delivery.
    pub(crate) properties: BasicProperties,
    pub(crate) again: Again,
}

impl Later {
    /// Hands the copy to the broker.
    ///
    /// # Errors
    ///
    /// When the broker did not confirm it.
    pub(crate) async fn send(
        self,
        session: &Arc<Session>,
        patience: Duration,
        place: OwnedSemaphorePermit,
    ) -> Result<(), Error> {
        let name = name(self.queue.as_str(), self.again.delay)?;
        let form = topology::retry(self.queue.as_str(), milliseconds(self.again.delay));
        // Each time: it may have gone since.
        let declared = session
            .ask(async |channel| topology::declare(&channel, &name, form).await)
            .await;
        declared.map_err(|why| {
            tracing::error!(queue = %name, ?why, "a queue of retries cannot be declared");
            Error::Closed
        })?;
        let to = Destination {
            exchange: "".into(),
            routing_key: name,
        };
        let copy = counted(self.properties);
        let sent = publish::send(Arc::clone(session), to, self.body, copy, place);
        timeout(patience, sent).await.unwrap_or(Err(Error::Closed))
    }
}

/// The properties of the copy: one more failure, and kept over a restart.
fn counted(properties: BasicProperties) -> BasicProperties {
    let count = i32::try_from(count(&properties).saturating_add(1)).unwrap_or(i32::MAX);
    let mut headers: FieldTable = properties.headers().clone().unwrap_or_default();
    headers.insert(RETRY_COUNT.into(), AMQPValue::LongInt(count));
    let kept = publish::properties(None).with_headers(headers);
    match properties.message_id() {
        Some(id) => kept.with_message_id(id.clone()),
        None => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: AMQPValue) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert(RETRY_COUNT.into(), value);
        headers.insert("x-own".into(), AMQPValue::Boolean(true));
        BasicProperties::default()
            .with_headers(headers)
            .with_message_id("m".into())
            .with_expiration("1".into())
    }

    #[test]
    fn only_a_signed_number_counts() {
        assert_eq!(count(&BasicProperties::default()), 0);
        assert_eq!(count(&with(AMQPValue::LongInt(2))), 2);
        assert_eq!(count(&with(AMQPValue::LongInt(-2))), 0);
        assert_eq!(count(&with(AMQPValue::LongString("2".into()))), 0);
        assert_eq!(count(&with(AMQPValue::LongLongInt(2))), 0);
    }

    #[test]
    fn the_copy_counts_on_and_keeps_headers_and_id() {
        let copy = counted(with(AMQPValue::LongInt(2)));
        assert_eq!(count(&copy), 3);
        assert!(copy.headers().as_ref().unwrap().contains_key("x-own"));
        assert_eq!(copy.message_id().as_ref().unwrap().as_str(), "m");
        assert_eq!(*copy.delivery_mode(), Some(2));
        assert!(copy.expiration().is_none(), "it waits as long as it must");
    }
}
