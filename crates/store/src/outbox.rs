//! `trunkline_outbox`: events that are committed and not yet published
//! (architecture decision 12).

use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::error::Error;
use crate::many;
use crate::port::Database;
use crate::value::Value;

/// An event that is to be published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Order of publication; given by the database.
    pub seq: i64,
    /// The message id that consumers recognize a repetition by.
    pub id: Uuid,
    /// Publisher name of the service.
    pub service: String,
    /// Where it is published; empty when it is published already and only its
    /// webhook is left.
    pub exchange: String,
    /// The event's JSON.
    pub body: String,
    /// The webhook request's JSON, if customers hear of it.
    pub webhook: Option<String>,
    /// How often publishing failed.
    pub attempts: i64,
    pub tm_create: Option<Timestamp>,
    /// Until then a running copy of the service has it in hand.
    pub lease_until: Option<Timestamp>,
}

table! { Entry in "trunkline_outbox";
    "seq" seq int,
    "id" id id,
    "service" service text,
    "exchange" exchange text,
    "body" body text,
    "webhook" webhook maybe_text,
    "attempts" attempts int,
    "tm_create" tm_create time,
    "lease_until" lease_until time,
}

/// The event that this statement appends, without its place in the order; none
/// when it appends no event.
#[must_use]
pub fn appended(statement: &Statement) -> Option<Entry> {
    if !statement.sql.starts_with("INSERT INTO trunkline_outbox ") {
        return None;
    }
    // `insert` leaves out the first column, `seq`.
    let [
        id,
        service,
        exchange,
        body,
        webhook,
        attempts,
        create,
        lease,
    ] = &statement.params[..]
    else {
        return None;
    };
    Some(Entry {
        seq: 0,
        id: id.as_uuid()?,
        service: service.as_text()?.to_owned(),
        exchange: exchange.as_text()?.to_owned(),
        body: body.as_text()?.to_owned(),
        webhook: webhook.as_text().map(str::to_owned),
        attempts: attempts.as_int()?,
        tm_create: create.as_text().and_then(|text| text.parse().ok()),
        lease_until: lease.as_text().and_then(|text| text.parse().ok()),
    })
}

/// Appends an event. Its `seq` is not looked at.
#[must_use]
pub fn insert(entry: &Entry) -> Statement {
    let mut columns = values(entry);
    columns.retain(|(name, _)| *name != "seq");
    Statement::insert(TABLE, columns)
}

/// Appends the event with nobody who has it in hand. Other statements stay as
/// they are.
pub fn leave(statement: &mut Statement) {
    if appended(statement).is_some()
        && let Some(lease) = statement.params.last_mut()
    {
        *lease = Value::Null;
    }
}

/// Events of a service behind `after`, in order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn pending(
    db: &dyn Database,
    service: Service,
    after: i64,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let condition = "service = ? AND seq > ? ORDER BY seq LIMIT ?";
    SELECT
        .all(
            db,
            condition,
            vec![
                service.name().into(),
                Value::Int(after),
                Value::Int(limit.into()),
            ],
        )
        .await
}

/// How many events of a service wait.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn depth(db: &dyn Database, service: Service) -> Result<i64, Error> {
    let sql = "SELECT count(*) AS n FROM trunkline_outbox WHERE service = ?";
    let rows = db.query(sql, vec![service.name().into()]).await?;
    rows.first().map_or(Ok(0), |row| row.int("n"))
}

/// Events of a service that no running copy has in hand, in order. A lease that
/// ends after `latest` is of before the clock was set back.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn abandoned(
    db: &dyn Database,
    service: Service,
    now: Timestamp,
    latest: Timestamp,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let condition = "service = ? AND (lease_until IS NULL OR lease_until <= ? OR lease_until > ?) \
        ORDER BY seq LIMIT ?";
    let params = vec![
        service.name().into(),
        now.into(),
        latest.into(),
        Value::Int(limit.into()),
    ];
    SELECT.all(db, condition, params).await
}

/// Takes abandoned events in hand; a conflict when another copy was faster.
#[must_use]
pub fn take(entries: &[Entry], until: Timestamp) -> Batch {
    let take_one = |entry: &Entry| match entry.lease_until {
        Some(before) => Statement::one(
            "UPDATE trunkline_outbox SET lease_until = ? WHERE id = ? AND lease_until = ?",
            vec![until.into(), Value::uuid(entry.id), before.into()],
        ),
        None => Statement::one(
            "UPDATE trunkline_outbox SET lease_until = ? WHERE id = ? AND lease_until IS NULL",
            vec![until.into(), Value::uuid(entry.id)],
        ),
    };
    entries.iter().map(take_one).collect()
}

/// They stay in hand until then. Those that are gone stay gone.
#[must_use]
pub fn keep(ids: &[Uuid], until: Timestamp) -> Batch {
    let sql = "UPDATE trunkline_outbox SET lease_until = ? WHERE id IN";
    many::with_ids(sql, &[until.into()], ids)
        .into_iter()
        .collect()
}

/// The event is published and its webhook is not: that one is left, until then
/// in hand.
#[must_use]
pub fn published_without_webhook(id: Uuid, again: Timestamp) -> Statement {
    Statement::any(
        "UPDATE trunkline_outbox SET exchange = '', body = '', attempts = attempts + 1, lease_until = ? WHERE id = ?",
        vec![again.into(), Value::uuid(id)],
    )
}

/// They are done. Another publisher may have been faster.
#[must_use]
pub fn delete(ids: &[Uuid]) -> Batch {
    many::with_ids("DELETE FROM trunkline_outbox WHERE id IN", &[], ids)
        .into_iter()
        .collect()
}
