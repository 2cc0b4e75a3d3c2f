//! `trunkline_due`: duties with a due time (architecture decision 11).
//!
//! A duty is written in the batch that causes it, claimed with a lease when it
//! is due, sent as an ordinary request, and deleted when that was taken. Who
//! dies in between loses the lease, and the next one sends it again.

use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::batch::{Batch, Expect, Statement};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// A request to be sent at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    pub id: Uuid,
    /// Publisher name of the service that sends it.
    pub service: String,
    /// What it is for; a later duty with the same key takes its place.
    pub key: String,
    /// Whose duty it is, such as `call:<id>`.
    pub owner: String,
    pub due_at: Option<Timestamp>,
    /// Where the request goes.
    pub queue: String,
    pub uri: String,
    pub method: String,
    /// The request's JSON, if it has a body.
    pub data: Option<String>,
    pub lease_until: Option<Timestamp>,
    /// How often it was claimed.
    pub attempts: i64,
    pub tm_create: Option<Timestamp>,
}

table! { Due in "trunkline_due";
    "id" id id,
    "service" service text,
    "due_key" key text,
    "owner" owner text,
    "due_at" due_at time,
    "queue" queue text,
    "uri" uri text,
    "method" method text,
    "data" data maybe_text,
    "lease_until" lease_until time,
    "attempts" attempts int,
    "tm_create" tm_create time,
}

const DELETE_BY_KEY: &str = "DELETE FROM trunkline_due WHERE service = ? AND due_key = ?";
const DELETE_BY_OWNER: &str = "DELETE FROM trunkline_due WHERE service = ? AND owner = ?";

/// Writes a duty in place of the one with the same service and key.
#[must_use]
pub fn upsert(dialect: Dialect, due: &Due) -> Statement {
    let (columns, params): (Vec<_>, Vec<_>) = values(due).into_iter().unzip();
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!(
        "{} {TABLE} ({}) VALUES ({marks})",
        dialect.replace(),
        columns.join(", ")
    );
    // MySQL counts a replaced row twice.
    Statement {
        expect: Expect::Some,
        ..Statement::any(sql, params)
    }
}

/// Writes a duty, unless there is one with the same service and key.
#[must_use]
pub fn insert(due: &Due) -> Statement {
    Statement::insert(TABLE, values(due))
}

/// What a statement does to the duties of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A duty is written, in place of the one with the same key.
    Written(Box<Due>),
    /// The duty with this key is gone.
    Cancelled { key: String },
    /// The owner has no duties any longer.
    CancelledAllOf { owner: String },
}

/// What this statement does to duties; none when it does nothing to them.
#[must_use]
pub fn effect_of(statement: &Statement) -> Option<Effect> {
    let second = || statement.params.get(1)?.as_text().map(str::to_owned);
    if statement.sql == DELETE_BY_KEY {
        return Some(Effect::Cancelled { key: second()? });
    }
    if statement.sql == DELETE_BY_OWNER {
        return Some(Effect::CancelledAllOf { owner: second()? });
    }
    if !statement.sql.contains("INTO trunkline_due ") {
        return None;
    }
    let [
        id,
        service,
        key,
        owner,
        due_at,
        queue,
        uri,
        method,
        data,
        lease,
        attempts,
        create,
    ] = &statement.params[..]
    else {
        return None;
    };
    let text = |value: &Value| value.as_text().map(str::to_owned);
    let time = |value: &Value| value.as_text().and_then(|text| text.parse().ok());
    Some(Effect::Written(Box::new(Due {
        id: id.as_uuid()?,
        service: text(service)?,
        key: text(key)?,
        owner: text(owner)?,
        due_at: time(due_at),
        queue: text(queue)?,
        uri: text(uri)?,
        method: text(method)?,
        data: text(data),
        lease_until: time(lease),
        attempts: attempts.as_int()?,
        tm_create: time(create),
    })))
}

/// Claims duties of a service that are due by `by` and not leased, oldest first.
/// The caller sends each when it is due, then deletes it or sets another time;
/// when it does neither the duty is free again `lease` after `by`. Duties that
/// failed have a later time and do not stand in the way of others. A lease that
/// ends later than any can is of before the clock was set back, and counts as
/// run out.
///
/// # Errors
///
/// As [`Database::apply`], conflicts excepted: what another one claimed in
/// between is left out.
pub async fn claim(
    db: &dyn Database,
    service: Service,
    now: Timestamp,
    by: Timestamp,
    lease: Duration,
    limit: u32,
) -> Result<Vec<Due>, Error> {
    let condition = "service = ? AND due_at <= ? \
        AND (lease_until IS NULL OR lease_until <= ? OR lease_until > ?) \
        ORDER BY due_at LIMIT ?";
    let params = vec![
        service.name().into(),
        by.into(),
        now.into(),
        by.plus(lease.saturating_mul(2)).into(),
        Value::Int(limit.into()),
    ];
    let mut found = SELECT.all(db, condition, params).await?;
    if found.is_empty() {
        return Ok(found);
    }
    let until = by.plus(lease);
    let whole: Batch = found.iter().map(|due| lease_one(due, until)).collect();
    match db.apply(whole).await {
        Ok(()) => {}
        Err(error) if error.is_conflict() => found = claim_each(db, found, until).await?,
        Err(error) => return Err(error),
    }
    for due in &mut found {
        due.lease_until = Some(until);
        due.attempts += 1;
    }
    Ok(found)
}

/// Another sender was faster with some of them: one after the other then.
async fn claim_each(
    db: &dyn Database,
    found: Vec<Due>,
    until: Timestamp,
) -> Result<Vec<Due>, Error> {
    let mut claimed = Vec::new();
    for due in found {
        match db.apply(Batch::new().with(lease_one(&due, until))).await {
            Ok(()) => claimed.push(due),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(claimed)
}

fn lease_one(due: &Due, until: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_due SET lease_until = ?, attempts = attempts + 1 WHERE id = ? AND attempts = ?",
        vec![until.into(), Value::uuid(due.id), Value::Int(due.attempts)],
    )
}

/// When the next duty of a service can be claimed. None when there is none.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn next_due(db: &dyn Database, service: Service) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT \
        (SELECT min(due_at) FROM trunkline_due WHERE service = ? AND lease_until IS NULL) AS free, \
        (SELECT min(lease_until) FROM trunkline_due WHERE service = ? AND lease_until IS NOT NULL) AS leased";
    let rows = db
        .query(sql, vec![service.name().into(), service.name().into()])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok([row.time("free")?, row.time("leased")?]
        .into_iter()
        .flatten()
        .min())
}

/// The duty with this key.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_key(db: &dyn Database, service: Service, key: &str) -> Result<Option<Due>, Error> {
    SELECT
        .one(
            db,
            "service = ? AND due_key = ?",
            vec![service.name().into(), key.into()],
        )
        .await
}

/// It is done. Changes nothing when the duty was replaced or claimed again
/// since: that one is another's.
#[must_use]
pub fn delete(id: Uuid, attempts: i64) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_due WHERE id = ? AND attempts = ?",
        vec![Value::uuid(id), Value::Int(attempts)],
    )
}

/// There is no such duty any longer, whoever may hold it.
#[must_use]
pub fn delete_by_key(service: Service, key: &str) -> Statement {
    Statement::any(DELETE_BY_KEY, vec![service.name().into(), key.into()])
}

/// The owner has no duties any longer.
#[must_use]
pub fn delete_by_owner(service: Service, owner: &str) -> Statement {
    Statement::any(DELETE_BY_OWNER, vec![service.name().into(), owner.into()])
}

/// Another time, free for everybody. Changes nothing when the duty is gone, was
/// replaced, or was claimed again since: that one is another's.
#[must_use]
pub fn retry(id: Uuid, attempts: i64, due_at: Timestamp) -> Statement {
    Statement::any(
        "UPDATE trunkline_due SET due_at = ?, lease_until = NULL WHERE id = ? AND attempts = ?",
        vec![due_at.into(), Value::uuid(id), Value::Int(attempts)],
    )
}

/// Frees every duty of a service: whoever had claimed them is gone.
#[must_use]
pub fn free_all(service: Service) -> Statement {
    Statement::any(
        "UPDATE trunkline_due SET lease_until = NULL WHERE service = ? AND lease_until IS NOT NULL",
        vec![service.name().into()],
    )
}
