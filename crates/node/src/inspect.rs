//! Looking at what a node would use, without using it: for `trunkline doctor`.
//! Changes nothing: no folder is made, no lock taken for longer than a look, no
//! database brought up to date.

use std::path::Path;
use std::time::Duration;

pub use trunkline_bus_rabbitmq::ConnectError;
pub use trunkline_store_sqlite::{OpenError, Schema};

use crate::config::{Asterisk, Config};
pub use crate::data_dir::{DataDirState, look as data_dir};

/// The schema of the database file, if there is one. Blocks.
///
/// # Errors
///
/// When it cannot be opened, or is no database.
pub fn database(config: &Config) -> Result<Option<Schema>, OpenError> {
    let path = config.database();
    if !Path::new(&path).exists() {
        return Ok(None);
    }
    trunkline_store_sqlite::schema(&path).map(Some)
}

/// Whether the broker lets us in, and whether it has the plugin for delayed messages;
/// none where the configuration has no broker.
///
/// # Errors
///
/// Why there is no connection.
pub async fn broker(config: &Config, patience: Duration) -> Option<Result<bool, ConnectError>> {
    let address = config.bus.url.0.as_ref()?;
    let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    let mut limits = config.bus.rabbitmq.clone();
    limits.connect_timeout_ms = limits.connect_timeout_ms.min(patience);
    Some(trunkline_bus_rabbitmq::probe(address, &limits).await)
}

/// Whether AMI takes the account; none where the Asterisk has no AMI.
///
/// # Errors
///
/// Why not, without the password.
pub async fn ami(asterisk: &Asterisk, patience: Duration) -> Option<Result<(), String>> {
    let mut options = asterisk.proxy.clone();
    let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    options.request_timeout_ms = options.request_timeout_ms.min(patience);
    trunkline_asterisk_proxy::probe::ami(&options).await
}
