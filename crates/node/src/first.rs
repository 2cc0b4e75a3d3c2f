//! What the first start of a new installation makes: the default customer, where
//! customer-manager runs, and a token of the API, where the gateway runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus, Rpc};
use trunkline_client::{CustomerClient, Error as RpcError};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_gateway::Tokens;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store::Database;

use crate::config::{Config, Role};
use crate::error::Error;
use crate::roles::failed;

/// Pause between two questions to a customer-manager that is not there yet.
const PAUSE: Duration = Duration::from_millis(250);

/// Writes the first customer into the store of customer-manager, and his account if
/// billing-manager uses the same store.
pub(crate) async fn seed(config: &Config, db: &dyn Database) -> Result<(), Error> {
    if !config.runs(Role::CustomerManager) {
        return Ok(());
    }
    let now = db.now().await?;
    let seeded = if config.runs(Role::BillingManager) {
        trunkline_companion::seed(db, now).await
    } else {
        trunkline_companion::seed_customer(db, now).await
    };
    seeded
        .map(drop)
        .map_err(|source| failed(Role::CustomerManager, source))
}

/// Makes the first token when there is none: for the default customer. Where there never
/// was one, for the newest if everything is in this process; beside services of others
/// that would be anybody, so there is none then. With `waits`, other processes may be at
/// the other end, and a customer-manager that does not answer is waited for, as long as
/// it takes: it may be about to start.
pub(crate) async fn token(
    db: Arc<dyn Database>,
    bus: Arc<dyn Bus>,
    waits: bool,
) -> Result<Option<String>, Error> {
    let tokens = Tokens::new(db);
    if tokens.are_there().await? {
        return Ok(None);
    }
    let rpc = Rpc::new(bus, Service::GATEWAY, ServiceMetrics::default());
    let Some(customer) = first_customer(&CustomerClient(rpc), waits).await else {
        if waits {
            tracing::warn!(
                "customer-manager has no default customer, so no token was made and nobody can use \
                 the API. Stop this gateway, make one for a customer of your choice (`trunkline token \
                 create --name NAME --customer ID --data-dir DIR`, with the data folder of this \
                 gateway), and start it again"
            );
        } else {
            tracing::warn!("there is no customer, so nobody can use the API");
        }
        return Ok(None);
    };
    Ok(tokens.first(customer).await?)
}

async fn first_customer(customers: &CustomerClient, waits: bool) -> Option<CustomerId> {
    let mut told = false;
    loop {
        match ask(customers, waits).await {
            Ok(customer) => return customer,
            Err(error) if waits => {
                if !told {
                    tracing::info!(%error, "waits for customer-manager: the first token is for a customer of it");
                    told = true;
                }
                sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!(%error, "customer-manager does not say who is there");
                return None;
            }
        }
    }
}

async fn ask(customers: &CustomerClient, of_others: bool) -> Result<Option<CustomerId>, RpcError> {
    match customers.get(DEFAULT_CUSTOMER).await {
        Ok(customer) => Ok(Some(customer.id)),
        Err(error) if error.is_not_found() && of_others => Ok(None),
        Err(error) if error.is_not_found() => {
            let newest = customers.newest().await?;
            Ok(newest.map(|customer| customer.id))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;
    use trunkline_bus::InProcess;
    use trunkline_companion::{Deps, Metrics, start_customer};
    use trunkline_gateway::Standing;
    use trunkline_model::customer::Customer;
    use trunkline_store::{Batch, customer};
    use trunkline_store_sqlite::{SqliteDatabase, SystemClock};
    use uuid::Uuid;

    use super::*;

    /// A customer-manager that has had these customers only, and the token that a gateway
    /// with a store of its own makes beside it.
    async fn made_beside(customers: &[CustomerId], waits: bool) -> Option<CustomerId> {
        let store = || Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
        let (theirs, ours) = (store(), store());
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        for id in customers {
            let row = Customer {
                id: *id,
                tm_create: Some(theirs.now().await.unwrap()),
                ..Customer::default()
            };
            let batch = Batch::new().with(customer::insert(&row));
            theirs.apply(batch).await.unwrap();
        }
        let deps = Deps {
            bus: Arc::clone(&bus),
            db: theirs,
            metrics: Metrics::default(),
        };
        let stop = CancellationToken::new();
        let config = trunkline_companion::Config::default();
        let role = start_customer(deps, config, stop.clone()).await.unwrap();
        let text = token(Arc::clone(&ours) as _, bus, waits).await.unwrap();
        let tokens = Tokens::new(Arc::clone(&ours) as _);
        assert_eq!(tokens.are_there().await.unwrap(), text.is_some());
        stop.cancel();
        role.stopped().await;
        let standing = tokens.standing_of(&text?).await.unwrap();
        let Standing::Good { customer, .. } = standing else {
            panic!("{standing:?}");
        };
        Some(customer)
    }

    #[tokio::test]
    async fn the_first_token_is_nobodys_who_was_not_named() {
        let (one, other) = (
            CustomerId(Uuid::from_u128(1)),
            CustomerId(Uuid::from_u128(2)),
        );
        // Beside services of others.
        assert_eq!(made_beside(&[one, other], true).await, None);
        assert_eq!(made_beside(&[], true).await, None);
        let all = [one, DEFAULT_CUSTOMER, other];
        assert_eq!(made_beside(&all, true).await, Some(DEFAULT_CUSTOMER));
        // Everything in one process.
        assert_eq!(made_beside(&all, false).await, Some(DEFAULT_CUSTOMER));
        assert_eq!(made_beside(&[one], false).await, Some(one));
    }
}
