//! `fetch_flow`: runs the actions of another flow of the same customer, then
//! goes on. The shell reads the flow and checks the customer.

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::id::FlowId;

use super::super::failure::Failure;
use super::{Turn, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    flow_id: FlowId,
}

pub(super) fn run(action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    Ok(Turn::Fetch(options.flow_id))
}
