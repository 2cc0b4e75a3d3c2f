//! The calls whose channel no Asterisk has reported: which Asterisks have to be
//! heard before one of them is judged, and what comes of that.
//!
//! Which Asterisks there are is known from memory, and from a table: a process that
//! has just started has heard of those only that were first to report to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trunkline_domain::call::reconcile::{Unplaced, Witness, may_have, never_placed};
use trunkline_model::Timestamp;
use trunkline_model::call::Call;
use trunkline_model::id::{AsteriskId, ChannelId};
use trunkline_store::{Batch, asterisk as asterisks, call as calls};

use super::limits;
use crate::Role;
use crate::error::Error;

/// What the Asterisks have said, and which of them have.
pub(super) struct Heard {
    /// When the first of them was asked.
    pub(super) since: Timestamp,
    pub(super) channels: BTreeSet<ChannelId>,
    /// Listed, or lost.
    pub(super) asterisks: BTreeSet<AsteriskId>,
}

/// Notes in the table that an Asterisk is there, often enough that it never looks
/// lost while it is there.
pub(super) async fn see(role: &Role, id: &AsteriskId, now: Timestamp) -> Result<(), Error> {
    let every = role.config.asterisk_lost_after() / 4;
    if role.asterisks.is_to_be_written(id, every, now) {
        let seen = asterisks::see(role.ledger.db().dialect(), id, now);
        role.ledger.apply(Batch::new().with(seen)).await?;
    }
    Ok(())
}

/// The Asterisks that have to be asked because a call without a place may be there.
pub(super) async fn suspects(role: &Role) -> Result<BTreeSet<AsteriskId>, Error> {
    let unplaced = read(role).await?;
    if unplaced.is_empty() {
        return Ok(BTreeSet::new());
    }
    let witnesses = witnesses(role, &BTreeSet::new()).await?;
    let limits = limits(role);
    let may = |witness: &Witness| unplaced.iter().any(|call| may_have(witness, call, limits));
    let suspects = witnesses.into_iter().filter(|(_, witness)| may(witness));
    Ok(suspects.map(|(id, _)| id).collect())
}

/// Ends those of which it is sure that no Asterisk has their channel.
pub(super) async fn end(role: &Arc<Role>, heard: &Heard) -> Result<(), Error> {
    let unplaced = read(role).await?;
    if unplaced.is_empty() {
        return Ok(());
    }
    let witnesses: Vec<Witness> = witnesses(role, &heard.asterisks)
        .await?
        .into_values()
        .collect();
    let picture = Unplaced {
        calls: &unplaced,
        listed: &heard.channels,
        listed_at: heard.since,
        witnesses: &witnesses,
    };
    let now = role.ledger.now().await?;
    let repairs = never_placed(&picture, now, limits(role));
    let nowhere = (&AsteriskId::default()).into();
    super::repair::all(role, &nowhere, &unplaced, repairs).await;
    Ok(())
}

async fn read(role: &Role) -> Result<Vec<Call>, Error> {
    Ok(calls::live_unplaced(role.ledger.db(), role.config.reconcile_limit).await?)
}

/// All Asterisks that are known: from the table, by name from live calls, and those
/// in memory, which are there now as far as is known.
async fn witnesses(
    role: &Role,
    heard: &BTreeSet<AsteriskId>,
) -> Result<BTreeMap<AsteriskId, Witness>, Error> {
    let now = role.ledger.now().await?;
    let db = role.ledger.db();
    let named = calls::live_asterisks(db).await?;
    let mut seen: BTreeMap<_, _> = named.into_iter().map(|id| (id, None)).collect();
    seen.extend(asterisks::all(db).await?);
    for known in role.asterisks.list() {
        if known.connected {
            seen.insert(known.id, Some(now));
        } else {
            seen.entry(known.id).or_insert(known.tm_update);
        }
    }
    let witness = |(id, seen): (AsteriskId, Option<Timestamp>)| {
        let heard = heard.contains(&id);
        (id, Witness { seen, heard })
    };
    Ok(seen.into_iter().map(witness).collect())
}
