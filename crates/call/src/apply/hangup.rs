//! Ending calls: asked for, or because the channel has ended.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use trunkline_ari::AsteriskTarget;
use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::call::hangup::{self, End, Request};
use trunkline_model::Timestamp;
use trunkline_model::call::{Call, Direction, HangupReason, Status};
use trunkline_model::id::{AsteriskId, BridgeId, CallId, ChannelId};
use trunkline_model::service::Service;
use trunkline_store::{
    Batch, Statement, bridge as bridges, call as calls, call_end, channel as channels,
};

use super::{ATTEMPTS, target};
use crate::Role;
use crate::error::Error;

/// Pause before a hangup that could not be delivered is sent again.
const AGAIN: Duration = Duration::from_secs(2);

/// What a channel ended with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// The Q.850 number.
    pub(crate) cause: i64,
    /// The SIP status that the far end gave; 0 if it gave none.
    pub(crate) sip_code: i64,
}

impl From<i64> for Ended {
    fn from(cause: i64) -> Self {
        Self { cause, sip_code: 0 }
    }
}

/// Asks for the end of a call and returns it as it is then (chapter 03 §8.1).
pub(crate) async fn request(
    role: &Arc<Role>,
    id: CallId,
    reason: &HangupReason,
) -> Result<Call, Error> {
    for _ in 0..ATTEMPTS {
        let call = role.call(id).await?;
        let now = role.ledger.now().await?;
        let Some(ending) = Ending::of(role, &call, reason, now) else {
            return Ok(call);
        };
        let batch = ending.statements.iter().cloned().collect();
        match role.ledger.apply(batch).await {
            Err(error) if error.is_conflict() => continue,
            outcome => outcome?,
        }
        ending.carry_out(role).await?;
        return role.call(id).await;
    }
    Err(Error::Precondition(format!("call `{id}` keeps changing")))
}

/// The beginning of a call's end: what is to be written, and then to be done.
pub(crate) struct Ending {
    /// The call as it is once the statements are applied.
    pub(crate) call: Call,
    pub(crate) statements: [Statement; 2],
    before: Status,
    cause: i64,
}

impl Ending {
    /// None when the call is ending or has ended.
    pub(crate) fn of(
        role: &Role,
        call: &Call,
        reason: &HangupReason,
        now: Timestamp,
    ) -> Option<Self> {
        let Request::Begin { status, cause } = hangup::on_request(call, reason) else {
            return None;
        };
        let (change, kind) = if status == Status::Canceling {
            (calls::set_canceling(call.id, now), "call_canceling")
        } else {
            (calls::set_terminating(call.id, now), "call_terminating")
        };
        let next = Call {
            status,
            tm_update: Some(now),
            ..call.clone()
        };
        Some(Self {
            statements: [change, role.call_event(now, kind, &next)],
            before: call.status.clone(),
            call: next,
            cause,
        })
    }

    /// Ends the channel, once the statements are applied.
    pub(crate) async fn carry_out(&self, role: &Arc<Role>) -> Result<(), Error> {
        tracing::info!(
            call_id = %self.call.id, old = %self.before, new = %self.call.status, cause = self.cause,
            "call is being hung up"
        );
        hangup_channel(role, &self.call, self.cause).await
    }
}

/// Ends the channel of a call; finishes the call at once when the channel has
/// ended already.
async fn hangup_channel(role: &Arc<Role>, call: &Call, cause: i64) -> Result<(), Error> {
    let channel = role.channel(&call.channel_id).await?;
    if let Some(ended) = channel.as_ref().filter(|channel| channel.tm_end.is_some()) {
        return on_channel_end(role, &call.channel_id, ended.hangup_cause).await;
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

/// Notes the end of a channel and ends its call (chapter 03 §8.2). A repeated or
/// late end changes nothing. No other dial route is tried: [`super::ended`] asks
/// for that first.
pub(crate) async fn on_channel_end(
    role: &Arc<Role>,
    id: &ChannelId,
    cause: i64,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let now = role.ledger.now().await?;
        let call = role.call_of(id).await?;
        match end_call(role, id, call, cause.into(), now).await {
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
            Ok(ended) => {
                clear_up(role, ended, None).await;
                return Ok(());
            }
        }
    }
    Err(Error::Precondition(format!(
        "the call of channel `{id}` keeps changing"
    )))
}

/// Ends a channel's call as it was read, and returns the call if this ended it.
///
/// # Errors
///
/// A conflict when the call has changed meanwhile.
pub(crate) async fn end_call(
    role: &Arc<Role>,
    id: &ChannelId,
    call: Option<Call>,
    with: Ended,
    now: Timestamp,
) -> Result<Option<Call>, Error> {
    let ended = channels::set_ended(id, with.cause, now, now).unchecked();
    let finish_as = match &call {
        Some(call) => hangup::on_channel_end(call, with.cause, false),
        None => End::Nothing,
    };
    match (call, finish_as) {
        (Some(call), End::Finish { reason, by }) => {
            let next = Call {
                hangup_reason: reason,
                hangup_by: by,
                ..call
            };
            finish(role, next, with, ended, now).await.map(Some)
        }
        (_, End::Nothing | End::Failover { .. }) | (None, End::Finish { .. }) => {
            role.ledger.apply(Batch::new().with(ended)).await?;
            Ok(None)
        }
    }
}

/// Ends a call that never got a channel.
pub(crate) async fn fail(role: &Arc<Role>, id: CallId) -> Result<(), Error> {
    let call = role.call(id).await?;
    on_channel_end(role, &call.channel_id, hangup::cause::INTERWORKING).await
}

/// Records the end of a call, with what follows from it.
async fn finish(
    role: &Arc<Role>,
    call: Call,
    with: Ended,
    ended: Statement,
    now: Timestamp,
) -> Result<Call, Error> {
    let before = call.status.clone();
    let change = calls::set_hangup(&call, &call.hangup_by, &call.hangup_reason, now);
    let call = Call {
        status: Status::Hangup,
        tm_hangup: Some(now),
        tm_update: Some(now),
        ..call
    };
    let mut batch = Batch::new()
        .with(ended)
        .with(change)
        .with(role.call_event(now, "call_hangup", &call))
        .with(role.ledger.cancel_all_of(call.id));
    if with.sip_code != 0 {
        batch.push(call_end::insert(call.id, with.sip_code));
    }
    // No event tells of the bridge's end unless somebody subscribed to it.
    if !call.bridge_id.is_empty() {
        batch.push(bridges::delete(&call.bridge_id, now).unchecked());
    }
    // Behind the cancellation, which would take them as well.
    batch.extend(
        sequels(&call, now)
            .iter()
            .map(|duty| role.ledger.schedule(now, duty)),
    );
    role.ledger.apply(batch).await?;
    tracing::info!(
        call_id = %call.id, channel_id = %call.channel_id, activeflow_id = %call.activeflow_id,
        old = %before, new = "hangup", reason = %call.hangup_reason, by = %call.hangup_by, cause = with.cause,
        "call ended"
    );
    role.metrics.hung_up(&call, with.cause, now);
    if call.direction == Direction::Outgoing {
        role.limits.ended(call.customer_id);
    }
    Ok(call)
}

/// Takes an ended call's bridge away; `on` is the Asterisk that its channel was
/// on, where that is known.
pub(crate) async fn clear_up(role: &Role, ended: Option<Call>, on: Option<&AsteriskId>) {
    let Some(call) = ended.filter(|call| !call.bridge_id.is_empty()) else {
        return;
    };
    match on {
        Some(asterisk) => delete_bridge(role, &asterisk.into(), &call.bridge_id).await,
        None => remove_bridge(role, &call.channel_id, &call.bridge_id).await,
    }
}

/// What follows the end of a call at other services and calls. These are duties:
/// whoever dies right after the end was written has promised them.
fn sequels(call: &Call, now: Timestamp) -> Vec<Duty> {
    let mut duties = Vec::new();
    if !call.activeflow_id.is_nil() {
        let id = call.activeflow_id;
        duties.push(Duty::new(
            format!("flow-stop:{id}"),
            call.id,
            now,
            Service::FLOW.request_queue(),
            Method::Post,
            format!("/v1/activeflows/{id}/stop"),
        ));
    }
    duties.extend(call.chained_call_ids.iter().map(|chained| {
        Duty::new(
            format!("chained-hangup:{chained}"),
            call.id,
            now,
            Service::CALL.request_queue(),
            Method::Post,
            format!("/v1/calls/{chained}/hangup"),
        )
    }));
    duties
}

/// Takes a bridge away that nobody needs any longer. One that stays, because
/// Asterisk did not answer or we died, is found by the comparison.
pub(crate) async fn remove_bridge(role: &Role, channel: &ChannelId, bridge: &BridgeId) {
    if bridge.is_empty() {
        return;
    }
    if let Ok(to) = role.target_of(channel).await {
        delete_bridge(role, &to, bridge).await;
    }
}

async fn delete_bridge(role: &Role, to: &AsteriskTarget, bridge: &BridgeId) {
    if let Err(error) = role.ari.bridge_delete(to, bridge).await {
        tracing::debug!(bridge_id = %bridge, %error, "the bridge of an ended call stays for a moment");
    }
}
