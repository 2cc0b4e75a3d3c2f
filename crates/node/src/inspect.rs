//! Looking at what a node would use, without using it: for `trunkline doctor`.
//! Changes nothing: no folder is made, no lock taken for longer than a look, no
//! database brought up to date.

use std::path::Path;

pub use trunkline_store_sqlite::{OpenError, Schema};

use crate::config::Config;
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
