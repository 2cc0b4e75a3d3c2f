//! The schema, as numbered steps.
//!
//! Tables of VoIPbin keep its table and column names, so that data can be carried
//! over either way; tables of our own begin with `trunkline_`. Indices are those
//! that queries of ours read. A released step is never edited: a change is a new
//! step.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use trunkline_model::Timestamp;

use crate::config::Config;
use crate::connection;
use crate::error::OpenError;

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// From 1, ascending.
    pub version: i64,
    /// The file's name.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($( $version:literal $name:literal ),+ $(,)?) => {
        &[$( Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
        } ),+]
    };
}

/// Every step, in order.
pub const MIGRATIONS: &[Migration] = migrations![
    1 "0001_call",
    2 "0002_campaign",
    3 "0003_outdial",
    4 "0004_flow",
    5 "0005_companion",
    6 "0006_trunkline",
    7 "0007_inbox",
    8 "0008_parked",
    9 "0009_campaign_reports",
    10 "0010_void_calls",
    11 "0011_fewer_indices",
    12 "0012_what_is_done",
    13 "0013_asterisks",
    14 "0014_recording",
    15 "0015_media",
    16 "0016_api",
    17 "0017_trunks",
    19 "0019_flow",
];

const RECORD: &str = "CREATE TABLE IF NOT EXISTS trunkline_migrations \
    (version INTEGER PRIMARY KEY, name TEXT NOT NULL, tm_create TEXT NOT NULL)";

/// Applies the steps that are missing, each in a transaction of its own.
///
/// # Errors
///
/// [`OpenError::Newer`] when the database has steps that this program does not
/// know; nothing was changed then.
pub fn migrate(connection: &Connection, now: Timestamp) -> Result<(), OpenError> {
    let known = MIGRATIONS.last().map_or(0, |last| last.version);
    let found = version(connection).map_err(|source| failed(&MIGRATIONS[0], source))?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for migration in MIGRATIONS {
        apply(connection, migration, now).map_err(|source| failed(migration, source))?;
    }
    Ok(())
}

/// How far a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The last step that it has; 0 for none.
    pub version: i64,
    /// The last step that this program knows.
    pub known: i64,
    /// Steps that are missing.
    pub missing: usize,
}

/// Looks how far the database in a file is; changes nothing. Blocks.
///
/// # Errors
///
/// When it cannot be opened, is no database, or a newer program wrote it.
pub fn schema(path: &Path) -> Result<Schema, OpenError> {
    let failed = |source| OpenError::Open {
        path: path.to_owned(),
        source,
    };
    let connection = connection::reader(path, &Config::default()).map_err(failed)?;
    let version = version(&connection).map_err(failed)?;
    let known = MIGRATIONS.last().map_or(0, |last| last.version);
    if version > known {
        let found = version;
        return Err(OpenError::Newer { found, known });
    }
    let missing = MIGRATIONS.iter().filter(|step| step.version > version);
    Ok(Schema {
        version,
        known,
        missing: missing.count(),
    })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let table =
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'trunkline_migrations'";
    if connection
        .query_row(table, [], |_| Ok(()))
        .optional()?
        .is_none()
    {
        return Ok(0);
    }
    connection.query_row(
        "SELECT coalesce(max(version), 0) FROM trunkline_migrations",
        [],
        |row| row.get(0),
    )
}

fn apply(connection: &Connection, migration: &Migration, now: Timestamp) -> rusqlite::Result<()> {
    // Another process may be doing the same: look again under the lock.
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    if version(&transaction)? >= migration.version {
        return Ok(());
    }
    transaction.execute_batch(RECORD)?;
    transaction.execute_batch(migration.sql)?;
    transaction.execute(
        "INSERT INTO trunkline_migrations (version, name, tm_create) VALUES (?, ?, ?)",
        (migration.version, migration.name, now.column()),
    )?;
    transaction.commit()
}

fn failed(migration: &Migration, source: rusqlite::Error) -> OpenError {
    OpenError::Migration {
        version: migration.version,
        name: migration.name,
        source,
    }
}
