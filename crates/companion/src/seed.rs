//! The first rows of the embedded shape.

use trunkline_model::Timestamp;
use trunkline_model::billing::{self, Account, PlanType};
use trunkline_model::customer::{Customer, IdentityVerificationStatus, Status};
use trunkline_model::id::{AccountId, CustomerId};
use trunkline_model::page::Page;
use trunkline_store::{Batch, Database, Filter, account, customer};
use uuid::Uuid;

use crate::error::Error;

/// The customer that a newcomer works as. In every installation the same, so
/// that examples can name it.
pub const DEFAULT_CUSTOMER: CustomerId =
    CustomerId(Uuid::from_u128(0x7472_756e_6b6c_4000_8000_6465_6661_756c));

/// Its billing account.
pub const DEFAULT_ACCOUNT: AccountId =
    AccountId(Uuid::from_u128(0x7472_756e_6b6c_4000_8000_6163_636f_756e));

/// Writes the default customer and its account when there is no customer yet,
/// deleted ones counted. Says whether it did.
///
/// No route, provider or number is written: outgoing calls are refused until
/// the operator allows them.
///
/// # Errors
///
/// When the store cannot be read or written.
pub async fn seed(db: &dyn Database, now: Timestamp) -> Result<bool, Error> {
    let rows = Batch::new().with(customer::insert(&first_customer(now)));
    first(db, rows.with(account::insert(&first_account()))).await
}

/// The same without the account, where billing-manager has a store of its own: it
/// opens the account when somebody asks for it.
///
/// # Errors
///
/// When the store cannot be read or written.
pub async fn seed_customer(db: &dyn Database, now: Timestamp) -> Result<bool, Error> {
    first(
        db,
        Batch::new().with(customer::insert(&first_customer(now))),
    )
    .await
}

/// Writes the first rows, unless there are customers.
async fn first(db: &dyn Database, rows: Batch) -> Result<bool, Error> {
    // The text sorts behind every time.
    let any = Page {
        limit: Some(1),
        token: "9999-12-31 23:59:59".to_owned(),
    };
    if !customer::list(db, &Filter::none(), &any).await?.is_empty() {
        return Ok(false);
    }
    match db.apply(rows).await {
        Ok(()) => {
            tracing::info!(customer_id = %DEFAULT_CUSTOMER, "the default customer was created");
            Ok(true)
        }
        // Another copy of the program starts at the same time.
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn first_customer(now: Timestamp) -> Customer {
    Customer {
        id: DEFAULT_CUSTOMER,
        name: "default".to_owned(),
        billing_account_id: DEFAULT_ACCOUNT,
        status: Status::Active,
        identity_verification_status: IdentityVerificationStatus::Verified,
        tm_create: Some(now),
        ..Customer::default()
    }
}

fn first_account() -> Account {
    Account {
        id: DEFAULT_ACCOUNT,
        customer_id: DEFAULT_CUSTOMER,
        status: billing::Status::Active,
        plan_type: PlanType::Unlimited,
        ..Account::default()
    }
}
