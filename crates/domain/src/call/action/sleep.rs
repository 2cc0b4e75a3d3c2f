//! `sleep`: wait `duration` milliseconds.

use serde::Deserialize;
use trunkline_model::Action;

use super::{Step, option, skip};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    duration: i64,
}

pub(super) fn step(action: &Action) -> Step {
    match option::<Options>(action) {
        Ok(options) => Step::Wait {
            duration_ms: options.duration.max(0),
        },
        Err(because) => skip(because),
    }
}
