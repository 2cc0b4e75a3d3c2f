//! Rows of channels, as Asterisk's events tell of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_ari::resource::Channel as Snapshot;
use trunkline_domain::call::channel as rules;
use trunkline_domain::call::hangup::cause;
use trunkline_model::Timestamp;
use trunkline_model::channel::{Channel, Direction, stasis_key};
use trunkline_model::id::{AsteriskId, BridgeId, ChannelId};
use trunkline_store::{Batch, Statement, channel as channels};

use crate::Role;
use crate::error::Error;

/// A channel that has entered Stasis, not written yet: what follows from it is
/// written in the same batch.
pub(crate) struct Entered {
    /// The row as it is to be.
    pub(crate) channel: Channel,
    known: bool,
}

impl Entered {
    /// The row's write. It changes nothing when the channel has ended meanwhile,
    /// and is refused then.
    pub(crate) fn note(&self, now: Timestamp) -> Statement {
        if self.known {
            return channels::enter_stasis(&self.channel, now);
        }
        channels::insert(&Channel {
            tm_create: Some(now),
            ..self.channel.clone()
        })
    }

    /// The same channel, in a bridge.
    pub(crate) fn within(&self, bridge: &BridgeId) -> Self {
        Self {
            channel: Channel {
                bridge_id: bridge.clone(),
                ..self.channel.clone()
            },
            known: self.known,
        }
    }

    /// Writes the row alone.
    pub(crate) async fn write(&self, role: &Arc<Role>) -> Result<(), Error> {
        let now = role.ledger.now().await?;
        let note = self.note(now).unchecked();
        Ok(role.ledger.apply(Batch::new().with(note)).await?)
    }
}

/// What a channel's row is once it has entered Stasis; it gets a row of its own
/// if it has none. None for the double of a channel that another Asterisk has.
pub(crate) async fn entered(
    role: &Arc<Role>,
    asterisk: &AsteriskId,
    application: &str,
    snapshot: &Snapshot,
    arguments: BTreeMap<String, String>,
) -> Result<Option<Entered>, Error> {
    let known = role.channel(&snapshot.id).await?;
    if known
        .as_ref()
        .is_some_and(|row| rules::is_on_another(row, asterisk))
    {
        return Ok(None);
    }
    let argument = |key: &str| arguments.get(key).map(String::as_str).unwrap_or_default();
    let (known, mut channel) = (known.is_some(), known.unwrap_or_default());
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
    Ok(Some(Entered { channel, known }))
}

/// Whether what an Asterisk tells of a channel is about a double of it. Only the row
/// knows: of several call-managers, one may never have heard of the other Asterisk.
pub(crate) async fn is_double(role: &Role, on: &AsteriskId, id: &ChannelId) -> Result<bool, Error> {
    let row = role.channel(id).await?;
    Ok(row.is_some_and(|row| rules::is_on_another(&row, on)))
}

/// Takes a double away: the person is called through the other Asterisk.
pub(crate) async fn end_double(role: &Role, on: &AsteriskId, id: &ChannelId) -> Result<(), Error> {
    tracing::warn!(channel_id = %id, asterisk_id = %on, "a channel was created a second time, on another Asterisk; this one is taken away");
    Ok(role.ari.hangup(&on.into(), id, cause::NORMAL).await?)
}
