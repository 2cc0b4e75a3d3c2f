//! `condition_call_status`: goes on if the call has a certain status, else jumps.
//! The shell reads the status.

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::id::ActionId;

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::{Turn, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    status: String,
    false_target_id: ActionId,
}

pub(super) fn run(machine: &mut Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    // Read anew for each of these actions: it changes while a walk waits.
    let Some(status) = machine.call_status.take() else {
        return Ok(Turn::CallStatus);
    };
    Ok(if status == options.status {
        Turn::Next
    } else {
        Turn::To(options.false_target_id)
    })
}
