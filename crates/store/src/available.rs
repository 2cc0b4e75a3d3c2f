//! Which targets of an outdial can be called (chapter 05 B.5).
//!
//! A target is **callable** when it is idle, not deleted, and one of its
//! destinations is present (has a non-empty `target`: SQL NULL, JSON `null` and
//! `{}` are absent, chapter 05 G.1 row 3) and has tries left. It is
//! **available** when also the try interval is over: it has no tries yet, or was
//! last updated before that interval. (The reference tells "never tried" by
//! `tm_create` = `tm_update`, chapter 05 A.8.3; the counts say it as well, need
//! no look at the row, and hold when two things happen in one microsecond.)
//!
//! Lists are long, and a target whose tries are used up stays `idle` for ever,
//! so neither a scan of the list nor one of its idle targets will do. The
//! SQLite schema has an index of the idle targets grouped by their *tries*: one
//! number with the tries of every present destination
//! ([`Dialect::target_tries`]). A list has as many groups as there are
//! different sets of tries, a dozen or so. The groups are found by one index
//! seek each, the ones without tries left are skipped as a whole, and in the
//! others the oldest come first. MySQL's tables are VoIPbin's and have no such
//! index: there one condition over the idle targets of the outdial does it.

use trunkline_model::Timestamp;
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::{DESTINATION_COUNT, OutdialTarget};

use crate::error::Error;
use crate::outdial_target::TARGETS;
use crate::port::Database;
use crate::value::Value;

/// What is asked for: an outdial under the rules of an outplan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub outdial: OutdialId,
    /// Attempts allowed, by destination index; 0 = not used.
    pub maxima: [i64; DESTINATION_COUNT],
    /// Milliseconds between a target's last update and its next attempt; none:
    /// not looked at.
    pub try_interval_ms: Option<i64>,
}

impl Rules {
    /// Tried targets that were last updated up to here can be called again.
    fn cut(&self, now: Timestamp) -> Option<Timestamp> {
        self.try_interval_ms
            .map(|interval| now.plus_millis(interval.saturating_neg()))
    }
}

/// The state of an outdial, as far as a campaign's end depends on it. Flags,
/// because existence is found by a seek and a number is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// A target can be called at this moment.
    pub available: bool,
    /// A target has tries left and waits for its interval.
    pub waiting: bool,
    /// When the first of the waiting ones becomes available.
    pub next_try: Option<Timestamp>,
    /// A target is being called.
    pub progressing: bool,
}

/// The targets of an outdial in numbers, deleted ones left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Idle with tries left, waiting or not.
    pub callable: i64,
    /// Idle without tries left.
    pub exhausted: i64,
    pub progressing: i64,
    pub done: i64,
}

/// The available targets, longest untouched first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn available(
    db: &dyn Database,
    rules: &Rules,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OutdialTarget>, Error> {
    if limit == 0 || rules.maxima.iter().all(|most| *most <= 0) {
        return Ok(Vec::new());
    }
    let cut = rules.cut(now);
    let Some(tries) = db.dialect().target_tries() else {
        return scan(db, rules, cut, limit).await;
    };
    let groups = callable_groups(db, rules, tries).await?;
    let mut targets = Vec::new();
    for groups in groups.chunks(GROUPS_AT_ONCE) {
        let (sql, params) = from_groups(rules, tries, groups, cut, limit);
        targets.extend(db.query(&sql, params).await?.map(TARGETS.read)?);
    }
    targets.sort_by_key(|target| (target.tm_update, target.id));
    targets.truncate(limit as usize);
    Ok(targets)
}

/// The state of an outdial.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn summary(db: &dyn Database, rules: &Rules, now: Timestamp) -> Result<Summary, Error> {
    // Several queries see several moments: a target that comes back from a call
    // in between must not be missed by all of them, or its campaign ends. So
    // calls are looked for before and after.
    let progressing = is_progressing(db, rules.outdial).await?;
    let available = !available(db, rules, now, 1).await?.is_empty();
    let next_try = next_try(db, rules, now).await?;
    Ok(Summary {
        available,
        waiting: next_try.is_some(),
        next_try,
        progressing: progressing || is_progressing(db, rules.outdial).await?,
    })
}

/// The targets of an outdial in numbers. Walks the whole list: for people, not
/// for ticks.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn counts(db: &dyn Database, rules: &Rules) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    let sql = "SELECT status, count(*) AS n FROM outdial_outdialtargets \
        WHERE outdial_id = ? AND tm_delete IS NULL GROUP BY status";
    let mut idle = 0;
    for row in db
        .query(sql, vec![Value::uuid(rules.outdial)])
        .await?
        .iter()
    {
        let number = row.int("n")?;
        match row.text("status")?.as_str() {
            "idle" => idle = number,
            "progressing" => counts.progressing = number,
            "done" => counts.done = number,
            _ => {}
        }
    }
    counts.callable = callable_count(db, rules).await?;
    counts.exhausted = idle - counts.callable;
    Ok(counts)
}

// ── The groups of equal tries ────────────────────────────────────────────────

const IDLE: &str = "outdial_id = ? AND status = 'idle' AND tm_delete IS NULL";

/// How many groups one query looks into: SQLite limits the parts of a `UNION`.
const GROUPS_AT_ONCE: usize = 100;

/// A set of tries, as [`crate::Dialect::target_tries`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group(i64);

impl Group {
    /// Whether a target of this group can have tries left.
    fn is_callable(self, maxima: &[i64; DESTINATION_COUNT]) -> bool {
        let mut rest = self.0;
        for most in maxima {
            let slot = rest % 64;
            rest /= 64;
            // 63 stands for 62 tries or more: the full condition decides then.
            if slot > 0 && slot - 1 < *most {
                return true;
            }
        }
        false
    }

    /// Whether its targets have no tries at all.
    fn is_untried(self) -> bool {
        let mut rest = self.0;
        while rest > 0 {
            if rest % 64 > 1 {
                return false;
            }
            rest /= 64;
        }
        true
    }
}

/// Every group of the outdial, by one index seek each.
async fn groups(db: &dyn Database, outdial: OutdialId, tries: &str) -> Result<Vec<Group>, Error> {
    let sql = format!(
        "WITH RECURSIVE found (tries) AS (\
         SELECT (SELECT {tries} FROM outdial_outdialtargets WHERE {IDLE} ORDER BY {tries} LIMIT 1) \
         UNION ALL \
         SELECT (SELECT {tries} FROM outdial_outdialtargets WHERE {IDLE} AND {tries} > found.tries \
         ORDER BY {tries} LIMIT 1) FROM found WHERE found.tries IS NOT NULL) \
         SELECT tries FROM found WHERE tries IS NOT NULL"
    );
    let rows = db
        .query(&sql, vec![Value::uuid(outdial), Value::uuid(outdial)])
        .await?;
    rows.map(|row| row.int("tries").map(Group))
}

async fn callable_groups(
    db: &dyn Database,
    rules: &Rules,
    tries: &str,
) -> Result<Vec<Group>, Error> {
    let mut groups = groups(db, rules.outdial, tries).await?;
    groups.retain(|group| group.is_callable(&rules.maxima));
    Ok(groups)
}

/// The oldest of each group; the index has them in this order, so each part
/// stops after `limit` rows.
fn from_groups(
    rules: &Rules,
    tries: &str,
    groups: &[Group],
    cut: Option<Timestamp>,
    limit: u32,
) -> (String, Vec<Value>) {
    let columns = TARGETS.columns;
    let left = tries_left(&rules.maxima);
    let mut params = Vec::new();
    let mut parts = Vec::new();
    for group in groups {
        params.extend([Value::uuid(rules.outdial), Value::Int(group.0)]);
        let over = match cut {
            Some(cut) if !group.is_untried() => {
                params.push(cut.into());
                " AND tm_update <= ?"
            }
            Some(_) | None => "",
        };
        params.push(Value::Int(limit.into()));
        parts.push(format!(
            "SELECT * FROM (SELECT {columns} FROM outdial_outdialtargets \
             WHERE {IDLE} AND {tries} = ? AND {left}{over} ORDER BY tm_update, id LIMIT ?)"
        ));
    }
    (parts.join(" UNION ALL "), params)
}

async fn callable_count(db: &dyn Database, rules: &Rules) -> Result<i64, Error> {
    let outdial = vec![Value::uuid(rules.outdial)];
    let Some(tries) = db.dialect().target_tries() else {
        let left = tries_left(&rules.maxima);
        let sql =
            format!("SELECT count(*) AS n FROM outdial_outdialtargets WHERE {IDLE} AND {left}");
        let rows = db.query(&sql, outdial).await?;
        return rows.first().map_or(Ok(0), |row| row.int("n"));
    };
    let sql = format!(
        "SELECT {tries} AS tries, count(*) AS n FROM outdial_outdialtargets WHERE {IDLE} GROUP BY {tries}"
    );
    let mut count = 0;
    for row in db.query(&sql, outdial).await?.iter() {
        if Group(row.int("tries")?).is_callable(&rules.maxima) {
            count += row.int("n")?;
        }
    }
    Ok(count)
}

// ── When, and whether ────────────────────────────────────────────────────────

/// When the first waiting target becomes available. None when none waits.
async fn next_try(
    db: &dyn Database,
    rules: &Rules,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let (Some(interval), Some(cut)) = (rules.try_interval_ms, rules.cut(now)) else {
        return Ok(None);
    };
    let left = tries_left(&rules.maxima);
    let first = |condition: &str| {
        format!(
            "SELECT tm_update FROM outdial_outdialtargets \
             WHERE {IDLE} AND {condition} AND tm_update > ? AND {left} ORDER BY tm_update LIMIT 1"
        )
    };
    let outdial = Value::uuid(rules.outdial);
    let mut updates = Vec::new();
    match db.dialect().target_tries() {
        Some(tries) => {
            let part = format!("SELECT * FROM ({})", first(&format!("{tries} = ?")));
            let mut groups = callable_groups(db, rules, tries).await?;
            groups.retain(|group| !group.is_untried());
            for groups in groups.chunks(GROUPS_AT_ONCE) {
                let sql = vec![part.as_str(); groups.len()].join(" UNION ALL ");
                let params = |group: &Group| [outdial.clone(), Value::Int(group.0), cut.into()];
                let rows = db
                    .query(&sql, groups.iter().flat_map(params).collect())
                    .await?;
                updates.extend(rows.map(|row| row.time("tm_update"))?);
            }
        }
        None => {
            let rows = db
                .query(&first(&format!("NOT {UNTRIED}")), vec![outdial, cut.into()])
                .await?;
            updates.extend(rows.map(|row| row.time("tm_update"))?);
        }
    }
    Ok(updates
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.plus_millis(interval)))
}

async fn is_progressing(db: &dyn Database, outdial: OutdialId) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM outdial_outdialtargets \
         WHERE outdial_id = ? AND tm_delete IS NULL AND status = 'progressing' LIMIT 1";
    Ok(!db.query(sql, vec![Value::uuid(outdial)]).await?.is_empty())
}

// ── One condition over the idle targets ──────────────────────────────────────

const UNTRIED: &str = "(coalesce(try_count_0, 0) + coalesce(try_count_1, 0) + coalesce(try_count_2, 0) \
    + coalesce(try_count_3, 0) + coalesce(try_count_4, 0) = 0)";

async fn scan(
    db: &dyn Database,
    rules: &Rules,
    cut: Option<Timestamp>,
    limit: u32,
) -> Result<Vec<OutdialTarget>, Error> {
    let left = tries_left(&rules.maxima);
    let mut params = vec![Value::uuid(rules.outdial)];
    let mut over = String::new();
    if let Some(cut) = cut {
        over = format!(" AND ({UNTRIED} OR tm_update IS NULL OR tm_update <= ?)");
        params.push(cut.into());
    }
    params.push(Value::Int(limit.into()));
    let condition = format!("{IDLE} AND {left}{over} ORDER BY tm_update, id LIMIT ?");
    TARGETS.all(db, &condition, params).await
}

/// Whether a destination is present and has tries left. An absent `target` is
/// NULL, an empty one is `''` or, on MariaDB, `'""'`.
fn tries_left(maxima: &[i64; DESTINATION_COUNT]) -> String {
    let used = maxima.iter().enumerate().filter(|(_, most)| **most > 0);
    let slots: Vec<String> = used
        .map(|(at, most)| {
            format!(
                "(coalesce(json_extract(destination_{at}, '$.target'), '') NOT IN ('', '\"\"') \
                 AND coalesce(try_count_{at}, 0) < {most})"
            )
        })
        .collect();
    if slots.is_empty() {
        "1 = 0".to_owned()
    } else {
        format!("({})", slots.join(" OR "))
    }
}
