//! The routes of customer-manager.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::Timestamp;
use trunkline_model::customer::{Customer, IdentityVerificationStatus, Metadata, Secret, Status};
use trunkline_model::error::Status as Class;
use trunkline_model::id::{AccountId, CustomerId};
use trunkline_store::{Batch, Statement, customer};

use crate::role::State;
use crate::rows::read;

pub(super) fn routes(router: Router<State>) -> Router<State> {
    const ONE: &str = "/v1/customers/<customer-id>";
    router
        .route(Get, "/v1/customers?", "/v1/customers", list)
        .route(Post, "/v1/customers", "/v1/customers", create)
        .route(Get, "/v1/customers/{id}", ONE, get)
        .route(Put, "/v1/customers/{id}", ONE, update)
        .route(Delete, "/v1/customers/{id}", ONE, delete)
        .route(
            Post,
            "/v1/customers/{id}/freeze",
            "/v1/customers/<customer-id>/freeze",
            freeze,
        )
        .route(
            Post,
            "/v1/customers/{id}/recover",
            "/v1/customers/<customer-id>/recover",
            recover,
        )
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let (filter, page) = state.asked(&routed, &customer::FILTERS).await?;
    Ok(Reply::json(&read(
        customer::list(state.db(), &filter, &page).await,
    )?))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.customer(routed.id(0)).await?))
}

/// What an operator says of a customer. The secret stays as it is when none is
/// given.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    name: String,
    detail: String,
    email: String,
    phone_number: String,
    address: String,
    webhook_method: String,
    webhook_uri: String,
    webhook_secret: Option<Secret>,
    metadata: Metadata,
    /// Only when it is created. An operator has checked his customers himself.
    identity_verification_status: Option<IdentityVerificationStatus>,
}

impl Given {
    fn apply_to(self, customer: &mut Customer) {
        customer.name = self.name;
        customer.detail = self.detail;
        customer.email = self.email;
        customer.phone_number = self.phone_number;
        customer.address = self.address;
        customer.webhook_method = self.webhook_method;
        customer.webhook_uri = self.webhook_uri;
        customer.metadata = self.metadata;
        if let Some(secret) = self.webhook_secret {
            customer.webhook_secret = secret;
        }
    }
}

/// `POST /v1/customers`: active and verified, with the id of an account that
/// billing-manager opens when it hears of the customer.
async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    #[derive(Serialize)]
    struct Created<'a> {
        #[serde(flatten)]
        customer: &'a Customer,
        headless: bool,
    }
    let given: Given = routed.body()?;
    let now = state.now().await?;
    let identity = given.identity_verification_status.clone();
    let mut customer = Customer {
        id: CustomerId::random(),
        billing_account_id: AccountId::random(),
        status: Status::Active,
        identity_verification_status: identity.unwrap_or(IdentityVerificationStatus::Verified),
        tm_create: Some(now),
        ..Customer::default()
    };
    given.apply_to(&mut customer);
    let event = Created {
        customer: &customer,
        headless: false,
    };
    let batch = Batch::new()
        .with(customer::insert(&customer))
        .with(state.ledger.event(now, "customer_created", &event));
    state.apply(batch).await?;
    tracing::info!(customer_id = %customer.id, "a customer was created");
    Ok(Reply::json(&customer))
}

async fn update(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut customer = state.customer(routed.id(0)).await?;
    state.not_deleted(&customer)?;
    let now = state.now().await?;
    given.apply_to(&mut customer);
    customer.tm_update = Some(now);
    state
        .change(customer, now, "customer_updated", |it| {
            vec![customer::update(it, now)]
        })
        .await
}

/// `DELETE /v1/customers/<id>`. Deleting it again changes nothing.
async fn delete(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let mut customer = state.customer(routed.id(0)).await?;
    if customer.tm_delete.is_some() {
        return Ok(Reply::json(&customer));
    }
    let now = state.now().await?;
    customer.status = Status::Deleted;
    (customer.tm_update, customer.tm_delete) = (Some(now), Some(now));
    let delete = customer::delete(customer.id, now);
    state
        .change(customer, now, "customer_deleted", |_| vec![delete])
        .await
}

async fn freeze(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    state
        .switch(
            routed.id(0),
            &Status::Active,
            Status::Frozen,
            "customer_frozen",
        )
        .await
}

async fn recover(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    state
        .switch(
            routed.id(0),
            &Status::Frozen,
            Status::Active,
            "customer_recovered",
        )
        .await
}

impl State {
    async fn customer(&self, id: CustomerId) -> Result<Customer, Refusal> {
        let found = read(customer::get(self.db(), id).await)?;
        found.ok_or_else(|| {
            self.typed(
                Class::NotFound,
                "CUSTOMER_NOT_FOUND",
                "The customer was not found.",
            )
        })
    }

    fn not_deleted(&self, customer: &Customer) -> Result<(), Refusal> {
        if customer.tm_delete.is_none() {
            return Ok(());
        }
        Err(self.typed(
            Class::FailedPrecondition,
            "CUSTOMER_DELETED",
            "The customer was deleted.",
        ))
    }

    /// From one status to another; nothing happens when it is there already.
    async fn switch(
        &self,
        id: CustomerId,
        from: &Status,
        to: Status,
        event: &str,
    ) -> Result<Reply, Refusal> {
        let mut customer = self.customer(id).await?;
        self.not_deleted(&customer)?;
        if customer.status == to {
            return Ok(Reply::json(&customer));
        }
        if customer.status != *from {
            let message = format!("The customer is {}, not {from}.", customer.status);
            return Err(self.typed(Class::FailedPrecondition, "CUSTOMER_WRONG_STATUS", &message));
        }
        let now = self.now().await?;
        let switch = customer::set_status(id, from, &to, now);
        customer.status = to;
        customer.tm_update = Some(now);
        self.change(customer, now, event, |_| vec![switch]).await
    }

    async fn change(
        &self,
        customer: Customer,
        now: Timestamp,
        event: &str,
        statements: impl FnOnce(&Customer) -> Vec<Statement>,
    ) -> Result<Reply, Refusal> {
        let mut batch: Batch = statements(&customer).into_iter().collect();
        batch.push(self.ledger.event(now, event, &customer));
        self.apply(batch).await?;
        tracing::info!(customer_id = %customer.id, event, "a customer changed");
        Ok(Reply::json(&customer))
    }
}
