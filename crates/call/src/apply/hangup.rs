//! Ending calls: asked for, or because the channel has ended.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use trunkline_ari::AsteriskTarget;
use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::call::hangup::{self, End, Request};
use trunkline_model::Timestamp;
use trunkline_model::call::{Call, HangupReason, Status};
use trunkline_model::channel::Channel;
use trunkline_model::id::{CallId, ChannelId, RouteId};
use trunkline_model::service::Service;
use trunkline_store::{Batch, bridge as bridges, call as calls, channel as channels};

use super::{ATTEMPTS, outgoing, target};
use crate::Role;
use crate::error::Error;

/// Pause before a hangup that could not be delivered is sent again.
const AGAIN: Duration = Duration::from_secs(2);

/// Asks for the end of a call and returns it as it is then (chapter 03 §8.1).
pub(crate) async fn request(
    role: &Arc<Role>,
    id: CallId,
    reason: &HangupReason,
) -> Result<Call, Error> {
    for _ in 0..ATTEMPTS {
        let call = role.call(id).await?;
        let (status, cause) = match hangup::on_request(&call, reason) {
            Request::Nothing => return Ok(call),
            Request::Begin { status, cause } => (status, cause),
        };
        let now = role.ledger.now().await?;
        let next = Call {
            status: status.clone(),
            tm_update: Some(now),
            ..call.clone()
        };
        let kind = if status == Status::Canceling {
            "call_canceling"
        } else {
            "call_terminating"
        };
        let batch = Batch::new()
            .with(if status == Status::Canceling {
                calls::set_canceling(id, now)
            } else {
                calls::set_terminating(id, now)
            })
            .with(role.call_event(now, kind, &next));
        match role.ledger.apply(batch).await {
            Err(error) if error.is_conflict() => continue,
            outcome => outcome?,
        }
        tracing::info!(call_id = %id, old = %call.status, new = %status, reason = %reason, "call is being hung up");
        hangup_channel(role, &next, cause).await?;
        return role.call(id).await;
    }
    Err(Error::Precondition(format!("call `{id}` keeps changing")))
}

/// Ends the channel of a call; finishes the call at once when the channel has
/// ended already.
async fn hangup_channel(role: &Arc<Role>, call: &Call, cause: i64) -> Result<(), Error> {
    let channel = role.channel(&call.channel_id).await?;
    if let Some(ended) = channel.as_ref().filter(|channel| channel.tm_end.is_some()) {
        return on_channel_end(role, &call.channel_id, ended.hangup_cause, false).await;
    }
    end_channel(
        role,
        &target(channel.as_ref()),
        call.id,
        &call.channel_id,
        cause,
    )
    .await
}

/// Sends the hangup of a channel; one that cannot be delivered becomes a duty.
pub(crate) async fn end_channel(
    role: &Arc<Role>,
    to: &AsteriskTarget,
    call: CallId,
    channel: &ChannelId,
    cause: i64,
) -> Result<(), Error> {
    let Err(error) = role.ari.hangup(to, channel, cause).await else {
        return Ok(());
    };
    tracing::warn!(call_id = %call, channel_id = %channel, %error, "the hangup of a channel will be sent again");
    let now = role.ledger.now().await?;
    let duty = delayed_hangup(
        format!("channel-hangup:{channel}"),
        call,
        to,
        channel,
        cause,
        now.plus(AGAIN),
    );
    Ok(role
        .ledger
        .apply(Batch::new().with(role.ledger.schedule(now, &duty)))
        .await?)
}

/// The hangup of a channel as a duty (chapter 01 §1.7: the reference sends it as
/// a delayed message).
pub(crate) fn delayed_hangup(
    key: String,
    owner: CallId,
    to: &AsteriskTarget,
    channel: &ChannelId,
    cause: i64,
    due_at: Timestamp,
) -> Duty {
    #[derive(Serialize)]
    struct Body {
        reason_code: String,
    }
    let uri = format!("/ari/channels/{channel}");
    Duty::new(key, owner, due_at, to.queue(), Method::Delete, uri).json(&Body {
        reason_code: cause.to_string(),
    })
}

/// Notes the end of a channel and does what it means for its call (chapter 03
/// §8.2). A repeated or late end changes nothing.
pub(crate) async fn on_channel_end(
    role: &Arc<Role>,
    id: &ChannelId,
    cause: i64,
    may_fail_over: bool,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let now = role.ledger.now().await?;
        let ended = channels::set_ended(id, cause, now, now).unchecked();
        let Some(call) = role.call_of(id).await? else {
            role.ledger.apply(Batch::new().with(ended)).await?;
            return Ok(());
        };
        let outcome = match hangup::on_channel_end(&call, cause, may_fail_over) {
            End::Nothing => return Ok(role.ledger.apply(Batch::new().with(ended)).await?),
            End::Failover { route } => {
                match fail_over(role, &call, route, ended.clone(), now).await {
                    Ok(()) => return Ok(()),
                    Err(error) if is_conflict(&error) => continue,
                    Err(error) => {
                        tracing::warn!(call_id = %call.id, %error, "the next dial route could not be tried");
                        let failed = role.call(call.id).await?;
                        finish_without_failover(role, &failed, cause, ended, now).await
                    }
                }
            }
            End::Finish { reason, by } => {
                let next = Call {
                    hangup_reason: reason,
                    hangup_by: by,
                    ..call
                };
                finish(role, next, cause, ended, now).await
            }
        };
        match outcome {
            Err(error) if is_conflict(&error) => {}
            outcome => return outcome,
        }
    }
    Err(Error::Precondition(format!(
        "the call of channel `{id}` keeps changing"
    )))
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Store(error) if error.is_conflict())
}

async fn finish_without_failover(
    role: &Arc<Role>,
    call: &Call,
    cause: i64,
    ended: trunkline_store::Statement,
    now: Timestamp,
) -> Result<(), Error> {
    match hangup::on_channel_end(call, cause, false) {
        End::Nothing | End::Failover { .. } => Ok(()),
        End::Finish { reason, by } => {
            let next = Call {
                hangup_reason: reason,
                hangup_by: by,
                ..call.clone()
            };
            finish(role, next, cause, ended, now).await
        }
    }
}

/// Ends a call that never got a channel.
pub(crate) async fn fail(role: &Arc<Role>, id: CallId) -> Result<(), Error> {
    let call = role.call(id).await?;
    on_channel_end(role, &call.channel_id, hangup::cause::INTERWORKING, false).await
}

/// Records the end of a call and does what follows from it.
async fn finish(
    role: &Arc<Role>,
    call: Call,
    cause: i64,
    ended: trunkline_store::Statement,
    now: Timestamp,
) -> Result<(), Error> {
    let before = call.status.clone();
    let call = Call {
        status: Status::Hangup,
        tm_hangup: Some(now),
        tm_update: Some(now),
        ..call
    };
    let batch = Batch::new()
        .with(ended)
        .with(calls::set_hangup(
            call.id,
            &call.hangup_by,
            &call.hangup_reason,
            now,
        ))
        .with(role.call_event(now, "call_hangup", &call))
        .with(role.ledger.cancel_all_of(call.id))
        // No event tells of the bridge's end unless somebody subscribed to it.
        .with(bridges::delete(&call.bridge_id, now).unchecked());
    role.ledger.apply(batch).await?;
    tracing::info!(
        call_id = %call.id, channel_id = %call.channel_id, activeflow_id = %call.activeflow_id,
        old = %before, new = "hangup", reason = %call.hangup_reason, by = %call.hangup_by, cause,
        "call ended"
    );
    role.metrics.hung_up(&call, now);
    clear_up(role, &call).await;
    for chained in &call.chained_call_ids {
        if let Err(error) = Box::pin(request(role, *chained, &HangupReason::Normal)).await {
            tracing::warn!(call_id = %chained, %error, "a chained call could not be hung up");
        }
    }
    Ok(())
}

/// Takes away the call's bridge and stops its flow. What cannot be delivered
/// now becomes a duty.
async fn clear_up(role: &Arc<Role>, call: &Call) {
    let mut later = Vec::new();
    let Ok(now) = role.ledger.now().await else {
        return;
    };
    if !call.bridge_id.is_empty()
        && let Ok(to) = role.target_of(&call.channel_id).await
        && let Err(error) = role.ari.bridge_delete(&to, &call.bridge_id).await
    {
        tracing::debug!(call_id = %call.id, %error, "the bridge of an ended call stays for a moment");
        let uri = format!("/ari/bridges/{}", call.bridge_id);
        let key = format!("bridge-delete:{}", call.bridge_id);
        later.push(Duty::new(
            key,
            call.id,
            now.plus(AGAIN),
            to.queue(),
            Method::Delete,
            uri,
        ));
    }
    if !call.activeflow_id.is_nil()
        && let Err(error) = role.flow.stop(call.activeflow_id).await
        && !error.is_not_found()
    {
        tracing::debug!(call_id = %call.id, %error, "the flow of an ended call goes on for a moment");
        let uri = format!("/v1/activeflows/{}/stop", call.activeflow_id);
        let key = format!("flow-stop:{}", call.activeflow_id);
        let queue = Service::FLOW.request_queue();
        later.push(Duty::new(
            key,
            call.id,
            now.plus(AGAIN),
            queue,
            Method::Post,
            uri,
        ));
    }
    let batch: Batch = later
        .iter()
        .map(|duty| role.ledger.schedule(now, duty))
        .collect();
    if let Err(error) = role.ledger.apply(batch).await {
        tracing::warn!(call_id = %call.id, %error, "clearing up after a call could not be noted");
    }
}

/// Tries the next dial route with a new channel (chapter 03 §4.9).
async fn fail_over(
    role: &Arc<Role>,
    call: &Call,
    route: RouteId,
    ended: trunkline_store::Statement,
    now: Timestamp,
) -> Result<(), Error> {
    let next = Call {
        channel_id: ChannelId::random(),
        bridge_id: "".into(),
        dialroute_id: route,
        tm_update: Some(now),
        ..call.clone()
    };
    let channel = Channel {
        id: next.channel_id.clone(),
        tm_create: Some(now),
        ..Channel::default()
    };
    let batch = Batch::new()
        .with(ended)
        .with(calls::set_failover(
            call.id,
            &call.channel_id,
            &next.channel_id,
            route,
            now,
        ))
        .with(channels::insert(&channel))
        .with(role.call_event(now, "call_updated", &next))
        .with(role.ledger.cancel_all_of(call.id));
    role.ledger.apply(batch).await?;
    tracing::info!(call_id = %call.id, dialroute_id = %route, "the next dial route is tried");
    if !call.bridge_id.is_empty()
        && let Ok(to) = role.target_of(&call.channel_id).await
        && let Err(error) = role.ari.bridge_delete(&to, &call.bridge_id).await
    {
        tracing::debug!(call_id = %call.id, %error, "the bridge of a failed try stays");
    }
    outgoing::create_channel(role, &next).await
}
