//! Events of customer-manager: a deleted customer's flows go (chapter 05 D.8).
//!
//! flow-manager is not told of hangups: call-manager stops the activeflow of a
//! call itself.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Event, EventHandler, Message, Retry, Work};
use trunkline_model::id::CustomerId;
use trunkline_model::page::Page;
use trunkline_model::wire;
use trunkline_store::{Filter, activeflow as activeflows, flow as flows};

use crate::activeflow::end::Then;
use crate::error::Failure;
use crate::manager::FlowManager;

const CUSTOMER_DELETED: &str = "customer_deleted";

/// Takes the events that flow-manager is subscribed to.
pub(crate) struct Events(pub(crate) Arc<FlowManager>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Customer {
    id: CustomerId,
}

impl EventHandler for Events {
    fn accept(&self, message: Message) -> Work {
        let event = match wire::decode_bytes::<Event>(&message.body) {
            Ok(event) => event,
            Err(error) => {
                return Work::unreadable(format!("an event envelope cannot be read: {error}"));
            }
        };
        let customer = match wire::decode::<Customer>(event.payload()) {
            Ok(customer) => customer.id,
            Err(_) if event.kind != CUSTOMER_DELETED => return Work::nothing(),
            Err(error) => {
                return Work::unreadable(format!("a {} cannot be read: {error}", event.kind));
            }
        };
        self.0.ledger.customer_changed(customer);
        if event.kind != CUSTOMER_DELETED {
            return Work::nothing();
        }
        if customer.is_nil() {
            return Work::unreadable(format!("a {} names no customer", event.kind));
        }
        let manager = Arc::clone(&self.0);
        let run = async move { settle(manager.forget_customer(customer).await) };
        Work::new(Some(customer.to_string()), run)
    }
}

/// What does not pass either is parked in the end: a deleted customer's flows
/// must not be left for good.
fn settle(outcome: Result<(), Failure>) -> Result<(), Retry> {
    outcome.map_err(|failure| match std::error::Error::source(&failure) {
        Some(cause) => Retry::later(format!("{failure}: {cause}")),
        None => Retry::later(failure.to_string()),
    })
}

impl FlowManager {
    /// Deletes a customer's flows and activeflows. What an activeflow would
    /// start at its end is not started.
    pub(crate) async fn forget_customer(&self, customer: CustomerId) -> Result<(), Failure> {
        let filter = Filter::none().id("customer_id", customer).not_deleted();
        let now = self.ledger.now().await?;
        let page = Page {
            limit: Some(self.config.customer_batch),
            token: now.plus_millis(1).fixed(),
        };
        let flows = flows::list(self.db(), &filter, &page).await?;
        for flow in &flows {
            self.delete_flow(flow.id).await?;
        }
        let activeflows = activeflows::list(self.db(), &filter, &page).await?;
        for activeflow in &activeflows {
            self.delete_activeflow(activeflow.id, Then::Nothing).await?;
        }
        let (flows, activeflows) = (flows.len(), activeflows.len());
        tracing::info!(customer_id = %customer, flows, activeflows, "a deleted customer's flows are deleted");
        Ok(())
    }
}
