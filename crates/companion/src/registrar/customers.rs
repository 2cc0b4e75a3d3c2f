//! Events of customer-manager: the phones of a deleted customer go, and his trunks are
//! switched off.
//!
//! A trunk stays as a row: a route may lead over it, and that is another role's.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Event, EventHandler, Message, Retry, Work};
use trunkline_model::customer::Secret;
use trunkline_model::id::CustomerId;
use trunkline_model::page::Page;
use trunkline_model::wire;
use trunkline_store::{Batch, Error, Filter, phone, trunk};

use super::Registrar;

const CUSTOMER_DELETED: &str = "customer_deleted";

/// Follows the customers.
pub(super) struct Customers(pub(super) Arc<Registrar>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Customer {
    id: CustomerId,
}

impl EventHandler for Customers {
    fn accept(&self, message: Message) -> Work {
        let event = match serde_json::from_slice::<Event>(&message.body) {
            Ok(event) if event.kind == CUSTOMER_DELETED => event,
            Ok(_) => return Work::nothing(),
            Err(error) => return Work::unreadable(format!("an event cannot be read: {error}")),
        };
        let customer = match wire::decode::<Customer>(event.payload()) {
            Ok(customer) if !customer.id.is_nil() => customer.id,
            Ok(_) => return Work::unreadable("a deleted customer has no id".to_owned()),
            Err(error) => return Work::unreadable(format!("a customer cannot be read: {error}")),
        };
        let registrar = Arc::clone(&self.0);
        let run = async move {
            registrar
                .forget_customer(customer)
                .await
                .map_err(|error| Retry::later(error.to_string()))
        };
        Work::new(Some(customer.to_string()), run)
    }
}

impl Registrar {
    async fn forget_customer(&self, customer: CustomerId) -> Result<(), Error> {
        let ledger = &self.state.ledger;
        let filter = Filter::none().id("customer_id", customer).not_deleted();
        let now = ledger.now().await?;
        let page = Page {
            limit: Some(self.config.max_objects.into()),
            token: now.plus_millis(1).fixed(),
        };
        let (mut phones, mut trunks) = (0, 0);
        for mut it in phone::list(self.db(), &filter, &page).await? {
            (it.tm_update, it.tm_delete) = (Some(now), Some(now));
            (it.enabled, it.password) = (false, Secret::default());
            let event = ledger.webhook_event(now, customer, "phone_deleted", &it, &it);
            let gone = phone::delete(it.id, now).unchecked();
            ledger.apply(Batch::new().with(gone).with(event)).await?;
            phones += 1;
        }
        for mut it in trunk::list(self.db(), &filter, &page).await? {
            if !it.enabled {
                continue;
            }
            (it.tm_update, it.enabled) = (Some(now), false);
            let event = ledger.webhook_event(now, customer, "trunk_updated", &it, &it);
            let off = trunk::update(&it, now).unchecked();
            ledger.apply(Batch::new().with(off).with(event)).await?;
            trunks += 1;
        }
        tracing::info!(customer_id = %customer, phones, trunks, "a deleted customer's phones are deleted and his trunks switched off");
        self.wake.notify_one();
        Ok(())
    }
}
