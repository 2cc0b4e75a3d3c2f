//! The port itself.

use async_trait::async_trait;
use trunkline_model::Timestamp;

use crate::batch::Batch;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::row::Rows;
use crate::value::Value;

/// A database: queries, atomic batches, and the clock that leases and due times
/// are measured with (architecture decisions 4 and 13).
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Runs one `SELECT` and returns all of its rows. The caller bounds them
    /// with `LIMIT`.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] may succeed later; others will not.
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error>;

    /// Applies a batch: all of its statements with the expected row counts, or
    /// none. When this returns `Ok` the batch survives a power cut.
    ///
    /// # Errors
    ///
    /// [`Error::is_conflict`]: another writer was first, nothing was applied.
    async fn apply(&self, batch: Batch) -> Result<(), Error>;

    /// The store's clock.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the server that owns the clock is away.
    async fn now(&self) -> Result<Timestamp, Error>;

    /// Which engine this is.
    fn dialect(&self) -> Dialect;
}
