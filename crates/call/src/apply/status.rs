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

/// Notes a channel's state and does what it means (chapter 03 §2.6).
pub(crate) async fn on_channel_state_change(
    role: &Arc<Role>,
    id: &ChannelId,
    state: &State,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let now = role.ledger.now().await?;
        let Some(noted) = note(id, state, now) else {
            return Ok(());
        };
        let Some(call) = role.call_of(id).await? else {
            return Ok(role.ledger.apply(Batch::new().with(noted)).await?);
        };
        let outcome = match on_channel_state(&call, state) {
            Change::None => return Ok(role.ledger.apply(Batch::new().with(noted)).await?),
            Change::Ring { run_flow } => {
                let next = Call {
                    status: Status::Ringing,
                    tm_ringing: Some(now),
                    tm_update: Some(now),
                    ..call.clone()
                };
                let change = calls::set_ringing(call.id, now);
                write(role, noted, change, "call_ringing", &next, now)
                    .await
                    .map(|()| (next, run_flow))
            }
            Change::Answer { run_flow } => {
                let next = Call {
                    status: Status::Progressing,
                    tm_progressing: Some(now),
                    tm_update: Some(now),
                    ..call.clone()
                };
                let change = calls::set_progressing(call.id, now);
                write(role, noted, change, "call_progressing", &next, now)
                    .await
                    .map(|()| (next, run_flow))
            }
        };
        match outcome {
            Ok((next, run_flow)) => {
                tracing::info!(call_id = %call.id, old = %call.status, new = %next.status, "call status changed");
                if run_flow {
                    action::next(role, next).await?;
                }
                return Ok(());
            }
            Err(trunkline_store::Error::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
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

async fn write(
    role: &Arc<Role>,
    noted: Statement,
    change: Statement,
    kind: &str,
    next: &Call,
    now: Timestamp,
) -> Result<(), trunkline_store::Error> {
    let batch = Batch::new()
        .with(noted)
        .with(change)
        .with(role.call_event(now, kind, next));
    role.ledger.apply(batch).await
}
