//! Address: the source or destination of a call (chapter 01 §5.6, 02 §2.1).

use serde::{Deserialize, Serialize};

use crate::wire::is_default;

wire_enum! {
    /// What an address points at.
    pub enum Kind {
        None = "",
        Agent = "agent",
        Ai = "ai",
        AiTeam = "ai_team",
        Conference = "conference",
        Email = "email",
        Extension = "extension",
        Line = "line",
        Sip = "sip",
        Tel = "tel",
        Webchat = "webchat",
        WebSession = "web_session",
        Whatsapp = "whatsapp",
    }
    default None
}

/// A source or destination; every key is omitted when empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Address {
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// The endpoint: an E.164 number, a SIP address, an id.
    #[serde(skip_serializing_if = "is_default")]
    pub target: String,
    /// Display name of the endpoint.
    #[serde(skip_serializing_if = "is_default")]
    pub target_name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub detail: String,
}

impl Address {
    /// A telephone number in E.164 form.
    #[must_use]
    pub fn tel(number: &str) -> Self {
        Self {
            kind: Kind::Tel,
            target: number.to_owned(),
            ..Self::default()
        }
    }

    /// A SIP address such as `user@host:5060`.
    #[must_use]
    pub fn sip(target: &str) -> Self {
        Self {
            kind: Kind::Sip,
            target: target.to_owned(),
            ..Self::default()
        }
    }

    /// Whether this stands for "no address": SQL NULL, JSON `null`, `{}` and an
    /// empty target all mean absent (chapter 05 A.8.4, G.1 row 3).
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.target.is_empty()
    }
}
