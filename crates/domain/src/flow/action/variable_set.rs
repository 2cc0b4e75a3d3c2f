//! `variable_set`: sets one variable. Soft: a failure lets the flow go on.

use serde::Deserialize;
use trunkline_model::Action;

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::{Turn, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    key: String,
    value: String,
}

pub(super) fn run(machine: &mut Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    machine.set_variable(&options.key, &options.value)?;
    Ok(Turn::Next)
}
