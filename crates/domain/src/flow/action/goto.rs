//! `goto`: jumps `loop_count` times, then goes on.
//!
//! The count is kept in the stored action. Its last value, zero, is written out:
//! the reference leaves it out of the JSON and therefore keeps 1 for ever
//! (chapter 05 G.5).

use serde::Deserialize;
use serde_json::Value;
use trunkline_model::Action;
use trunkline_model::id::ActionId;

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::super::stacks;
use super::{Turn, option};

const LOOP_COUNT: &str = "loop_count";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    target_id: ActionId,
    loop_count: i64,
}

pub(super) fn run(machine: &mut Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    if options.loop_count <= 0 {
        return Ok(Turn::Next);
    }
    let flow = &mut machine.activeflow;
    let stored = stacks::find_mut(
        &mut flow.stack_map,
        flow.current_stack_id,
        action.id,
        machine.limits.stacks,
    );
    let stored = stored.ok_or(Failure::NoSuchAction(action.id))?;
    let left = Value::from(options.loop_count - 1);
    stored
        .option
        .get_or_insert_default()
        .insert(LOOP_COUNT.to_owned(), left);
    Ok(Turn::To(options.target_id))
}
