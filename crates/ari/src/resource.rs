//! What ARI reports about: channels, bridges, playbacks, recordings, endpoints.
//!
//! Decoding is lenient: unknown keys are ignored, missing ones take their zero
//! value. Fields that nobody reads are left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use trunkline_model::Timestamp;
use trunkline_model::channel::{State, Tech};
use trunkline_model::id::{BridgeId, ChannelId, PlaybackId};

/// A party's name and number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct CallerId {
    pub name: String,
    pub number: String,
}

/// Where in the dialplan a channel is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Dialplan {
    pub context: String,
    pub exten: String,
    pub priority: i64,
    pub app_name: String,
    pub app_data: String,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Channel {
    pub id: ChannelId,
    /// Such as `PJSIP/call-out-00000a1f`.
    pub name: String,
    pub state: State,
    pub caller: CallerId,
    pub connected: CallerId,
    pub dialplan: Dialplan,
    pub language: String,
    /// The SIP Call-ID of a PJSIP channel, else empty.
    pub protocol_id: String,
    #[serde(deserialize_with = "lenient_time")]
    pub creationtime: Option<Timestamp>,
    /// Channel variables that Asterisk was told to report.
    pub channelvars: BTreeMap<String, String>,
}

impl Channel {
    /// The driver: what stands before the first `/` of the name, in lower case;
    /// none when it is not one of those that are told apart (chapter 03 §2.2).
    #[must_use]
    pub fn tech(&self) -> Tech {
        let driver = self
            .name
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match Tech::from(driver.as_str()) {
            Tech::Other(_) => Tech::None,
            known @ (Tech::None
            | Tech::AudioSocket
            | Tech::Local
            | Tech::PjSip
            | Tech::Sip
            | Tech::Snoop
            | Tech::UnicastRtp) => known,
        }
    }
}

/// A bridge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Bridge {
    pub id: BridgeId,
    /// See [`trunkline_model::bridge::Reference`].
    pub name: String,
    pub bridge_type: String,
    pub technology: String,
    pub bridge_class: String,
    pub creator: String,
    pub video_mode: String,
    pub video_source_id: String,
    /// The channels in it.
    pub channels: Vec<ChannelId>,
    #[serde(deserialize_with = "lenient_time")]
    pub creationtime: Option<Timestamp>,
}

/// A playback.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Playback {
    pub id: PlaybackId,
    /// `channel:<id>` or `bridge:<id>`.
    pub target_uri: String,
    pub media_uri: String,
    /// `queued`, `playing`, `continuing`, `done`, `failed`.
    pub state: String,
}

impl Playback {
    /// On what it plays.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::parse(&self.target_uri)
    }
}

/// A recording that is being made, or just ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct LiveRecording {
    pub name: String,
    pub format: String,
    /// `queued`, `recording`, `paused`, `done`, `failed`, `canceled`.
    pub state: String,
    /// `channel:<id>` or `bridge:<id>`.
    pub target_uri: String,
    /// Whole seconds, and unreliable.
    pub duration: Option<i64>,
    /// Seconds in which somebody spoke; only with a limit of silence.
    pub talking_duration: Option<i64>,
    /// Seconds of silence; only with a limit of silence.
    pub silence_duration: Option<i64>,
    /// Why it failed.
    pub cause: String,
}

impl LiveRecording {
    /// What it records.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::parse(&self.target_uri)
    }
}

/// What a playback plays on, or a recording records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Channel(ChannelId),
    Bridge(BridgeId),
    /// Anything else, kept as it came.
    Other(String),
}

impl Target {
    /// Reads a `target_uri`.
    #[must_use]
    pub fn parse(uri: &str) -> Self {
        match uri.split_once(':') {
            Some(("channel", id)) => Self::Channel(id.into()),
            Some(("bridge", id)) => Self::Bridge(id.into()),
            _ => Self::Other(uri.to_owned()),
        }
    }
}

/// A phone or trunk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Endpoint {
    /// Such as `PJSIP`.
    pub technology: String,
    /// Its name.
    pub resource: String,
    /// `unknown`, `offline`, `online`.
    pub state: String,
}

/// One registration of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ContactInfo {
    pub uri: String,
    /// Such as `Reachable`, `Unreachable`, `Removed`.
    pub contact_status: String,
    pub aor: String,
}

/// A peer's reachability.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Peer {
    pub peer_status: String,
    pub cause: String,
}

/// The value of a channel variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Variable {
    pub value: String,
}

/// A time that cannot be read is no reason to lose the rest.
pub(crate) fn lenient_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_is_known_by_the_name() {
        for (name, tech) in [
            ("PJSIP/call-in-00000001", Tech::PjSip),
            ("AudioSocket/127.0.0.1:42000-a1", Tech::AudioSocket),
            ("UnicastRTP/127.0.0.1:5004-0x1", Tech::UnicastRtp),
            ("WebSocket/INCOMING/x", Tech::None),
            ("", Tech::None),
        ] {
            let channel = Channel {
                name: name.to_owned(),
                ..Channel::default()
            };
            assert_eq!(channel.tech(), tech, "{name}");
        }
    }
}
