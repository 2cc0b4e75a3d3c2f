//! Channel: a channel on an Asterisk (chapter 02 §3.3). Internal only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::call::{Direction, MuteDirection};
use crate::id::{AsteriskId, BridgeId, ChannelId, PlaybackId};
use crate::time::Timestamp;

wire_enum! {
    /// The role of a channel, derived from its [`context`].
    pub enum Type {
        None = "",
        Call = "call",
        Confbridge = "confbridge",
        Join = "join",
        External = "external",
        Recording = "recording",
        Application = "application",
    }
    default None
}

wire_enum! {
    /// The channel driver. Drivers not listed are stored as the empty text.
    pub enum Tech {
        None = "",
        AudioSocket = "audiosocket",
        Local = "local",
        PjSip = "pjsip",
        Sip = "sip",
        Snoop = "snoop",
        UnicastRtp = "unicastrtp",
    }
    default None
}

wire_enum! {
    /// ARI's channel state.
    pub enum State {
        None = "",
        Down = "Down",
        Rsrvd = "Rsrvd",
        OffHook = "OffHook",
        Dialing = "Dialing",
        Ring = "Ring",
        Ringing = "Ringing",
        Up = "Up",
        Busy = "Busy",
        DialingOffhook = "Dialing Offhook",
        PreRing = "Pre-ring",
        Mute = "Mute",
        Unknown = "Unknown",
    }
    default None
}

wire_enum! {
    /// Transport of the SIP leg.
    pub enum Transport {
        None = "",
        Udp = "udp",
        Tcp = "tcp",
        Tls = "tls",
        Ws = "ws",
        Wss = "wss",
    }
    default None
}

/// Values of the Stasis argument `context` (chapter 02 §3.3, 04 §1.1).
pub mod context {
    pub const CALL_APPLICATION: &str = "call-application";
    pub const CALL_EXTERNAL_MEDIA: &str = "call-externalmedia";
    pub const CALL_EXTERNAL_SNOOP: &str = "call-externalsnoop";
    pub const CALL_IN: &str = "call-in";
    pub const CALL_JOIN: &str = "call-join";
    pub const CALL_OUT: &str = "call-out";
    pub const CALL_RECORD: &str = "call-record";
    pub const CALL_RECOVERY: &str = "call-recovery";
    pub const CALL_SVC: &str = "call-svc";
    pub const CONF_IN: &str = "conf-in";
    /// Nobody creates such a channel; it is always an error.
    pub const CONF_OUT: &str = "conf-out";
}

/// Values of the Stasis argument `context_type`: who handles the channel.
pub mod context_type {
    pub const CALL: &str = "call";
    pub const CONF: &str = "conf";
}

/// Keys of [`Channel::stasis_data`]: the Stasis arguments.
pub mod stasis_key {
    pub const AMD_CAUSE: &str = "amd_cause";
    pub const AMD_STATUS: &str = "amd_status";
    pub const APPLICATION_NAME: &str = "application_name";
    pub const BRIDGE_ID: &str = "bridge_id";
    pub const CALL_ID: &str = "call_id";
    pub const CONFBRIDGE_ID: &str = "confbridge_id";
    pub const CONTEXT: &str = "context";
    pub const CONTEXT_FROM: &str = "context_from";
    pub const CONTEXT_TYPE: &str = "context_type";
    /// Ours: country in which a trunk's or phone's numbers are read.
    pub const COUNTRY: &str = "country";
    pub const DIRECTION: &str = "direction";
    /// Ours: user of the header Diversion.
    pub const DIVERSION: &str = "diversion";
    pub const DOMAIN: &str = "domain";
    pub const EXTERNAL_MEDIA_ID: &str = "external_media_id";
    pub const RECORDING_DIRECTION: &str = "recording_direction";
    pub const RECORDING_DURATION: &str = "recording_duration";
    pub const RECORDING_END_OF_KEY: &str = "recording_end_of_key";
    pub const RECORDING_END_OF_SILENCE: &str = "recording_end_of_silence";
    pub const RECORDING_FORMAT: &str = "recording_format";
    pub const RECORDING_ID: &str = "recording_id";
    pub const RECORDING_NAME: &str = "recording_name";
    pub const REFERENCE_ID: &str = "reference_id";
    pub const REFERENCE_TYPE: &str = "reference_type";
    pub const SIP_CALL_ID: &str = "sip_call_id";
    pub const SIP_PAI: &str = "sip_pai";
    pub const SIP_PRIVACY: &str = "sip_privacy";
    pub const SOURCE: &str = "source";
    /// Ours: user of the header To.
    pub const TO: &str = "to";
    pub const TRANSPORT: &str = "transport";
}

/// Keys of [`Channel::sip_data`]: what Kamailio knows of the SIP dialog.
pub mod sip_key {
    pub const CALL_ID: &str = "call_id";
    pub const DIRECTION: &str = "direction";
    pub const DOMAIN: &str = "domain";
    pub const FROM_DOMAIN: &str = "from_domain";
    pub const FROM_NAME: &str = "from_name";
    pub const FROM_TAG: &str = "from_tag";
    pub const FROM_URI: &str = "from_uri";
    pub const FROM_USER: &str = "from_user";
    pub const PAI: &str = "pai";
    pub const RTPENGINE_ADDRESS: &str = "rtpengine_address";
    pub const SOURCE_IP: &str = "source_ip";
    pub const TO_DOMAIN: &str = "to_domain";
    pub const TO_NAME: &str = "to_name";
    pub const TO_URI: &str = "to_uri";
    pub const TO_USER: &str = "to_user";
    pub const TRANSPORT: &str = "transport";
}

/// A channel on an Asterisk. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Channel {
    pub id: ChannelId,
    pub asterisk_id: AsteriskId,
    /// Asterisk's channel name, such as `PJSIP/call-out-00000a1f`.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
    pub tech: Tech,
    pub sip_call_id: String,
    pub sip_transport: Transport,
    /// See [`sip_key`]; null until known, and then never turned into `{}`.
    pub sip_data: Option<BTreeMap<String, String>>,
    pub source_name: String,
    pub source_number: String,
    /// Always empty in the reference.
    pub destination_name: String,
    /// The extension in the dialplan.
    pub destination_number: String,
    pub state: State,
    /// Every channel variable that ARI reported, `sip_pai` and `sip_privacy`.
    pub data: BTreeMap<String, Value>,
    /// The Stasis application; empty when the channel is not in one.
    pub stasis_name: String,
    /// See [`stasis_key`].
    pub stasis_data: BTreeMap<String, String>,
    /// The bridge that the channel is in.
    pub bridge_id: BridgeId,
    pub playback_id: PlaybackId,
    /// Always empty in the reference.
    pub dial_result: String,
    /// Q.850 cause, 0 = none.
    pub hangup_cause: i64,
    pub direction: Direction,
    pub mute_direction: MuteDirection,
    pub tm_answer: Option<Timestamp>,
    pub tm_ringing: Option<Timestamp>,
    pub tm_end: Option<Timestamp>,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Channel {
    /// One Stasis argument; `""` when it is missing.
    #[must_use]
    pub fn stasis(&self, key: &str) -> &str {
        self.stasis_data.get(key).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{"id":"7d3a3c0e-52c1-4d55-9f0e-6f3a0c1b0002","asterisk_id":"42:01:0a:a4:0f:d0","name":"PJSIP/call-out-00000a1f","type":"call","tech":"pjsip","sip_call_id":"abc@10.0.0.5","sip_transport":"","sip_data":null,"source_name":"","source_number":"+15551230001","destination_name":"","destination_number":"s","state":"Up","data":{"SIPCALLID":"abc"},"stasis_name":"voipbin","stasis_data":{"context":"call-out","context_type":"call","call_id":"0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001","direction":"outgoing","transport":"udp"},"bridge_id":"b0a1c2d3-0000-4000-8000-000000000003","playback_id":"","dial_result":"","hangup_cause":0,"direction":"outgoing","mute_direction":"","tm_answer":"2026-03-01T10:00:06Z","tm_ringing":"2026-03-01T10:00:02.5Z","tm_end":null,"tm_create":"2026-03-01T10:00:00.3Z","tm_update":"2026-03-01T10:00:06Z","tm_delete":null}"#;

    #[test]
    fn example_round_trips() {
        let channel: Channel = crate::wire::decode(EXAMPLE).unwrap();
        let expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(&channel).unwrap(), expected);
        assert_eq!(
            (channel.tech.clone(), channel.state.clone()),
            (Tech::PjSip, State::Up)
        );
        assert_eq!(channel.stasis(stasis_key::CONTEXT), context::CALL_OUT);
        assert_eq!(channel.stasis(stasis_key::DOMAIN), "");

        let empty = serde_json::to_value(Channel::default()).unwrap();
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&empty), keys(&expected), "every key is always present");
    }
}
