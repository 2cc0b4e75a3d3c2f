//! The bodies of requests, key by key as chapter 01 §9.1 has them. Keys marked
//! there with `?` are left out when empty.

use std::collections::BTreeMap;

use serde::Serialize;
use trunkline_model::channel::MuteDirection;
use trunkline_model::id::{ChannelId, PlaybackId};
use trunkline_model::wire::is_default;

/// Creates a channel without dialing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct CreateChannel {
    /// Such as `PJSIP/call-out/sip:+15550100@gw.example.net;transport=udp`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// The Stasis application.
    pub app: String,
    /// Stasis arguments, `key=value` joined with commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_args: String,
    /// Our id of it; Asterisk cuts it at 149 characters.
    pub channel_id: ChannelId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub other_channel_id: String,
    /// Channel whose formats are taken over; not together with `formats`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub originator: String,
    /// Codecs joined with commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub formats: String,
    /// Channel variables set before anything happens.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Dials a created channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Dial {
    /// Channel whose caller id is shown; its own id for the caller id that was
    /// set on it (chapter 04 §14.5).
    #[serde(skip_serializing_if = "ChannelId::is_empty")]
    pub caller: ChannelId,
    /// Seconds; 0 is "for as long as the driver tries".
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: u32,
}

/// Leaves the application for the dialplan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Continue {
    pub context: String,
    pub extension: String,
    /// From 1; 0 is "where it is", which starts at 1.
    pub priority: i64,
    pub label: String,
}

/// Listens to a channel, or speaks into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Snoop {
    /// What is heard: `in` is what the channel says.
    #[serde(skip_serializing_if = "is_default")]
    pub spy: MuteDirection,
    /// What is spoken into: `out` is what the channel hears.
    #[serde(skip_serializing_if = "is_default")]
    pub whisper: MuteDirection,
    /// The Stasis application.
    pub app: String,
    /// Stasis arguments, `key=value` joined with commas.
    #[serde(rename = "appArgs", skip_serializing_if = "String::is_empty")]
    pub app_args: String,
    /// Our id of the snoop channel.
    #[serde(rename = "snoopId")]
    pub snoop_id: ChannelId,
}

/// Sends digits. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Dtmf {
    pub dtmf: String,
    /// Length of each digit.
    pub duration: i64,
    pub before: i64,
    /// Pause between two digits.
    pub between: i64,
    pub after: i64,
}

/// Plays sounds.
///
/// A playback is **not** idempotent: the same id plays again. And a media with
/// an unknown scheme is never reported as finished (`asterisk.md`): check it
/// first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Play {
    /// Such as `sound:http://…`, `sound:/absolute/path/without/extension`.
    pub media: Vec<String>,
    #[serde(rename = "playbackId", skip_serializing_if = "PlaybackId::is_empty")]
    pub playback_id: PlaybackId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// Milliseconds left out at the start.
    #[serde(skip_serializing_if = "is_default")]
    pub offsetms: i64,
    /// Milliseconds of a step forward or back.
    #[serde(skip_serializing_if = "is_default")]
    pub skipms: i64,
}

/// Records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Name, without extension; the recording's id.
    pub name: String,
    /// Such as `wav`.
    pub format: String,
    /// 0 is "no limit".
    pub max_duration_seconds: i64,
    /// Silence after which it ends; 0 is "no limit".
    pub max_silence_seconds: i64,
    pub beep: bool,
    /// `none`, `any`, `*`, `#`, or empty.
    pub terminate_on: String,
    /// `fail`, `overwrite`, `append`.
    pub if_exists: String,
}

impl Record {
    /// Without a beep and failing when the name exists, as the reference does.
    #[must_use]
    pub fn new(name: impl Into<String>, format: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            format: format.into(),
            max_duration_seconds: 0,
            max_silence_seconds: 0,
            beep: false,
            terminate_on: String::new(),
            if_exists: "fail".to_owned(),
        }
    }
}

/// Creates a channel whose far end is not a phone but a stream of media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ExternalMedia {
    /// Our id of it. The reference spells the key `channel_id`, which ARI does
    /// not know (chapter 01 §13.3, 26).
    #[serde(rename = "channelId")]
    pub channel_id: ChannelId,
    /// The Stasis application.
    pub app: String,
    pub external_host: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub encapsulation: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transport: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transport_data: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection_type: String,
    pub format: String,
    /// ARI knows only `both`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub direction: String,
    /// Stasis arguments; of AudioSocket the stream's UUID and nothing else.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Puts a channel into a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct AddChannel {
    pub channel: ChannelId,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
    #[serde(rename = "absorbDTMF", skip_serializing_if = "is_default")]
    pub absorb_dtmf: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub mute: bool,
}

impl AddChannel {
    /// An ordinary member.
    #[must_use]
    pub fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text<T: Serialize>(body: &T) -> String {
        serde_json::to_string(body).unwrap()
    }

    /// The bodies of chapter 04 §14.3, in its order of keys.
    #[test]
    fn bodies_are_those_of_the_reference() {
        let create = CreateChannel {
            endpoint: "PJSIP/conf-join/sip:b@10.96.4.7:5060".to_owned(),
            app: "voipbin".to_owned(),
            app_args: "context_type=call,context=call-join".to_owned(),
            channel_id: "c".into(),
            variables: BTreeMap::from([(
                "PJSIP_HEADER(add,VB-CALL-ID)".to_owned(),
                "x".to_owned(),
            )]),
            ..CreateChannel::default()
        };
        assert_eq!(
            text(&create),
            r#"{"endpoint":"PJSIP/conf-join/sip:b@10.96.4.7:5060","app":"voipbin","appArgs":"context_type=call,context=call-join","channelId":"c","variables":{"PJSIP_HEADER(add,VB-CALL-ID)":"x"}}"#
        );
        assert_eq!(
            text(&Dial {
                timeout: 60,
                ..Dial::default()
            }),
            r#"{"timeout":60}"#
        );
        assert_eq!(
            text(&Dial {
                caller: "c".into(),
                timeout: 60
            }),
            r#"{"caller":"c","timeout":60}"#
        );
        assert_eq!(text(&AddChannel::new("c".into())), r#"{"channel":"c"}"#);
        let snoop = Snoop {
            spy: MuteDirection::from("in"),
            whisper: MuteDirection::from("out"),
            app: "voipbin".to_owned(),
            app_args: "context=call-externalsnoop".to_owned(),
            snoop_id: "s".into(),
        };
        assert_eq!(
            text(&snoop),
            r#"{"spy":"in","whisper":"out","app":"voipbin","appArgs":"context=call-externalsnoop","snoopId":"s"}"#
        );
        assert_eq!(
            text(&Record::new("call_x_in", "wav")),
            r#"{"name":"call_x_in","format":"wav","maxDurationSeconds":0,"maxSilenceSeconds":0,"beep":false,"terminateOn":"","ifExists":"fail"}"#
        );
        let proceed = Continue {
            context: "svc-amd".to_owned(),
            ..Continue::default()
        };
        assert_eq!(
            text(&proceed),
            r#"{"context":"svc-amd","extension":"","priority":0,"label":""}"#
        );
        let play = Play {
            media: vec!["sound:x".to_owned()],
            ..Play::default()
        };
        assert_eq!(text(&play), r#"{"media":["sound:x"]}"#);
        assert_eq!(
            serde_json::to_value(Dtmf {
                dtmf: "1".to_owned(),
                duration: 100,
                ..Dtmf::default()
            })
            .unwrap(),
            json!({"dtmf": "1", "duration": 100, "before": 0, "between": 0, "after": 0})
        );
    }
}
