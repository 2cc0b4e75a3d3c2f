//! `recording_start`: record the call from here on; the flow goes on at once.

use trunkline_model::Action;
use trunkline_model::recording::StartRequest;

use super::{Step, option, skip};
use crate::call::recording;

pub(super) fn step(action: &Action) -> Step {
    let read = option::<StartRequest>(action);
    match read.and_then(|asked| recording::wanted(&asked).map_err(|invalid| invalid.to_string())) {
        Ok(wanted) => Step::StartRecording(wanted),
        Err(because) => skip(because),
    }
}
