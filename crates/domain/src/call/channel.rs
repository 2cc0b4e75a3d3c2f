//! Rules about channels that need no call (chapter 02 §3.3, 03 §2.1–2.4).

use trunkline_model::channel::{Tech, Type, context};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_and_technology_come_from_context_and_name() {
        assert_eq!(kind_of("call-out"), Type::Call);
        assert_eq!(kind_of("call-recovery"), Type::None);
        assert_eq!(tech_of("PJSIP/call-out-00000a1f"), Tech::PjSip);
        assert_eq!(tech_of("WebSocket/x"), Tech::None);
    }
}
