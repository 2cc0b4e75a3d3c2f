//! Comparing the rows with each Asterisk, and repairing both ways (architecture
//! decision 14). Takes no input, reads the state, acts idempotently; the next
//! run is the retry.
//!
//! An Asterisk is asked when a proxy has reported it or a live call is on it. One
//! that does not answer counts as away after `asterisk_away_after_ms`, and keeps its
//! calls as they are: nobody knows how they go.
//! After `asterisk_lost_after_ms` it is taken as lost, and its calls end: the
//! longest outage that a campaign waits for.

mod gather;
mod repair;
mod unplaced;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trunkline_ari::AsteriskTarget;
use trunkline_domain::call::reconcile::{Limits, Picture, Repair, compare as decide, is_undialed};
use trunkline_model::Timestamp;
use trunkline_model::call::Call;
use trunkline_model::id::{AsteriskId, ChannelId};
use trunkline_store::{call as calls, recording as recordings};

use self::unplaced::Heard;
use crate::Role;
use crate::error::Error;

/// Asterisks that one search for them can find; the next one goes on.
const ASKED_AT_ONCE: usize = 8;

/// Since when something has been amiss with channels of live calls, by Asterisk.
#[derive(Default)]
pub(crate) struct Since(Mutex<BTreeMap<AsteriskId, BTreeMap<ChannelId, Timestamp>>>);

impl Since {
    /// Takes the channels on an Asterisk with which it is so; returns since when it
    /// has been so with each, where that is known from before.
    fn update(
        &self,
        asterisk: &AsteriskId,
        channels: impl Iterator<Item = ChannelId>,
        now: Timestamp,
    ) -> BTreeMap<ChannelId, Timestamp> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.remove(asterisk).unwrap_or_default();
        let since = |id: ChannelId| {
            let at = before.get(&id).copied().unwrap_or(now);
            (id, at)
        };
        known.insert(asterisk.clone(), channels.map(since).collect());
        before
    }
}

/// Compares with every Asterisk, again and again.
pub(crate) async fn run(role: Arc<Role>, stop: CancellationToken) {
    loop {
        discover(&role).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(role.config.reconcile_interval()) => {}
        }
        if let Err(error) = role.limits.recount(role.ledger.db()).await {
            tracing::warn!(%error, "the customers' calls could not be counted and will be next time");
        }
        if let Err(error) = compare_all(&role).await {
            tracing::warn!(%error, "the calls could not be compared and will be next time");
        }
    }
}

/// Asks whoever serves the group which Asterisk he is, until one says so that is
/// known. A proxy says once that it is connected, and to one call-manager only:
/// the others, and one that has just started, would wait for its next word.
async fn discover(role: &Role) {
    for _ in 0..ASKED_AT_ONCE {
        let Ok(id) = role.ari.entity_id(&AsteriskTarget::Call).await else {
            return;
        };
        let Ok(now) = role.ledger.now().await else {
            return;
        };
        let known = role.asterisks.list().iter().any(|it| it.id == id);
        role.asterisks.answered(&id, now);
        if known {
            return;
        }
    }
}

/// Compares with one Asterisk that has just come; calls that none has reported are
/// judged at once when there is no other on which they may be.
pub(crate) async fn on_connected(role: &Arc<Role>, asterisk: &AsteriskId) -> Result<(), Error> {
    let since = role.ledger.now().await?;
    unplaced::see(role, asterisk, since).await?;
    let heard = Heard {
        since,
        channels: compare(role, asterisk).await?,
        asterisks: BTreeSet::from([asterisk.clone()]),
    };
    unplaced::end(role, &heard).await
}

async fn compare_all(role: &Arc<Role>) -> Result<(), Error> {
    let mut known: BTreeSet<AsteriskId> =
        role.asterisks.list().into_iter().map(|it| it.id).collect();
    known.extend(calls::live_asterisks(role.ledger.db()).await?);
    known.extend(recordings::live_asterisks(role.ledger.db()).await?);
    known.extend(unplaced::suspects(role).await?);
    let mut heard = Heard {
        since: role.ledger.now().await?,
        channels: BTreeSet::new(),
        asterisks: BTreeSet::new(),
    };
    for asterisk in known {
        match compare(role, &asterisk).await {
            Ok(channels) => {
                heard.channels.extend(channels);
                heard.asterisks.insert(asterisk);
            }
            Err(error) => {
                tracing::warn!(asterisk_id = %asterisk, %error, "an Asterisk could not be compared and will be next time");
                if end_lost(role, &asterisk).await? {
                    heard.asterisks.insert(asterisk);
                }
            }
        }
    }
    unplaced::end(role, &heard).await
}

/// Compares once with one Asterisk; returns the channels that it has.
async fn compare(role: &Arc<Role>, asterisk: &AsteriskId) -> Result<BTreeSet<ChannelId>, Error> {
    let found = match gather::gather(role, asterisk).await {
        Err(error @ Error::Ari(_)) => {
            let now = role.ledger.now().await?;
            let limit = role.config.asterisk_away_after();
            if role.asterisks.unanswered(asterisk, limit, now) {
                tracing::warn!(asterisk_id = %asterisk, "an Asterisk does not answer and counts as away");
            }
            return Err(error);
        }
        outcome => outcome?,
    };
    let now = role.ledger.now().await?;
    role.asterisks.answered(asterisk, now);
    unplaced::see(role, asterisk, now).await?;
    let gone = found
        .calls
        .iter()
        .map(|call| &call.channel_id)
        .chain(found.recordings.iter().flat_map(|it| &it.channel_ids))
        .filter(|id| !found.channels.contains_key(*id))
        .cloned();
    let missing = role.missing.update(asterisk, gone, now);
    let undialed = found
        .calls
        .iter()
        .filter(|call| {
            let channel = found.channels.get(&call.channel_id);
            channel.is_some_and(|channel| is_undialed(call, channel))
        })
        .map(|call| call.channel_id.clone());
    let outside = role.outside.update(asterisk, undialed, now);
    let picture = Picture {
        calls: &found.calls,
        channels: &found.channels,
        unwanted_bridges: &found.unwanted_bridges,
        vanished: &found.vanished,
        recordings: &found.recordings,
        missing: &missing,
        outside: &outside,
    };
    let repairs = decide(&picture, now, limits(role));
    let to = AsteriskTarget::from(asterisk);
    repair::all(role, &to, &found.calls, repairs).await;
    Ok(found.channels.into_keys().collect())
}

fn limits(role: &Role) -> Limits {
    Limits {
        grace: role.config.reconcile_grace(),
        dial_timeout: Duration::from_secs(role.config.dial_timeout_s.into()),
        asterisk_lost_after: role.config.asterisk_lost_after(),
    }
}

/// Ends the calls of an Asterisk that is lost; says whether it is.
async fn end_lost(role: &Arc<Role>, asterisk: &AsteriskId) -> Result<bool, Error> {
    let now = role.ledger.now().await?;
    let limit = role.config.asterisk_lost_after();
    if !role.asterisks.lost(asterisk, limit, now) {
        return Ok(false);
    }
    let db = role.ledger.db();
    let lost = calls::live_on(db, asterisk, role.config.reconcile_limit).await?;
    finish(role, asterisk, &lost).await;
    let recorded = recordings::live_on(db, asterisk, role.config.reconcile_limit).await?;
    let ends = recorded.iter().map(|it| Repair::EndRecording(it.id));
    repair::all(role, &asterisk.into(), &[], ends.collect()).await;
    Ok(true)
}

async fn finish(role: &Arc<Role>, asterisk: &AsteriskId, ended: &[Call]) {
    let repairs = ended
        .iter()
        .map(|call| Repair::FinishCall(call.id))
        .collect();
    let to = AsteriskTarget::from(asterisk);
    repair::all(role, &to, ended, repairs).await;
}
