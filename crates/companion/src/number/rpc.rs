//! The routes of number-manager.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_domain::phone;
use trunkline_model::Timestamp;
use trunkline_model::customer::Metadata;
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CustomerId, FlowId, NumberId};
use trunkline_model::number::{Number, Status, Type};
use trunkline_store::{Batch, Statement, number};

use crate::owner;
use crate::role::State;
use crate::rows::read;

/// How virtual numbers begin, and how many characters they have.
const VIRTUAL: (&str, usize) = ("+899", 13);

pub(super) fn routes(router: Router<State>) -> Router<State> {
    const ONE: &str = "/v1/numbers/<number-id>";
    router
        .route(Get, "/v1/numbers?", "/v1/numbers", list)
        .route(Post, "/v1/numbers", "/v1/numbers", create)
        .route(Get, "/v1/numbers/{id}", ONE, get)
        .route(Put, "/v1/numbers/{id}", ONE, update)
        .route(Delete, "/v1/numbers/{id}", ONE, delete)
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let (filter, page) = state.asked(&routed, &number::FILTERS).await?;
    Ok(Reply::json(&read(
        number::list(state.db(), &filter, &page).await,
    )?))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.number(routed.id(0)).await?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    /// Only when it is created, as the number itself.
    customer_id: CustomerId,
    number: String,
    provider_name: String,
    provider_reference_id: String,
    call_flow_id: FlowId,
    message_flow_id: FlowId,
    name: String,
    detail: String,
    metadata: Metadata,
}

impl Given {
    fn apply_to(self, number: &mut Number) {
        number.call_flow_id = self.call_flow_id;
        number.message_flow_id = self.message_flow_id;
        number.name = self.name;
        number.detail = self.detail;
        number.metadata = self.metadata;
    }
}

/// `POST /v1/numbers`: a number that the operator has from a carrier. Buying
/// one is the operator's business.
async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    state.is_free(&given).await?;
    let now = state.now().await?;
    let mut number = Number {
        id: NumberId::random(),
        customer_id: given.customer_id,
        number: given.number.clone(),
        kind: kind(&given.number),
        provider_name: given.provider_name.clone(),
        provider_reference_id: given.provider_reference_id.clone(),
        status: Status::Active,
        tm_purchase: Some(now),
        tm_create: Some(now),
        ..Number::default()
    };
    given.apply_to(&mut number);
    state
        .change_number(&number, now, "number_created", number::insert(&number))
        .await
}

async fn update(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut number = state.number(routed.id(0)).await?;
    if number.tm_delete.is_some() {
        return Err(state.typed(
            Class::FailedPrecondition,
            "NUMBER_DELETED",
            "The number was deleted.",
        ));
    }
    given.apply_to(&mut number);
    let now = state.now().await?;
    number.tm_update = Some(now);
    state
        .change_number(&number, now, "number_updated", number::update(&number, now))
        .await
}

/// Deleting it again changes nothing.
async fn delete(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let mut number = state.number(routed.id(0)).await?;
    if number.tm_delete.is_some() {
        return Ok(Reply::json(&number));
    }
    let now = state.now().await?;
    (number.tm_update, number.tm_delete) = (Some(now), Some(now));
    state
        .change_number(
            &number,
            now,
            "number_deleted",
            number::delete(number.id, now),
        )
        .await
}

fn kind(number: &str) -> Type {
    let (prefix, length) = VIRTUAL;
    if number.starts_with(prefix) && number.len() == length {
        Type::Virtual
    } else {
        Type::Normal
    }
}

impl State {
    async fn number(&self, id: NumberId) -> Result<Number, Refusal> {
        let found = read(number::get(self.db(), id).await)?;
        found.ok_or_else(|| {
            self.typed(
                Class::NotFound,
                "NUMBER_NOT_FOUND",
                "The number was not found.",
            )
        })
    }

    /// Whether the number can be given to the customer.
    async fn is_free(&self, given: &Given) -> Result<(), Refusal> {
        if !phone::is_e164(&given.number) {
            let message = "A number is written as + and 7 to 15 digits, such as +15551234567.";
            return Err(self.typed(Class::InvalidArgument, "INVALID_NUMBER", message));
        }
        let (rpc, service) = (self.ledger.rpc(), self.ledger.service());
        owner::living(rpc, service, given.customer_id).await?;
        if read(number::by_number(self.db(), &given.number).await)?.is_some() {
            let message = format!("The number {} has an owner already.", given.number);
            return Err(self.typed(Class::AlreadyExists, "NUMBER_ALREADY_EXISTS", &message));
        }
        Ok(())
    }

    async fn change_number(
        &self,
        number: &Number,
        now: Timestamp,
        event: &str,
        change: Statement,
    ) -> Result<Reply, Refusal> {
        let event_row = self
            .ledger
            .webhook_event(now, number.customer_id, event, number, number);
        self.apply(Batch::new().with(change).with(event_row))
            .await?;
        tracing::info!(number_id = %number.id, customer_id = %number.customer_id, event, "a number changed");
        Ok(Reply::json(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_numbers_are_known_by_their_form() {
        assert_eq!(kind("+899123456789"), Type::Virtual);
        assert_eq!(kind("+8991234567890"), Type::Normal);
        assert_eq!(kind("+15551234567"), Type::Normal);
    }
}
