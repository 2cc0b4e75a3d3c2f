//! Speech: a text that tts-manager turns into a sound (chapter 04 §8.2).

use serde::{Deserialize, Serialize};

use crate::id::CallId;

/// Body of `POST /v1/speeches`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct SpeechRequest {
    /// For whom, for logs; nil when for nobody in particular.
    pub call_id: CallId,
    /// Plain, or SSML that begins with `<speak`.
    pub text: String,
    /// Such as `en-US`.
    pub language: String,
    /// Who speaks it; empty for whoever is configured.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// A voice of that provider's; empty for the usual one of the language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub voice_id: String,
}

/// Answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct SpeechReply {
    /// The URL of a WAV file, 8 kHz, one channel, 16 bit; played as
    /// `sound:<media_filepath>`.
    pub media_filepath: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_left_out() {
        let request = SpeechRequest {
            text: "Hello.".to_owned(),
            language: "en-US".to_owned(),
            ..SpeechRequest::default()
        };
        assert_eq!(
            serde_json::to_value(&request).unwrap(),
            json!({"call_id": "00000000-0000-0000-0000-000000000000", "text": "Hello.", "language": "en-US"})
        );
    }
}
