//! `empty`: a place in a list. Services push it to have an id to forward to.

use super::Turn;

pub(super) fn run() -> Turn {
    Turn::Next
}
