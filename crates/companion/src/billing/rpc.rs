//! The routes of billing-manager.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::Method::{Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::billing::{
    Account, BillingType, IsValidBalanceReply, IsValidBalanceRequest, PlanType, Status,
};
use trunkline_model::error::Status as Class;
use trunkline_model::id::{AccountId, CustomerId};
use trunkline_store::{Batch, account};

use super::accounts::Error;
use super::balance::{self, Balance};
use crate::error;
use crate::owner;
use crate::role::State;
use crate::rows::read;

pub(super) fn routes(router: Router<State>) -> Router<State> {
    const BALANCE: &str = "/v1/accounts/is_valid_balance_by_customer_id";
    const LIMIT: &str = "/v1/accounts/is_valid_resource_limit_by_customer_id";
    const ONE: &str = "/v1/accounts/<account-id>";
    router
        .route(Post, BALANCE, BALANCE, is_valid_balance)
        .route(Post, LIMIT, LIMIT, is_valid_resource_limit)
        .route(Get, "/v1/accounts?", "/v1/accounts", list)
        .route(Post, "/v1/accounts", "/v1/accounts", create)
        .route(Get, "/v1/accounts/{id}", ONE, get)
        .route(Put, "/v1/accounts/{id}", ONE, update)
}

async fn is_valid_balance(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: IsValidBalanceRequest = routed.body()?;
    state
        .check(asked.customer_id, &asked.billing_type, asked.count)
        .await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceLimit {
    customer_id: CustomerId,
}

/// Whether the customer may own one more thing: Trunkline counts none, so any
/// usable account may.
async fn is_valid_resource_limit(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let ResourceLimit { customer_id } = routed.body()?;
    state
        .check(customer_id, &BillingType::CallExtension, 1)
        .await
}

/// Whose accounts are wanted.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Wanted {
    customer_id: Option<CustomerId>,
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    // What cannot be read is refused below.
    let wanted = routed.body_or_default::<Wanted>();
    if let Ok(Wanted {
        customer_id: Some(id),
    }) = wanted
    {
        state.account_of(id).await.map_err(refuse)?;
    }
    let (filter, page) = state.asked(&routed, &account::FILTERS).await?;
    let limit = page
        .limit
        .and_then(|limit| u32::try_from(limit).ok())
        .unwrap_or(u32::MAX);
    Ok(Reply::json(&read(
        account::list(state.db(), &filter, limit).await,
    )?))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.account(routed.id(0)).await?))
}

/// What an operator says of an account; what is missing stays as it is.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    /// Only when it is created.
    customer_id: CustomerId,
    status: Option<Status>,
    plan_type: Option<PlanType>,
    /// Micro units.
    balance_credit: Option<i64>,
    balance_token: Option<i64>,
}

impl Given {
    fn apply_to(self, account: &mut Account) {
        account.status = self.status.unwrap_or(account.status.clone());
        account.plan_type = self.plan_type.unwrap_or(account.plan_type.clone());
        account.balance_credit = self.balance_credit.unwrap_or(account.balance_credit);
        account.balance_token = self.balance_token.unwrap_or(account.balance_token);
    }
}

/// `POST /v1/accounts`: active and of the plan `free` unless it says otherwise;
/// one for each customer.
async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let customer_id = given.customer_id;
    owner::living(state.ledger.rpc(), state.ledger.service(), customer_id).await?;
    let former = state.account_of(customer_id).await.map_err(refuse)?;
    if former.is_some_and(|former| former.tm_delete.is_none()) {
        let message = "The customer has an account already: change that one.";
        return Err(state.typed(Class::AlreadyExists, "ACCOUNT_ALREADY_EXISTS", message));
    }
    let mut account = Account {
        id: AccountId::random(),
        customer_id,
        status: Status::Active,
        plan_type: PlanType::Free,
        ..Account::default()
    };
    given.apply_to(&mut account);
    let now = state.now().await?;
    let event = state.ledger.event(now, "account_created", &account);
    state
        .apply(Batch::new().with(account::insert(&account)).with(event))
        .await?;
    Ok(Reply::json(&account))
}

async fn update(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut account = state.account(routed.id(0)).await?;
    if account.tm_delete.is_some() {
        return Err(state.typed(
            Class::FailedPrecondition,
            "ACCOUNT_DELETED",
            "The account was deleted.",
        ));
    }
    given.apply_to(&mut account);
    let now = state.now().await?;
    let event = state.ledger.event(now, "account_updated", &account);
    state
        .apply(Batch::new().with(account::update(&account)).with(event))
        .await?;
    Ok(Reply::json(&account))
}

/// What a caller is told when an account is not to be had.
fn refuse(error: Error) -> Refusal {
    match error {
        Error::Owner(error) => owner::unknown(&error),
        Error::Store(error) => error::store(&error),
    }
}

impl State {
    async fn account(&self, id: AccountId) -> Result<Account, Refusal> {
        let found = read(account::get(self.db(), id).await)?;
        found.ok_or_else(|| self.account_not_found())
    }

    fn account_not_found(&self) -> Refusal {
        self.typed(
            Class::NotFound,
            "ACCOUNT_NOT_FOUND",
            "The billing account was not found.",
        )
    }

    async fn check(
        &self,
        customer_id: CustomerId,
        kind: &BillingType,
        count: i64,
    ) -> Result<Reply, Refusal> {
        let account = self.account_of(customer_id).await.map_err(refuse)?;
        let valid = match balance::decide(customer_id, account.as_ref(), kind, count) {
            Balance::Valid => true,
            Balance::NotValid => false,
            Balance::NoAccount => return Err(self.account_not_found()),
            Balance::UnsupportedType => {
                let message = format!("The billing type `{kind}` is not supported.");
                return Err(self.typed(
                    Class::InvalidArgument,
                    "UNSUPPORTED_BILLING_TYPE",
                    &message,
                ));
            }
        };
        tracing::debug!(%customer_id, %kind, count, valid, "a balance was checked");
        Ok(Reply::json(&IsValidBalanceReply { valid }))
    }
}
