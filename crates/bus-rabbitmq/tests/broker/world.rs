//! A broker for a test, and carriers on it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tempfile::TempDir;
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};
use trunkline_rig::{Broker, Tools};

/// A broker in a folder of its own.
pub(crate) struct World {
    pub(crate) broker: Broker,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let folder = tempfile::tempdir()?;
        let broker = Broker::start(&tools, folder.path()).await?;
        Ok(Self {
            broker,
            _folder: folder,
        })
    }

    /// A carrier as a process would have it.
    pub(crate) fn carrier(&self) -> Result<Arc<RabbitMq>> {
        let address = self.broker.address().parse()?;
        let (config, metrics) = (Config::default(), Metrics::default());
        Ok(RabbitMq::start(address, config, "test", metrics))
    }
}
