//! `digits_receive`: wait for keys (chapter 03 §6.3).

use serde::Deserialize;
use trunkline_model::Action;

use super::{Step, option, skip};

/// When enough was pressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enough {
    /// Any of these keys ends it; it stays among the digits.
    pub key: String,
    /// So many keys end it; 0 is "no limit".
    pub length: i64,
}

impl Enough {
    /// Whether `digits` are enough.
    #[must_use]
    pub fn is_met_by(&self, digits: &str) -> bool {
        let long_enough =
            usize::try_from(self.length).is_ok_and(|length| length > 0 && digits.len() >= length);
        long_enough
            || digits
                .bytes()
                .any(|digit| self.key.as_bytes().contains(&digit))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    duration: i64,
    key: String,
    length: i64,
}

pub(super) fn step(action: &Action) -> Step {
    match option::<Options>(action) {
        Ok(options) => Step::ReceiveDigits {
            duration_ms: options.duration.max(0),
            enough: Enough {
                key: options.key,
                length: options.length,
            },
        },
        Err(because) => skip(because),
    }
}
