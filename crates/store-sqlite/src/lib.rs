//! SQLite adapter of the store port with one group-committing writer.
//!
//! ```text
//!  tasks ── apply ──> bounded queue ──> writer thread: BEGIN, SAVEPOINT per batch, COMMIT
//!        ── query ──> bounded queue ──> reader threads: one snapshot per SELECT
//! ```
//!
//! The writer takes all batches that wait and commits them as one transaction,
//! so that the cost of a synchronous commit is shared. A refused batch is
//! rolled back to its savepoint and leaves its neighbours alone. Replies go out
//! after the commit. The in-memory database has no threads: it runs on the
//! calling task, so that a paused clock cannot jump while a thread works.

mod clock;
mod config;
mod connection;
mod database;
mod error;
pub mod migrate;
mod queue;
mod reader;
mod stats;
mod writer;

pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use database::SqliteDatabase;
pub use error::OpenError;
pub use migrate::{Schema, schema};
pub use stats::Stats;
