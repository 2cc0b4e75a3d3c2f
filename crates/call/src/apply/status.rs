//! Ringing and answered: what a change of the channel's state does to its call.

use std::sync::Arc;

use trunkline_domain::call::status::{Change, on_channel_state};
use trunkline_model::Timestamp;
use trunkline_model::call::{Call, Status};
use trunkline_model::channel::State;
use trunkline_model::id::ChannelId;
use trunkline_store::{Batch, Statement, call as calls, channel as channels};

use super::{ATTEMPTS, action};
use crate::Role;
use crate::error::Error;

/// Notes a channel's state and does what it means (chapter 03 §2.6). Whether the call
/// has changed by this, and not by somebody who was faster.
pub(crate) async fn on_channel_state_change(
    role: &Arc<Role>,
    id: &ChannelId,
    state: &State,
) -> Result<bool, Error> {
    for _ in 0..ATTEMPTS {
        let now = role.ledger.now().await?;
        let Some(noted) = note(id, state, now) else {
            return Ok(false);
        };
        let call = role.call_of(id).await?;
        let change = call.as_ref().map(|call| on_channel_state(call, state));
        let (Some(call), Some(change)) = (call, change) else {
            role.ledger.apply(Batch::new().with(noted)).await?;
            return Ok(false);
        };
        let (kind, next, run_flow) = match change {
            Change::None => {
                role.ledger.apply(Batch::new().with(noted)).await?;
                return Ok(false);
            }
            Change::Ring { run_flow } => ("call_ringing", ringing(&call, now), run_flow),
            Change::Answer { run_flow } => ("call_progressing", answered(&call, now), run_flow),
        };
        let mut batch = Batch::new()
            .with(noted)
            .with(if next.tm_progressing == Some(now) {
                calls::set_progressing(call.id, now)
            } else {
                calls::set_ringing(call.id, now)
            });
        batch.push(role.call_event(now, kind, &next));
        // The walk to the first action is taken with the change that starts it.
        let hold = run_flow.then(|| action::hold(&next, now)).flatten();
        let holds = hold.is_some();
        batch.extend(hold);
        match role.ledger.apply(batch).await {
            Err(error) if error.is_conflict() => continue,
            outcome => outcome?,
        }
        tracing::info!(call_id = %call.id, old = %call.status, new = %next.status, "call status changed");
        match (run_flow, holds) {
            (false, _) => {}
            (true, true) => Box::pin(action::walk(role, next)).await?,
            (true, false) => action::next(role, next).await?,
        }
        return Ok(true);
    }
    Err(Error::Precondition(format!(
        "the call of channel `{id}` keeps changing"
    )))
}

/// The channel's own row; states without a column are not noted.
fn note(id: &ChannelId, state: &State, now: Timestamp) -> Option<Statement> {
    match state {
        State::Up => Some(channels::set_answered(id, state, now, now).unchecked()),
        State::Ring | State::Ringing => {
            Some(channels::set_ringing(id, state, now, now).unchecked())
        }
        State::None
        | State::Down
        | State::Rsrvd
        | State::OffHook
        | State::Dialing
        | State::Busy
        | State::DialingOffhook
        | State::PreRing
        | State::Mute
        | State::Unknown
        | State::Other(_) => None,
    }
}

fn ringing(call: &Call, now: Timestamp) -> Call {
    Call {
        status: Status::Ringing,
        tm_ringing: Some(now),
        tm_update: Some(now),
        ..call.clone()
    }
}

fn answered(call: &Call, now: Timestamp) -> Call {
    Call {
        status: Status::Progressing,
        tm_progressing: Some(now),
        tm_update: Some(now),
        ..call.clone()
    }
}
