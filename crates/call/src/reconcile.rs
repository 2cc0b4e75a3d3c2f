//! Comparing the rows with each Asterisk, and repairing both ways (architecture
//! decision 14). Takes no input, reads the state, acts idempotently; the next
//! run is the retry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trunkline_ari::AsteriskTarget;
use trunkline_ari::resource::Channel as Snapshot;
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::reconcile::{Limits, Listed, Repair, compare as decide};
use trunkline_domain::call::status::is_live;
use trunkline_model::id::{AsteriskId, CallId};
use trunkline_store::{call as calls, channel as channels};

use crate::Role;
use crate::apply::{action, hangup, status};
use crate::error::Error;
use crate::metrics::RepairLabels;

/// Compares with every connected Asterisk, again and again.
pub(crate) async fn run(role: Arc<Role>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(role.config.reconcile_interval()) => {}
        }
        for asterisk in role.asterisks.connected() {
            if let Err(error) = compare(&role, &asterisk).await {
                tracing::warn!(asterisk_id = %asterisk, %error, "an Asterisk could not be compared and will be next time");
            }
        }
    }
}

/// Compares once with one Asterisk.
pub(crate) async fn compare(role: &Arc<Role>, asterisk: &AsteriskId) -> Result<(), Error> {
    let to = AsteriskTarget::from(asterisk);
    // The rows are read first: a call that begins in between is in neither list.
    // A channel that nobody has reported can only be judged where there is no
    // other Asterisk that it could be on.
    let unplaced = role.asterisks.list().len() == 1;
    let limit = role.config.reconcile_limit;
    let live = calls::live_on(role.ledger.db(), asterisk, unplaced, limit).await?;
    let listed = role.ari.list_channels(&to).await?;
    let mut found = BTreeMap::new();
    for snapshot in &listed {
        let known = live.iter().any(|call| call.channel_id == snapshot.id);
        let orphan = !known && is_orphan(role, snapshot).await?;
        let tm_create = snapshot.creationtime;
        found.insert(
            snapshot.id.clone(),
            Listed {
                state: snapshot.state.clone(),
                orphan,
                tm_create,
            },
        );
    }
    let now = role.ledger.now().await?;
    let limits = Limits {
        grace: role.config.reconcile_grace(),
        dial_timeout: Duration::from_secs(role.config.dial_timeout_s.into()),
    };
    for repair in decide(&live, &found, now, limits) {
        // One that fails must not keep the others waiting; the next run tries it.
        if let Err(error) = Box::pin(apply(role, &to, repair)).await {
            tracing::warn!(asterisk_id = %asterisk, %error, "a difference could not be repaired");
        }
    }
    Ok(())
}

/// Whether a channel is ours and has no live call. Ours is a stored id, or a
/// channel inside Stasis of our application; nothing else is ever touched.
async fn is_orphan(role: &Arc<Role>, snapshot: &Snapshot) -> Result<bool, Error> {
    let stored = channels::get(role.ledger.db(), &snapshot.id).await?;
    let arguments = snapshot.dialplan.app_data.as_str();
    let application = arguments.split(',').next().unwrap_or_default();
    let in_stasis =
        snapshot.dialplan.app_name == "Stasis" && application == role.config.application;
    if stored.is_none() && !in_stasis {
        return Ok(false);
    }
    Ok(!role
        .call_of(&snapshot.id)
        .await?
        .is_some_and(|call| is_live(&call.status)))
}

async fn apply(role: &Arc<Role>, to: &AsteriskTarget, repair: Repair) -> Result<(), Error> {
    let count = |kind| {
        role.metrics
            .repairs
            .get_or_create(&RepairLabels { kind })
            .inc()
    };
    match repair {
        Repair::FinishCall(id) => {
            let call = role.call(id).await?;
            count("finish_call");
            tracing::warn!(call_id = %id, channel_id = %call.channel_id, "a call's channel is gone; its end was missed");
            hangup::on_channel_end(role, &call.channel_id, cause::INTERWORKING, false).await
        }
        Repair::ChannelState(id, channel, state) => {
            let before = role.call(id).await?.status;
            status::on_channel_state_change(role, &channel, &state).await?;
            if role.call(id).await?.status != before {
                count("channel_state");
                tracing::warn!(call_id = %id, channel_id = %channel, %state, "a change of a channel's state was missed");
            }
            Ok(())
        }
        Repair::Resume(id) => {
            count("resume");
            tracing::warn!(call_id = %id, "nobody walks through the call's flow any more; it goes on");
            action::resume(role, role.call(id).await?).await
        }
        Repair::AskPlayback(id) => {
            let call = role.call(id).await?;
            let playback = action::playback_of(&call);
            match role.ari.playback_get(to, &playback).await {
                Err(error) if error.is_gone() => {
                    count("playback");
                    tracing::warn!(call_id = %id, playback_id = %playback, "the end of a playback was missed");
                    action::on_playback_finished(role, call, &playback, false).await
                }
                outcome => Ok(outcome.map(drop)?),
            }
        }
        Repair::EndChannel(id, channel, cause) => {
            count("end_channel");
            tracing::warn!(call_id = %id, channel_id = %channel, "a channel that should have ended is ended");
            hangup::end_channel(role, to, id, &channel, cause).await
        }
        Repair::HangupChannel(channel) => {
            count("hangup_channel");
            tracing::warn!(channel_id = %channel, "a channel without a call is hung up");
            hangup::end_channel(role, to, CallId::NIL, &channel, cause::NORMAL).await
        }
    }
}
