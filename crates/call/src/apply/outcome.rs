//! How calls went: put together from the call, its channel, its keys and its end.

use std::collections::BTreeMap;

use trunkline_model::call::{Call, Outcome};
use trunkline_model::channel::Channel;
use trunkline_model::id::{CallId, ChannelId};
use trunkline_store::{call as calls, call_digit, call_end, channel as channels};

use crate::Role;
use crate::error::Error;

/// The outcomes of these calls, in the order of the ids; unknown ones are left out.
pub(crate) async fn of_calls(role: &Role, ids: &[CallId]) -> Result<Vec<Outcome>, Error> {
    let db = role.ledger.db();
    let found = calls::by_ids(db, ids).await?;
    let of_channels: Vec<ChannelId> = found.iter().map(|call| call.channel_id.clone()).collect();
    let mut channels: BTreeMap<ChannelId, Channel> = channels::by_ids(db, &of_channels)
        .await?
        .into_iter()
        .map(|channel| (channel.id.clone(), channel))
        .collect();
    let mut digits: BTreeMap<CallId, String> = BTreeMap::new();
    for key in call_digit::of_calls(db, ids).await? {
        digits.entry(key.call_id).or_default().push_str(&key.digit);
    }
    let sip_codes = call_end::sip_codes(db, ids).await?;
    let mut outcomes: BTreeMap<CallId, Outcome> = BTreeMap::new();
    for call in found {
        let outcome = Outcome {
            digits: digits.remove(&call.id).unwrap_or_default(),
            sip_code: sip_codes.get(&call.id).copied().unwrap_or_default(),
            ..of_call(&call, channels.remove(&call.channel_id))
        };
        outcomes.insert(call.id, outcome);
    }
    Ok(ids.iter().filter_map(|id| outcomes.remove(id)).collect())
}

fn of_call(call: &Call, channel: Option<Channel>) -> Outcome {
    let channel = channel.unwrap_or_default();
    Outcome {
        id: call.id,
        customer_id: call.customer_id,
        status: call.status.clone(),
        hangup_by: call.hangup_by.clone(),
        hangup_reason: call.hangup_reason.clone(),
        hangup_cause: channel.hangup_cause,
        source: call.source.clone(),
        destination: call.destination.clone(),
        recording_ids: call.recording_ids.clone(),
        asterisk_id: channel.asterisk_id,
        channel_id: call.channel_id.clone(),
        tm_create: call.tm_create,
        tm_ringing: call.tm_ringing,
        tm_progressing: call.tm_progressing,
        tm_hangup: call.tm_hangup,
        ..Outcome::default()
    }
}
