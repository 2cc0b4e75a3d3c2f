//! The account of a customer: opened and closed.

use trunkline_bus::RpcError;
use trunkline_model::billing::{Account, PlanType, Status};
use trunkline_model::customer::Customer;
use trunkline_model::id::{AccountId, CustomerId};
use trunkline_store::{Batch, Error as StoreError, account};

use crate::owner;
use crate::role::State;

/// Why an account is not to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("customer-manager does not say whether there is such a customer")]
    Owner(#[from] RpcError),
    #[error("the accounts cannot be read or written")]
    Store(#[from] StoreError),
}

impl State {
    /// The customer's account, deleted or not. A living customer without one gets it:
    /// he may be asked about before the event of his creation is here.
    ///
    /// # Errors
    ///
    /// When customer-manager is needed and does not answer, or the store fails.
    pub(super) async fn account_of(&self, id: CustomerId) -> Result<Option<Account>, Error> {
        if let Some(account) = account::by_customer(self.db(), id).await? {
            return Ok(Some(account));
        }
        if id.is_nil() || id == CustomerId::SYSTEM {
            return Ok(None);
        }
        let customer = owner::find(self.ledger.rpc(), id).await?;
        match customer.filter(|customer| customer.tm_delete.is_none()) {
            Some(customer) => Ok(self.open_account(&customer).await?),
            None => Ok(None),
        }
    }

    /// Active and of the plan without a limit, under the id that the customer names, or
    /// his own: whoever opens it at the same time opens the same.
    async fn open_account(&self, customer: &Customer) -> Result<Option<Account>, StoreError> {
        let id = customer.billing_account_id;
        let account = Account {
            id: if id.is_nil() {
                AccountId(customer.id.0)
            } else {
                id
            },
            customer_id: customer.id,
            status: Status::Active,
            plan_type: PlanType::Unlimited,
            ..Account::default()
        };
        let now = self.ledger.now().await?;
        let event = self.ledger.event(now, "account_created", &account);
        let batch = Batch::new().with(account::insert(&account)).with(event);
        match self.ledger.apply(batch).await {
            Ok(()) => {
                tracing::info!(customer_id = %customer.id, account_id = %account.id, "an account was opened");
                Ok(Some(account))
            }
            // Somebody else opened it at the same time.
            Err(StoreError::Duplicate { .. }) => account::by_customer(self.db(), customer.id).await,
            Err(error) => Err(error),
        }
    }

    /// Closes the account of a customer who was deleted; again changes nothing.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub(super) async fn close_account(&self, id: CustomerId) -> Result<(), StoreError> {
        let found = account::by_customer(self.db(), id).await?;
        let Some(mut account) = found.filter(|account| account.tm_delete.is_none()) else {
            return Ok(());
        };
        let now = self.ledger.now().await?;
        account.tm_delete = Some(now);
        let event = self.ledger.event(now, "account_deleted", &account);
        let batch = Batch::new()
            .with(account::delete(account.id, now))
            .with(event);
        match self.ledger.apply(batch).await {
            Err(error) if error.is_conflict() => Ok(()),
            applied => applied,
        }
    }
}
