//! Doing what was decided: conditional writes with their events and duties,
//! then the requests to Asterisk and to other services.

pub(crate) mod action;
pub(crate) mod channel;
pub(crate) mod digits;
pub(crate) mod ended;
pub(crate) mod files;
pub(crate) mod flow;
pub(crate) mod hangup;
pub(crate) mod incoming;
pub(crate) mod media;
pub(crate) mod outcome;
pub(crate) mod outgoing;
pub(crate) mod recording;
pub(crate) mod status;

use trunkline_ari::AsteriskTarget;
use trunkline_model::Timestamp;
use trunkline_model::call::Call;
use trunkline_model::channel::Channel;
use trunkline_model::id::{CallId, ChannelId};
use trunkline_store::{Statement, call, channel as channel_store};

use crate::Role;
use crate::error::{CALL_NOT_FOUND, Error};

/// How often a decision is made anew because another writer was first.
pub(crate) const ATTEMPTS: usize = 8;

impl Role {
    /// The call with this id.
    pub(crate) async fn call(&self, id: CallId) -> Result<Call, Error> {
        call::get(self.ledger.db(), id)
            .await?
            .ok_or(Error::NotFound(CALL_NOT_FOUND))
    }

    /// The call that a channel belongs to.
    pub(crate) async fn call_of(&self, id: &ChannelId) -> Result<Option<Call>, Error> {
        Ok(call::by_channel(self.ledger.db(), id).await?)
    }

    /// The row of a channel.
    pub(crate) async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, Error> {
        Ok(channel_store::get(self.ledger.db(), id).await?)
    }

    /// The Asterisk that a channel is on: the one its events come from, or any
    /// while none has come.
    pub(crate) async fn target_of(&self, id: &ChannelId) -> Result<AsteriskTarget, Error> {
        let channel = self.channel(id).await?;
        Ok(target(channel.as_ref()))
    }

    /// A webhook event about a call.
    pub(crate) fn call_event(&self, now: Timestamp, kind: &str, call: &Call) -> Statement {
        self.ledger
            .webhook_event(now, call.customer_id, kind, call, &call.webhook())
    }
}

/// The Asterisk that a channel's row names.
pub(crate) fn target(channel: Option<&Channel>) -> AsteriskTarget {
    match channel {
        Some(channel) if !channel.asterisk_id.is_empty() => (&channel.asterisk_id).into(),
        Some(_) | None => AsteriskTarget::Call,
    }
}
