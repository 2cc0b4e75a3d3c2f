//! Making outgoing calls: admission, the row, the channel (chapter 03 §4).

use std::sync::Arc;

use serde::Serialize;
use trunkline_ari::AsteriskTarget;
use trunkline_ari::request::{AddChannel, CreateChannel, Dial};
use trunkline_ari::resource::Channel as Snapshot;
use trunkline_domain::address::normalise;
use trunkline_domain::call::hangup::{End, cause, on_channel_end};
use trunkline_domain::call::outgoing::{self, Carrier, PhoneName, Refused, SourceRule};
use trunkline_domain::call::ready::{Ready, on_ready};
use trunkline_domain::phone;
use trunkline_model::address::Kind;
use trunkline_model::billing::{BillingType, IsValidBalanceRequest};
use trunkline_model::bridge::{Bridge, Reference, ReferenceType};
use trunkline_model::call::{Call, CreateWithIdRequest, HangupReason, OwnerType};
use trunkline_model::channel::Channel;
use trunkline_model::id::{
    AsteriskId, BridgeId, CallId, ChannelId, CustomerId, OwnerId, ReferenceId,
};
use trunkline_model::outbound_config::OutboundConfig;
use trunkline_model::phone::Phone;
use trunkline_model::route::{Provider, Route};
use trunkline_model::{Address, activeflow};
use trunkline_store::{
    Batch, bridge as bridges, call as calls, channel as channels, outbound_config, void_call,
};

use super::channel::Entered;
use super::{ATTEMPTS, flow, hangup};
use crate::Role;
use crate::error::Error;
use crate::metrics::CountryLabels;

/// Creates one outgoing call under a chosen id and starts its channel.
pub(crate) async fn create(
    role: &Arc<Role>,
    id: CallId,
    asked: CreateWithIdRequest,
) -> Result<Call, Error> {
    outgoing::check_destination(&asked.destination)?;
    if role.asterisks.all_away() {
        return Err(Error::NoAsterisk);
    }
    if calls::get(role.ledger.db(), id).await?.is_some() {
        return Err(Error::Precondition(format!("call `{id}` exists already")));
    }
    let admitted = admit(role, id, asked).await?;
    let (customer, now) = (admitted.asked.customer_id, role.ledger.now().await?);
    let admission = role.limits.admit(&role.config, customer, now)?;
    let call = insert(role, id, admitted).await?;
    admission.made();
    create_channel_or_fail(role, &call).await?;
    Ok(call)
}

/// A request that may become a call.
struct Admitted {
    asked: CreateWithIdRequest,
    source: Address,
    routes: Vec<Route>,
}

/// The checks of chapter 02 §10.2, in that order.
async fn admit(
    role: &Arc<Role>,
    id: CallId,
    mut asked: CreateWithIdRequest,
) -> Result<Admitted, Error> {
    // Every rule sees what will be stored and dialed.
    asked.destination = normalise(&asked.destination);
    let customer_id = asked.customer_id;
    let customer = role.customer.get(customer_id).await?;
    outgoing::check_customer(&customer, &asked.destination)?;
    if asked.destination.kind == Kind::Extension {
        let phone = phone_of(role, customer_id, &asked.destination).await?;
        asked.destination =
            outgoing::phone_destination(customer_id, &asked.destination, phone.as_ref())?;
    }
    check_balance(role, customer_id, &asked.destination).await?;
    let config = if outgoing::is_internal(customer_id) {
        None
    } else {
        let read = outbound_config::by_customer(role.ledger.db(), customer_id).await;
        read.inspect_err(|_| role.metrics.config_not_read())?
    };
    outgoing::complete_metadata(
        &mut asked.metadata,
        &customer,
        config.as_ref(),
        &asked.destination,
    );
    let mut routes = Vec::new();
    if asked.destination.kind == Kind::Tel {
        check_country(role, id, customer_id, config.as_ref(), &asked.destination).await?;
        routes = dial_routes(role, &asked).await?;
    }
    let source = source(role, &asked, config.as_ref()).await?;
    Ok(Admitted {
        asked,
        source,
        routes,
    })
}

/// The phone that a destination of type `extension` names.
async fn phone_of(
    role: &Role,
    customer_id: CustomerId,
    destination: &Address,
) -> Result<Option<Phone>, Error> {
    let found = match outgoing::phone_name(destination) {
        PhoneName::Id(id) => role.registrar.phone(id).await.map(Some),
        PhoneName::Extension(extension) => {
            role.registrar
                .phone_by_extension(customer_id, extension)
                .await
        }
    };
    match found {
        Err(error) if error.is_not_found() => Ok(None),
        outcome => Ok(outcome?),
    }
}

/// Asks billing-manager about one call; no answer is a no.
pub(crate) async fn check_balance(
    role: &Role,
    customer_id: CustomerId,
    number: &Address,
) -> Result<(), Error> {
    let country = country_of(number).unwrap_or_default();
    let asked = IsValidBalanceRequest {
        customer_id,
        billing_type: BillingType::Call,
        country,
        count: 1,
    };
    if role.billing.is_valid_balance(&asked).await? {
        Ok(())
    } else {
        Err(Refused::Balance.into())
    }
}

fn country_of(address: &Address) -> Option<String> {
    (address.kind == Kind::Tel)
        .then(|| phone::country_of(&address.target))
        .flatten()
}

async fn check_country(
    role: &Role,
    call_id: CallId,
    customer_id: CustomerId,
    config: Option<&OutboundConfig>,
    destination: &Address,
) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Rejected<'a> {
        customer_id: CustomerId,
        call_id: CallId,
        destination_country: &'a str,
    }
    let country = country_of(destination);
    let Err(refused) = outgoing::check_country(customer_id, config, country.as_deref()) else {
        return Ok(());
    };
    let destination_country = country.as_deref().unwrap_or_default();
    if config.is_some_and(|config| {
        config
            .destination_whitelist
            .as_ref()
            .is_some_and(|list| !list.is_empty())
    }) && !destination_country.is_empty()
    {
        let labels = CountryLabels {
            destination_country: destination_country.to_owned(),
        };
        role.metrics
            .outbound_whitelist_rejected
            .get_or_create(&labels)
            .inc();
    }
    let now = role.ledger.now().await?;
    let event = role.ledger.event(
        now,
        "call.outbound_whitelist_rejected",
        &Rejected {
            customer_id,
            call_id,
            destination_country,
        },
    );
    role.ledger.apply(Batch::new().with(event)).await?;
    Err(refused.into())
}

async fn dial_routes(role: &Role, asked: &CreateWithIdRequest) -> Result<Vec<Route>, Error> {
    let number = &asked.destination.target;
    let code = phone::calling_code(number).ok_or_else(|| Refused::Number(number.clone()))?;
    let providers = outgoing::wanted_providers(&asked.metadata)?;
    let target = format!("+{code}");
    let routes = role
        .route
        .dialroutes(asked.customer_id, &target, number, &providers)
        .await?;
    if routes.is_empty() {
        Err(Refused::NoRoute(target).into())
    } else {
        Ok(routes)
    }
}

/// The source that the call is made with (chapter 03 §4.5).
async fn source(
    role: &Role,
    asked: &CreateWithIdRequest,
    config: Option<&OutboundConfig>,
) -> Result<Address, Error> {
    let given = &asked.source;
    if outgoing::source_rule(&asked.destination, &asked.metadata) == SourceRule::AsGiven {
        return Ok(given.clone());
    }
    // A look-up that fails counts as "not owned".
    if given.target.starts_with('+')
        && let Ok(Some(_)) = role
            .number
            .active_by_number(asked.customer_id, &given.target)
            .await
    {
        return Ok(given.clone());
    }
    let default = config
        .map(|config| config.default_outgoing_source_number_id)
        .unwrap_or_default();
    if !default.is_nil()
        && let Ok(Some(number)) = role.number.active_by_id(asked.customer_id, default).await
    {
        return Ok(outgoing::source_of_number(&number));
    }
    Err(Refused::Source(given.target.clone()).into())
}

/// Creates the activeflow and the row. Everything is stored before anything is
/// sent to Asterisk.
async fn insert(role: &Arc<Role>, id: CallId, admitted: Admitted) -> Result<Call, Error> {
    let Admitted {
        asked,
        source,
        routes,
    } = admitted;
    let (owner_type, owner_id) = owner(role, asked.customer_id, &asked.destination).await;
    let call = outgoing::new_call(Call {
        id,
        customer_id: asked.customer_id,
        owner_type,
        owner_id,
        channel_id: ChannelId::random(),
        flow_id: asked.flow_id,
        master_call_id: asked.master_call_id,
        groupcall_id: asked.groupcall_id,
        source: normalise(&source),
        destination: asked.destination,
        data: outgoing::options(asked.early_execution, asked.connect, &asked.anonymous),
        metadata: asked.metadata,
        dialroute_id: routes.first().map(|route| route.id).unwrap_or_default(),
        dialroutes: routes,
        ..Call::default()
    });
    let wanted = activeflow::CreateRequest {
        id: asked.activeflow_id,
        customer_id: asked.customer_id,
        flow_id: asked.flow_id,
        reference_type: activeflow::ReferenceType::Call,
        reference_id: ReferenceId(id.0),
        variables: asked.variables,
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
    let channel = Channel {
        id: call.channel_id.clone(),
        tm_create: Some(now),
        ..Channel::default()
    };
    let batch = Batch::new()
        .with(calls::insert(&call))
        .with(void_call::refuse(id))
        .with(channels::insert(&channel))
        .with(role.call_event(now, "call_created", &call));
    if let Err(error) = role.ledger.apply(batch).await {
        flow::stop(role, activeflow.id).await;
        return Err(error.into());
    }
    role.metrics.created(&call);
    tracing::info!(
        call_id = %id, channel_id = %call.channel_id, activeflow_id = %call.activeflow_id,
        kind = %call.destination.kind, "outgoing call created"
    );
    Ok(call)
}

/// The agent who owns an address (chapter 03 §3.8); none when the look-up fails.
pub(crate) async fn owner(
    role: &Role,
    customer_id: CustomerId,
    address: &Address,
) -> (OwnerType, OwnerId) {
    let found = match (&address.kind, address.target.parse()) {
        (Kind::Agent, Ok(id)) => role.agent.get(id).await,
        _ => {
            role.agent
                .by_address(customer_id, &normalise(address))
                .await
        }
    };
    match found {
        Ok(agent) if !agent.id.is_nil() => (OwnerType::Agent, OwnerId(agent.id.0)),
        Ok(_) | Err(_) => (OwnerType::None, OwnerId::NIL),
    }
}

/// Creates the channel of a call, or ends the call when that is refused.
pub(crate) async fn create_channel_or_fail(role: &Arc<Role>, call: &Call) -> Result<(), Error> {
    let mut call = std::borrow::Cow::Borrowed(call);
    loop {
        match create_channel(role, &call).await {
            // The channel may exist: its events, or the comparison with Asterisk,
            // tell what became of it. Nobody is dialed again meanwhile.
            Err(Error::Ari(error)) if error.outcome_unknown() => {
                tracing::warn!(call_id = %call.id, %error, "it is unknown whether the channel was created");
                return Ok(());
            }
            Err(error) => match next_after_refusal(role, &call, &error).await? {
                Some(next) => call = std::borrow::Cow::Owned(next),
                None => {
                    hangup::fail(role, call.id).await?;
                    return Err(error);
                }
            },
            Ok(()) => return Ok(()),
        }
    }
}

/// The call on its next dial route, when Asterisk has refused to make its channel: a
/// trunk whose carrier does not answer is refused so ("Allocation failed"). Nobody was
/// dialed.
async fn next_after_refusal(
    role: &Arc<Role>,
    call: &Call,
    error: &Error,
) -> Result<Option<Call>, Error> {
    let Error::Ari(trunkline_ari::Error::Refused { status, .. }) = error else {
        return Ok(None);
    };
    let cause = cause::INTERWORKING;
    let End::Failover { route } = on_channel_end(call, cause, true) else {
        return Ok(None);
    };
    tracing::info!(call_id = %call.id, dialroute_id = %call.dialroute_id, status, "Asterisk cannot dial over this route");
    let now = role.ledger.now().await?;
    match super::ended::take_route(role, call.clone(), route, cause, now).await {
        // It was hung up meanwhile.
        Err(error) if error.is_conflict() => Ok(None),
        next => next.map(Some),
    }
}

/// Creates the channel of a call without dialing it (chapter 03 §4.6).
async fn create_channel(role: &Arc<Role>, call: &Call) -> Result<(), Error> {
    let provider = provider(role, call).await?;
    let phone = if call.destination.kind == Kind::Extension {
        phone_of(role, call.customer_id, &call.destination).await?
    } else {
        None
    };
    let carrier = Carrier {
        provider: provider.as_ref(),
        phone: phone.as_ref(),
    };
    let plan = outgoing::plan_channel(call, carrier)?;
    let create = CreateChannel {
        endpoint: plan.endpoint,
        app: role.config.application.clone(),
        app_args: plan.app_args,
        channel_id: call.channel_id.clone(),
        variables: plan.variables,
        ..CreateChannel::default()
    };
    role.ari.create(&AsteriskTarget::Call, &create).await?;
    Ok(())
}

async fn provider(role: &Role, call: &Call) -> Result<Option<Provider>, Error> {
    if call.destination.kind != Kind::Tel {
        return Ok(None);
    }
    let route = call
        .dialroutes
        .iter()
        .find(|route| route.id == call.dialroute_id);
    let route = route.ok_or(Refused::Provider)?;
    Ok(Some(role.route.provider(route.provider_id).await?))
}

/// Dials: the channel of an outgoing call has entered Stasis (chapter 03 §4.8).
pub(crate) async fn on_channel_ready(
    role: &Arc<Role>,
    entered: Entered,
    id: CallId,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let call = calls::get(role.ledger.db(), id).await?;
        let ready = on_ready(call.as_ref(), &entered.channel.id);
        let Some(call) = call.filter(|_| ready == Ready::Dial) else {
            return not_dialed(role, &entered, id, ready).await;
        };
        match place(role, &entered, &call).await {
            Ok(bridge) => {
                bridge_and_dial(role, &entered.channel, id, &bridge).await;
                return Ok(());
            }
            // The call, or the channel, has changed meanwhile.
            Err(Error::Store(error)) if error.is_conflict() => {
                let channel = &entered.channel;
                if is_over(role, &channel.id).await? {
                    return Ok(());
                }
                let on = &channel.asterisk_id;
                if super::channel::is_double(role, on, &channel.id).await? {
                    return super::channel::end_double(role, on, &channel.id).await;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::Precondition(format!("call `{id}` keeps changing")))
}

/// The entry into Stasis of a call's channel whose event nobody has heard: what
/// the event would have told is what the channel was created with.
pub(crate) async fn entered_unheard(
    role: &Arc<Role>,
    asterisk: &AsteriskId,
    id: CallId,
    snapshot: &Snapshot,
) -> Result<Option<Entered>, Error> {
    let arguments = outgoing::app_args(id, "udp")
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let application = &role.config.application;
    super::channel::entered(role, asterisk, application, snapshot, arguments).await
}

async fn is_over(role: &Role, id: &ChannelId) -> Result<bool, Error> {
    let channel = role.channel(id).await?;
    Ok(channel.is_some_and(|channel| channel.tm_end.is_some()))
}

async fn not_dialed(
    role: &Arc<Role>,
    entered: &Entered,
    id: CallId,
    ready: Ready,
) -> Result<(), Error> {
    entered.write(role).await?;
    match ready {
        Ready::Dial | Ready::Leave => Ok(()),
        Ready::End => {
            let channel = &entered.channel;
            tracing::info!(call_id = %id, channel_id = %channel.id, "a channel came for a call that has ended");
            let to = super::target(Some(channel));
            hangup::end_channel(role, &to, id, &channel.id, cause::NORMAL).await
        }
    }
}

/// Stores where the channel is, the call's bridge and the longest duration, and
/// returns the bridge. It is refused when somebody else has done so: he dials.
async fn place(role: &Arc<Role>, entered: &Entered, call: &Call) -> Result<Bridge, Error> {
    let now = role.ledger.now().await?;
    let channel = &entered.channel;
    let bridge = new_bridge(channel, call.id);
    let limit = hangup::delayed_hangup(
        format!("channel-limit:{}", channel.id),
        call.id,
        &super::target(Some(channel)),
        &channel.id,
        cause::DURATION_REACHED,
        now.plus(role.config.max_call_duration()),
    );
    let batch = Batch::new()
        .with(entered.within(&bridge.id).note(now))
        .with(calls::set_bridge_of(call.id, &channel.id, &bridge.id, now))
        .with(bridges::insert(&Bridge {
            tm_create: Some(now),
            ..bridge.clone()
        }))
        .with(role.ledger.schedule(now, &limit));
    role.ledger.apply(batch).await?;
    role.metrics.placed(channel);
    Ok(bridge)
}

async fn bridge_and_dial(role: &Arc<Role>, channel: &Channel, id: CallId, bridge: &Bridge) {
    let to = super::target(Some(channel));
    let Err(error) = join_and_dial(role, &to, channel, bridge).await else {
        return;
    };
    if error.is_gone() {
        // Its end is on the way.
        tracing::debug!(call_id = %id, channel_id = %channel.id, "the channel ended before it was dialed");
    } else if error.outcome_unknown() {
        // It may ring: its events tell, or its time runs out.
        tracing::warn!(call_id = %id, channel_id = %channel.id, %error, "it is unknown whether the channel was dialed");
    } else {
        tracing::warn!(call_id = %id, channel_id = %channel.id, %error, "the channel cannot be dialed");
        if let Err(error) = hangup::request(role, id, &HangupReason::Normal).await {
            tracing::warn!(call_id = %id, %error, "a call that cannot be dialed is not hung up yet");
        }
    }
}

async fn join_and_dial(
    role: &Role,
    to: &AsteriskTarget,
    channel: &Channel,
    bridge: &Bridge,
) -> Result<(), trunkline_ari::Error> {
    join(role, to, &bridge.id, &bridge.name, &channel.id).await?;
    // Compat: the reference names the channel itself as the caller; without a
    // caller Asterisk sends an anonymous From.
    let dial = Dial {
        caller: channel.id.clone(),
        timeout: role.config.dial_timeout_s,
    };
    match role.ari.dial(to, &channel.id, &dial).await {
        // The carrier delivered the request twice.
        Err(trunkline_ari::Error::Refused { status: 409, .. }) => Ok(()),
        outcome => outcome,
    }
}

/// The bridge of a call (chapter 03 §3.7).
pub(crate) fn new_bridge(channel: &Channel, call: CallId) -> Bridge {
    let reference = Reference {
        kind: ReferenceType::Call,
        id: ReferenceId(call.0),
    };
    Bridge {
        asterisk_id: channel.asterisk_id.clone(),
        id: BridgeId::random(),
        name: reference.to_string(),
        reference_type: reference.kind,
        reference_id: reference.id,
        channel_ids: vec![channel.id.clone()],
        ..Bridge::default()
    }
}

/// Makes a call's bridge and puts its channel in.
pub(crate) async fn join(
    role: &Role,
    to: &AsteriskTarget,
    bridge: &BridgeId,
    name: &str,
    channel: &ChannelId,
) -> Result<(), trunkline_ari::Error> {
    role.ari
        .bridge_create(to, bridge, &role.config.bridge_type, name)
        .await?;
    let member = AddChannel {
        channel: channel.clone(),
        ..AddChannel::default()
    };
    role.ari.add_channel(to, bridge, &member).await
}
