//! Taking incoming calls: the number's flow runs on the channel (chapter 03
//! §3.5–3.6).

use std::sync::Arc;

use trunkline_bus::RpcError;
use trunkline_domain::address::normalise;
use trunkline_domain::call::hangup::cause;
use trunkline_domain::call::incoming::{self, Domain};
use trunkline_domain::call::status;
use trunkline_model::activeflow;
use trunkline_model::call::{Call, Direction, HangupReason, Type, metadata_key};
use trunkline_model::channel::Channel;
use trunkline_model::id::{CallId, ReferenceId};
use trunkline_model::number::Number;
use trunkline_store::{Batch, bridge as bridges, call as calls, channel as channels};

use super::{action, flow, hangup, outgoing};
use crate::Role;
use crate::error::Error;

/// Has Asterisk tell of the end of a channel that we did not create, which it does
/// not otherwise, and says whether the channel is still there. The caller who has
/// hung up before is gone without an event.
pub(crate) async fn follow(role: &Arc<Role>, channel: &Channel) -> Result<bool, Error> {
    let (to, id) = (super::target(Some(channel)), &channel.id);
    let followed = role.ari.follow_channel(&to, &channel.stasis_name, id).await;
    match followed {
        Ok(()) => Ok(true),
        Err(error) if error.is_gone() => {
            tracing::info!(channel_id = %id, "an incoming channel is gone already");
            hangup::on_channel_end(role, id, cause::INTERWORKING).await?;
            Ok(false)
        }
        Err(error) => {
            tracing::warn!(channel_id = %id, %error, "the end of an incoming channel may go untold: the comparison finds it");
            Ok(true)
        }
    }
}

/// Leads an incoming channel to its number's flow, or hangs it up with the cause
/// of chapter 03 §3.5: 3 when nobody has the number, 38 for failures of ours.
pub(crate) async fn on_channel(
    role: &Arc<Role>,
    channel: &Channel,
    domain: Domain,
) -> Result<(), Error> {
    let to = super::target(Some(channel));
    // A repeated event: the call exists.
    if role.call_of(&channel.id).await?.is_some() {
        return Ok(());
    }
    let number = match called(role, channel).await {
        Ok(Some(number)) if domain == Domain::Pstn || !number.call_flow_id.is_nil() => number,
        Ok(_) => {
            tracing::info!(channel_id = %channel.id, "nobody here has the number that was called: add it to the numbers with a call_flow_id");
            return refuse(role, channel, cause::NO_ROUTE).await;
        }
        Err(error) => {
            tracing::warn!(channel_id = %channel.id, %error, "an incoming call is refused: number-manager does not answer");
            return refuse(role, channel, cause::NO_ROUTE).await;
        }
    };
    match start(role, channel, &number).await {
        Ok(call) => {
            if let Err(error) = action::next(role, call.clone()).await {
                tracing::warn!(call_id = %call.id, %error, "the flow of an incoming call cannot start");
                hangup::request(role, call.id, &HangupReason::Failed).await?;
            }
            Ok(())
        }
        Err(error) => {
            tracing::warn!(channel_id = %channel.id, %error, "an incoming call is refused");
            Ok(role
                .ari
                .hangup(&to, &channel.id, cause::NETWORK_OUT_OF_ORDER)
                .await?)
        }
    }
}

/// The number of ours that was called.
async fn called(role: &Role, channel: &Channel) -> Result<Option<Number>, RpcError> {
    for candidate in incoming::candidates(channel) {
        if let Some(number) = role.number.dialed(&candidate).await? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

async fn refuse(role: &Role, channel: &Channel, cause: i64) -> Result<(), Error> {
    Ok(role
        .ari
        .hangup(&super::target(Some(channel)), &channel.id, cause)
        .await?)
}

/// Creates the call of an incoming channel.
async fn start(role: &Arc<Role>, channel: &Channel, number: &Number) -> Result<Call, Error> {
    let id = CallId::random();
    let customer_id = number.customer_id;
    let (source, destination) = incoming::addresses(channel, &number.number);
    let mut rtp_debug = number.metadata.rtp_debug;
    // Compat: no answer from customer-manager lets the call in (fails open).
    if let Ok(customer) = role.customer.get(customer_id).await {
        if !incoming::may_receive(&customer.status) {
            return Err(Error::Precondition(format!(
                "the customer is `{}`",
                customer.status
            )));
        }
        rtp_debug |= customer.metadata.rtp_debug;
    }
    outgoing::check_balance(role, customer_id, &source).await?;
    let (owner_type, owner_id) = outgoing::owner(role, customer_id, &source).await;
    let bridge = outgoing::new_bridge(channel, id);
    let call = Call {
        id,
        customer_id,
        owner_type,
        owner_id,
        channel_id: channel.id.clone(),
        bridge_id: bridge.id.clone(),
        flow_id: number.call_flow_id,
        kind: Type::Flow,
        direction: Direction::Incoming,
        status: status::of_channel(&channel.state),
        source: normalise(&source),
        destination: normalise(&destination),
        metadata: rtp_debug
            .then(|| (metadata_key::RTP_DEBUG.to_owned(), true.into()))
            .into_iter()
            .collect(),
        ..Call::default()
    };
    let wanted = activeflow::CreateRequest {
        customer_id,
        flow_id: number.call_flow_id,
        reference_type: activeflow::ReferenceType::Call,
        reference_id: ReferenceId(id.0),
        ..activeflow::CreateRequest::default()
    };
    let activeflow = flow::begin(role, wanted, &call).await?;
    let now = role.ledger.now().await?;
    let call = Call {
        activeflow_id: activeflow.id,
        action: activeflow.current_action,
        tm_create: Some(now),
        ..call
    };
    let to = super::target(Some(channel));
    let limit = hangup::delayed_hangup(
        format!("channel-limit:{}", channel.id),
        id,
        &to,
        &channel.id,
        cause::DURATION_REACHED,
        now.plus(role.config.max_call_duration()),
    );
    let batch = Batch::new()
        // Refused when the caller has hung up meanwhile.
        .with(channels::set_bridge(&channel.id, &bridge.id, now))
        .with(calls::insert(&call))
        .with(bridges::insert(&trunkline_model::bridge::Bridge {
            tm_create: Some(now),
            ..bridge.clone()
        }))
        .with(role.ledger.schedule(now, &limit))
        .with(role.call_event(now, "call_created", &call));
    if let Err(error) = role.ledger.apply(batch).await {
        flow::stop(role, activeflow.id).await;
        return Err(error.into());
    }
    role.metrics.created(&call);
    role.metrics.placed(channel);
    tracing::info!(call_id = %id, channel_id = %channel.id, activeflow_id = %call.activeflow_id, "incoming call created");
    outgoing::join(role, &to, &bridge.id, &bridge.name, &channel.id).await?;
    Ok(call)
}
