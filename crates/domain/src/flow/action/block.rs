//! `block`: waits for `POST /v1/activeflows/<id>/continue`.

use super::Turn;

pub(super) fn run() -> Turn {
    Turn::Wait
}
