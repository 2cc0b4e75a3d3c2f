//! `beep`: a short tone of Asterisk's own.

use super::Step;

pub(super) fn step() -> Step {
    Step::Play {
        media: vec!["sound:beep".to_owned()],
    }
}
