//! registrar-manager: trunks and phones as data (architecture decision 21).
//!
//! ```text
//!  API ── rows ──┐                     ┌── Asterisk A: auth aor identify registration endpoint
//!                ├── push (one at a ───┤
//!  Asterisk ─────┘   time, compared)   └── Asterisk B: …
//!  comes, goes
//! ```
//!
//! Rows say what every Asterisk is to have; [`push`] makes it so after each change,
//! when an Asterisk comes, and now and then. Nothing is written down about what
//! which Asterisk has: it is asked.

mod asterisks;
mod config;
mod customers;
mod metrics;
mod phones;
mod probe;
mod provider;
mod push;
mod state;
mod test;
mod trunks;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trunkline_ari::AriClient;
use trunkline_bus::{Bus, QueueSpec, Refusal, Router, Rpc, Subscription};
use trunkline_client::{CallClient, FlowClient, RouteClient};
use trunkline_domain::registrar::Invalid;
use trunkline_model::TypedError;
use trunkline_model::error::Status as Class;
use trunkline_model::service::Service;
use trunkline_store::Database;

pub use config::Config;
pub use metrics::Metrics;

use crate::error::Error;
use crate::role::{self, Running, State};

/// What the role runs on.
#[derive(Clone)]
pub struct Deps {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub metrics: Metrics,
    /// Base of the domains that incoming calls come for.
    pub base_domain: String,
}

/// The state that the routes and the tasks share.
pub(crate) struct Registrar {
    state: State,
    config: Config,
    metrics: Metrics,
    base_domain: String,
    ari: AriClient,
    call: CallClient,
    flow: FlowClient,
    route: RouteClient,
    asterisks: asterisks::Asterisks,
    placed: push::Placed,
    /// Held by whoever changes what Asterisks have.
    pushing: tokio::sync::Mutex<()>,
    /// A comparison is wanted at once.
    wake: Notify,
    /// What was last seen of registrations and endpoints.
    seen: tokio::sync::Mutex<state::Seen>,
}

/// Serves `bin-manager.registrar-manager.request` and keeps every Asterisk in step
/// until `stop` is cancelled.
///
/// # Errors
///
/// When this process serves the queue already, or the carrier is away.
pub async fn start_registrar(
    deps: Deps,
    role_config: crate::Config,
    config: Config,
    stop: CancellationToken,
) -> Result<Running, Error> {
    let role_deps = role::Deps {
        bus: Arc::clone(&deps.bus),
        db: deps.db,
        metrics: deps.metrics.role.clone(),
    };
    let ledger = role::ledger(Service::REGISTRAR, &role_deps, &role_config);
    let workers = role_config.workers;
    let service = role_deps.metrics.service.clone();
    let rpc = Rpc::new(Arc::clone(&deps.bus), Service::REGISTRAR, service.clone());
    let registrar = Arc::new(Registrar {
        state: State {
            ledger: Arc::clone(&ledger),
            config: role_config,
        },
        config,
        metrics: deps.metrics,
        base_domain: deps.base_domain,
        ari: AriClient::new(rpc.clone()),
        call: CallClient(rpc.clone()),
        flow: FlowClient(rpc.clone()),
        route: RouteClient(rpc),
        asterisks: asterisks::Asterisks::default(),
        placed: push::Placed::default(),
        pushing: tokio::sync::Mutex::default(),
        wake: Notify::new(),
        seen: tokio::sync::Mutex::default(),
    });
    let router = phones::routes(trunks::routes(Router::new(Arc::clone(&registrar), service)));
    let running = role::serve(&ledger, &role_deps, workers, stop.clone(), router).await?;
    let queue = QueueSpec::new(Service::REGISTRAR.subscribe_queue(), workers)
        .tagged(Service::REGISTRAR.name());
    let customers = [Service::CUSTOMER.event_exchange()];
    let subscription = Subscription::new(queue, customers).parked_by(ledger.parking());
    let handler = Arc::new(customers::Customers(Arc::clone(&registrar)));
    let subscribed = role_deps
        .bus
        .subscribe(subscription, ledger.once(handler))
        .await;
    let consumer = subscribed.map_err(|source| Error::Bus {
        service: Service::REGISTRAR.name(),
        source,
    })?;
    let pusher = tokio::spawn(push::run(registrar, stop));
    Ok(running.also(consumer).with_task(pusher))
}

impl Registrar {
    fn db(&self) -> &dyn Database {
        self.state.db()
    }

    /// The answer to a field that cannot be used; it names the field.
    fn invalid(&self, invalid: &Invalid) -> Refusal {
        let mut error = TypedError::new(
            Class::InvalidArgument,
            "INVALID_ARGUMENT",
            Service::REGISTRAR.name(),
            &format!("{invalid}."),
        );
        error
            .details
            .push(serde_json::json!({"field": invalid.field}));
        Refusal::typed(&error)
    }
}
