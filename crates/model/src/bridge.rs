//! Bridge: a bridge on an Asterisk (chapter 02 §3.4). Never in an RPC or event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AsteriskId, BridgeId, ChannelId, ReferenceId};
use crate::time::Timestamp;

wire_enum! {
    /// What a bridge does. A create request joins several with a comma; the
    /// stored value is what ARI reports.
    pub enum Type {
        None = "",
        Mixing = "mixing",
        DtmfEvents = "dtmf_events",
        ProxyMedia = "proxy_media",
        Holding = "holding",
        VideoSfu = "video_sfu",
    }
    default None
}

wire_enum! {
    /// The Asterisk module that mixes.
    pub enum Tech {
        None = "",
        Simple = "simple_bridge",
        Softmix = "softmix",
    }
    default None
}

wire_enum! {
    /// What kind of thing a bridge belongs to.
    pub enum ReferenceType {
        Unknown = "unknown",
        Call = "call",
        CallSnoop = "call-snoop",
        Confbridge = "confbridge",
        /// Never created by the reference.
        ConfbridgeSnoop = "confbridge-snoop",
    }
    default Unknown
}

/// A bridge. The reference gives it no JSON names, so its Redis form has the
/// capitalised Go member names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
pub struct Bridge {
    #[serde(rename = "AsteriskID")]
    pub asterisk_id: AsteriskId,
    #[serde(rename = "ID")]
    pub id: BridgeId,
    /// Carries the reference: see [`Reference`].
    pub name: String,
    #[serde(rename = "Type")]
    pub kind: Type,
    pub tech: Tech,
    /// ARI's `bridge_class`.
    pub class: String,
    pub creator: String,
    pub video_mode: String,
    #[serde(rename = "VideoSourceID")]
    pub video_source_id: String,
    #[serde(rename = "ChannelIDs")]
    pub channel_ids: Vec<ChannelId>,
    pub reference_type: ReferenceType,
    #[serde(rename = "ReferenceID")]
    pub reference_id: ReferenceId,
    #[serde(rename = "TMCreate")]
    pub tm_create: Option<Timestamp>,
    #[serde(rename = "TMUpdate")]
    pub tm_update: Option<Timestamp>,
    #[serde(rename = "TMDelete")]
    pub tm_delete: Option<Timestamp>,
}

/// What a bridge belongs to, as its name carries it:
/// `reference_type=<type>,reference_id=<uuid>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    pub kind: ReferenceType,
    pub id: ReferenceId,
}

impl Reference {
    /// Reads a bridge name. Pairs that do not split at `=` in exactly two are
    /// ignored; what is missing or no UUID is `unknown` and nil.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let mut reference = Self::default();
        for pair in name.split(',') {
            let mut halves = pair.split('=');
            let (Some(key), Some(value), None) = (halves.next(), halves.next(), halves.next())
            else {
                continue;
            };
            match key {
                "reference_type" => reference.kind = ReferenceType::from(value),
                "reference_id" => reference.id = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        reference
    }
}

/// The bridge name.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reference_type={},reference_id={}", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const EXAMPLE: &str = r#"{"AsteriskID":"42:01:0a:a4:0f:d0","ID":"b0a1c2d3-0000-4000-8000-000000000003","Name":"reference_type=call,reference_id=0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001","Type":"mixing","Tech":"softmix","Class":"stasis","Creator":"Stasis","VideoMode":"sfu","VideoSourceID":"","ChannelIDs":["7d3a3c0e-52c1-4d55-9f0e-6f3a0c1b0002"],"ReferenceType":"call","ReferenceID":"0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001","TMCreate":"2026-03-01T10:00:01Z","TMUpdate":null,"TMDelete":null}"#;

    #[test]
    fn example_round_trips_and_its_name_is_its_reference() {
        let bridge: Bridge = crate::wire::decode(EXAMPLE).unwrap();
        let expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(&bridge).unwrap(), expected);
        let reference = Reference {
            kind: bridge.reference_type,
            id: bridge.reference_id,
        };
        assert_eq!(reference.to_string(), bridge.name);
        assert_eq!(Reference::of_name(&bridge.name), reference);
    }

    #[test]
    fn a_foreign_bridge_name_has_no_reference() {
        for name in [
            "",
            "my bridge",
            "reference_type=call=x,reference_id=no",
            "a=b,c",
        ] {
            assert_eq!(Reference::of_name(name), Reference::default(), "{name}");
        }
    }
}
