//! `echo`, `stream_echo`: the caller hears himself (chapter 04 §9.2–9.3).
//!
//! The channel is in the dialplan meanwhile, whence nobody can call it back over
//! ARI: the dialplan itself ends the echo, after the seconds that it is told.

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::action::Kind;

use super::{Step, option, skip};

const USUAL_MS: i64 = 180_000;

/// How much later than it should the channel may come back.
const LATE_MS: i64 = 10_000;

/// A stay in the dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// Where the channel is sent to.
    pub context: &'static str,
    /// After so many seconds the dialplan sends it back.
    pub seconds: i64,
}

impl Echo {
    /// After how many milliseconds a channel that has not come back will not do so
    /// any more.
    #[must_use]
    pub fn overdue_ms(&self) -> i64 {
        self.seconds.saturating_mul(1_000).saturating_add(LATE_MS)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    duration: i64,
}

pub(super) fn step(action: &Action) -> Step {
    let context = if action.kind == Kind::StreamEcho {
        "svc-stream_echo"
    } else {
        "svc-echo"
    };
    match option::<Options>(action) {
        Ok(options) => {
            let wanted = Some(options.duration).filter(|duration| *duration > 0);
            // Asterisk counts whole seconds here, and 0 would be no limit.
            let seconds = wanted.unwrap_or(USUAL_MS).saturating_add(999) / 1_000;
            Step::Echo(Echo { context, seconds })
        }
        Err(because) => skip(because),
    }
}
