//! Events of customer-manager: a customer that changes may have a server now.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Event, EventHandler, Message, Work};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_model::wire;

use super::State;

/// Follows the customers.
pub(super) struct Customers(pub(super) Arc<State>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Customer {
    id: CustomerId,
}

impl EventHandler for Customers {
    fn accept(&self, message: Message) -> Work {
        let event = match serde_json::from_slice::<Event>(&message.body) {
            Ok(event) if event.publisher == Service::CUSTOMER.name() => event,
            Ok(_) => return Work::nothing(),
            Err(error) => return Work::unreadable(format!("an event cannot be read: {error}")),
        };
        if let Ok(Customer { id }) = wire::decode(event.payload()) {
            self.0.unwanted.forget(id);
        }
        Work::nothing()
    }
}
