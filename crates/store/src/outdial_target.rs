//! `outdial_outdialtargets` (chapter 05 B.2, B.6) and the claims on them.
//! Which of them can be called is in [`crate::available`].

use trunkline_model::id::{CampaigncallId, OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{NewTarget, OutdialTarget, Status};
use trunkline_model::page::Page;
use trunkline_model::{Address, Timestamp};

use crate::batch::{Expect, Statement};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::filter::Filter;
use crate::port::Database;
use crate::select::{Order, Select};
use crate::value::Value;

table! { OutdialTarget in "outdial_outdialtargets";
    "id" id id,
    "outdial_id" outdial_id id,
    "name" name text,
    "detail" detail text,
    "data" data text,
    "status" status word,
    "destination_0" destination_0 address,
    "destination_1" destination_1 address,
    "destination_2" destination_2 address,
    "destination_3" destination_3 address,
    "destination_4" destination_4 address,
    "try_count_0" try_count_0 int,
    "try_count_1" try_count_1 int,
    "try_count_2" try_count_2 int,
    "try_count_3" try_count_3 int,
    "try_count_4" try_count_4 int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
}

pub(crate) const TARGETS: Select<OutdialTarget> = SELECT;

/// The target by its id, deleted or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: OutdialTargetId) -> Result<Option<OutdialTarget>, Error> {
    SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await
}

/// One page of the targets of an outdial, newest first, deleted ones left out.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(
    db: &dyn Database,
    outdial: OutdialId,
    page: &Page,
) -> Result<Vec<OutdialTarget>, Error> {
    let filter = Filter::none().id("outdial_id", outdial).not_deleted();
    SELECT.page(db, &filter, page, Order::Newest).await
}

/// A new row, as given. `tm_create` equal to `tm_update` says "never tried".
#[must_use]
pub fn insert(target: &OutdialTarget) -> Statement {
    Statement::insert(TABLE, values(target))
}

/// The targets with these ids, deleted or not, in no order.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn with_ids(
    db: &dyn Database,
    ids: &[OutdialTargetId],
) -> Result<Vec<OutdialTarget>, Error> {
    let keys = ids.iter().map(|id| Value::uuid(*id)).collect();
    SELECT.among(db, "id", keys, "").await
}

/// Which of these ids there are, deleted or not, and on which outdial.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn existing(
    db: &dyn Database,
    ids: &[OutdialTargetId],
) -> Result<Vec<(OutdialTargetId, OutdialId)>, Error> {
    let keys = ids.iter().map(|id| Value::uuid(*id)).collect();
    Place::SELECT.among(db, "id", keys, "").await
}

/// Where a target is.
struct Place;

impl Place {
    const SELECT: Select<(OutdialTargetId, OutdialId)> = Select {
        table: TABLE,
        columns: "id, outdial_id",
        read: |row| Ok((row.id("id")?, row.id("outdial_id")?)),
    };
}

/// Rows of one statement of [`insert_new`], the largest first. Few different
/// lengths make few different texts, which engines remember in prepared form.
const PORTIONS: [usize; 3] = [64, 8, 1];

/// New rows for people whom nobody has called: idle, no tries, `tm_create` equal
/// to `tm_update`. They lie in the table in the order of their ids, in which
/// those of one moment are dialed.
///
/// Many rows a statement: a list of a million is read in from one file.
#[must_use]
pub fn insert_new(
    outdial: OutdialId,
    mut targets: Vec<&NewTarget>,
    now: Timestamp,
) -> Vec<Statement> {
    targets.sort_unstable_by_key(|target| target.id);
    let mut statements = Vec::new();
    let mut rest = targets.as_slice();
    while let Some(length) = PORTIONS.into_iter().find(|length| *length <= rest.len()) {
        let (portion, others) = rest.split_at(length);
        statements.push(insert_portion(outdial, portion, now));
        rest = others;
    }
    statements
}

fn insert_portion(outdial: OutdialId, portion: &[&NewTarget], now: Timestamp) -> Statement {
    const HEAD: &str = "INSERT INTO outdial_outdialtargets (id, outdial_id, name, detail, data, \
        destination_0, destination_1, destination_2, destination_3, destination_4, \
        tm_create, tm_update, status, \
        try_count_0, try_count_1, try_count_2, try_count_3, try_count_4) VALUES ";
    const ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'idle', 0, 0, 0, 0, 0)";
    const PARAMETERS: usize = 12;
    let outdial = Value::uuid(outdial);
    let now = Value::time(now);
    let mut params = Vec::with_capacity(portion.len() * PARAMETERS);
    for target in portion {
        params.push(Value::uuid(target.id));
        params.push(outdial.clone());
        for text in [&target.name, &target.detail, &target.data] {
            params.push(Value::from(text.as_str()));
        }
        params.extend(target.destinations().map(address));
        params.extend([now.clone(), now.clone()]);
    }
    let rows = vec![ROW; portion.len()].join(", ");
    Statement::any(format!("{HEAD}{rows}"), params)
}

/// Absent is the JSON literal `null`, as everywhere.
fn address(destination: Option<&Address>) -> Value {
    destination.map_or_else(|| Value::from("null"), Value::json)
}

/// `idle` → `progressing` with one more try of destination `index`; not a
/// deleted one. Of several claims one wins. None for an index above 4.
#[must_use]
pub fn claim(id: OutdialTargetId, index: usize, now: Timestamp) -> Option<Statement> {
    let sql = claim_text(index)?;
    let sql = format!("{sql} AND status = 'idle' AND tm_delete IS NULL");
    Some(Statement::one(sql, vec![now.into(), Value::uuid(id)]))
}

/// As [`claim`] for one attempt, in two statements that belong together: the
/// time of the last update stays until the attempt has ended, and an attempt
/// that held the target before never gets it again. Nor does one that comes to the
/// store later than `not_after`, when another attempt has ended meanwhile: whoever
/// stood still on the way here may have been given up long ago. None for an index
/// above 4.
#[must_use]
pub fn claim_for_attempt(
    dialect: Dialect,
    claim: Claim,
    now: Timestamp,
    not_after: Option<Timestamp>,
) -> Option<[Statement; 2]> {
    macro_rules! text {
        ($column:literal) => {
            concat!(
                "UPDATE outdial_outdialtargets SET ",
                $column,
                " = coalesce(",
                $column,
                ", 0) + 1, status = 'progressing' \
                WHERE id = ? AND status = 'idle' AND tm_delete IS NULL \
                AND (tm_update IS NULL OR ? IS NULL OR tm_update <= ?) AND NOT EXISTS \
                (SELECT 1 FROM trunkline_target_claims WHERE target_id = ? AND attempt_id = ?)"
            )
        };
    }
    const TEXTS: [&str; 5] = [
        text!("try_count_0"),
        text!("try_count_1"),
        text!("try_count_2"),
        text!("try_count_3"),
        text!("try_count_4"),
    ];
    let text = TEXTS.get(usize::try_from(claim.index).ok()?).copied()?;
    let target = Value::uuid(claim.target);
    let latest = Value::time_or_null(not_after);
    let params = vec![
        target.clone(),
        latest.clone(),
        latest,
        target,
        Value::uuid(claim.attempt),
    ];
    Some([
        Statement::one(text, params),
        replace_claim(dialect, claim, now),
    ])
}

/// What an attempt came to: `progressing` → `idle` or `done`, while the attempt
/// holds the target, or nobody who gave a name does. Changes nothing otherwise:
/// it is late, or repeated.
#[must_use]
pub fn end_attempt(
    target: OutdialTargetId,
    attempt: CampaigncallId,
    status: &Status,
    now: Timestamp,
) -> Statement {
    let id = Value::uuid(target);
    Statement::any(
        "UPDATE outdial_outdialtargets SET status = ?, tm_update = ? \
         WHERE id = ? AND status = 'progressing' AND tm_delete IS NULL AND NOT EXISTS \
         (SELECT 1 FROM trunkline_target_claims WHERE target_id = ? AND attempt_id <> ?)",
        vec![
            status.as_str().into(),
            now.into(),
            id.clone(),
            id,
            Value::uuid(attempt),
        ],
    )
}

/// A target that is being called, and who claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub target: OutdialTargetId,
    /// Nil: whoever it was gave no name.
    pub attempt: CampaigncallId,
    /// When it was claimed by that attempt.
    pub since: Option<Timestamp>,
}

/// The targets of an outdial that are being called, by id, those behind `after`.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn held(
    db: &dyn Database,
    outdial: OutdialId,
    after: OutdialTargetId,
    limit: u32,
) -> Result<Vec<Held>, Error> {
    let sql = "SELECT target.id AS id, claim.attempt_id AS attempt_id, claim.tm_create AS since \
        FROM outdial_outdialtargets AS target \
        LEFT JOIN trunkline_target_claims AS claim ON claim.target_id = target.id \
        WHERE target.outdial_id = ? AND target.status = 'progressing' \
        AND target.tm_delete IS NULL AND target.id > ? ORDER BY target.id LIMIT ?";
    let params = vec![
        Value::uuid(outdial),
        Value::uuid(after),
        Value::Int(limit.into()),
    ];
    db.query(sql, params).await?.map(|row| {
        Ok(Held {
            target: row.id("id")?,
            attempt: row.id("attempt_id")?,
            since: row.time("since")?,
        })
    })
}

/// As [`claim`], whatever the status: what the reference's route does
/// (chapter 05 B.6). For targets that a foreign campaign-manager works on.
#[must_use]
pub fn claim_unchecked(id: OutdialTargetId, index: usize, now: Timestamp) -> Option<Statement> {
    Some(Statement::one(
        claim_text(index)?,
        vec![now.into(), Value::uuid(id)],
    ))
}

/// `progressing` → `idle` (the attempt failed) or `done`.
#[must_use]
pub fn finish(id: OutdialTargetId, status: &Status, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdialtargets SET status = ?, tm_update = ? WHERE id = ? AND status = 'progressing'",
        vec![status.as_str().into(), now.into(), Value::uuid(id)],
    )
}

/// `progressing` → `idle` or `done` of an attempt that dialed nobody: the try
/// of destination `index` is taken back and the time of the last update stays.
/// None for an index above 4.
#[must_use]
pub fn give_back(id: OutdialTargetId, index: usize, status: &Status) -> Option<Statement> {
    macro_rules! text {
        ($column:literal) => {
            concat!(
                "UPDATE outdial_outdialtargets SET ",
                $column,
                " = CASE WHEN ",
                $column,
                " > 0 THEN ",
                $column,
                " - 1 ELSE 0 END, status = ? WHERE id = ? AND status = 'progressing'"
            )
        };
    }
    const TEXTS: [&str; 5] = [
        text!("try_count_0"),
        text!("try_count_1"),
        text!("try_count_2"),
        text!("try_count_3"),
        text!("try_count_4"),
    ];
    let text = TEXTS.get(index).copied()?;
    Some(Statement::one(
        text,
        vec![status.as_str().into(), Value::uuid(id)],
    ))
}

/// Any status → any status: what the reference's route does (chapter 05 B.6).
#[must_use]
pub fn set_status(id: OutdialTargetId, status: &Status, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdialtargets SET status = ?, tm_update = ? WHERE id = ?",
        vec![status.as_str().into(), now.into(), Value::uuid(id)],
    )
}

/// Soft delete; once.
#[must_use]
pub fn delete(id: OutdialTargetId, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE outdial_outdialtargets SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![now.into(), now.into(), Value::uuid(id)],
    )
}

/// Which attempt holds a target: a row of `trunkline_target_claims`. A repeated
/// request of the same attempt can be answered without a second try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub target: OutdialTargetId,
    pub attempt: CampaigncallId,
    pub index: i64,
}

/// Who holds a target.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn claim_of(db: &dyn Database, target: OutdialTargetId) -> Result<Option<Claim>, Error> {
    let sql = "SELECT target_id, attempt_id, destination_index FROM trunkline_target_claims WHERE target_id = ?";
    let rows = db.query(sql, vec![Value::uuid(target)]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let attempt = row.id("attempt_id")?;
    Ok(Some(Claim {
        target,
        attempt,
        index: row.int("destination_index")?,
    }))
}

/// Remembers who holds a target. A second holder is a duplicate.
#[must_use]
pub fn insert_claim(claim: Claim, now: Timestamp) -> Statement {
    Statement::insert(
        "trunkline_target_claims",
        vec![
            ("target_id", Value::uuid(claim.target)),
            ("attempt_id", Value::uuid(claim.attempt)),
            ("destination_index", Value::Int(claim.index)),
            ("tm_create", now.into()),
        ],
    )
}

fn replace_claim(dialect: Dialect, claim: Claim, now: Timestamp) -> Statement {
    let sql = format!(
        "{} trunkline_target_claims (target_id, attempt_id, destination_index, tm_create) \
         VALUES (?, ?, ?, ?)",
        dialect.replace()
    );
    let params = vec![
        Value::uuid(claim.target),
        Value::uuid(claim.attempt),
        Value::Int(claim.index),
        now.into(),
    ];
    // MySQL counts a replaced row twice.
    Statement {
        expect: Expect::Some,
        ..Statement::any(sql, params)
    }
}

/// Forgets who holds a target, if it is this attempt.
#[must_use]
pub fn delete_claim(target: OutdialTargetId, attempt: CampaigncallId) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_target_claims WHERE target_id = ? AND attempt_id = ?",
        vec![Value::uuid(target), Value::uuid(attempt)],
    )
}

fn claim_text(index: usize) -> Option<&'static str> {
    macro_rules! text {
        ($column:literal) => {
            concat!(
                "UPDATE outdial_outdialtargets SET ",
                $column,
                " = coalesce(",
                $column,
                ", 0) + 1, status = 'progressing', tm_update = ? WHERE id = ?"
            )
        };
    }
    const TEXTS: [&str; 5] = [
        text!("try_count_0"),
        text!("try_count_1"),
        text!("try_count_2"),
        text!("try_count_3"),
        text!("try_count_4"),
    ];
    TEXTS.get(index).copied()
}
