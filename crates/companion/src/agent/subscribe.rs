//! Events of call-manager: a group call rings agents (chapter 05 C.4.3).

use std::sync::Arc;

use trunkline_bus::{Event, EventHandler, Message, Retry, Work};
use trunkline_model::groupcall::Groupcall;
use trunkline_model::service::Service;
use trunkline_model::wire;
use trunkline_store::Error;

use super::ringing::{self, Happening};
use crate::role::State;

/// Follows the group calls.
pub(super) struct Groupcalls(pub(super) Arc<State>);

impl EventHandler for Groupcalls {
    fn accept(&self, message: Message) -> Work {
        let Some((happening, groupcall)) = read(&message.body) else {
            return Work::nothing();
        };
        let state = Arc::clone(&self.0);
        let key = Some(groupcall.id.to_string());
        let run = async move {
            follow(&state, happening, &groupcall)
                .await
                .map_err(|error| Retry {
                    reason: error.to_string(),
                })
        };
        Work {
            key,
            run: Box::pin(run),
        }
    }
}

fn read(body: &[u8]) -> Option<(Happening, Groupcall)> {
    let event: Event = serde_json::from_slice(body).ok()?;
    if event.publisher != Service::CALL.name() {
        return None;
    }
    let happening = Happening::of_event(&event.kind)?;
    match wire::decode(event.payload()) {
        Ok(groupcall) => Some((happening, groupcall)),
        Err(error) => {
            tracing::warn!(kind = event.kind, %error, "an event about a group call cannot be read");
            None
        }
    }
}

async fn follow(state: &State, happening: Happening, groupcall: &Groupcall) -> Result<(), Error> {
    for id in ringing::agents(groupcall) {
        // A destination may name somebody else's agent: his status is not ours
        // to change.
        let decide = |agent: &trunkline_model::agent::Agent| {
            let ours = agent.customer_id == groupcall.customer_id;
            ringing::decide(happening, &agent.status, groupcall).filter(|_| ours)
        };
        state.move_status(id, decide).await?;
    }
    Ok(())
}
