//! One connection: its settings, and how values go in and out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};
use trunkline_store::{Error, Rows, Statement, Value};

use crate::config::Config;
use crate::error::{of, of_statement};

/// More than the distinct statements that all roles together send.
const CACHED_STATEMENTS: usize = 512;

/// Pages in the log before they are moved into the file, 16 MB: a page that is
/// written in every commit is moved once for all of them.
const CHECKPOINT_PAGES: i64 = 4_000;

pub(crate) fn writer(path: &Path, config: &Config) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(config.busy_timeout)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: the log is synced before a batch is answered, so a power cut loses nothing.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    settings(&connection)?;
    Ok(connection)
}

pub(crate) fn reader(path: &Path, config: &Config) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(config.busy_timeout)?;
    connection.pragma_update(None, "query_only", true)?;
    // Not mapped into memory: every commit would unmap the whole file, in all
    // threads, before the next query maps it again page by page.
    connection.pragma_update(None, "cache_size", -4_000)?;
    settings(&connection)?;
    Ok(connection)
}

pub(crate) fn memory() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    settings(&connection)?;
    Ok(connection)
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Plans do not depend on what is bound. Otherwise each statement that might
    // use one of the partial indices is prepared again for every execution.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(())
}

/// Limits the size of the database.
pub(crate) fn limit_pages(connection: &Connection, pages: u32) -> Result<(), Error> {
    // The pragma answers with the limit that now holds.
    let sql = format!("PRAGMA max_page_count = {pages}");
    connection
        .query_row(&sql, [], |_| Ok(()))
        .map_err(|error| of(&error))
}

/// Runs one `SELECT`.
pub(crate) fn query(connection: &Connection, sql: &str, params: &[Value]) -> Result<Rows, Error> {
    select(connection, sql, params, |statement| names(statement).into())
        .map_err(|error| of(&error))?
}

/// A reader that remembers the column names of what it has been asked: most
/// queries are asked again and again.
pub(crate) struct Reader {
    connection: Connection,
    columns: RefCell<HashMap<String, Arc<[String]>>>,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            columns: RefCell::default(),
        }
    }

    /// Runs one `SELECT`.
    pub(crate) fn query(&self, sql: &str, params: &[Value]) -> Result<Rows, Error> {
        select(&self.connection, sql, params, |statement| {
            self.names(sql, statement)
        })
        .map_err(|error| of(&error))?
    }

    fn names(&self, sql: &str, statement: &rusqlite::Statement<'_>) -> Arc<[String]> {
        let mut known = self.columns.borrow_mut();
        if let Some(columns) = known.get(sql) {
            return Arc::clone(columns);
        }
        if known.len() >= CACHED_STATEMENTS {
            known.clear();
        }
        let columns: Arc<[String]> = names(statement).into();
        known.insert(sql.to_owned(), Arc::clone(&columns));
        columns
    }
}

fn names(statement: &rusqlite::Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

fn select(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    columns: impl FnOnce(&rusqlite::Statement<'_>) -> Arc<[String]>,
) -> rusqlite::Result<Result<Rows, Error>> {
    let mut statement = connection.prepare_cached(sql)?;
    if !statement.readonly() {
        return Ok(Err(Error::Statement(format!(
            "a query must not write: {sql}"
        ))));
    }
    let columns = columns(&statement);
    let width = columns.len();
    let mut rows = Vec::new();
    let mut found = statement.query(params_from_iter(params.iter().map(Bound)))?;
    while let Some(row) = found.next()? {
        let cells = (0..width)
            .map(|at| row.get_ref(at).map(read))
            .collect::<rusqlite::Result<_>>()?;
        rows.push(cells);
    }
    Ok(Ok(Rows::shared(columns, rows)))
}

/// Runs statement number `at` of a batch and checks its row count.
pub(crate) fn execute(
    connection: &Connection,
    at: usize,
    statement: &Statement,
) -> Result<(), Error> {
    let changed = change(connection, statement).map_err(|error| of_statement(&error, at))?;
    if statement.expect.accepts(changed) {
        return Ok(());
    }
    Err(Error::Precondition {
        statement: at,
        changed,
        expected: statement.expect.describe(),
    })
}

fn change(connection: &Connection, statement: &Statement) -> rusqlite::Result<u64> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let changed = prepared.execute(params_from_iter(statement.params.iter().map(Bound)))?;
    Ok(changed as u64)
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn read(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_file_is_written_ahead_and_synced_at_every_commit() {
        let folder = tempfile::tempdir().unwrap();
        let connection = writer(&folder.path().join("data.db"), &Config::default()).unwrap();
        let pragma = |name: &str| {
            let value: rusqlite::types::Value = connection
                .pragma_query_value(None, name, |row| row.get(0))
                .unwrap();
            value
        };
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
        assert_eq!(pragma("synchronous"), 2.into(), "FULL");
        assert_eq!(pragma("busy_timeout"), 5_000.into());
    }

    #[test]
    fn a_statement_is_prepared_once_whatever_is_bound() {
        let connection = memory().unwrap();
        let tables = "CREATE TABLE t (id INTEGER PRIMARY KEY, status TEXT, at TEXT);
            CREATE INDEX live ON t (at) WHERE status IN ('a', 'b');
            CREATE INDEX ended ON t (at) WHERE status = 'c'";
        connection.execute_batch(tables).unwrap();
        let sql = "SELECT id FROM t WHERE status = ? AND at <= ? ORDER BY at LIMIT ?";
        let mut statement = connection.prepare(sql).unwrap();
        for status in ["a", "c", "d"] {
            let mut rows = statement.query((status, "x", 10)).unwrap();
            assert!(rows.next().unwrap().is_none());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
