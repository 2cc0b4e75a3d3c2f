//! Rules about channels that need no call (chapter 02 §3.3, 03 §2.1–2.4).

use trunkline_model::channel::{Channel, Tech, Type, context};
use trunkline_model::id::AsteriskId;

/// A channel's role, from the context that it entered Stasis with.
#[must_use]
pub fn kind_of(stasis_context: &str) -> Type {
    match stasis_context {
        context::CALL_IN | context::CALL_OUT | context::CALL_SVC => Type::Call,
        context::CONF_IN | context::CONF_OUT => Type::Confbridge,
        context::CALL_JOIN => Type::Join,
        context::CALL_EXTERNAL_MEDIA | context::CALL_EXTERNAL_SNOOP => Type::External,
        context::CALL_RECORD => Type::Recording,
        context::CALL_APPLICATION => Type::Application,
        _ => Type::None,
    }
}

/// A channel's technology, from the text before the first `/` of its name.
#[must_use]
pub fn tech_of(name: &str) -> Tech {
    let head = name.split('/').next().unwrap_or_default().to_lowercase();
    match Tech::from(head.as_str()) {
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

/// Whether a live channel's row names another Asterisk than `on`. A channel of the
/// same id there is a double: the request to create it was delivered twice, through
/// the queue that all Asterisks share.
#[must_use]
pub fn is_on_another(row: &Channel, on: &AsteriskId) -> bool {
    row.tm_end.is_none() && !row.asterisk_id.is_empty() && !on.is_empty() && row.asterisk_id != *on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_is_a_double_only_beside_a_live_one_elsewhere() {
        let row = |on: &str, tm_end| Channel {
            asterisk_id: on.into(),
            tm_end,
            ..Channel::default()
        };
        let ended = Some(trunkline_model::Timestamp::from_micros(1));
        for (on, tm_end, is_double) in [
            ("a", None, true),
            ("b", None, false),
            ("", None, false),
            ("a", ended, false),
        ] {
            assert_eq!(is_on_another(&row(on, tm_end), &"b".into()), is_double);
        }
        assert!(
            !is_on_another(&row("a", None), &"".into()),
            "nobody says where"
        );
    }

    #[test]
    fn role_and_technology_come_from_context_and_name() {
        assert_eq!(kind_of("call-out"), Type::Call);
        assert_eq!(kind_of("call-recovery"), Type::None);
        assert_eq!(tech_of("PJSIP/call-out-00000a1f"), Tech::PjSip);
        assert_eq!(tech_of("WebSocket/x"), Tech::None);
    }
}
