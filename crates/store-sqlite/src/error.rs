//! SQLite's result codes, by what the caller can do about them.

use std::path::PathBuf;

use rusqlite::ffi;
use trunkline_store::Error;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or is not a database.
    #[error("failed to open the database `{}`", .path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    /// A migration failed; the schema is as before it.
    #[error("failed to apply migration {version} `{name}` to the database")]
    Migration {
        version: i64,
        name: &'static str,
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by a newer program.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}: \
         start the newer program that wrote it, or restore a copy from before the upgrade"
    )]
    Newer { found: i64, known: i64 },
    /// A thread could not be started.
    #[error("failed to start a database thread")]
    Thread(#[source] std::io::Error),
}

/// The error of statement number `at` of a batch.
pub(crate) fn of_statement(error: &rusqlite::Error, at: usize) -> Error {
    if is_duplicate(error) {
        return Error::Duplicate {
            statement: at,
            detail: error.to_string(),
        };
    }
    of(error)
}

/// The error of a query or of the transaction around batches.
pub(crate) fn of(error: &rusqlite::Error) -> Error {
    let words = error.to_string();
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return Error::Statement(words);
    };
    // The lower byte is the primary result code.
    match failure.extended_code & 0xff {
        ffi::SQLITE_FULL | ffi::SQLITE_READONLY => Error::Full(words),
        ffi::SQLITE_IOERR if is_write(failure.extended_code) => Error::Full(words),
        ffi::SQLITE_IOERR
        | ffi::SQLITE_BUSY
        | ffi::SQLITE_LOCKED
        | ffi::SQLITE_PROTOCOL
        | ffi::SQLITE_CANTOPEN
        | ffi::SQLITE_CORRUPT
        | ffi::SQLITE_NOTADB
        | ffi::SQLITE_PERM
        | ffi::SQLITE_NOMEM
        | ffi::SQLITE_INTERRUPT
        | ffi::SQLITE_ABORT
        | ffi::SQLITE_SCHEMA => Error::Unavailable(words),
        _ => Error::Statement(words),
    }
}

fn is_duplicate(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error().map(|failure| failure.extended_code),
        Some(
            ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID
        )
    )
}

fn is_write(extended: i32) -> bool {
    matches!(
        extended,
        ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_DIR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_SHMSIZE
    )
}
