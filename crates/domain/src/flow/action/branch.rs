//! `branch`: jumps to the target that the value of a variable names, and empties
//! the variable so that the next question starts afresh.

use std::collections::BTreeMap;

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::id::ActionId;

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::super::variables::CALL_DIGITS;
use super::{Turn, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    variable: String,
    default_target_id: ActionId,
    target_ids: BTreeMap<String, ActionId>,
}

pub(super) fn run(machine: &mut Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    let name = if options.variable.is_empty() {
        CALL_DIGITS
    } else {
        &options.variable
    };
    let value = machine.variables.get(name).cloned().unwrap_or_default();
    machine.set_variable(name, "")?;
    let target = options.target_ids.get(&value).copied();
    Ok(Turn::To(target.unwrap_or(options.default_target_id)))
}
