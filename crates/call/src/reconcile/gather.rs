//! What an Asterisk has and what the rows say of it: two listings, and as many
//! queries however many calls there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trunkline_ari::AsteriskTarget;
use trunkline_ari::resource::{Bridge as BridgeSnapshot, Channel as Snapshot};
use trunkline_domain::call::channel::is_on_another;
use trunkline_domain::call::reconcile::{Listed, listeners};
use trunkline_domain::call::status::is_live;
use trunkline_model::Timestamp;
use trunkline_model::bridge::ReferenceType;
use trunkline_model::call::Call;
use trunkline_model::id::{AsteriskId, BridgeId, CallId, ChannelId};
use trunkline_model::recording::Recording;
use trunkline_store::{
    bridge as bridges, call as calls, channel as channels, recording as recordings,
};

use crate::Role;
use crate::error::Error;

/// Both sides of a comparison.
pub(super) struct Found {
    pub(super) calls: Vec<Call>,
    pub(super) channels: BTreeMap<ChannelId, Listed>,
    pub(super) unwanted_bridges: Vec<BridgeId>,
    /// Rows of channels without a live call that have not ended, and that
    /// Asterisk does not have: when each changed last.
    pub(super) vanished: Vec<(ChannelId, Option<Timestamp>)>,
    /// Recordings that have not ended.
    pub(super) recordings: Vec<Recording>,
}

/// Reads both sides. The rows are read first: what begins in between is in
/// neither list.
pub(super) async fn gather(role: &Arc<Role>, asterisk: &AsteriskId) -> Result<Found, Error> {
    let to = AsteriskTarget::from(asterisk);
    let (db, limit) = (role.ledger.db(), role.config.reconcile_limit);
    let mut live = calls::live_on(db, asterisk, limit).await?;
    let unplaced = calls::live_unplaced(db, limit).await?;
    let unended = channels::live(db, asterisk, limit).await?;
    let recordings = recordings::live_on(db, asterisk, limit).await?;
    let snapshots = role.ari.list_channels(&to).await?;
    let listed_bridges = role.ari.list_bridges(&to).await?;
    let there: BTreeSet<&ChannelId> = snapshots.iter().map(|it| &it.id).collect();
    // A call that no Asterisk has reported belongs to the one that has its channel.
    live.extend(
        unplaced
            .into_iter()
            .filter(|call| there.contains(&call.channel_id)),
    );
    let of_calls: BTreeSet<&ChannelId> = live.iter().map(|call| &call.channel_id).collect();
    let vanished = unended
        .into_iter()
        .filter(|row| !there.contains(&row.id) && !of_calls.contains(&row.id))
        .map(|row| (row.id, row.tm_update.or(row.tm_create)))
        .collect();
    let listening = listeners(&recordings, &live);
    let orphans = orphans(role, asterisk, &live, &listening, &snapshots).await?;
    let joined = joined(&live, &listed_bridges);
    let unwanted_bridges = unwanted_bridges(
        role,
        &live,
        listed_bridges.into_iter().map(|bridge| bridge.id),
    )
    .await?;
    let listed = |snapshot: Snapshot| {
        let listed = Listed {
            orphan: orphans.contains(&snapshot.id),
            entered: is_in_stasis(role, &snapshot),
            joined: joined.contains(&snapshot.id),
            state: snapshot.state,
            tm_create: snapshot.creationtime,
        };
        (snapshot.id, listed)
    };
    Ok(Found {
        channels: snapshots.into_iter().map(listed).collect(),
        calls: live,
        unwanted_bridges,
        vanished,
        recordings,
    })
}

/// Which channels are ours and have no live call. Ours is a stored id, or a
/// channel inside Stasis of our application; nothing else is ever touched. A double
/// of a call's channel that another Asterisk has is nobody's.
async fn orphans(
    role: &Role,
    asterisk: &AsteriskId,
    live: &[Call],
    listening: &BTreeSet<&ChannelId>,
    snapshots: &[Snapshot],
) -> Result<BTreeSet<ChannelId>, Error> {
    let mut known: BTreeSet<&ChannelId> = live.iter().map(|call| &call.channel_id).collect();
    known.extend(listening);
    let others = || snapshots.iter().filter(|it| !known.contains(&it.id));
    let ids: Vec<ChannelId> = others().map(|it| it.id.clone()).collect();
    let stored = channels::by_ids(role.ledger.db(), &ids).await?;
    let doubles: BTreeSet<ChannelId> = stored
        .iter()
        .filter(|row| is_on_another(row, asterisk))
        .map(|row| row.id.clone())
        .collect();
    let stored: BTreeSet<ChannelId> = stored.into_iter().map(|channel| channel.id).collect();
    let of_calls = calls::by_channels(role.ledger.db(), &ids).await?;
    let used: BTreeSet<ChannelId> = of_calls
        .into_iter()
        .filter(|call| is_live(&call.status))
        .map(|call| call.channel_id)
        .collect();
    Ok(others()
        .filter(|it| stored.contains(&it.id) || is_in_stasis(role, it))
        .filter(|it| !used.contains(&it.id) || doubles.contains(&it.id))
        .map(|it| it.id.clone())
        .collect())
}

/// The channels that are in the bridges of their calls.
fn joined(live: &[Call], bridges: &[BridgeSnapshot]) -> BTreeSet<ChannelId> {
    let members: BTreeSet<(&BridgeId, &ChannelId)> = bridges
        .iter()
        .flat_map(|bridge| bridge.channels.iter().map(|channel| (&bridge.id, channel)))
        .collect();
    live.iter()
        .filter(|call| members.contains(&(&call.bridge_id, &call.channel_id)))
        .map(|call| call.channel_id.clone())
        .collect()
}

fn is_in_stasis(role: &Role, snapshot: &Snapshot) -> bool {
    let arguments = snapshot.dialplan.app_data.as_str();
    let application = arguments.split(',').next().unwrap_or_default();
    snapshot.dialplan.app_name == "Stasis" && application == role.config.application
}

/// Which bridges were made for a call that has ended, or has another one.
async fn unwanted_bridges(
    role: &Role,
    live: &[Call],
    listed: impl Iterator<Item = BridgeId>,
) -> Result<Vec<BridgeId>, Error> {
    let wanted: BTreeSet<&BridgeId> = live.iter().map(|call| &call.bridge_id).collect();
    let ids: Vec<BridgeId> = listed.filter(|id| !wanted.contains(id)).collect();
    let mut rows = bridges::by_ids(role.ledger.db(), &ids).await?;
    rows.retain(|row| row.reference_type == ReferenceType::Call);
    let owners: Vec<CallId> = rows.iter().map(|row| CallId(row.reference_id.0)).collect();
    let owners: BTreeMap<CallId, Call> = calls::by_ids(role.ledger.db(), &owners)
        .await?
        .into_iter()
        .map(|call| (call.id, call))
        .collect();
    let is_wanted = |id: &BridgeId, owner: CallId| {
        let owner = owners.get(&owner);
        owner.is_some_and(|call| is_live(&call.status) && call.bridge_id == *id)
    };
    Ok(rows
        .into_iter()
        .filter(|row| !is_wanted(&row.id, CallId(row.reference_id.0)))
        .map(|row| row.id)
        .collect())
}
