//! Rows of our own queues in the database that cannot be read: one of them
//! would keep all others of its service waiting.
//!
//! Such a row is a bug or somebody's hand in the database. It is looked for only
//! when a read has failed with [`Error::Shape`].

use serde_json::{Map, Value as Json};
use trunkline_model::service::Service;

use crate::batch::Statement;
use crate::error::Error;
use crate::port::Database;
use crate::row::Row;
use crate::value::Value;
use crate::{due, outbox};

/// Rows looked at with one query.
const AT_ONCE: i64 = 500;

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Column → cell, for people.
    pub cells: Map<String, Json>,
    /// What is wrong with it.
    pub why: String,
    /// Takes it out of its table.
    pub delete: Statement,
}

/// The duties of a service that cannot be read.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn duties(db: &dyn Database, service: Service) -> Result<Vec<Broken>, Error> {
    let table = Table {
        next: "SELECT * FROM trunkline_due WHERE service = ? AND due_key > ? ORDER BY due_key LIMIT ?",
        delete: "DELETE FROM trunkline_due WHERE service = ? AND due_key = ?",
        key: "due_key",
        first: Value::Text(String::new()),
        why: |row| due::read(row).err(),
    };
    table.broken(db, service).await
}

/// The events of a service that cannot be read.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn events(db: &dyn Database, service: Service) -> Result<Vec<Broken>, Error> {
    let table = Table {
        next: "SELECT * FROM trunkline_outbox WHERE service = ? AND seq > ? ORDER BY seq LIMIT ?",
        delete: "DELETE FROM trunkline_outbox WHERE service = ? AND seq = ?",
        key: "seq",
        first: Value::Int(0),
        why: |row| outbox::read(row).err(),
    };
    table.broken(db, service).await
}

/// How one of the tables is walked.
struct Table {
    next: &'static str,
    delete: &'static str,
    key: &'static str,
    first: Value,
    why: fn(Row<'_>) -> Option<Error>,
}

impl Table {
    async fn broken(&self, db: &dyn Database, service: Service) -> Result<Vec<Broken>, Error> {
        let mut found = Vec::new();
        let mut after = self.first.clone();
        loop {
            let params = vec![service.name().into(), after.clone(), Value::Int(AT_ONCE)];
            let rows = db.query(self.next, params).await?;
            for row in rows.iter() {
                let Some(key) = row.value(self.key) else {
                    return Ok(found);
                };
                after = key.clone();
                if let Some(why) = (self.why)(row) {
                    found.push(Broken {
                        cells: row
                            .cells()
                            .map(|(name, cell)| (name.to_owned(), shown(cell)))
                            .collect(),
                        why: why.to_string(),
                        delete: Statement::one(
                            self.delete,
                            vec![service.name().into(), key.clone()],
                        ),
                    });
                }
            }
            if rows.is_empty() {
                return Ok(found);
            }
        }
    }
}

/// Bytes as hexadecimal, as `hex()` of both engines prints them.
fn shown(cell: &Value) -> Json {
    match cell {
        Value::Null => Json::Null,
        Value::Int(number) => Json::from(*number),
        Value::Real(number) => Json::from(*number),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Blob(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            Json::from(digits)
        }
    }
}
