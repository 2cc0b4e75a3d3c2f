//! One tick of a running campaign: stop, hand over to the next one, wait, or
//! dial some targets (chapter 05 A.7–A.8, architecture §6).
//!
//! Pure. Reads nothing, sends nothing; the runner of `crates/campaign` gathers
//! the snapshot, carries out the answer and comes back when it is told to.

use std::time::Duration;

use trunkline_model::campaign::{Campaign, EndHandle, Status, Type};
use trunkline_model::id::{CampaignId, OutdialTargetId};
use trunkline_model::outdial_target::{OutdialTarget, Summary};
use trunkline_model::outplan::Outplan;
use trunkline_model::{Address, Timestamp};

use super::target;

/// What a tick is decided on.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// None when its row is gone.
    pub campaign: Option<&'a Campaign>,
    /// None when there is none, or it is deleted.
    pub outplan: Option<&'a Outplan>,
    /// Attempts that are not done.
    pub live: u64,
    /// How many may start now, or what is waited for.
    pub allowance: Result<u32, (Duration, WaitReason)>,
    pub telephony: Telephony,
    pub list: List,
}

/// Whether calls can be made at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telephony {
    /// Some Asterisk is connected, or call-manager does not say.
    Ready,
    /// call-manager knows that no Asterisk is connected.
    Disconnected,
    /// call-manager does not answer.
    Away,
}

/// What outdial-manager says about the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// Nothing may be dialed now, so it was not asked.
    NotAsked,
    /// Targets that may be dialed, as it believes; never empty.
    Targets(Vec<OutdialTarget>),
    /// No target may be dialed now. The summary is missing when it has no such
    /// resource.
    Nothing(Option<Summary>),
    /// There is no such list.
    Gone,
    /// It does not answer, or refuses to.
    Away,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq)]
pub enum Tick {
    /// The campaign stops, as soon as its last attempt is done.
    Stop(StopReason),
    /// The next campaign starts and this one stops.
    StartNext(CampaignId, StopReason),
    /// Nothing until then, unless something wakes the runner.
    Again {
        after: Duration,
        because: WaitReason,
    },
    /// These targets are dialed now.
    Dial(Vec<Dial>),
}

/// One attempt to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    pub target: OutdialTargetId,
    pub to: Address,
    /// Which of the target's destinations: 0 to 4.
    pub index: i64,
    /// Attempts at that destination, this one included.
    pub try_count: i64,
}

macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $( $variant:ident = $label:literal, $text:literal; )+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $( #[doc = $text] $variant, )+ }

        impl $name {
            /// Label in metrics and in the answer of `explain`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $label, )+ }
            }

            /// For people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }

            /// Every reason.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.message())
            }
        }
    };
}

reasons! {
    /// Why a campaign stops.
    StopReason {
        Requested = "requested", "the campaign was told to stop";
        Deleted = "deleted", "the campaign is deleted";
        UnknownType = "unknown_type", "the campaign's type is neither call nor flow";
        NoOutplan = "no_outplan", "the campaign has no outplan, or its outplan is deleted";
        NoOutdial = "no_outdial", "the campaign has no outdial";
        OutdialGone = "outdial_gone", "the campaign's outdial does not exist";
        NoTries = "no_tries", "outplan has no tries";
        Finished = "finished", "no target is left that may be called";
    }
}

reasons! {
    /// What a campaign waits for.
    WaitReason {
        Pace = "pace", "the pace allows no further call yet";
        Concurrency = "concurrency", "as many attempts are unfinished as the rules allow";
        Agents = "agents", "no agent of the queue is free";
        QueueAway = "queue_away", "queue-manager does not say how many agents are free";
        FailingCreates = "failing_creates", "call after call was refused: attempts are made slowly";
        TelephonyAway = "telephony_away", "call-manager does not answer";
        FlowAway = "flow_away", "flow-manager does not answer";
        CustomerLimit = "customer_limit", "the customer makes as many calls as his limits allow";
        NoAsterisk = "no_asterisk", "no Asterisk is connected";
        OutdialAway = "outdial_away", "outdial-manager does not say which targets may be called";
        RetryInterval = "retry_interval", "every target with tries left waits for its retry interval";
        Attempts = "attempts", "attempts are unfinished";
        NoTries = "no_tries", "outplan has no tries";
        NoTargets = "no_targets", "no target is left; the campaign waits for new ones";
        ListChanged = "list_changed", "the list has just changed";
        StoreAway = "store_away", "the database cannot be read or written";
    }
}

/// Longest waits. What is waited for usually wakes the runner earlier.
const ATTEMPTS_POLL: Duration = Duration::from_secs(1);
const AWAY_POLL: Duration = Duration::from_secs(1);
const NO_TARGETS_POLL: Duration = Duration::from_secs(5);
const INTERVAL_POLL: Duration = Duration::from_secs(5);
const LIST_CHANGED_POLL: Duration = Duration::from_millis(200);

/// Whether it makes sense to ask outdial-manager, given everything else.
/// A snapshot without its list ends in [`List::NotAsked`] otherwise.
#[must_use]
pub fn wants_targets(s: &Snapshot<'_>) -> Option<u32> {
    if before_the_list(s).is_some() {
        return None;
    }
    s.allowance.ok()
}

/// Decides one tick.
#[must_use]
pub fn decide(s: &Snapshot<'_>, now: Timestamp) -> Tick {
    if let Some(tick) = before_the_list(s) {
        return tick;
    }
    let (Some(campaign), Some(outplan)) = (s.campaign, s.outplan) else {
        return Tick::Stop(StopReason::NoOutplan);
    };
    match &s.list {
        List::NotAsked => again(LIST_CHANGED_POLL, WaitReason::ListChanged),
        List::Gone => Tick::Stop(StopReason::OutdialGone),
        List::Away => again(AWAY_POLL, WaitReason::OutdialAway),
        List::Nothing(summary) => nothing_to_dial(campaign, s.live, summary.as_ref(), now),
        List::Targets(targets) => {
            let most = s.allowance.unwrap_or(0);
            among(targets, outplan, most, now)
                .unwrap_or_else(|| nothing_to_dial(campaign, s.live, None, now))
        }
    }
}

/// What is decided without looking at the list.
fn before_the_list(s: &Snapshot<'_>) -> Option<Tick> {
    let Some(campaign) = s.campaign.filter(|campaign| campaign.tm_delete.is_none()) else {
        return Some(Tick::Stop(StopReason::Deleted));
    };
    match &campaign.status {
        Status::Run => {}
        Status::Stopping if s.live > 0 => return Some(again(ATTEMPTS_POLL, WaitReason::Attempts)),
        Status::Stopping | Status::Stop | Status::None | Status::Other(_) => {
            return Some(Tick::Stop(StopReason::Requested));
        }
    }
    let calls = match &campaign.kind {
        Type::Call => true,
        Type::Flow => false,
        Type::None | Type::Other(_) => return Some(Tick::Stop(StopReason::UnknownType)),
    };
    let Some(outplan) = s.outplan else {
        return Some(Tick::Stop(StopReason::NoOutplan));
    };
    if campaign.outdial_id.is_nil() {
        return Some(Tick::Stop(StopReason::NoOutdial));
    }
    if outplan.max_try_counts().iter().all(|most| *most <= 0) {
        return Some(match campaign.end_handle {
            EndHandle::Stop => Tick::Stop(StopReason::NoTries),
            EndHandle::Continue | EndHandle::None | EndHandle::Other(_) => {
                again(NO_TARGETS_POLL, WaitReason::NoTries)
            }
        });
    }
    match s.telephony {
        Telephony::Disconnected if calls => return Some(again(AWAY_POLL, WaitReason::NoAsterisk)),
        Telephony::Away if calls => return Some(again(AWAY_POLL, WaitReason::TelephonyAway)),
        Telephony::Ready | Telephony::Disconnected | Telephony::Away => {}
    }
    s.allowance
        .err()
        .map(|(after, because)| again(after, because))
}

/// The targets that are dialed, or how long the first of them waits. `None`
/// when none of them can be dialed at all.
fn among(targets: &[OutdialTarget], outplan: &Outplan, most: u32, now: Timestamp) -> Option<Tick> {
    let mut dials = Vec::new();
    let mut first_retry: Option<Timestamp> = None;
    for candidate in targets {
        // The reference returns deleted targets as well.
        let Some(choice) =
            target::choose(candidate, outplan).filter(|_| candidate.tm_delete.is_none())
        else {
            continue;
        };
        match target::dialable_from(candidate, outplan) {
            Some(from) if from > now => {
                first_retry = Some(first_retry.map_or(from, |first| first.min(from)));
            }
            Some(_) | None => dials.push(Dial {
                target: candidate.id,
                to: choice.to,
                index: choice.index,
                try_count: choice.try_count,
            }),
        }
        if dials.len() >= most as usize {
            break;
        }
    }
    if !dials.is_empty() {
        return Some(Tick::Dial(dials));
    }
    first_retry.map(|from| retry_at(from, now))
}

/// Nothing may be dialed now: wait for what may come back, or end.
fn nothing_to_dial(
    campaign: &Campaign,
    live: u64,
    summary: Option<&Summary>,
    now: Timestamp,
) -> Tick {
    let summary = summary.cloned().unwrap_or_default();
    if summary.available {
        return again(LIST_CHANGED_POLL, WaitReason::ListChanged);
    }
    if summary.waiting {
        return summary.tm_next_try.map_or_else(
            || again(INTERVAL_POLL, WaitReason::RetryInterval),
            |from| retry_at(from, now),
        );
    }
    if summary.progressing || live > 0 {
        return again(ATTEMPTS_POLL, WaitReason::Attempts);
    }
    let next = campaign.next_campaign_id;
    // A campaign that names itself as the next one would end and start for ever.
    if !next.is_nil() && next != campaign.id {
        return Tick::StartNext(next, StopReason::Finished);
    }
    match campaign.end_handle {
        EndHandle::Stop => Tick::Stop(StopReason::Finished),
        // Compat: any other value keeps polling (chapter 05 A.1.1).
        EndHandle::Continue | EndHandle::None | EndHandle::Other(_) => {
            again(NO_TARGETS_POLL, WaitReason::NoTargets)
        }
    }
}

fn retry_at(from: Timestamp, now: Timestamp) -> Tick {
    // At least a moment: the store's clock and outdial-manager's may differ.
    let after = from
        .since(now)
        .clamp(Duration::from_millis(10), INTERVAL_POLL);
    again(after, WaitReason::RetryInterval)
}

fn again(after: Duration, because: WaitReason) -> Tick {
    Tick::Again { after, because }
}

#[cfg(test)]
#[path = "tick_tests.rs"]
mod tests;
