//! Identifiers. UUIDs as lower-case canonical text on the wire, 16 raw bytes in
//! the tables (chapter 01 §5.2); the nil UUID means "none".

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::text::TextVisitor;

/// Null leaves the nil id; the empty text is an error (chapter 01 §2.3).
struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_none<E>(self) -> Result<Uuid, E> {
        Ok(Uuid::nil())
    }

    fn visit_unit<E>(self) -> Result<Uuid, E> {
        Ok(Uuid::nil())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Uuid, D::Error> {
        let read = |text: &str| Uuid::try_parse(text).map_err(|error| error.to_string());
        deserializer.deserialize_str(TextVisitor::new("an id", read))
    }
}

macro_rules! uuid_ids {
    ($( $(#[$meta:meta])* $name:ident ),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The nil id: "none".
            pub const NIL: Self = Self(Uuid::nil());

            /// A new id, as [`crate::random::uuid`] makes them.
            #[must_use]
            pub fn random() -> Self {
                Self(crate::random::uuid())
            }

            /// Whether this is the nil id.
            #[must_use]
            pub fn is_nil(&self) -> bool {
                self.0.is_nil()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = Uuid::encode_buffer();
                serializer.serialize_str(self.0.hyphenated().encode_lower(&mut text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_option(IdVisitor).map(Self)
            }
        }
    )+ };
}

uuid_ids! {
    /// An action of a flow.
    ActionId,
    /// A running instance of a flow.
    ActiveflowId,
    /// A person or desk that answers calls.
    AgentId,
    /// A billing account.
    AccountId,
    /// A call.
    CallId,
    /// A campaign.
    CampaignId,
    /// One attempt of a campaign.
    CampaigncallId,
    /// A confbridge.
    ConfbridgeId,
    /// A customer: the tenant that owns rows.
    CustomerId,
    /// A direct link (kept by direct-manager) to an agent or flow.
    DirectId,
    /// One external media stream.
    ExternalMediaId,
    /// A file that storage-manager keeps.
    FileId,
    /// A flow: a list of actions.
    FlowId,
    /// A group call.
    GroupcallId,
    /// A telephone number of ours.
    NumberId,
    /// A customer's rules for outgoing calls.
    OutboundConfigId,
    /// A list of people to call.
    OutdialId,
    /// One person on an outdial.
    OutdialTargetId,
    /// Retry rules and caller id of a campaign.
    OutplanId,
    /// The owner of a call or group call (an agent's id).
    OwnerId,
    /// A telephone that registers.
    PhoneId,
    /// A SIP provider.
    ProviderId,
    /// A queue.
    QueueId,
    /// A recording.
    RecordingId,
    /// What an activeflow belongs to: a call id, a campaigncall id, …
    ReferenceId,
    /// A dial route.
    RouteId,
    /// A stack of an activeflow.
    StackId,
    /// A tag of agents and queues.
    TagId,
    /// A SIP trunk.
    TrunkId,
}

macro_rules! text_ids {
    ($( $(#[$meta:meta])* $name:ident ),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// A new id made of a UUID, as [`crate::random::uuid`] makes them.
            #[must_use]
            pub fn random() -> Self {
                Self(crate::random::uuid().hyphenated().to_string())
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether there is none.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+ };
}

text_ids! {
    /// An Asterisk: what ARI's info calls its entity id (a MAC address in form).
    AsteriskId,
    /// A bridge on an Asterisk.
    BridgeId,
    /// A channel on an Asterisk. Not necessarily a UUID.
    ChannelId,
    /// A playback on an Asterisk.
    PlaybackId,
}
