//! The store under watch: after each batch, what a batch can break is checked.
//! Cheap: only what the batch touches.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use trunkline_call::invariants::{History, Violation as CallViolation};
use trunkline_model::Timestamp;
use trunkline_model::id::CallId;
use trunkline_model::page::Page;
use trunkline_store::{
    Batch, Database, Dialect, Error, Filter, Rows, Statement, Value, call, outbox,
};
use uuid::Uuid;

/// Something that must not be, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Such as `I1`.
    pub invariant: &'static str,
    pub detail: String,
}

impl Violation {
    /// A violation of `invariant`.
    #[must_use]
    pub fn new(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self {
            invariant,
            detail: detail.into(),
        }
    }
}

/// A page with every row there is.
#[must_use]
pub fn every_row() -> Page {
    Page {
        limit: None,
        token: "9999-12-31 23:59:59".to_owned(),
    }
}

/// A database that notes what its batches break.
pub struct Watched {
    inner: Arc<dyn Database>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    history: History,
    violations: Vec<Violation>,
    /// Attempts whose end was announced.
    ended: BTreeSet<Uuid>,
    batches: u64,
}

/// What identifies the row that an event is about.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Announced {
    r#type: String,
    data: Row,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Row {
    id: Uuid,
    status: String,
}

impl Watched {
    /// Watches `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Database>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            seen: Mutex::default(),
        })
    }

    /// What was found so far, once.
    #[must_use]
    pub fn take_violations(&self) -> Vec<Violation> {
        std::mem::take(&mut self.seen().violations)
    }

    /// Batches that were applied.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.seen().batches
    }

    /// I7 at the end: changes of calls that no event announced.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn unannounced(&self) -> Result<Vec<Violation>, Error> {
        let calls = call::list(&*self.inner, &Filter::none(), &every_row()).await?;
        Ok(of_calls(self.seen().history.missing(&calls)))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self, batch: &Batch) -> Result<(), Error> {
        let touches = |table: &str| {
            let writes = |statement: &Statement| statement.sql.contains(table);
            batch.statements.iter().any(writes)
        };
        for event in batch.statements.iter().filter_map(outbox::appended) {
            self.note_event(&event);
        }
        if touches("call_calls") {
            let calls = call::list(&*self.inner, &Filter::none(), &every_row()).await?;
            let mut seen = self.seen();
            let revived = of_calls(seen.history.see_calls(&calls));
            seen.violations.extend(revived);
        }
        for statement in batch.statements.iter().filter(|it| begins_attempt(it)) {
            let wrong = self.begun_without_leave(statement).await?;
            self.seen().violations.extend(wrong);
        }
        if touches("INTO campaign_campaigncalls") {
            let doubles = self.targets_in_two_attempts().await?;
            self.seen().violations.extend(doubles);
        }
        Ok(())
    }

    /// I7: each change of a call's status is announced by one event.
    fn note_event(&self, entry: &outbox::Entry) {
        let Ok(event) = serde_json::from_str::<Announced>(&entry.body) else {
            return;
        };
        let mut seen = self.seen();
        if event.r#type == "campaigncall_updated"
            && event.data.status == "done"
            && !seen.ended.insert(event.data.id)
        {
            let detail = format!("attempt {} has ended twice", event.data.id);
            seen.violations.push(Violation::new("I4", detail));
        }
        let twice = seen
            .history
            .see_event(entry.id, &event.r#type, CallId(event.data.id));
        let twice = of_calls(twice.into_iter().collect());
        seen.violations.extend(twice);
    }

    /// I3 and decision 13: an attempt begins only while its campaign runs, and
    /// only by whoever holds the campaign's lease with its present number.
    async fn begun_without_leave(&self, statement: &Statement) -> Result<Vec<Violation>, Error> {
        let Some(id) = statement.params.iter().find_map(Value::as_uuid) else {
            return Ok(Vec::new());
        };
        let sql = "SELECT campaign.status AS status, lease.holder AS holder, lease.fence AS fence \
            FROM campaign_campaigncalls AS attempt \
            JOIN campaign_campaigns AS campaign ON campaign.id = attempt.campaign_id \
            LEFT JOIN trunkline_campaign_leases AS lease ON lease.campaign_id = campaign.id \
            WHERE attempt.id = ?";
        let rows = self.inner.query(sql, vec![Value::uuid(id)]).await?;
        let mut found = Vec::new();
        for row in rows.iter() {
            let (holder, fence): (Uuid, i64) = (row.id("holder")?, row.int("fence")?);
            let by_holder = statement.params.contains(&Value::uuid(holder))
                && statement.params.contains(&Value::Int(fence));
            if !by_holder {
                let detail = format!("attempt {id} was begun by somebody without the lease");
                found.push(Violation::new("lease", detail));
            }
            let status = row.text("status")?;
            if status != "run" {
                let detail = format!("attempt {id} was begun while its campaign is `{status}`");
                found.push(Violation::new("I3", detail));
            }
        }
        Ok(found)
    }

    /// I1, asked of the rows themselves.
    async fn targets_in_two_attempts(&self) -> Result<Vec<Violation>, Error> {
        let sql = "SELECT outdial_target_id, count(*) AS n FROM campaign_campaigncalls \
            WHERE status <> 'done' GROUP BY outdial_target_id HAVING count(*) > 1";
        let rows = self.inner.query(sql, Vec::new()).await?;
        rows.map(|row| {
            let target: Uuid = row.id("outdial_target_id")?;
            let count = row.int("n")?;
            let detail = format!("target {target} is in {count} live attempts");
            Ok(Violation::new("I1", detail))
        })
    }
}

fn begins_attempt(statement: &Statement) -> bool {
    statement
        .sql
        .starts_with("INSERT INTO campaign_campaigncalls ")
}

fn of_calls(found: Vec<CallViolation>) -> Vec<Violation> {
    let named = |found: CallViolation| Violation::new(invariant_of(&found), format!("{found:?}"));
    found.into_iter().map(named).collect()
}

/// Which invariant of the architecture a finding about calls breaks.
#[must_use]
pub fn invariant_of(found: &CallViolation) -> &'static str {
    match found {
        CallViolation::ChannelOutlivesCall { .. }
        | CallViolation::ChannelWithoutCall { .. }
        | CallViolation::BridgeOutlivesCall { .. }
        | CallViolation::RecordingOutlivesCall { .. }
        | CallViolation::CallWithoutChannel { .. } => "I6",
        CallViolation::HalfEnded { .. }
        | CallViolation::Revived { .. }
        | CallViolation::EventTwice { .. }
        | CallViolation::EventMissing { .. } => "I7",
    }
}

#[async_trait]
impl Database for Watched {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.inner.query(sql, params).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.inner.apply(batch.clone()).await?;
        self.seen().batches += 1;
        self.look(&batch).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.inner.now().await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}
