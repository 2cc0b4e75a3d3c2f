//! Keys that are pressed in a call (chapter 03 §6).
//!
//! A key becomes a row and an event, and ends the recordings that are to end at it;
//! then the flow's variable is written, then the walk goes on if that was enough. The
//! row says what the variable becomes, so that an event which comes again, because
//! flow-manager was away, writes the same text.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_ari::event::ChannelDtmfReceived;
use trunkline_bus::RpcError;
use trunkline_domain::call::digits::{self as rules, Follows};
use trunkline_domain::call::status::is_live;
use trunkline_domain::call::variables::DIGITS;
use trunkline_model::call::Call;
use trunkline_model::dtmf::{Dtmf, Key};
use trunkline_model::id::ActiveflowId;
use trunkline_model::recording::Recording;
use trunkline_model::{Timestamp, random};
use trunkline_store::{Batch, call_digit as keys};

use super::{action, recording};
use crate::Role;
use crate::error::Error;

/// Takes a key that Asterisk has heard at `at`, by its own clock.
pub(crate) async fn on_key(
    role: &Arc<Role>,
    pressed: &ChannelDtmfReceived,
    at: Option<Timestamp>,
) -> Result<(), Error> {
    let Some(digit) = rules::key(&pressed.digit) else {
        return Ok(());
    };
    // A channel that only listens to a call has keys as well, and no call.
    let call = role.call_of(&pressed.channel.id).await?;
    let Some(call) = call.filter(|call| is_live(&call.status)) else {
        return Ok(());
    };
    let now = role.ledger.now().await?;
    let before = if rules::appends(&call.action) {
        get(role, call.activeflow_id).await?
    } else {
        String::new()
    };
    let key = Key {
        call_id: call.id,
        tm_digit: Some(at.unwrap_or(now)),
        value: before + &digit,
        digit,
        duration_ms: pressed.duration_ms,
        action_id: call.action.id,
    };
    let Some(key) = take(role, &call, key, now).await? else {
        return Ok(());
    };
    set(role, call.activeflow_id, &key.value).await?;
    // The walk may have come to another action meanwhile, and have looked before
    // this key was there.
    let call = role.call(call.id).await?;
    match rules::follows(&call.action, &key.value) {
        Follows::Nothing => Ok(()),
        Follows::Next => action::next(role, call).await,
        Follows::StopTalk => action::force_next(role, call).await,
    }
}

/// Keeps a key, and ends the recordings of the call that are to end at it. One that
/// is not kept ends nothing; but what it ended the first time is seen to again.
async fn take(
    role: &Arc<Role>,
    call: &Call,
    key: Key,
    now: Timestamp,
) -> Result<Option<Key>, Error> {
    let ended = recording::ended_by_key(role, call.id, &key.digit).await?;
    let kept = keep(role, call, key, &ended, now).await?;
    recording::listen_no_more_for(role, &ended).await?;
    Ok(kept)
}

/// Keeps a key with its event and the end of these recordings, and returns it; of a
/// repetition the one that is kept, if what follows from it may not have been done.
async fn keep(
    role: &Arc<Role>,
    call: &Call,
    key: Key,
    ended: &[Recording],
    now: Timestamp,
) -> Result<Option<Key>, Error> {
    let event = Dtmf {
        id: random::uuid(),
        customer_id: call.customer_id,
        call_id: call.id,
        digit: key.digit.clone(),
        duration: key.duration_ms,
        tm_create: key.tm_digit,
    };
    let mut batch = Batch::new()
        .with(keys::insert(&key, role.config.digits_per_call))
        .with(role.ledger.event(now, "dtmf_received", &event));
    batch.extend(recording::end_with_key(ended, now));
    match role.ledger.apply(batch).await {
        Ok(()) => Ok(Some(key)),
        Err(error) if error.is_conflict() => {
            let last = keys::last(role.ledger.db(), call.id).await?;
            let same = |kept: &Key| kept.tm_digit == key.tm_digit && kept.digit == key.digit;
            // Behind a later key, or during another action, its time is over.
            let repeated = last.filter(|kept| same(kept) && kept.action_id == call.action.id);
            if repeated.is_none() {
                tracing::debug!(call_id = %call.id, "a key is a late repetition, or one too many");
            }
            Ok(repeated)
        }
        Err(error) => Err(error.into()),
    }
}

/// The digits of an activeflow: empty when there is none, or it has none.
pub(crate) async fn get(role: &Role, activeflow: ActiveflowId) -> Result<String, Error> {
    if activeflow.is_nil() {
        return Ok(String::new());
    }
    match role.flow.variables(activeflow).await {
        Ok(mut all) => Ok(all.variables.remove(DIGITS).unwrap_or_default()),
        Err(RpcError::Status(404)) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// Writes the digits of an activeflow.
pub(crate) async fn set(role: &Role, activeflow: ActiveflowId, digits: &str) -> Result<(), Error> {
    if activeflow.is_nil() {
        return Ok(());
    }
    let variables = BTreeMap::from([(DIGITS.to_owned(), digits.to_owned())]);
    Ok(role.flow.set_variables(activeflow, &variables).await?)
}
