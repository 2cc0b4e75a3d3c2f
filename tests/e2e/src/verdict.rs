//! What became of a campaign on which everything was inflicted: the far end's
//! count against the plan, and the rows against what must always hold
//! (architecture §7).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use trunkline_campaign::invariants as attempts_hold;
use trunkline_model::Timestamp;
use trunkline_model::campaigncall::Campaigncall;
use trunkline_model::id::{CallId, CampaignId, OutdialTargetId};
use trunkline_model::outplan::Outplan;
use trunkline_model::page::Page;
use trunkline_store::{
    Database, Filter, call as calls, campaign as campaigns, campaigncall as campaigncalls,
    outplan as outplans,
};
use trunkline_store_sqlite::{Config, SqliteDatabase};

use crate::crowd::Crowd;

/// The outcome in numbers, and every offence by name.
#[derive(Debug, Default)]
pub struct Verdict {
    pub people: usize,
    pub attempts: usize,
    /// How many numbers were called how often, as the far end counted.
    pub histogram: BTreeMap<u64, usize>,
    /// What must not be; empty is what a test wants.
    pub offences: Vec<String>,
    /// People without an attempt that has a result.
    pub without_result: usize,
}

/// Where the rows are that are judged.
#[derive(Debug, Clone)]
pub struct Databases {
    /// Campaigns and attempts.
    pub campaign: PathBuf,
    /// Calls.
    pub call: PathBuf,
}

impl Databases {
    /// Everything in one.
    #[must_use]
    pub fn one(database: PathBuf) -> Self {
        Self {
            campaign: database.clone(),
            call: database,
        }
    }
}

impl Verdict {
    /// Judges the databases of a Trunkline that has stopped, and the far end's
    /// count of dials.
    ///
    /// # Errors
    ///
    /// When the rows cannot be read.
    pub async fn of(
        databases: &Databases,
        campaign: &str,
        targets: &[String],
        crowd: &Crowd,
        dials: &BTreeMap<String, u64>,
    ) -> Result<Self> {
        let open = |path: &PathBuf| SqliteDatabase::open(path, Config::default());
        let (db, calls) = (open(&databases.campaign)?, open(&databases.call)?);
        let now = db.now().await?;
        let (attempts, plan) = campaign_rows(&db, campaign, now).await?;
        let placed = placed(&calls, &attempts).await?;
        let mut verdict = Self {
            people: targets.len(),
            attempts: attempts.len(),
            ..Self::default()
        };
        verdict.judge_dials(crowd, dials);
        verdict.judge_attempts(&attempts, &plan, &placed);
        verdict.judge_targets(&attempts, targets)?;
        for violation in trunkline_call::invariants::check(&calls, now).await? {
            verdict.offences.push(format!("{violation:?}"));
        }
        Ok(verdict)
    }

    fn judge_dials(&mut self, crowd: &Crowd, dials: &BTreeMap<String, u64>) {
        let mut unknown: BTreeSet<&String> = dials.keys().collect();
        for (number, most) in crowd.allowed() {
            let count = dials.get(&number).copied().unwrap_or_default();
            *self.histogram.entry(count).or_default() += 1;
            unknown.remove(&number);
            if count > most {
                self.offences
                    .push(format!("{number} was called {count} times, {most} at most"));
            }
        }
        let strangers = unknown
            .iter()
            .map(|number| format!("{number} is on no list"));
        self.offences.extend(strangers);
    }

    fn judge_attempts(
        &mut self,
        attempts: &[Campaigncall],
        plan: &Outplan,
        placed: &BTreeSet<uuid::Uuid>,
    ) {
        let placed = |it: &Campaigncall| placed.contains(&it.reference_id.0);
        let mut note = |what: &str, offenders: Vec<String>| {
            self.offences
                .extend(offenders.into_iter().map(|id| format!("{what}: {id}")));
        };
        note(
            "two live attempts at a target",
            texts(attempts_hold::targets_in_two_live_attempts(attempts)),
        );
        note(
            "an attempt began before the one before had ended",
            texts(attempts_hold::overlapping_attempts(attempts)),
        );
        note(
            "an attempt beyond the plan",
            texts(
                attempts_hold::attempts_beyond_the_plan(attempts, plan, placed)
                    .into_iter()
                    .map(|(target, index)| format!("{target} number {index}")),
            ),
        );
        note(
            "an attempt before the try interval was over",
            texts(attempts_hold::attempts_too_early(attempts, plan, placed)),
        );
        note(
            "an attempt without exactly one result",
            texts(attempts_hold::attempts_without_one_result(attempts)),
        );
        note(
            "an attempt that is not done",
            texts(attempts_hold::unfinished_attempts(attempts)),
        );
    }

    fn judge_targets(&mut self, attempts: &[Campaigncall], targets: &[String]) -> Result<()> {
        let unfinished = attempts_hold::unfinished_attempts(attempts);
        let answered: BTreeSet<OutdialTargetId> = attempts
            .iter()
            .filter(|it| !unfinished.contains(&it.id))
            .map(|it| it.outdial_target_id)
            .collect();
        for target in targets {
            let id: OutdialTargetId = target.parse().context("a target's id")?;
            if !answered.contains(&id) {
                self.without_result += 1;
                self.offences.push(format!("target {target} has no result"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let histogram: Vec<String> = self
            .histogram
            .iter()
            .map(|(count, numbers)| format!("{count}x {numbers}"))
            .collect();
        write!(
            f,
            "people {}, attempts {}, calls per number at the far end: {}; \
             without a result {}, offences {}",
            self.people,
            self.attempts,
            histogram.join(", "),
            self.without_result,
            self.offences.len()
        )
    }
}

fn texts<T: ToString>(offenders: impl IntoIterator<Item = T>) -> Vec<String> {
    offenders.into_iter().map(|it| it.to_string()).collect()
}

async fn campaign_rows(
    db: &dyn Database,
    campaign: &str,
    now: Timestamp,
) -> Result<(Vec<Campaigncall>, Outplan)> {
    let id: CampaignId = campaign.parse().context("the campaign's id")?;
    let page = Page {
        limit: None,
        token: now.fixed(),
    };
    let filter = Filter::none().id("campaign_id", id);
    let attempts = campaigncalls::list(db, &filter, &page).await?;
    let campaign = campaigns::get(db, id).await?.context("no campaign")?;
    let plan = outplans::get(db, campaign.outplan_id)
        .await?
        .context("no outplan")?;
    Ok((attempts, plan))
}

/// The attempts' calls that were made: one whose process died before gave its
/// try back.
async fn placed(db: &dyn Database, attempts: &[Campaigncall]) -> Result<BTreeSet<uuid::Uuid>> {
    let mut placed = BTreeSet::new();
    let ids: Vec<_> = attempts
        .iter()
        .map(|it| CallId(it.reference_id.0))
        .collect();
    for some in ids.chunks(500) {
        let found = calls::by_ids(db, some).await?;
        placed.extend(found.into_iter().map(|call| call.id.0));
    }
    Ok(placed)
}
