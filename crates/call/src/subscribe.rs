//! Events of other services (chapter 01 §3.7, 03 §13).

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::Instant;
use tracing::Instrument as _;
use trunkline_bus::metrics::millis;
use trunkline_bus::{Event, EventHandler, Message, Retry, Work};
use trunkline_domain::call::status::is_live;
use trunkline_model::activeflow;
use trunkline_model::call::HangupReason;
use trunkline_model::id::{CallId, CustomerId};
use trunkline_model::page::Page;
use trunkline_model::service::Service;
use trunkline_model::wire;
use trunkline_store::call as calls;
use trunkline_store::filter::Filter;

use crate::Role;
use crate::apply::hangup;
use crate::ari_events;
use crate::error::Error;
use crate::metrics::{AriLabels, EventLabels};
use crate::rpc;

/// Takes the events that call-manager is subscribed to.
pub(crate) struct Events(pub(crate) Arc<Role>);

impl EventHandler for Events {
    fn accept(&self, message: Message) -> Work {
        let role = Arc::clone(&self.0);
        match wire::decode_bytes::<Event>(&message.body) {
            Ok(event) if event.publisher == Service::ASTERISK_PROXY.name() => ari(role, &event),
            Ok(event) if event.publisher == Service::FLOW.name() => flow(role, &event),
            Ok(event) if event.publisher == Service::CUSTOMER.name() => customer(role, event),
            Ok(_) => Work::nothing(),
            Err(error) => Work::unreadable(format!("an event envelope cannot be read: {error}")),
        }
    }
}

fn ari(role: Arc<Role>, envelope: &Event) -> Work {
    let event = match trunkline_ari::Event::decode(envelope.payload()) {
        Ok(event) => event,
        Err(error) => return Work::unreadable(format!("an ARI event cannot be read: {error}")),
    };
    let labels = AriLabels {
        r#type: event.kind.name().to_owned(),
        asterisk_id: event.asterisk_id.to_string(),
    };
    if !ari_events::is_used(&event.kind) {
        role.metrics.ari_event_listen.get_or_create(&labels).inc();
        return Work::nothing();
    }
    let received = received(envelope);
    let key = event.key();
    let channel_id = event
        .channel()
        .map(|channel| channel.id.as_str())
        .unwrap_or_default();
    let span = tracing::info_span!("ari_event", kind = event.kind.name(), channel_id, asterisk_id = %event.asterisk_id);
    let run = async move {
        let started = Instant::now();
        role.metrics.ari_event_listen.get_or_create(&labels).inc();
        let outcome = Box::pin(ari_events::handle(&role, event)).await;
        let elapsed = millis(started.elapsed());
        role.metrics
            .ari_event_listen_process_time
            .get_or_create(&labels)
            .observe(elapsed);
        took(&role, &received, elapsed);
        settle(&labels.r#type, outcome)
    };
    Work::new(key, run.instrument(span)).of_the_moment()
}

/// The envelope's labels: of an ARI event it says no more than that it is one.
fn received(envelope: &Event) -> EventLabels {
    EventLabels {
        publisher: envelope.publisher.clone(),
        r#type: envelope.kind.clone(),
    }
}

/// An event was handled within so many milliseconds.
fn took(role: &Role, labels: &EventLabels, elapsed: f64) {
    let times = &role.metrics.subscribe_event_process_time;
    times.get_or_create(labels).observe(elapsed);
}

/// What the store refuses is worth another delivery: it may be away, or another
/// writer was first; what it never takes is parked in the end. What Asterisk or
/// another service refuses is found when the rows are compared.
fn settle(kind: &str, outcome: Result<(), Error>) -> Result<(), Retry> {
    match outcome {
        Ok(()) => Ok(()),
        Err(Error::Store(error)) => Err(Retry::later(error.to_string())),
        Err(Error::Later(because)) => Err(Retry::later(because)),
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::warn!(kind, %error, cause, "an event could not be handled");
            Ok(())
        }
    }
}

/// The end of its flow ends a call.
fn flow(role: Arc<Role>, event: &Event) -> Work {
    if event.kind != "activeflow_updated" {
        return Work::nothing();
    }
    /// Of an activeflow only what is looked at: one comes with every action.
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Activeflow {
        status: activeflow::Status,
        reference_type: activeflow::ReferenceType,
        reference_id: CallId,
    }
    let activeflow = match wire::decode::<Activeflow>(event.payload()) {
        Ok(activeflow) => activeflow,
        Err(error) => return Work::unreadable(format!("an activeflow cannot be read: {error}")),
    };
    let ended = activeflow.status == activeflow::Status::Ended
        && activeflow.reference_type == activeflow::ReferenceType::Call;
    if !ended {
        return Work::nothing();
    }
    let (id, received) = (activeflow.reference_id, received(event));
    let run = async move {
        let started = Instant::now();
        let outcome = flow_ended(&role, id).await;
        took(&role, &received, millis(started.elapsed()));
        settle("activeflow_updated", outcome)
    };
    Work::new(Some(format!("call:{id}")), run)
}

/// Most flows end because their calls have: those need no look at the whole call.
async fn flow_ended(role: &Arc<Role>, id: CallId) -> Result<(), Error> {
    let status = calls::status(role.ledger.db(), id).await?;
    if !status.is_some_and(|status| is_live(&status)) {
        return Ok(());
    }
    match hangup::request(role, id, &HangupReason::Normal).await {
        Err(Error::NotFound(_)) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// A deleted or frozen customer's calls end.
fn customer(role: Arc<Role>, event: Event) -> Work {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Customer {
        id: CustomerId,
    }
    let id = match wire::decode::<Customer>(event.payload()) {
        Ok(customer) => customer.id,
        Err(error) => return Work::unreadable(format!("a customer cannot be read: {error}")),
    };
    role.ledger.customer_changed(id);
    let deleted = match event.kind.as_str() {
        "customer_deleted" => true,
        "customer_frozen" => false,
        _ => return Work::nothing(),
    };
    let received = received(&event);
    let run = async move {
        let started = Instant::now();
        let outcome = end_calls_of(&role, id, deleted).await;
        took(&role, &received, millis(started.elapsed()));
        settle(&received.r#type, outcome)
    };
    Work::new(Some(format!("customer:{id}")), run)
}

async fn end_calls_of(role: &Arc<Role>, id: CustomerId, deleted: bool) -> Result<(), Error> {
    let filter = Filter::none().id("customer_id", id).not_deleted();
    let token = role.ledger.now().await?.fixed();
    let page = Page {
        limit: Some(role.config.customer_batch.into()),
        token,
    };
    let rows = calls::list(role.ledger.db(), &filter, &page).await?;
    for call in rows {
        let outcome = if deleted {
            rpc::calls::delete_call(role, call.id).await.map(drop)
        } else {
            hangup::request(role, call.id, &HangupReason::Normal)
                .await
                .map(drop)
        };
        if let Err(error) = outcome {
            tracing::warn!(call_id = %call.id, %error, "a call of a customer who is gone could not be ended");
        }
    }
    if deleted {
        rpc::outbound_configs::delete_of(role, id).await?;
    }
    Ok(())
}
