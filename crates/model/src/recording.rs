//! Recording: what was said in a call, as files (chapter 02 §3.5, 04 §6).

use serde::{Deserialize, Serialize};

use crate::call::OwnerType;
use crate::id::{
    ActiveflowId, AsteriskId, ChannelId, CustomerId, FlowId, OwnerId, RecordingId, ReferenceId,
};
use crate::time::Timestamp;
use crate::wire::is_default;

/// The only format that is made.
pub const WAV: &str = "wav";

wire_enum! {
    /// What is recorded.
    pub enum ReferenceType {
        None = "",
        Call = "call",
        Confbridge = "confbridge",
    }
    default None
}

wire_enum! {
    /// How far a recording is. It only moves forward.
    pub enum Status {
        None = "",
        Initiating = "initiating",
        Recording = "recording",
        Stopping = "stopping",
        Ended = "ended",
    }
    default None
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Recording {
    pub id: RecordingId,
    pub customer_id: CustomerId,
    pub owner_type: OwnerType,
    pub owner_id: OwnerId,
    pub activeflow_id: ActiveflowId,
    #[serde(skip_serializing_if = "is_default")]
    pub reference_type: ReferenceType,
    pub reference_id: ReferenceId,
    #[serde(skip_serializing_if = "is_default")]
    pub status: Status,
    #[serde(skip_serializing_if = "is_default")]
    pub format: String,
    /// The flow that is started when it has ended.
    pub on_end_flow_id: FlowId,
    /// `<reference type>_<reference id>_<time>`.
    #[serde(skip_serializing_if = "is_default")]
    pub recording_name: String,
    /// Of a call what it says (`_in`), then what it hears (`_out`).
    #[serde(skip_serializing_if = "is_default")]
    pub filenames: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub asterisk_id: AsteriskId,
    /// The channels that listen, in the order of the files.
    #[serde(skip_serializing_if = "is_default")]
    pub channel_ids: Vec<ChannelId>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_start: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_end: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_create: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_update: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_delete: Option<Timestamp>,
}

impl Recording {
    /// What customers see of it.
    #[must_use]
    pub fn webhook(&self) -> Self {
        Self {
            recording_name: String::new(),
            filenames: Vec::new(),
            asterisk_id: AsteriskId::default(),
            channel_ids: Vec::new(),
            ..self.clone()
        }
    }
}

/// How a recording is to be made: body of `POST /v1/calls/{id}/recording_start`,
/// options of the action `recording_start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct StartRequest {
    /// Empty is `wav`.
    pub format: String,
    /// Seconds of silence after which it ends; 0 is "no limit".
    pub end_of_silence: i64,
    /// The key that ends it: `none`, `any`, `*`, `#`, or empty.
    pub end_of_key: String,
    /// Seconds after which it ends; 0 is "no limit".
    pub duration: i64,
    pub on_end_flow_id: FlowId,
}

/// Body of `POST /v1/recordings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateRequest {
    /// Trunkline's own: whoever asks in the name of a customer says so, and gets
    /// nobody else's call.
    pub customer_id: CustomerId,
    /// Nil: the one of what is recorded.
    pub activeflow_id: ActiveflowId,
    pub reference_type: ReferenceType,
    pub reference_id: ReferenceId,
    #[serde(flatten)]
    pub start: StartRequest,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::wire::decode;

    /// The example of chapter 02 §3.5.
    const EXAMPLE: &str = r#"{"id":"4ec00000-0000-4000-8000-000000000001","customer_id":"5e4a0680-804e-11ec-8477-2fea5968d85b","owner_type":"","owner_id":"00000000-0000-0000-0000-000000000000","activeflow_id":"a1b2c3d4-0000-4000-8000-000000000005","reference_type":"call","reference_id":"0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001","status":"recording","format":"wav","on_end_flow_id":"00000000-0000-0000-0000-000000000000","recording_name":"call_0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001_2026-03-01T10:00:10Z","filenames":["call_0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001_2026-03-01T10:00:10Z_in.wav","call_0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001_2026-03-01T10:00:10Z_out.wav"],"asterisk_id":"42:01:0a:a4:0f:d0","channel_ids":["s1","s2"],"tm_start":"2026-03-01T10:00:11Z","tm_create":"2026-03-01T10:00:10Z","tm_update":"2026-03-01T10:00:11Z"}"#;

    #[test]
    fn example_round_trips_and_the_webhook_is_shorter() {
        let recording: Recording = decode(EXAMPLE).unwrap();
        let expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        let whole = serde_json::to_value(&recording).unwrap();
        assert_eq!(whole, expected);
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        let webhook = serde_json::to_value(recording.webhook()).unwrap();
        let left_out: BTreeSet<String> =
            keys(&whole).difference(&keys(&webhook)).cloned().collect();
        let internal = ["asterisk_id", "channel_ids", "filenames", "recording_name"];
        assert_eq!(left_out, internal.map(str::to_owned).into());
    }

    #[test]
    fn a_request_reads_its_options_beside_the_reference() {
        let text = r#"{"reference_type":"call","format":"wav","duration":5,"owner_type":"x"}"#;
        let asked: CreateRequest = decode(text).unwrap();
        assert_eq!(asked.reference_type, ReferenceType::Call);
        assert_eq!(
            (asked.start.format.as_str(), asked.start.duration),
            (WAV, 5)
        );
        assert_eq!(json!(asked)["end_of_key"], "");
    }
}
