//! Rows of a running Trunkline, read beside it: what the HTTP API would answer
//! page by page costs the measured program processor time.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// A connection that reads only.
pub(crate) struct Rows(Connection);

impl Rows {
    /// Opens the database of a data folder.
    ///
    /// # Errors
    ///
    /// When it does not exist.
    pub(crate) fn open(database: &Path) -> Result<Self> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| format!("failed to open {}", database.display()))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(Self(connection))
    }

    /// The number that a query answers.
    ///
    /// # Errors
    ///
    /// When it answers none.
    pub(crate) fn count(&self, sql: &str) -> Result<i64> {
        Ok(self.0.query_row(sql, [], |row| row.get(0))?)
    }

    /// Calls in one of these states, a list in SQL.
    ///
    /// # Errors
    ///
    /// As [`Rows::count`].
    pub(crate) fn calls_that_are(&self, states: &str) -> Result<i64> {
        self.count(&format!(
            "SELECT count(*) FROM call_calls WHERE status IN ({states})"
        ))
    }

    /// Calls that have not ended.
    ///
    /// # Errors
    ///
    /// As [`Rows::count`].
    pub(crate) fn live_calls(&self) -> Result<i64> {
        self.calls_that_are("'dialing', 'ringing', 'progressing', 'terminating', 'canceling'")
    }

    /// Channels that have not ended.
    ///
    /// # Errors
    ///
    /// As [`Rows::count`].
    pub(crate) fn live_channels(&self) -> Result<i64> {
        self.count("SELECT count(*) FROM call_channels WHERE tm_end IS NULL")
    }

    /// Attempts that have not ended.
    ///
    /// # Errors
    ///
    /// As [`Rows::count`].
    pub(crate) fn live_attempts(&self) -> Result<i64> {
        self.count("SELECT count(*) FROM campaign_campaigncalls WHERE status <> 'done'")
    }

    /// When the first attempt of a campaign after a moment began; both seconds
    /// since 1970. None: there is none yet.
    ///
    /// # Errors
    ///
    /// When the row cannot be read.
    pub(crate) fn first_attempt_after(&self, campaign: &str, moment: f64) -> Result<Option<f64>> {
        let sql = "SELECT unixepoch(tm_create, 'subsec') FROM campaign_campaigncalls \
                   WHERE campaign_id = ? AND tm_create > strftime('%Y-%m-%d %H:%M:%f', ?, 'unixepoch') \
                   ORDER BY tm_create LIMIT 1";
        let mut statement = self.0.prepare(sql)?;
        let params = rusqlite::params![bytes(campaign)?, moment];
        Ok(statement.query_row(params, |row| row.get(0)).optional()?)
    }

    /// When each attempt of a campaign began, in order, seconds since 1970.
    ///
    /// # Errors
    ///
    /// When a row cannot be read.
    pub(crate) fn attempts_begun(&self, campaign: &str) -> Result<Vec<f64>> {
        let sql = "SELECT unixepoch(tm_create, 'subsec') FROM campaign_campaigncalls \
                   WHERE campaign_id = ? ORDER BY tm_create";
        let mut statement = self.0.prepare(sql)?;
        let begun = statement.query_map([bytes(campaign)?], |row| row.get(0))?;
        Ok(begun.collect::<Result<_, _>>()?)
    }

    /// Attempts of a campaign with this result.
    ///
    /// # Errors
    ///
    /// As [`Rows::count`].
    pub(crate) fn attempts_with_result(&self, campaign: &str, result: &str) -> Result<i64> {
        let sql =
            "SELECT count(*) FROM campaign_campaigncalls WHERE campaign_id = ? AND result = ?";
        let params = rusqlite::params![bytes(campaign)?, result];
        Ok(self.0.query_row(sql, params, |row| row.get(0))?)
    }

    /// Attempts whose call was answered and then ended by us, as it should.
    ///
    /// # Errors
    ///
    /// As [`Rows::count`].
    pub(crate) fn attempts_that_went_well(&self, campaign: &str) -> Result<i64> {
        let sql = "SELECT count(*) FROM campaign_campaigncalls attempt \
                   JOIN call_calls call ON call.id = attempt.reference_id \
                   WHERE attempt.campaign_id = ? AND attempt.status = 'done' \
                   AND attempt.result = 'success' AND call.status = 'hangup' \
                   AND call.hangup_reason = 'normal' AND call.hangup_by = 'local' \
                   AND call.tm_progressing IS NOT NULL";
        Ok(self
            .0
            .query_row(sql, [bytes(campaign)?], |row| row.get(0))?)
    }

    /// Waits until a campaign has stopped.
    ///
    /// # Errors
    ///
    /// When it has not within `patience`.
    pub(crate) async fn until_stopped(&self, campaign: &str, patience: Duration) -> Result<()> {
        let campaign = bytes(campaign)?;
        let look = Duration::from_millis(200);
        self.until("the campaign has stopped", patience, look, |rows| {
            let sql = "SELECT count(*) FROM campaign_campaigns WHERE id = ? AND status = 'stop'";
            let stopped: i64 = rows.0.query_row(sql, [&campaign], |row| row.get(0))?;
            Ok(stopped == 1)
        })
        .await
    }

    /// Waits until a condition holds, looking this often.
    ///
    /// # Errors
    ///
    /// When it does not within `patience`.
    pub(crate) async fn until(
        &self,
        what: &str,
        patience: Duration,
        look: Duration,
        condition: impl Fn(&Self) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !condition(self)? {
            ensure!(Instant::now() < deadline, "not within {patience:?}: {what}");
            sleep(look).await;
        }
        Ok(())
    }
}

/// An id as the column has it.
fn bytes(id: &str) -> Result<Vec<u8>> {
    let id = id
        .parse::<Uuid>()
        .with_context(|| format!("`{id}` is no id"))?;
    Ok(id.as_bytes().to_vec())
}
