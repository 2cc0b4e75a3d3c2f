//! Rows of channels, as Asterisk's events tell of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_ari::resource::Channel as Snapshot;
use trunkline_domain::call::channel as rules;
use trunkline_model::channel::{Channel, Direction, stasis_key};
use trunkline_model::id::AsteriskId;
use trunkline_store::{Batch, channel as channels};

use crate::Role;
use crate::error::Error;

/// Notes that a channel is in Stasis, with a row of its own if it has none, and
/// returns the row.
pub(crate) async fn note_stasis_start(
    role: &Arc<Role>,
    asterisk: &AsteriskId,
    application: &str,
    snapshot: &Snapshot,
    arguments: BTreeMap<String, String>,
) -> Result<Channel, Error> {
    let now = role.ledger.now().await?;
    let known = role.channel(&snapshot.id).await?;
    let argument = |key: &str| arguments.get(key).map(String::as_str).unwrap_or_default();
    let mut channel = known.clone().unwrap_or_default();
    channel.id = snapshot.id.clone();
    channel.asterisk_id = asterisk.clone();
    channel.name.clone_from(&snapshot.name);
    channel.tech = rules::tech_of(&snapshot.name);
    channel.kind = rules::kind_of(argument(stasis_key::CONTEXT));
    channel.state = snapshot.state.clone();
    channel.source_name.clone_from(&snapshot.caller.name);
    channel.source_number.clone_from(&snapshot.caller.number);
    channel
        .destination_number
        .clone_from(&snapshot.dialplan.exten);
    channel.stasis_name = application.to_owned();
    // A channel that comes back from the dialplan names no direction: it keeps
    // the one that it has.
    if !argument(stasis_key::DIRECTION).is_empty() {
        channel.direction = Direction::from(argument(stasis_key::DIRECTION));
    }
    let sip_call_id = argument(stasis_key::SIP_CALL_ID);
    channel.sip_call_id = if sip_call_id.is_empty() {
        snapshot.protocol_id.clone()
    } else {
        sip_call_id.to_owned()
    };
    channel.sip_transport = argument(stasis_key::TRANSPORT).into();
    for key in [stasis_key::SIP_PAI, stasis_key::SIP_PRIVACY] {
        if let Some(value) = arguments.get(key) {
            channel.data.insert(key.to_owned(), value.as_str().into());
        }
    }
    channel.stasis_data = arguments;
    let write = if known.is_some() {
        channel.tm_update = Some(now);
        channels::enter_stasis(&channel, now).unchecked()
    } else {
        channel.tm_create = Some(now);
        channels::insert(&channel)
    };
    role.ledger.apply(Batch::new().with(write)).await?;
    Ok(channel)
}
