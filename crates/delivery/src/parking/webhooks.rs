//! Webhooks that a customer's server has not taken, however often it was asked.

use serde::{Deserialize, Serialize};
use trunkline_model::id::CustomerId;
use trunkline_model::{TypedError, wire};
use trunkline_store::parked::{self, Kind, Parked};
use trunkline_store::webhook_delivery::{self, Delivery};
use trunkline_store::{Batch, Error};
use uuid::Uuid;

use super::release::Released;
use super::{Kept, ParkingLot};

/// A webhook as it is kept. Its address may hold a token of the customer's server.
#[derive(Debug, Serialize, Deserialize)]
struct KeptWebhook {
    id: Uuid,
    customer_id: CustomerId,
    uri: String,
    method: String,
    body: String,
    #[serde(default)]
    data_type: String,
}

impl ParkingLot {
    /// Takes a delivery that is given up out of those that are tried. When `most`
    /// webhooks are parked it is dropped. True when it was parked.
    ///
    /// # Errors
    ///
    /// When the store is away; the delivery comes again after its lease.
    pub async fn park_webhook(
        &self,
        delivery: &Delivery,
        why: &str,
        most: u32,
    ) -> Result<bool, Error> {
        let kept = KeptWebhook {
            id: delivery.id,
            customer_id: delivery.customer_id,
            uri: delivery.uri.clone(),
            method: delivery.method.clone(),
            body: delivery.body.clone(),
            data_type: delivery.data_type.clone(),
        };
        let now = self.db.now().await?;
        let row = Parked {
            kind: Kind::Webhook,
            publisher: self.service.name().to_owned(),
            name: delivery.customer_id.to_string(),
            message_id: Some(delivery.id),
            retries: delivery.attempts,
            ..self.row(&wire::encode(&kept), why, now)
        };
        let gone = webhook_delivery::delete(delivery.id);
        let insert = parked::insert_of_kind(&row, most);
        let with = Batch::new().with(gone.clone());
        match self.insert_with(insert, with).await? {
            // The latter by another copy.
            Kept::Yes | Kept::Already => Ok(true),
            Kept::Full => {
                self.metrics.parked_lost.inc();
                self.db.apply(Batch::new().with(gone)).await?;
                Ok(false)
            }
        }
    }

    /// Makes a delivery of it again, with the id that it had, due at once and with
    /// all its attempts before it.
    pub(super) async fn release_webhook(&self, row: &Parked) -> Result<Released, TypedError> {
        if !row.is_complete() {
            return Err(self.cut(row));
        }
        let kept: KeptWebhook = serde_json::from_slice(&row.body).map_err(|error| {
            let message = format!("what is kept of the webhook cannot be read: {error}");
            self.refusal("PARKED_NOT_RELEASABLE", &message)
        })?;
        let now = self.db.now().await;
        let now = now.map_err(|error| self.unavailable(&error))?;
        let again = webhook_delivery::insert(&Delivery {
            id: kept.id,
            customer_id: kept.customer_id,
            uri: kept.uri,
            method: kept.method,
            body: kept.body,
            data_type: kept.data_type,
            attempts: 0,
            due_at: Some(now),
            tm_create: Some(now),
        });
        let refused = "it is on its way already; look again in a moment";
        self.put_back(row, again, refused).await
    }
}
