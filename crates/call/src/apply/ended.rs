//! The end of a channel that Asterisk reports: the next dial route, or the end of
//! its call (chapter 03 §8.2, §4.9).

use std::sync::Arc;

use trunkline_ari::AsteriskTarget;
use trunkline_domain::call::hangup::{self as rules, End, cause};
use trunkline_model::Timestamp;
use trunkline_model::call::Call;
use trunkline_model::channel::Channel;
use trunkline_model::id::{AsteriskId, CallId, ChannelId, RouteId};
use trunkline_store::{Batch, bridge as bridges, call as calls, channel as channels};

use super::hangup::Ended;
use super::{ATTEMPTS, hangup, outgoing, recording};
use crate::Role;
use crate::error::Error;

/// Does what the end of a channel means. A repeated or late end changes nothing.
/// `on` is the Asterisk that tells of it.
pub(crate) async fn on_channel_end(
    role: &Arc<Role>,
    on: &AsteriskId,
    id: &ChannelId,
    with: Ended,
) -> Result<(), Error> {
    let cause = with.cause;
    for _ in 0..ATTEMPTS {
        let now = role.ledger.now().await?;
        let call = role.call_of(id).await?;
        let route = match call
            .as_ref()
            .map(|call| rules::on_channel_end(call, cause, true))
        {
            Some(End::Failover { route }) => Some(route),
            Some(End::Nothing | End::Finish { .. }) | None => None,
        };
        let is_of_a_call = call.is_some();
        let outcome = match (call, route) {
            (Some(call), Some(route)) => match take_route(role, call, route, cause, now).await {
                Ok(next) => return try_route(role, &next).await,
                Err(error) => Err(error),
            },
            (call, _) => hangup::end_call(role, id, call, with, now).await,
        };
        match outcome {
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
            Ok(ended) => {
                hangup::clear_up(role, ended, Some(on).filter(|on| !on.is_empty())).await;
                if !is_of_a_call {
                    return recording::on_listener_gone(role, id).await;
                }
                return Ok(());
            }
        }
    }
    Err(Error::Precondition(format!(
        "the call of channel `{id}` keeps changing"
    )))
}

/// Gives a call another channel, over the same route, in place of one that was never
/// dialed. The old one is gone before the new one is created: a request that is
/// still on its way to it finds nothing.
pub(crate) async fn replace(
    role: &Arc<Role>,
    to: &AsteriskTarget,
    id: CallId,
    channel: &ChannelId,
) -> Result<(), Error> {
    let call = role.call(id).await?;
    if call.channel_id != *channel {
        return Ok(());
    }
    let (now, route) = (role.ledger.now().await?, call.dialroute_id);
    let next = match take_route(role, call, route, cause::NORMAL, now).await {
        Err(error) if error.is_conflict() => return Ok(()),
        taken => taken?,
    };
    // When it is unknown whether that was done there is no new channel, and the next
    // comparison ends the call.
    role.ari.hangup(to, channel, cause::NORMAL).await?;
    try_route(role, &next).await
}

/// Gives the call a new channel over the next route, in the batch that notes the
/// end of the old one.
pub(super) async fn take_route(
    role: &Arc<Role>,
    call: Call,
    route: RouteId,
    cause: i64,
    now: Timestamp,
) -> Result<Call, Error> {
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
        .with(channels::set_ended(&call.channel_id, cause, now, now).unchecked())
        .with(calls::set_failover(
            call.id,
            &call.channel_id,
            &next.channel_id,
            route,
            now,
        ))
        .with(channels::insert(&channel))
        .with(bridges::delete(&call.bridge_id, now).unchecked())
        .with(role.call_event(now, "call_updated", &next))
        .with(role.ledger.cancel_all_of(call.id));
    role.ledger.apply(batch).await?;
    role.metrics.channel_ended(&call, cause);
    role.metrics.channel_began(&next);
    tracing::info!(call_id = %call.id, dialroute_id = %route, cause, "the next dial route is tried");
    hangup::remove_bridge(role, &call.channel_id, &call.bridge_id).await;
    Ok(next)
}

/// Creates the channel of the new route. A route that cannot be tried ends the
/// call; nobody waits for the answer.
async fn try_route(role: &Arc<Role>, call: &Call) -> Result<(), Error> {
    if let Err(error) = outgoing::create_channel_or_fail(role, call).await {
        tracing::warn!(call_id = %call.id, %error, "the next dial route could not be tried");
    }
    Ok(())
}
