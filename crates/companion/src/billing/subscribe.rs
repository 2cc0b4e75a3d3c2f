//! Events of customer-manager: a customer comes with an account and goes with it.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Event, EventHandler, Message, Retry, Work};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_model::wire;

use super::accounts::Error;
use crate::role::State;

/// Follows the customers.
pub(super) struct Customers(pub(super) Arc<State>);

#[derive(Clone, Copy)]
enum Happening {
    Created,
    Deleted,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Customer {
    id: CustomerId,
}

impl EventHandler for Customers {
    fn accept(&self, message: Message) -> Work {
        let (happening, id) = match read(&message.body) {
            Ok(Some((_, id))) if id.is_nil() => {
                return Work::unreadable("a customer has no id".to_owned());
            }
            Ok(Some(read)) => read,
            Ok(None) => return Work::nothing(),
            Err(error) => return Work::unreadable(format!("an event cannot be read: {error}")),
        };
        let state = Arc::clone(&self.0);
        let run = async move {
            follow(&state, happening, id)
                .await
                .map_err(|error| Retry::later(error.to_string()))
        };
        Work::new(Some(id.to_string()), run)
    }
}

/// None when it is about something else.
fn read(body: &[u8]) -> Result<Option<(Happening, CustomerId)>, serde_json::Error> {
    let event: Event = serde_json::from_slice(body)?;
    if event.publisher != Service::CUSTOMER.name() {
        return Ok(None);
    }
    let happening = match event.kind.as_str() {
        "customer_created" => Happening::Created,
        "customer_deleted" => Happening::Deleted,
        _ => return Ok(None),
    };
    let customer: Customer = wire::decode(event.payload())?;
    Ok(Some((happening, customer.id)))
}

/// An account is opened for a customer that lives now, whatever the event said: it may
/// be late.
async fn follow(state: &State, happening: Happening, id: CustomerId) -> Result<(), Error> {
    match happening {
        Happening::Created => state.account_of(id).await.map(drop),
        Happening::Deleted => Ok(state.close_account(id).await?),
    }
}
