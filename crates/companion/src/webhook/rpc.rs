//! The routes of webhook-manager: each writes a delivery and answers.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use trunkline_bus::Method::Post;
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::customer::Customer;
use trunkline_model::error::Status as Class;
use trunkline_model::id::CustomerId;
use trunkline_model::random;
use trunkline_model::service::Service;
use trunkline_model::webhook;
use trunkline_store::webhook_delivery::{self, Delivery};
use trunkline_store::{Batch, Error};
use uuid::Uuid;

use super::State;
use crate::error;
use crate::owner;
use crate::rows::read;

pub(super) fn routes(router: Router<State>) -> Router<State> {
    router
        .route(Post, "/v1/webhooks", "/v1/webhooks", send)
        .route(
            Post,
            "/v1/webhook_destinations",
            "/v1/webhook_destinations",
            send_to_destination,
        )
}

#[derive(Deserialize)]
struct Send {
    #[serde(default)]
    customer_id: CustomerId,
    data: Box<RawValue>,
}

/// `POST /v1/webhooks`: to the customer's server. A customer without one wants
/// no webhooks.
async fn send(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: Send = routed.body()?;
    let now = read(state.db.now().await)?;
    let look_up = match state.unwanted.holds(asked.customer_id, now) {
        Ok(()) => return Ok(state.nobody_wants_it()),
        Err(look_up) => look_up,
    };
    let customer = state.customer(asked.customer_id).await?;
    if customer.webhook_uri.is_empty() {
        state.unwanted.note(customer.id, look_up, now);
        return Ok(state.nobody_wants_it());
    }
    let (uri, method) = (
        customer.webhook_uri.clone(),
        customer.webhook_method.clone(),
    );
    let id = delivery_id(&routed.request_id, asked.data.get());
    let delivery = Delivery {
        id,
        uri,
        method,
        body: asked.data.get().to_owned(),
        ..Delivery::default()
    };
    state.accept(&customer, delivery).await
}

/// A request that comes again is the same delivery. One request id may stand
/// for several webhooks: what they say tells them apart.
fn delivery_id(request_id: &str, body: &str) -> Uuid {
    if request_id.is_empty() {
        return random::uuid();
    }
    let digest = Sha256::new()
        .chain_update(request_id)
        .chain_update([0])
        .chain_update(body)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[derive(Deserialize)]
struct SendToDestination {
    /// Ours: chosen by the caller, so that a repetition is the same delivery.
    #[serde(default)]
    id: Uuid,
    #[serde(default)]
    customer_id: CustomerId,
    uri: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    data_type: String,
    data: Box<RawValue>,
}

/// `POST /v1/webhook_destinations`: to a server that a flow names. A text is
/// sent as it is, anything else as JSON.
async fn send_to_destination(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: SendToDestination = routed.body()?;
    let customer = state.customer(asked.customer_id).await?;
    let text = serde_json::from_str::<String>(asked.data.get());
    let body = text.unwrap_or_else(|_| asked.data.get().to_owned());
    let id = if asked.id.is_nil() {
        delivery_id(&routed.request_id, &body)
    } else {
        asked.id
    };
    let delivery = Delivery {
        id,
        uri: asked.uri,
        method: asked.method,
        body,
        data_type: asked.data_type,
        ..Delivery::default()
    };
    state.accept(&customer, delivery).await
}

impl State {
    /// Trunkline's own relay asks no more for as long; others read the status.
    fn nobody_wants_it(&self) -> Reply {
        Reply::json(&webhook::Taken {
            unwanted_for_ms: self.config.unwanted_memory_ms,
        })
    }

    async fn customer(&self, id: CustomerId) -> Result<Customer, Refusal> {
        owner::living(&self.rpc, Service::WEBHOOK, id).await
    }

    /// Writes a delivery that is due at once.
    async fn accept(&self, customer: &Customer, delivery: Delivery) -> Result<Reply, Refusal> {
        if delivery.body.len() > self.config.max_body_bytes {
            return Err(refuse(
                Class::InvalidArgument,
                "WEBHOOK_TOO_LARGE",
                "The body is too large.",
            ));
        }
        let waiting = read(webhook_delivery::waiting_of(&*self.db, customer.id).await)?;
        if waiting >= self.config.max_waiting_per_customer {
            self.metrics.dropped.inc();
            tracing::warn!(customer_id = %customer.id, waiting, "a webhook is dropped: too many wait");
            let message = "Too many webhooks of the customer wait to be delivered.";
            return Err(refuse(
                Class::ResourceExhausted,
                "TOO_MANY_WEBHOOKS",
                message,
            ));
        }
        let now = read(self.db.now().await)?;
        let delivery = Delivery {
            customer_id: customer.id,
            method: delivery.method.to_ascii_uppercase(),
            due_at: Some(now),
            tm_create: Some(now),
            ..delivery
        };
        let written = self
            .db
            .apply(Batch::new().with(webhook_delivery::insert(&delivery)))
            .await;
        match written {
            // It is on its way already.
            Err(Error::Duplicate { .. }) => return Ok(Reply::Bare),
            written => read(written)?,
        }
        self.written.notify_one();
        Ok(Reply::Bare)
    }
}

fn refuse(status: Class, reason: &str, message: &str) -> Refusal {
    error::typed(Service::WEBHOOK, status, reason, message)
}
