//! Gathering what a tick is decided on. Reads and asks; changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_client::Error as RpcError;
use trunkline_domain::campaign::pacing::Agents;
use trunkline_domain::campaign::target;
use trunkline_domain::campaign::tick::{self, List, Snapshot, Telephony, WaitReason};
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Status, Type};
use trunkline_model::id::{CampaignId, OutdialTargetId};
use trunkline_model::outdial_target::{AvailableRequest, OutdialTarget, Summary};
use trunkline_model::outplan::Outplan;
use trunkline_model::rules::CampaignRules;
use trunkline_store::{Error, campaign, campaign_report, campaigncall, outplan};

use crate::manager::CampaignManager;

/// Everything that was gathered.
pub(crate) struct Facts {
    pub(crate) campaign: Option<Campaign>,
    pub(crate) outplan: Option<Outplan>,
    pub(crate) rules: CampaignRules,
    /// Attempts that are not done, or of which outdial-manager was not told.
    pub(crate) live: u64,
    allowance: Allowance,
    telephony: Telephony,
    list: List,
}

pub(crate) type Allowance = Result<u32, (Duration, WaitReason)>;

impl Facts {
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            campaign: self.campaign.as_ref(),
            outplan: self.outplan.as_ref(),
            live: self.live,
            allowance: self.allowance,
            telephony: self.telephony,
            list: self.list.clone(),
        }
    }
}

/// Answers of other services that are used for more than one tick.
#[derive(Default)]
pub(crate) struct Views {
    telephony: Option<(Instant, Telephony)>,
    agents: Option<(Instant, Agents)>,
    /// The last answer that was an error, for the log and for `explain`.
    pub(crate) trouble: Option<String>,
}

/// What the runner adds from its memory.
pub(crate) struct Memory<'a> {
    /// Attempts that are about to be written.
    pub(crate) pending: u64,
    /// Targets that are being dialed, or could not be claimed a moment ago.
    pub(crate) skip: &'a BTreeSet<OutdialTargetId>,
}

/// Gathers everything. `allow` says how many attempts may start, given the
/// rules, the live attempts and the agents.
pub(crate) async fn gather(
    manager: &CampaignManager,
    campaign: Option<Campaign>,
    views: &mut Views,
    memory: &Memory<'_>,
    now: Timestamp,
    allow: impl FnOnce(&CampaignRules, u64, Agents) -> Allowance,
) -> Result<Facts, Error> {
    let mut facts = Facts {
        campaign: None,
        outplan: None,
        rules: CampaignRules::default(),
        live: 0,
        allowance: Ok(0),
        telephony: Telephony::Ready,
        list: List::NotAsked,
    };
    let Some(campaign) = campaign else {
        return Ok(facts);
    };
    let written = campaigncall::live_count(manager.db(), campaign.id).await?;
    facts.live = u64::try_from(written).unwrap_or(0) + memory.pending;
    if facts.live == 0 {
        // Asked before the list is: a target that is about to come back must
        // not be missed by both, or its campaign ends.
        let untold = campaign_report::any_of(manager.db(), campaign.id).await?;
        facts.live = u64::from(untold);
    }
    if campaign.status == Status::Run {
        facts.outplan = usable_outplan(manager, &campaign).await?;
        facts.rules = manager.rules(&campaign).await?;
        facts.telephony = views.telephony(manager, &campaign).await;
        let agents = views.agents(manager, &campaign).await;
        facts.allowance = allow(&facts.rules, facts.live, agents);
    }
    facts.campaign = Some(campaign);
    if let Some(wanted) = tick::wants_targets(&facts.snapshot()) {
        facts.list = list(manager, &facts, views, memory.skip, wanted, now).await;
    }
    Ok(facts)
}

/// The campaign's row, always from the store.
pub(crate) async fn campaign(
    manager: &CampaignManager,
    id: CampaignId,
) -> Result<Option<Campaign>, Error> {
    campaign::get(manager.db(), id).await
}

async fn usable_outplan(
    manager: &CampaignManager,
    campaign: &Campaign,
) -> Result<Option<Outplan>, Error> {
    if campaign.outplan_id.is_nil() {
        return Ok(None);
    }
    let found = outplan::get(manager.db(), campaign.outplan_id).await?;
    Ok(found.filter(|plan| plan.tm_delete.is_none()))
}

impl Views {
    async fn telephony(&mut self, manager: &CampaignManager, campaign: &Campaign) -> Telephony {
        if campaign.kind != Type::Call {
            return Telephony::Ready;
        }
        if let Some(known) = fresh(self.telephony, manager) {
            return known;
        }
        let seen = match manager.call.asterisks().await {
            Ok(asterisks) if asterisks.iter().any(|asterisk| asterisk.connected) => {
                Telephony::Ready
            }
            Ok(_) => Telephony::Disconnected,
            Err(error) if error.is_unavailable() => {
                self.trouble = Some(error.to_string());
                Telephony::Away
            }
            // A call-manager that is not ours does not know the question.
            Err(_) => Telephony::Ready,
        };
        self.telephony = Some((Instant::now(), seen));
        seen
    }

    async fn agents(&mut self, manager: &CampaignManager, campaign: &Campaign) -> Agents {
        if campaign.queue_id.is_nil() {
            return Agents::NoQueue;
        }
        if let Some(known) = fresh(self.agents, manager) {
            return known;
        }
        let seen = match manager.queue.available_agents(campaign.queue_id).await {
            Ok(agents) => Agents::Available {
                agents,
                service_level: campaign.service_level,
            },
            Err(error) => {
                self.trouble = Some(error.to_string());
                Agents::Unknown
            }
        };
        self.agents = Some((Instant::now(), seen));
        seen
    }

    /// Asks anew about telephony at the next tick.
    pub(crate) fn forget_telephony(&mut self) {
        self.telephony = None;
    }
}

fn fresh<T: Copy>(view: Option<(Instant, T)>, manager: &CampaignManager) -> Option<T> {
    let ttl = manager.config.runner.view_ttl();
    view.filter(|(since, _)| since.elapsed() < ttl)
        .map(|(_, seen)| seen)
}

/// Asks outdial-manager for targets, and for the state of the list when it has
/// none.
async fn list(
    manager: &CampaignManager,
    facts: &Facts,
    views: &mut Views,
    skip: &BTreeSet<OutdialTargetId>,
    wanted: u32,
    now: Timestamp,
) -> List {
    let (Some(campaign), Some(outplan)) = (&facts.campaign, &facts.outplan) else {
        return List::NotAsked;
    };
    let most = manager.config.runner.list_limit.max(1);
    let skipped = u32::try_from(skip.len()).unwrap_or(u32::MAX);
    let mut limit = wanted.saturating_add(skipped).clamp(1, most);
    loop {
        let asked = AvailableRequest::new(
            outplan.max_try_counts(),
            limit.into(),
            Some(outplan.try_interval.max(0)),
        );
        let answer = manager.outdial.available(campaign.outdial_id, &asked).await;
        let found = match answer {
            Ok(found) => found,
            Err(error) => return refused(views, &error),
        };
        if found.is_empty() {
            return nothing(manager, campaign, views, &asked).await;
        }
        let full = found.len() >= limit as usize;
        let mut left = found;
        left.retain(|target| !skip.contains(&target.id));
        // The reference's list begins with the longest untouched, also when
        // they wait for their interval: look past them, once.
        let dialable = left
            .iter()
            .any(|target| may_be_dialed(target, outplan, now));
        if !dialable && full && limit < most {
            limit = most;
            continue;
        }
        if left.is_empty() {
            return List::Nothing(Some(Summary {
                progressing: true,
                ..Summary::default()
            }));
        }
        return List::Targets(left);
    }
}

fn may_be_dialed(candidate: &OutdialTarget, outplan: &Outplan, now: Timestamp) -> bool {
    candidate.tm_delete.is_none()
        && target::choose(candidate, outplan).is_some()
        && target::dialable_from(candidate, outplan).is_none_or(|from| from <= now)
}

async fn nothing(
    manager: &CampaignManager,
    campaign: &Campaign,
    views: &mut Views,
    asked: &AvailableRequest,
) -> List {
    match manager.outdial.summary(campaign.outdial_id, asked).await {
        Ok(summary) => List::Nothing(Some(summary)),
        Err(error) if error.is_unavailable() => refused(views, &error),
        // An outdial-manager that is not ours does not know the question.
        Err(_) => List::Nothing(None),
    }
}

/// A refusal that is not a typed 404 keeps the campaign running: the reference
/// answers 400 when its database is set up in a certain way (chapter 05 G.1).
fn refused(views: &mut Views, error: &RpcError) -> List {
    let typed = matches!(error, RpcError::Typed(_));
    if typed && error.is_not_found() {
        return List::Gone;
    }
    views.trouble = Some(error.to_string());
    List::Away
}
