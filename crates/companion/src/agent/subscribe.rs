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
        let (happening, groupcall) = match read(&message.body) {
            Ok(Some(read)) => read,
            Ok(None) => return Work::nothing(),
            Err(error) => {
                return Work::unreadable(format!("an event cannot be read: {error}"));
            }
        };
        let state = Arc::clone(&self.0);
        let key = Some(groupcall.id.to_string());
        let run = async move {
            follow(&state, happening, &groupcall)
                .await
                .map_err(|error| Retry::later(error.to_string()))
        };
        Work::new(key, run)
    }
}

/// None when it is about something else.
fn read(body: &[u8]) -> Result<Option<(Happening, Groupcall)>, serde_json::Error> {
    let event: Event = serde_json::from_slice(body)?;
    if event.publisher != Service::CALL.name() {
        return Ok(None);
    }
    let Some(happening) = Happening::of_event(&event.kind) else {
        return Ok(None);
    };
    let groupcall = wire::decode(event.payload())?;
    Ok(Some((happening, groupcall)))
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
