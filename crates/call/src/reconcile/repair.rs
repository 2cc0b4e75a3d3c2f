//! Carrying out what a comparison found.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use trunkline_ari::AsteriskTarget;
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::reconcile::Repair;
use trunkline_model::call::Call;
use trunkline_model::id::{AsteriskId, CallId, ChannelId};
use trunkline_store::{Batch, channel as channels};

use crate::Role;
use crate::apply::channel::end_double;
use crate::apply::{action, ended, hangup, outgoing, recording, status};
use crate::error::Error;
use crate::metrics::RepairLabels;

/// Repairs on their way at once: together they share the store's commits.
const AT_ONCE: usize = 64;

/// Carries out all repairs. One that fails keeps no other waiting; the next
/// comparison tries it again.
pub(super) async fn all(
    role: &Arc<Role>,
    to: &AsteriskTarget,
    calls: &[Call],
    repairs: Vec<Repair>,
) {
    let calls: BTreeMap<CallId, &Call> = calls.iter().map(|call| (call.id, call)).collect();
    let mut running = JoinSet::new();
    for repair in repairs {
        while running.len() >= AT_ONCE {
            running.join_next().await;
        }
        let call = call_of(&repair).and_then(|id| calls.get(&id).map(|call| (*call).clone()));
        let (role, to) = (Arc::clone(role), to.clone());
        running.spawn(async move {
            if let Err(error) = Box::pin(one(&role, &to, repair, call)).await {
                tracing::warn!(asterisk = to.name(), %error, "a difference could not be repaired");
            }
        });
    }
    while running.join_next().await.is_some() {}
}

fn call_of(repair: &Repair) -> Option<CallId> {
    match repair {
        Repair::FinishCall(id)
        | Repair::ChannelState(id, ..)
        | Repair::Dial(id, _)
        | Repair::Replace(id, _)
        | Repair::Resume(id)
        | Repair::AskPlayback(id)
        | Repair::EndChannel(id, ..) => Some(*id),
        Repair::HangupChannel(_)
        | Repair::RemoveBridge(_)
        | Repair::CloseChannel(_)
        | Repair::EndRecording(_)
        | Repair::BeginRecording(_) => None,
    }
}

async fn one(
    role: &Arc<Role>,
    to: &AsteriskTarget,
    repair: Repair,
    call: Option<Call>,
) -> Result<(), Error> {
    match repair {
        Repair::FinishCall(id) => finish(role, id, call).await,
        Repair::ChannelState(id, channel, state) => {
            if status::on_channel_state_change(role, &channel, &state).await? {
                count(role, "channel_state");
                tracing::warn!(call_id = %id, channel_id = %channel, %state, "a change of a channel's state was missed");
            }
            Ok(())
        }
        Repair::Dial(id, channel) => dial(role, to, id, &channel).await,
        Repair::Replace(id, channel) => {
            count(role, "replace");
            tracing::warn!(call_id = %id, channel_id = %channel, "a channel was placed and never dialed; the call gets another one");
            ended::replace(role, to, id, &channel).await
        }
        Repair::Resume(id) => {
            count(role, "resume");
            tracing::warn!(call_id = %id, "nobody walks through the call's flow any more; it goes on");
            action::resume(role, role.call(id).await?).await
        }
        Repair::AskPlayback(id) => {
            let call = role.call(id).await?;
            let playback = action::playback_of(&call);
            match role.ari.playback_get(to, &playback).await {
                Err(error) if error.is_gone() => {
                    count(role, "playback");
                    tracing::warn!(call_id = %id, playback_id = %playback, "the end of a playback was missed");
                    action::on_playback_finished(role, call, &playback, false).await
                }
                outcome => Ok(outcome.map(drop)?),
            }
        }
        Repair::EndChannel(id, channel, cause) => {
            count(role, "end_channel");
            tracing::warn!(call_id = %id, channel_id = %channel, "a channel that should have ended is ended");
            hangup::end_channel(role, to, id, &channel, cause).await
        }
        Repair::HangupChannel(channel) => {
            count(role, "hangup_channel");
            tracing::warn!(channel_id = %channel, "a channel without a call is hung up");
            hangup::end_channel(role, to, CallId::NIL, &channel, cause::NORMAL).await
        }
        Repair::RemoveBridge(bridge) => {
            count(role, "remove_bridge");
            tracing::info!(bridge_id = %bridge, "a bridge without a call is removed");
            Ok(role.ari.bridge_delete(to, &bridge).await?)
        }
        Repair::EndRecording(id) => {
            let recording = role.recording(id).await?;
            if recording::end(role, &recording).await? {
                count(role, "end_recording");
                tracing::warn!(recording_id = %id, "nobody listens for a recording any more; its end was missed");
            }
            Ok(())
        }
        Repair::BeginRecording(id) => {
            count(role, "begin_recording");
            tracing::warn!(recording_id = %id, "nobody has heard that a recording began; it is begun again");
            recording::begin_again(role, id).await
        }
        Repair::CloseChannel(channel) => {
            count(role, "close_channel");
            tracing::warn!(channel_id = %channel, "a channel without a call is gone; its end was missed");
            let now = role.ledger.now().await?;
            let ended = channels::set_ended(&channel, cause::INTERWORKING, now, now).unchecked();
            Ok(role.ledger.apply(Batch::new().with(ended)).await?)
        }
    }
}

fn count(role: &Role, kind: &'static str) {
    let labels = RepairLabels { kind };
    role.metrics.repairs.get_or_create(&labels).inc();
}

/// Ends a call whose channel is gone, as it was read; the bridge, if it is still
/// there, is found by the next comparison.
async fn finish(role: &Arc<Role>, id: CallId, call: Option<Call>) -> Result<(), Error> {
    let call = match call {
        Some(call) => call,
        None => role.call(id).await?,
    };
    let now = role.ledger.now().await?;
    let channel = call.channel_id.clone();
    match hangup::end_call(role, &channel, Some(call), cause::INTERWORKING.into(), now).await {
        // It has changed meanwhile: somebody knows better.
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(error),
        Ok(None) => Ok(()),
        Ok(Some(_)) => {
            count(role, "finish_call");
            tracing::warn!(call_id = %id, channel_id = %channel, "a call's channel is gone; its end was missed");
            Ok(())
        }
    }
}

/// Dials a channel that nobody has dialed, as its entry into Stasis would have.
async fn dial(
    role: &Arc<Role>,
    to: &AsteriskTarget,
    id: CallId,
    channel: &ChannelId,
) -> Result<(), Error> {
    let AsteriskTarget::One(asterisk) = to else {
        return Ok(());
    };
    let snapshot = match role.ari.get(to, channel).await {
        Err(error) if error.is_gone() => return Ok(()),
        outcome => outcome?,
    };
    count(role, "dial");
    tracing::warn!(call_id = %id, channel_id = %channel, "a channel waits that nobody has dialed");
    Box::pin(enter(role, asterisk, id, &snapshot)).await
}

async fn enter(
    role: &Arc<Role>,
    asterisk: &AsteriskId,
    id: CallId,
    snapshot: &trunkline_ari::resource::Channel,
) -> Result<(), Error> {
    match outgoing::entered_unheard(role, asterisk, id, snapshot).await? {
        Some(entered) => outgoing::on_channel_ready(role, entered, id).await,
        None => end_double(role, asterisk, &snapshot.id).await,
    }
}
