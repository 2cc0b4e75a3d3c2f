//! `answer`: answer the channel.

use super::Step;

pub(super) fn step() -> Step {
    Step::Answer
}
