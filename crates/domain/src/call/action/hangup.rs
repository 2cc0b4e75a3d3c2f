//! `hangup`: end the call with a reason, or as another call ended (chapter 03
//! §8.5).

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::call::HangupReason;
use trunkline_model::id::CallId;

use super::Step;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    reason: HangupReason,
    reference_id: CallId,
}

pub(super) fn step(action: &Action) -> Step {
    // A hangup that cannot be read still hangs up.
    let options: Options = super::option(action).unwrap_or_default();
    if !options.reference_id.is_nil() {
        return Step::HangupAs(options.reference_id);
    }
    match options.reason {
        HangupReason::None => Step::Hangup(HangupReason::Normal),
        reason @ (HangupReason::Normal
        | HangupReason::Failed
        | HangupReason::Busy
        | HangupReason::Cancel
        | HangupReason::Timeout
        | HangupReason::NoAnswer
        | HangupReason::Dialout
        | HangupReason::Amd
        | HangupReason::Other(_)) => Step::Hangup(reason),
    }
}
