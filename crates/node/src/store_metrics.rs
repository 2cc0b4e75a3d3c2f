//! What the database's writer has done, as metrics. Read when somebody asks;
//! the writer itself knows nothing of metrics.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;
use trunkline_store_sqlite::SqliteDatabase;

/// Namespace of these metrics.
const NAMESPACE: &str = "trunkline_store";

struct StoreMetrics(Arc<SqliteDatabase>);

/// Registers the metrics of a database.
pub(crate) fn register(db: &Arc<SqliteDatabase>, registry: &mut Registry) {
    let metrics = StoreMetrics(Arc::clone(db));
    registry
        .sub_registry_with_prefix(NAMESPACE)
        .register_collector(Box::new(metrics));
}

impl fmt::Debug for StoreMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreMetrics").finish_non_exhaustive()
    }
}

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.0.stats();
        for (name, help, value) in [
            ("batches", "Batches that were applied", stats.batches),
            (
                "refused",
                "Batches that were refused or failed",
                stats.refused,
            ),
            ("commits", "Transactions that were committed", stats.commits),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}
