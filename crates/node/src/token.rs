//! A token made in a data folder that nobody uses: for a gateway whose first start made
//! none.

use std::sync::Arc;

use trunkline_gateway::Tokens;
use trunkline_model::id::CustomerId;
use trunkline_store::Database;
use trunkline_store_sqlite::SqliteDatabase;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::Error;

/// Makes one for `customer`, who is not looked for, and returns its text, which is kept
/// nowhere.
///
/// # Errors
///
/// When another process uses the folder, or no gateway has started in it yet: a name
/// that was mistyped must not become a folder.
pub async fn make(config: &Config, customer: CustomerId, name: &str) -> Result<String, Error> {
    let (folder, file) = (config.data_dir.clone(), config.database());
    let opened = tokio::task::spawn_blocking(move || -> Result<_, Error> {
        if !file.exists() {
            return Err(Error::NoDatabase(file));
        }
        let folder = DataDir::take(&folder)?;
        let sizes = trunkline_store_sqlite::Config::default();
        Ok((folder, Arc::new(SqliteDatabase::open(file, sizes)?)))
    });
    // The folder is ours until the database is closed.
    let (_folder, db) = opened.await.map_err(std::io::Error::other)??;
    let tokens = Tokens::new(Arc::clone(&db) as Arc<dyn Database>);
    let made = tokens.make(customer, name).await;
    let _ = tokio::task::spawn_blocking(move || db.close()).await;
    Ok(made?)
}
