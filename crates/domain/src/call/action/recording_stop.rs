//! `recording_stop`: end the recording that the call has.

use super::Step;

pub(super) fn step() -> Step {
    Step::StopRecording
}
