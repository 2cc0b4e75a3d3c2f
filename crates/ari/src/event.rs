//! What Asterisk reports over its websocket, and what the proxy reports about
//! the Asterisk beside it.
//!
//! Both arrive on the proxies' exchange as the payload of a bus event. The types
//! are those of chapter 03 §2.1, of Dial, and of the proxy's own two; every other
//! type keeps only its name.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trunkline_model::id::{AsteriskId, BridgeId, ChannelId};
use trunkline_model::{Timestamp, wire};

use crate::args;
use crate::resource::{
    Bridge, Channel, ContactInfo, Endpoint, LiveRecording, Peer, Playback, Target, lenient_time,
};

/// `type` of the bus event that carries an event of Asterisk's.
pub const BUS_TYPE: &str = "ari_event";
/// `type` of the bus event that carries [`Connection`] after each connect.
pub const BUS_TYPE_CONNECTED: &str = "asterisk_connected";
/// `type` of the bus event that carries [`Connection`] after each loss.
pub const BUS_TYPE_DISCONNECTED: &str = "asterisk_disconnected";

const CONNECTED: &str = "TrunklineAsteriskConnected";
const DISCONNECTED: &str = "TrunklineAsteriskDisconnected";

/// The types that our call-manager does something with, the parts of a recording
/// and a playback, and the notice that another program took over: what an event
/// filter lets through. A call has six of them instead of twenty-five.
///
/// The reference's call-manager uses more (chapter 04 §11.2): a proxy of its own
/// sets no filter. See `docs/decisions/event-filter.md`.
pub const USED: [&str; 12] = [
    "ApplicationReplaced",
    "BridgeDestroyed",
    "ChannelDestroyed",
    "ChannelDtmfReceived",
    "ChannelStateChange",
    "ContactStatusChange",
    "PlaybackFinished",
    "PlaybackStarted",
    "RecordingFailed",
    "RecordingFinished",
    "RecordingStarted",
    "StasisStart",
];

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The Stasis application that it is meant for.
    pub application: String,
    /// Asterisk's clock; none when it could not be read.
    pub timestamp: Option<Timestamp>,
    /// The Asterisk that it comes from.
    pub asterisk_id: AsteriskId,
    /// What happened.
    pub kind: Kind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Another websocket took the application over; this one gets nothing more.
    ApplicationReplaced,
    BridgeCreated(Bridge),
    BridgeDestroyed(Bridge),
    ChannelCreated(Channel),
    ChannelDestroyed(ChannelDestroyed),
    ChannelDtmfReceived(ChannelDtmfReceived),
    ChannelEnteredBridge(ChannelAndBridge),
    ChannelHangupRequest(ChannelHangupRequest),
    ChannelLeftBridge(ChannelAndBridge),
    ChannelStateChange(Channel),
    ChannelVarset(ChannelVarset),
    ContactStatusChange(ContactStatusChange),
    Dial(Box<Dial>),
    PeerStatusChange(PeerStatusChange),
    PlaybackContinuing(Playback),
    PlaybackFinished(Playback),
    PlaybackStarted(Playback),
    RecordingFailed(LiveRecording),
    RecordingFinished(LiveRecording),
    RecordingStarted(LiveRecording),
    StasisEnd(Channel),
    StasisStart(StasisStart),
    /// The proxy is connected (again): what happened before may have been missed.
    AsteriskConnected,
    /// The proxy has lost its Asterisk.
    AsteriskDisconnected,
    /// Another type, by its name.
    Other(String),
}

/// A channel is gone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ChannelDestroyed {
    pub channel: Channel,
    /// See [`crate::cause`].
    pub cause: i64,
    pub cause_txt: String,
    /// The SIP status, when the far end gave one.
    pub tech_cause: Option<i64>,
}

/// Somebody pressed a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ChannelDtmfReceived {
    pub channel: Channel,
    pub digit: String,
    pub duration_ms: i64,
}

/// A channel entered or left a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ChannelAndBridge {
    pub channel: Channel,
    pub bridge: Bridge,
}

/// A hangup is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ChannelHangupRequest {
    pub channel: Channel,
    /// See [`crate::cause`].
    pub cause: i64,
    /// The SIP status, when the far end gave one.
    pub tech_cause: Option<i64>,
    /// Whether it was asked for rather than done by the far end.
    pub soft: bool,
}

/// A variable was set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ChannelVarset {
    /// None for a global variable.
    pub channel: Option<Channel>,
    pub variable: String,
    pub value: String,
}

/// A phone registered or went away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct ContactStatusChange {
    pub endpoint: Endpoint,
    pub contact_info: ContactInfo,
}

/// An endpoint became reachable or unreachable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct PeerStatusChange {
    pub endpoint: Endpoint,
    pub peer: Peer,
}

/// Progress of dialing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Dial {
    pub caller: Option<Channel>,
    /// The channel that is dialed.
    pub peer: Channel,
    pub dialstring: String,
    /// Empty at the start, then such as `RINGING`, `PROGRESS`, `ANSWER`. There is
    /// no closing one when a created channel's dial fails (`asterisk.md`).
    pub dialstatus: String,
}

/// A channel entered the application.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct StasisStart {
    pub channel: Channel,
    /// See [`StasisStart::arguments`].
    pub args: Vec<String>,
}

impl StasisStart {
    /// The arguments as a map (chapter 03 §2.1).
    #[must_use]
    pub fn arguments(&self) -> BTreeMap<String, String> {
        args::parse(&self.args, &self.channel.tech())
    }
}

/// A payload that is not an event.
#[derive(Debug, thiserror::Error)]
#[error("failed to decode an event of Asterisk's of type `{kind}`")]
pub struct DecodeError {
    /// The event's type, empty when not even that could be read.
    pub kind: String,
    #[source]
    cause: serde_json::Error,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Base {
    #[serde(rename = "type")]
    kind: String,
    application: String,
    #[serde(deserialize_with = "lenient_time")]
    timestamp: Option<Timestamp>,
    asterisk_id: AsteriskId,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfChannel {
    channel: Channel,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfBridge {
    bridge: Bridge,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfPlayback {
    playback: Playback,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfRecording {
    recording: LiveRecording,
}

impl Event {
    /// Reads an event. Unknown keys are ignored, missing ones take their zero
    /// value.
    ///
    /// # Errors
    ///
    /// When it is not JSON, or a field that is read has a wrong type.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let base: Base = wire::decode(text).map_err(|cause| DecodeError {
            kind: String::new(),
            cause,
        })?;
        let kind = Kind::decode(&base.kind, text).map_err(|cause| DecodeError {
            kind: base.kind.clone(),
            cause,
        })?;
        Ok(Self {
            application: base.application,
            timestamp: base.timestamp,
            asterisk_id: base.asterisk_id,
            kind,
        })
    }

    /// Under which key the event must stay in order (architecture decision 10):
    /// the channel's id for whatever is about a channel, else the bridge's, the
    /// recording's name, the endpoint's, or the Asterisk's.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        let key = match &self.kind {
            Kind::ApplicationReplaced | Kind::AsteriskConnected | Kind::AsteriskDisconnected => {
                self.asterisk_id.as_str()
            }
            Kind::BridgeCreated(bridge) | Kind::BridgeDestroyed(bridge) => bridge.id.as_str(),
            Kind::ChannelVarset(varset) => varset.channel.as_ref()?.id.as_str(),
            Kind::ContactStatusChange(ContactStatusChange { endpoint, .. })
            | Kind::PeerStatusChange(PeerStatusChange { endpoint, .. }) => {
                endpoint.resource.as_str()
            }
            Kind::PlaybackContinuing(playback)
            | Kind::PlaybackFinished(playback)
            | Kind::PlaybackStarted(playback) => return Some(target_key(playback.target())),
            Kind::RecordingFailed(recording)
            | Kind::RecordingFinished(recording)
            | Kind::RecordingStarted(recording) => return Some(recording_key(recording)),
            Kind::Other(_) => return None,
            Kind::ChannelCreated(_)
            | Kind::ChannelDestroyed(_)
            | Kind::ChannelDtmfReceived(_)
            | Kind::ChannelEnteredBridge(_)
            | Kind::ChannelHangupRequest(_)
            | Kind::ChannelLeftBridge(_)
            | Kind::ChannelStateChange(_)
            | Kind::Dial(_)
            | Kind::StasisEnd(_)
            | Kind::StasisStart(_) => self.channel()?.id.as_str(),
        };
        (!key.is_empty()).then(|| key.to_owned())
    }

    /// The channel that the event is about, if it is about one; of Dial the one
    /// that is dialed.
    #[must_use]
    pub fn channel(&self) -> Option<&Channel> {
        match &self.kind {
            Kind::ChannelCreated(channel)
            | Kind::ChannelStateChange(channel)
            | Kind::StasisEnd(channel) => Some(channel),
            Kind::ChannelDestroyed(event) => Some(&event.channel),
            Kind::ChannelDtmfReceived(event) => Some(&event.channel),
            Kind::ChannelEnteredBridge(event) | Kind::ChannelLeftBridge(event) => {
                Some(&event.channel)
            }
            Kind::ChannelHangupRequest(event) => Some(&event.channel),
            Kind::ChannelVarset(event) => event.channel.as_ref(),
            Kind::Dial(event) => Some(&event.peer),
            Kind::StasisStart(event) => Some(&event.channel),
            Kind::ApplicationReplaced
            | Kind::BridgeCreated(_)
            | Kind::BridgeDestroyed(_)
            | Kind::ContactStatusChange(_)
            | Kind::PeerStatusChange(_)
            | Kind::PlaybackContinuing(_)
            | Kind::PlaybackFinished(_)
            | Kind::PlaybackStarted(_)
            | Kind::RecordingFailed(_)
            | Kind::RecordingFinished(_)
            | Kind::RecordingStarted(_)
            | Kind::AsteriskConnected
            | Kind::AsteriskDisconnected
            | Kind::Other(_) => None,
        }
    }
}

fn target_key(target: Target) -> String {
    match target {
        Target::Channel(ChannelId(id)) | Target::Bridge(BridgeId(id)) | Target::Other(id) => id,
    }
}

fn recording_key(recording: &LiveRecording) -> String {
    if recording.target_uri.is_empty() {
        return recording.name.clone();
    }
    target_key(recording.target())
}

fn channel(text: &str) -> Result<Channel, serde_json::Error> {
    Ok(wire::decode::<OfChannel>(text)?.channel)
}

fn bridge(text: &str) -> Result<Bridge, serde_json::Error> {
    Ok(wire::decode::<OfBridge>(text)?.bridge)
}

fn playback(text: &str) -> Result<Playback, serde_json::Error> {
    Ok(wire::decode::<OfPlayback>(text)?.playback)
}

fn recording(text: &str) -> Result<LiveRecording, serde_json::Error> {
    Ok(wire::decode::<OfRecording>(text)?.recording)
}

fn boxed<T: DeserializeOwned>(text: &str) -> Result<Box<T>, serde_json::Error> {
    wire::decode(text).map(Box::new)
}

impl Kind {
    fn decode(kind: &str, text: &str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            "ApplicationReplaced" => Self::ApplicationReplaced,
            "BridgeCreated" => Self::BridgeCreated(bridge(text)?),
            "BridgeDestroyed" => Self::BridgeDestroyed(bridge(text)?),
            "ChannelCreated" => Self::ChannelCreated(channel(text)?),
            "ChannelDestroyed" => Self::ChannelDestroyed(wire::decode(text)?),
            "ChannelDtmfReceived" => Self::ChannelDtmfReceived(wire::decode(text)?),
            "ChannelEnteredBridge" => Self::ChannelEnteredBridge(wire::decode(text)?),
            "ChannelHangupRequest" => Self::ChannelHangupRequest(wire::decode(text)?),
            "ChannelLeftBridge" => Self::ChannelLeftBridge(wire::decode(text)?),
            "ChannelStateChange" => Self::ChannelStateChange(channel(text)?),
            "ChannelVarset" => Self::ChannelVarset(wire::decode(text)?),
            "ContactStatusChange" => Self::ContactStatusChange(wire::decode(text)?),
            "Dial" => Self::Dial(boxed(text)?),
            "PeerStatusChange" => Self::PeerStatusChange(wire::decode(text)?),
            "PlaybackContinuing" => Self::PlaybackContinuing(playback(text)?),
            "PlaybackFinished" => Self::PlaybackFinished(playback(text)?),
            "PlaybackStarted" => Self::PlaybackStarted(playback(text)?),
            "RecordingFailed" => Self::RecordingFailed(recording(text)?),
            "RecordingFinished" => Self::RecordingFinished(recording(text)?),
            "RecordingStarted" => Self::RecordingStarted(recording(text)?),
            "StasisEnd" => Self::StasisEnd(channel(text)?),
            "StasisStart" => Self::StasisStart(wire::decode(text)?),
            CONNECTED => Self::AsteriskConnected,
            DISCONNECTED => Self::AsteriskDisconnected,
            other => Self::Other(other.to_owned()),
        })
    }

    /// The type's name, for metrics and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ApplicationReplaced => "ApplicationReplaced",
            Self::BridgeCreated(_) => "BridgeCreated",
            Self::BridgeDestroyed(_) => "BridgeDestroyed",
            Self::ChannelCreated(_) => "ChannelCreated",
            Self::ChannelDestroyed(_) => "ChannelDestroyed",
            Self::ChannelDtmfReceived(_) => "ChannelDtmfReceived",
            Self::ChannelEnteredBridge(_) => "ChannelEnteredBridge",
            Self::ChannelHangupRequest(_) => "ChannelHangupRequest",
            Self::ChannelLeftBridge(_) => "ChannelLeftBridge",
            Self::ChannelStateChange(_) => "ChannelStateChange",
            Self::ChannelVarset(_) => "ChannelVarset",
            Self::ContactStatusChange(_) => "ContactStatusChange",
            Self::Dial(_) => "Dial",
            Self::PeerStatusChange(_) => "PeerStatusChange",
            Self::PlaybackContinuing(_) => "PlaybackContinuing",
            Self::PlaybackFinished(_) => "PlaybackFinished",
            Self::PlaybackStarted(_) => "PlaybackStarted",
            Self::RecordingFailed(_) => "RecordingFailed",
            Self::RecordingFinished(_) => "RecordingFinished",
            Self::RecordingStarted(_) => "RecordingStarted",
            Self::StasisEnd(_) => "StasisEnd",
            Self::StasisStart(_) => "StasisStart",
            Self::AsteriskConnected => CONNECTED,
            Self::AsteriskDisconnected => DISCONNECTED,
            Self::Other(name) => name,
        }
    }
}

/// What the proxy reports about its Asterisk; call-manager compares its rows
/// with Asterisk after each connect, and dials only while connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    #[serde(rename = "type")]
    kind: &'static str,
    pub asterisk_id: AsteriskId,
    pub application: String,
    pub timestamp: Timestamp,
}

impl Connection {
    /// The websocket stands, the event filter is set, the queues are served.
    #[must_use]
    pub fn connected(asterisk_id: AsteriskId, application: &str, now: Timestamp) -> Self {
        let application = application.to_owned();
        Self {
            kind: CONNECTED,
            asterisk_id,
            application,
            timestamp: now,
        }
    }

    /// The websocket is lost, or Asterisk does not answer requests.
    #[must_use]
    pub fn disconnected(asterisk_id: AsteriskId, application: &str, now: Timestamp) -> Self {
        Self {
            kind: DISCONNECTED,
            ..Self::connected(asterisk_id, application, now)
        }
    }

    /// `type` of the bus event that carries it.
    #[must_use]
    pub fn bus_type(&self) -> &'static str {
        if self.kind == CONNECTED {
            BUS_TYPE_CONNECTED
        } else {
            BUS_TYPE_DISCONNECTED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of chapter 01 §8.2.
    const STASIS_START: &str = r#"{"type":"StasisStart","application":"voipbin","timestamp":"2026-01-02T03:04:05.123+0000","asterisk_id":"42:01:0a:a4:0f:d0","args":["context_type=call"],"channel":{"id":"1735787045.12","name":"PJSIP/call-in-00000001","state":"Ring"}}"#;

    fn event(kind: &str, fields: &str) -> Event {
        let text = format!(r#"{{"type":"{kind}","asterisk_id":"a"{fields}}}"#);
        Event::decode(&text).unwrap()
    }

    #[test]
    fn the_chapters_example_is_read() {
        let event = Event::decode(STASIS_START).unwrap();
        assert_eq!(event.application, "voipbin");
        assert_eq!(event.asterisk_id.as_str(), "42:01:0a:a4:0f:d0");
        assert_eq!(event.timestamp, "2026-01-02T03:04:05.123Z".parse().ok());
        assert_eq!(event.key().as_deref(), Some("1735787045.12"));
        let Kind::StasisStart(start) = event.kind else {
            panic!("{event:?}")
        };
        assert_eq!(start.channel.state.as_str(), "Ring");
        assert_eq!(start.arguments()["context_type"], "call");
    }

    #[test]
    fn every_type_keeps_its_name_and_has_its_key() {
        let channel = r#","channel":{"id":"c"}"#;
        let bridge = r#","bridge":{"id":"b"}"#;
        let playback = r#","playback":{"id":"p","target_uri":"channel:c:1"}"#;
        let recording = r#","recording":{"name":"r","target_uri":"bridge:b"}"#;
        let endpoint = r#","endpoint":{"technology":"PJSIP","resource":"1001"},"peer":{"peer_status":"Reachable"}"#;
        let both = format!("{channel}{bridge}");
        for (kind, fields, key) in [
            ("ApplicationReplaced", "", "a"),
            ("BridgeCreated", bridge, "b"),
            ("BridgeDestroyed", bridge, "b"),
            ("ChannelCreated", channel, "c"),
            ("ChannelDestroyed", channel, "c"),
            ("ChannelDtmfReceived", channel, "c"),
            ("ChannelEnteredBridge", &both, "c"),
            ("ChannelHangupRequest", channel, "c"),
            ("ChannelLeftBridge", &both, "c"),
            ("ChannelStateChange", channel, "c"),
            ("ChannelVarset", channel, "c"),
            ("ContactStatusChange", endpoint, "1001"),
            ("Dial", r#","peer":{"id":"p"},"caller":{"id":"c"}"#, "p"),
            ("PeerStatusChange", endpoint, "1001"),
            ("PlaybackContinuing", playback, "c:1"),
            ("PlaybackFinished", playback, "c:1"),
            ("PlaybackStarted", playback, "c:1"),
            ("RecordingFailed", recording, "b"),
            ("RecordingFinished", recording, "b"),
            ("RecordingStarted", r#","recording":{"name":"r"}"#, "r"),
            ("StasisEnd", channel, "c"),
            ("StasisStart", channel, "c"),
            (CONNECTED, "", "a"),
            (DISCONNECTED, "", "a"),
        ] {
            let event = event(kind, fields);
            assert!(!matches!(event.kind, Kind::Other(_)), "{kind}");
            assert_eq!(
                (event.kind.name(), event.key().as_deref()),
                (kind, Some(key))
            );
        }
        for kind in USED {
            assert!(!matches!(event(kind, "").kind, Kind::Other(_)), "{kind}");
        }
    }

    #[test]
    fn decoding_forgives_what_it_does_not_need() {
        let other = event("ChannelHold", r#","channel":7"#);
        assert_eq!((other.kind.name(), other.key()), ("ChannelHold", None));
        let destroyed = event(
            "ChannelDestroyed",
            r#","timestamp":"soon","cause":17,"tech_cause":486,"channel":{"id":"c","state":null,"channelvars":{"A":"b"},"new":[1]}"#,
        );
        assert_eq!(destroyed.timestamp, None);
        let Kind::ChannelDestroyed(destroyed) = destroyed.kind else {
            panic!()
        };
        assert_eq!((destroyed.cause, destroyed.tech_cause), (17, Some(486)));
        assert_eq!(destroyed.channel.channelvars["A"], "b");
        let global = event("ChannelVarset", r#","variable":"A","value":"b""#);
        assert!(global.key().is_none() && global.channel().is_none());
        assert!(Event::decode(r#"{"type":"ChannelDestroyed","cause":"17"}"#).is_err());
        assert!(Event::decode("garbage").is_err());
    }

    #[test]
    fn the_proxys_own_events_are_read_like_asterisks() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let connected = Connection::connected("a".into(), "voipbin", now);
        let text = serde_json::to_string(&connected).unwrap();
        assert_eq!(
            text,
            r#"{"type":"TrunklineAsteriskConnected","asterisk_id":"a","application":"voipbin","timestamp":"2026-01-02T03:04:05Z"}"#
        );
        assert_eq!(Event::decode(&text).unwrap().kind, Kind::AsteriskConnected);
        let gone = Connection::disconnected("a".into(), "voipbin", now);
        assert_eq!(gone.bus_type(), "asterisk_disconnected");
        let gone = Event::decode(&serde_json::to_string(&gone).unwrap()).unwrap();
        assert_eq!(
            (gone.kind, gone.timestamp),
            (Kind::AsteriskDisconnected, Some(now))
        );
    }
}
