//! Events that campaign-manager acts on (chapter 05 A.5, A.9, architecture §6).
//!
//! Foreign events carry no id of ours and may come twice, late or out of order:
//! what they cause is conditional, so that a repetition changes nothing. So an
//! attempt's end needs no row that says it was heard of: only whether a
//! customer's campaigns were stopped has to be known beyond the process, for
//! they may have been started again since.

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::Instant;
use trunkline_bus::metrics::millis;
use trunkline_bus::{Event, EventHandler, Message, Retry, Work};
use trunkline_domain::campaign::attempt;
use trunkline_model::Timestamp;
use trunkline_model::activeflow::{ReferenceType as FlowOf, Status as FlowStatus};
use trunkline_model::call::Call;
use trunkline_model::campaigncall::{Outcome, ReferenceType};
use trunkline_model::customer::Customer;
use trunkline_model::id::{ActiveflowId, CustomerId, ReferenceId};
use trunkline_model::service::Service;
use trunkline_model::wire;
use trunkline_store::{Error, campaigncall};

use crate::attempt::done::Report;
use crate::manager::CampaignManager;
use crate::metrics::ReceivedLabels;

/// The consumer of `bin-manager.campaign-manager.subscribe`.
pub(crate) struct Events(pub(crate) Arc<CampaignManager>);

/// An event that means something here.
enum Meaning {
    CallEnded(Box<Call>),
    FlowEnded(ActiveflowId),
    CustomerGone(CustomerId),
}

/// What the end of an activeflow is told by. The rest of it, its actions above
/// all, is long and not read here.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Flow {
    id: ActiveflowId,
    reference_type: FlowOf,
    status: FlowStatus,
    tm_delete: Option<Timestamp>,
}

impl Flow {
    /// Whether it is one that an attempt of the type `flow` may be, and over.
    /// Most are those of calls, whose end is the call's.
    fn ends_an_attempt(&self, deleted: bool) -> bool {
        self.reference_type != FlowOf::Call
            && (deleted || attempt::has_ended(&self.status, self.tm_delete))
    }
}

impl EventHandler for Events {
    fn accept(&self, message: Message) -> Work {
        let event = match wire::decode_bytes::<Event>(&message.body) {
            Ok(event) => event,
            Err(error) => {
                return Work::unreadable(format!("an event envelope cannot be read: {error}"));
            }
        };
        if event.publisher == Service::CUSTOMER.name()
            && let Ok(customer) = wire::decode::<Customer>(event.payload())
        {
            self.0.ledger.customer_changed(customer.id);
        }
        let (meaning, labels) = match meaning(&event) {
            Ok(Some(read)) => read,
            Ok(None) => return Work::nothing(),
            Err(error) => {
                return Work::unreadable(format!("a {} cannot be read: {error}", event.kind));
            }
        };
        let manager = Arc::clone(&self.0);
        let key = Some(meaning.key());
        let repeatable = meaning.may_be_repeated();
        let run = async move {
            let started = Instant::now();
            let outcome = manager.handle(meaning).await;
            let times = &manager.metrics.receive_subscribe_event_process_time;
            times
                .get_or_create(&labels)
                .observe(millis(started.elapsed()));
            outcome.map_err(|error| Retry::later(error.to_string()))
        };
        let work = Work::new(key, run);
        if repeatable {
            work.of_the_moment()
        } else {
            work
        }
    }
}

/// None when it means nothing here.
fn meaning(event: &Event) -> Result<Option<(Meaning, ReceivedLabels)>, serde_json::Error> {
    let (meaning, service, kind) = match (event.publisher.as_str(), event.kind.as_str()) {
        // The reference's documents spell it `call_hungup`.
        ("call-manager", "call_hangup" | "call_hungup") => {
            let call: Call = wire::decode(event.payload())?;
            (
                Meaning::CallEnded(Box::new(call)),
                Service::CALL,
                "call_hangup",
            )
        }
        ("flow-manager", kind @ ("activeflow_deleted" | "activeflow_updated")) => {
            let flow: Flow = wire::decode(event.payload())?;
            let deleted = kind == "activeflow_deleted";
            if !flow.ends_an_attempt(deleted) {
                return Ok(None);
            }
            let kind = match deleted {
                true => "activeflow_deleted",
                false => "activeflow_updated",
            };
            (Meaning::FlowEnded(flow.id), Service::FLOW, kind)
        }
        ("customer-manager", "customer_deleted") => {
            (gone(event)?, Service::CUSTOMER, "customer_deleted")
        }
        ("customer-manager", "customer_frozen") => {
            (gone(event)?, Service::CUSTOMER, "customer_frozen")
        }
        _ => return Ok(None),
    };
    let labels = ReceivedLabels {
        publisher: service.name(),
        r#type: kind,
    };
    Ok(Some((meaning, labels)))
}

fn gone(event: &Event) -> Result<Meaning, serde_json::Error> {
    let customer: Customer = wire::decode(event.payload())?;
    Ok(Meaning::CustomerGone(customer.id))
}

impl Meaning {
    fn key(&self) -> String {
        match self {
            Self::CallEnded(call) => call.id.to_string(),
            Self::FlowEnded(flow) => flow.to_string(),
            Self::CustomerGone(customer) => customer.to_string(),
        }
    }

    /// Whether handling it again, however late, changes nothing.
    fn may_be_repeated(&self) -> bool {
        match self {
            Self::CallEnded(_) | Self::FlowEnded(_) => true,
            Self::CustomerGone(_) => false,
        }
    }
}

impl CampaignManager {
    async fn handle(&self, meaning: Meaning) -> Result<(), Error> {
        match meaning {
            Meaning::CallEnded(call) => self.call_ended(&call).await,
            Meaning::FlowEnded(flow) => self.flow_ended(flow).await,
            Meaning::CustomerGone(customer) if customer.is_nil() => Ok(()),
            Meaning::CustomerGone(customer) => {
                tracing::info!(customer_id = %customer, "a customer's campaigns are stopped");
                self.stop_all_of(customer).await
            }
        }
    }

    async fn call_ended(&self, call: &Call) -> Result<(), Error> {
        let reference = ReferenceId::from(call.id.0);
        let Some(attempt) = campaigncall::by_reference(self.db(), reference).await? else {
            return Ok(());
        };
        self.done(
            &attempt,
            attempt::outcome_of_call(call),
            Report::Counted,
            None,
        )
        .await
        .map(drop)
    }

    async fn flow_ended(&self, flow: ActiveflowId) -> Result<(), Error> {
        let Some(attempt) = campaigncall::by_activeflow(self.db(), flow).await? else {
            return Ok(());
        };
        match attempt.reference_type {
            ReferenceType::Flow => self
                .done(&attempt, Outcome::Success, Report::Counted, None)
                .await
                .map(drop),
            // Its call's end is its end.
            ReferenceType::Call
            | ReferenceType::Unset
            | ReferenceType::None
            | ReferenceType::Other(_) => Ok(()),
        }
    }
}
