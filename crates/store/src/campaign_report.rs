//! `trunkline_campaign_reports`: what attempts came to, until outdial-manager
//! has been told (architecture decision 11). Written in the batch that ends the
//! attempt, deleted when the report was answered.

use trunkline_model::id::{CampaignId, CampaigncallId, OutdialTargetId};
use trunkline_model::outdial_target::Status;

use crate::batch::{Expect, Statement};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::row::Row;
use crate::value::Value;

/// What is reported about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The attempt that ends.
    pub attempt: CampaigncallId,
    pub campaign: CampaignId,
    pub target: OutdialTargetId,
    /// What the target becomes.
    pub status: Status,
    /// The attempt dialed nobody: its try does not count.
    pub untried: bool,
}

/// A report to be made; in the place of one that the attempt has.
#[must_use]
pub fn insert(dialect: Dialect, report: &Report) -> Statement {
    let sql = format!(
        "{} trunkline_campaign_reports (attempt_id, campaign_id, target_id, status, untried) \
         VALUES (?, ?, ?, ?, ?)",
        dialect.replace()
    );
    let params = vec![
        Value::uuid(report.attempt),
        Value::uuid(report.campaign),
        Value::uuid(report.target),
        report.status.as_str().into(),
        Value::Int(report.untried.into()),
    ];
    // MySQL counts a replaced row twice.
    Statement {
        expect: Expect::Some,
        ..Statement::any(sql, params)
    }
}

/// Reports that are still to be made, by attempt, those behind `after`.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn pending(
    db: &dyn Database,
    after: CampaigncallId,
    limit: u32,
) -> Result<Vec<Report>, Error> {
    let sql = "SELECT attempt_id, campaign_id, target_id, status, untried \
        FROM trunkline_campaign_reports WHERE attempt_id > ? ORDER BY attempt_id LIMIT ?";
    let params = vec![Value::uuid(after), Value::Int(limit.into())];
    db.query(sql, params).await?.map(read)
}

/// Whether an attempt of a campaign still has to be reported. The table is as
/// short as reports are quick: no index is worth its while.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn any_of(db: &dyn Database, campaign: CampaignId) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM trunkline_campaign_reports WHERE campaign_id = ? LIMIT 1";
    Ok(!db.query(sql, vec![Value::uuid(campaign)]).await?.is_empty())
}

/// The report that an attempt still has to make.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn of_attempt(
    db: &dyn Database,
    attempt: CampaigncallId,
) -> Result<Option<Report>, Error> {
    let sql = "SELECT attempt_id, campaign_id, target_id, status, untried \
        FROM trunkline_campaign_reports WHERE attempt_id = ? LIMIT 1";
    let rows = db.query(sql, vec![Value::uuid(attempt)]).await?;
    rows.first().map(read).transpose()
}

/// It was made, perhaps by another process as well.
#[must_use]
pub fn delete(attempt: CampaigncallId) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_campaign_reports WHERE attempt_id = ?",
        vec![Value::uuid(attempt)],
    )
}

fn read(row: Row<'_>) -> Result<Report, Error> {
    Ok(Report {
        attempt: row.id("attempt_id")?,
        campaign: row.id("campaign_id")?,
        target: row.id("target_id")?,
        status: row.word("status")?,
        untried: row.flag("untried")?,
    })
}
