//! To which Asterisk a request goes.

use trunkline_model::id::AsteriskId;
use trunkline_model::service::asterisk_queue;

/// One Asterisk, or any of a group (chapter 01 §8.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AsteriskTarget {
    /// The Asterisk with this id: for everything about something that exists.
    One(AsteriskId),
    /// Any Asterisk for calls: to create outgoing channels.
    Call,
    /// Any Asterisk for conferences: to create bridges of confbridges.
    Conference,
}

impl AsteriskTarget {
    /// The id, or the group's name that stands in its place.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::One(id) => id.as_str(),
            Self::Call => "call",
            Self::Conference => "conference",
        }
    }

    /// The queue of its requests.
    #[must_use]
    pub fn queue(&self) -> String {
        asterisk_queue(self.name())
    }
}

impl From<AsteriskId> for AsteriskTarget {
    fn from(id: AsteriskId) -> Self {
        Self::One(id)
    }
}

impl From<&AsteriskId> for AsteriskTarget {
    fn from(id: &AsteriskId) -> Self {
        Self::One(id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_named_after_the_asterisk_or_its_group() {
        let one = AsteriskTarget::from(AsteriskId::from("42:01:0a:a4:0f:d0"));
        assert_eq!(one.queue(), "asterisk.42:01:0a:a4:0f:d0.request");
        assert_eq!(AsteriskTarget::Call.queue(), "asterisk.call.request");
        assert_eq!(
            AsteriskTarget::Conference.queue(),
            "asterisk.conference.request"
        );
    }
}
