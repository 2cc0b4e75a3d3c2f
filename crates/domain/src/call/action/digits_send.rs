//! `digits_send`: press keys towards the far end.

use serde::Deserialize;
use trunkline_model::Action;

use super::{Step, option, skip};

/// Keys of one action (chapter 05 D.7).
const MOST: usize = 100;

/// Keys, and how they are pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tones {
    /// Of `0123456789ABCD*#`.
    pub digits: String,
    /// Of each key, milliseconds.
    pub duration_ms: i64,
    /// Between two keys, milliseconds.
    pub interval_ms: i64,
}

impl Tones {
    /// How long all of it takes, milliseconds.
    #[must_use]
    pub fn total_ms(&self) -> i64 {
        let count = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        self.duration_ms * count + self.interval_ms * (count - 1).max(0)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    digits: String,
    duration: i64,
    interval: i64,
}

pub(super) fn step(action: &Action) -> Step {
    let options: Options = match option(action) {
        Ok(options) => options,
        Err(because) => return skip(because),
    };
    let digits = options.digits.to_ascii_uppercase();
    if digits.is_empty() || digits.len() > MOST || !digits.chars().all(is_key) {
        return skip("`digits_send` takes 1 to 100 keys of 0-9, A-D, # and *".to_owned());
    }
    Step::SendDigits(Tones {
        digits,
        duration_ms: options.duration.clamp(100, 1_000),
        interval_ms: options.interval.clamp(0, 5_000),
    })
}

/// Whether a telephone has such a key.
pub(crate) fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | 'A'..='D' | '*' | '#')
}
