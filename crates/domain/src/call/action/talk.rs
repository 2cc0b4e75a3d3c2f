//! `talk`: a text, spoken.

use serde::Deserialize;
use trunkline_model::Action;

use super::{Step, option, skip};

/// What is to be said, and what goes on meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Talk {
    /// Plain, or SSML.
    pub text: String,
    /// Such as `en-US`.
    pub language: String,
    pub provider: String,
    pub voice_id: String,
    /// `next`: a key stops the speech, and the next action follows.
    digits_handle: String,
    /// The next action follows at once.
    #[serde(rename = "async")]
    pub is_async: bool,
}

impl Talk {
    /// Whether a key stops it.
    #[must_use]
    pub fn ends_at_key(&self) -> bool {
        self.digits_handle == "next"
    }
}

pub(super) fn step(action: &Action) -> Step {
    match option::<Talk>(action) {
        Ok(talk) if talk.text.trim().is_empty() => skip("`talk` has no text".to_owned()),
        Ok(talk) => Step::Talk(talk),
        Err(because) => skip(because),
    }
}
