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

/// Makes the first token when there is none: for the default customer, or where there
/// never was one, for the newest. With `waits`, a customer-manager that does not answer
/// is waited for, as long as it takes: it may be about to start elsewhere.
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
        tracing::warn!("there is no customer, so nobody can use the API");
        return Ok(None);
    };
    Ok(tokens.first(customer).await?)
}

async fn first_customer(customers: &CustomerClient, waits: bool) -> Option<CustomerId> {
    let mut told = false;
    loop {
        match ask(customers).await {
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

async fn ask(customers: &CustomerClient) -> Result<Option<CustomerId>, RpcError> {
    match customers.get(DEFAULT_CUSTOMER).await {
        Ok(customer) => Ok(Some(customer.id)),
        Err(error) if error.is_not_found() => {
            let newest = customers.newest().await?;
            Ok(newest.map(|customer| customer.id))
        }
        Err(error) => Err(error),
    }
}
