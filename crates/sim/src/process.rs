//! A process: the roles that it runs, started as `node` starts them, behind one
//! border.

use std::any::Any;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use trunkline_bus::Bus;
use trunkline_companion as companion;
use trunkline_store::Database;

use crate::border::{Border, asterisk};
use crate::station::Station;

/// What a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roles {
    /// All roles, and the proxies of these Asterisks: the embedded shape.
    Everything(Vec<usize>),
    /// All roles but the proxies.
    Managers,
    /// The proxy beside one Asterisk.
    Proxy(usize),
}

/// What a process is started on; all of it stands behind its border.
pub struct Ground {
    pub bus: Arc<dyn Bus>,
    pub db: Arc<dyn Database>,
    pub border: Arc<Border>,
    pub stations: Vec<Arc<Station>>,
}

/// The roles of a process, to be kept: dropping one would end its consumers in
/// an orderly way.
pub type Running = Vec<Box<dyn Any + Send>>;

/// Why a process did not start, in words.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Starts the roles in `node`'s order: who is asked before who asks, and what
/// brings events into the house last.
///
/// # Errors
///
/// When a role cannot start; the process is to be killed then.
pub async fn start(roles: &Roles, ground: &Ground) -> Result<Running, Failed> {
    match roles {
        Roles::Everything(asterisks) => {
            let mut running = managers(ground).await?;
            ground.border.open();
            running.extend(proxies(asterisks, ground).await?);
            Ok(running)
        }
        Roles::Managers => {
            let running = managers(ground).await?;
            ground.border.open();
            Ok(running)
        }
        Roles::Proxy(at) => {
            ground.border.open();
            proxies(&[*at], ground).await
        }
    }
}

async fn managers(ground: &Ground) -> Result<Running, Failed> {
    let mut running = Running::new();
    let (bus, db) = (|| Arc::clone(&ground.bus), || Arc::clone(&ground.db));
    // No process of this world is asked to stop: it dies.
    let stop = CancellationToken::new();
    companion::seed(&*ground.db, ground.db.now().await?).await?;
    let small = || companion::Deps {
        bus: bus(),
        db: db(),
        metrics: companion::Metrics::default(),
    };
    let config = companion::Config::default;
    running.push(Box::new(
        companion::start_customer(small(), config(), stop.clone()).await?,
    ));
    running.push(Box::new(
        companion::start_billing(small(), config(), stop.clone()).await?,
    ));
    running.push(Box::new(
        companion::start_number(small(), config(), stop.clone()).await?,
    ));
    running.push(Box::new(
        companion::start_route(small(), config(), stop.clone()).await?,
    ));
    running.push(Box::new(
        companion::start_agent(small(), config(), stop.clone()).await?,
    ));
    let deps = companion::webhook::Deps {
        bus: bus(),
        db: db(),
        metrics: companion::webhook::Metrics::default(),
        egress: trunkline_egress::Client::default(),
    };
    let webhooks = companion::webhook::Config::default();
    running.push(Box::new(
        companion::start_webhook(deps, webhooks, stop.clone()).await?,
    ));
    let deps = trunkline_outdial::Deps {
        bus: bus(),
        db: db(),
        metrics: trunkline_outdial::Metrics::default(),
    };
    let config = trunkline_outdial::Config::default();
    running.push(Box::new(
        trunkline_outdial::start(deps, config, stop.clone()).await?,
    ));
    let deps = trunkline_flow::Deps {
        bus: bus(),
        db: db(),
        metrics: trunkline_flow::Metrics::default(),
        egress: trunkline_egress::Client::default(),
    };
    let config = trunkline_flow::Config::default();
    running.push(Box::new(
        trunkline_flow::start(deps, config, stop.clone()).await?,
    ));
    // What is found here must not hang on how fast the seeds dial.
    let config = trunkline_call::Config {
        customer_calls_per_second: 0,
        customer_concurrent_calls: 0,
        ..trunkline_call::Config::default()
    };
    let (config, delivery) = (config, trunkline_delivery::Config::default());
    let metrics = trunkline_call::Metrics::default();
    running.push(Box::new(
        trunkline_call::start(bus(), db(), config, delivery, metrics, &stop).await?,
    ));
    let deps = trunkline_campaign::Deps {
        bus: bus(),
        db: db(),
        metrics: trunkline_campaign::Metrics::default(),
    };
    let config = trunkline_campaign::Config::default();
    running.push(Box::new(
        trunkline_campaign::start(deps, config, stop).await?,
    ));
    Ok(running)
}

async fn proxies(asterisks: &[usize], ground: &Ground) -> Result<Running, Failed> {
    let ways = asterisks
        .iter()
        .map(|at| asterisk::way(&ground.stations[*at], &ground.border))
        .collect();
    let metrics = trunkline_asterisk_proxy::Metrics::default();
    let (bus, stop) = (Arc::clone(&ground.bus), CancellationToken::new());
    let running = trunkline_asterisk_proxy::start_over(ways, bus, metrics, stop).await?;
    Ok(vec![Box::new(running)])
}
