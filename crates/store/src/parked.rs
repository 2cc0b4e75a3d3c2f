//! `trunkline_parked`: what could not be handled and waits for somebody to look
//! at it (architecture decision 12).
//!
//! ```text
//!  park ──> row (times 1) ── release fails ──> times 2, a new reason
//!                    ├────── release is handled ──> gone
//!                    └────── discard ──> gone
//! ```
//!
//! Whoever releases a row deletes it under the count that he saw: what was
//! parked again in between stays.

use trunkline_model::Timestamp;
use trunkline_model::page::Page;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::Filter;
use crate::port::Database;
use crate::select::{Order, Select};
use crate::value::Value;

/// What was parked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Kind {
    /// A message of a queue of events.
    #[default]
    Event,
    /// A due row whose request cannot be built.
    Duty,
    /// A row of the outbox or of the due rows that cannot be read, or an event that
    /// cannot be sent; nothing can be done with it but look at it.
    Row,
    /// A webhook that a customer's server has not taken.
    Webhook,
    /// Of a newer program.
    Other(String),
}

impl Kind {
    /// Its spelling in the column.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Event => "event",
            Self::Duty => "duty",
            Self::Row => "row",
            Self::Webhook => "webhook",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for Kind {
    fn from(text: &str) -> Self {
        match text {
            "event" => Self::Event,
            "duty" => Self::Duty,
            "row" => Self::Row,
            "webhook" => Self::Webhook,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something parked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parked {
    pub id: Uuid,
    /// Publisher name of the service that parked it.
    pub service: String,
    pub kind: Kind,
    /// Where it goes when it is released.
    pub queue: String,
    /// Of an event: who published it; empty when that cannot be read.
    pub publisher: String,
    /// Of an event its type, of a duty its key, of a webhook its customer.
    pub name: String,
    /// The sender's id of the message, if it had one.
    pub message_id: Option<Uuid>,
    /// As much of it as is kept.
    pub body: Vec<u8>,
    /// Size of the whole.
    pub body_bytes: i64,
    /// Why it was parked the last time.
    pub reason: String,
    /// Failed deliveries before it was parked the last time.
    pub retries: i64,
    /// How often it was parked.
    pub times: i64,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
}

table! { Parked in "trunkline_parked";
    "id" id id,
    "service" service text,
    "kind" kind word,
    "queue" queue text,
    "publisher" publisher text,
    "name" name text,
    "message_id" message_id maybe_id,
    "body" body blob,
    "body_bytes" body_bytes int,
    "reason" reason text,
    "retries" retries int,
    "times" times int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
}

/// The same without the bodies, which may be large.
const BRIEF: Select<Parked> = Select {
    columns: "id, service, kind, queue, publisher, name, message_id, x'' AS body, body_bytes, reason, \
        retries, times, tm_create, tm_update",
    ..SELECT
};

impl Parked {
    /// Whether the whole of it is kept.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        i64::try_from(self.body.len()) == Ok(self.body_bytes)
    }
}

/// One of a service.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_id(db: &dyn Database, service: Service, id: Uuid) -> Result<Option<Parked>, Error> {
    let params = vec![service.name().into(), Value::uuid(id)];
    SELECT.one(db, "service = ? AND id = ?", params).await
}

/// The one that this message of a queue is already: under its own id, or under
/// the row's, which a message without one is released with.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn of_message(
    db: &dyn Database,
    service: Service,
    queue: &str,
    message_id: Uuid,
) -> Result<Option<Parked>, Error> {
    let condition = "service = ? AND queue = ? AND (message_id = ? OR id = ?)";
    let params = vec![
        service.name().into(),
        queue.into(),
        Value::uuid(message_id),
        Value::uuid(message_id),
    ];
    BRIEF.one(db, condition, params).await
}

/// A page of a service, newest first, without bodies.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, service: Service, page: &Page) -> Result<Vec<Parked>, Error> {
    let filter = Filter::none().equals("service", service.name().into());
    BRIEF.page(db, &filter, page, Order::NewestThenId).await
}

/// How many a service has.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn count(db: &dyn Database, service: Service) -> Result<i64, Error> {
    let sql = "SELECT count(*) AS n FROM trunkline_parked WHERE service = ?";
    let rows = db.query(sql, vec![service.name().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// A new row, unless the service has `most` of them already.
#[must_use]
pub fn insert(parked: &Parked, most: u32) -> Statement {
    let (columns, mut params): (Vec<_>, Vec<_>) = values(parked).into_iter().unzip();
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "INSERT INTO {TABLE} ({}) SELECT {marks} \
         FROM (SELECT count(*) AS n FROM {TABLE} WHERE service = ?) AS held WHERE held.n < ?",
        columns.join(", ")
    );
    params.push(parked.service.as_str().into());
    params.push(Value::Int(most.into()));
    Statement::one(sql, params)
}

/// As [`insert`], with a limit for its kind: one kind must not fill what is there
/// for all.
#[must_use]
pub fn insert_of_kind(parked: &Parked, most: u32) -> Statement {
    let (columns, mut params): (Vec<_>, Vec<_>) = values(parked).into_iter().unzip();
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "INSERT INTO {TABLE} ({}) SELECT {marks} FROM (SELECT count(*) AS n FROM {TABLE} \
         WHERE service = ? AND kind = ?) AS held WHERE held.n < ?",
        columns.join(", ")
    );
    params.push(parked.service.as_str().into());
    params.push(parked.kind.as_str().into());
    params.push(Value::Int(most.into()));
    Statement::one(sql, params)
}

/// It was released and has failed again.
#[must_use]
pub fn again(id: Uuid, reason: &str, retries: i64, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_parked SET reason = ?, retries = ?, times = times + 1, tm_update = ? WHERE id = ?",
        vec![
            reason.into(),
            Value::Int(retries),
            now.into(),
            Value::uuid(id),
        ],
    )
}

/// It was released and is handled. Changes nothing when it was parked again
/// since `times` was read.
#[must_use]
pub fn handled(id: Uuid, times: i64) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_parked WHERE id = ? AND times = ?",
        vec![Value::uuid(id), Value::Int(times)],
    )
}

/// Somebody does not want it any longer; once.
#[must_use]
pub fn discard(service: Service, id: Uuid) -> Statement {
    Statement::one(
        "DELETE FROM trunkline_parked WHERE service = ? AND id = ?",
        vec![service.name().into(), Value::uuid(id)],
    )
}
