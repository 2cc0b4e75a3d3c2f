//! A broker for a test, and carriers on it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::time::timeout;
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};
use trunkline_rig::{Broker, Tools};

use crate::raw::Raw;

/// How long anything may take that has to happen at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A broker in a folder of its own.
pub(crate) struct World {
    pub(crate) broker: Broker,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let mut world = Self::prepare()?;
        world.broker.up().await?;
        Ok(world)
    }

    /// With a broker that does not run yet.
    pub(crate) fn prepare() -> Result<Self> {
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let folder = tempfile::tempdir()?;
        let broker = Broker::prepare(&tools, folder.path())?;
        Ok(Self {
            broker,
            _folder: folder,
        })
    }

    /// A carrier as a process would have it.
    pub(crate) fn carrier(&self) -> Result<Arc<RabbitMq>> {
        carrier(
            &self.broker.address(),
            Config::default(),
            &Metrics::default(),
        )
    }

    /// A client that knows nothing of ours.
    pub(crate) async fn raw(&self) -> Result<Raw> {
        Raw::connect(&self.broker.address()).await
    }
}

/// A carrier of one's own making.
pub(crate) fn carrier(address: &str, config: Config, metrics: &Metrics) -> Result<Arc<RabbitMq>> {
    Ok(RabbitMq::start(
        address.parse()?,
        config,
        "test",
        metrics.clone(),
    ))
}

/// What has to come, or the test has failed.
pub(crate) async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> Result<T> {
    timeout(PATIENCE, waiting)
        .await
        .with_context(|| format!("waited in vain for {what}"))
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Result<()> {
    in_time(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
