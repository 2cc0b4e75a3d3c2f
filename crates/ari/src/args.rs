//! Stasis arguments: from ARI's list of texts to a map (chapter 03 §2.1, §2.4).

use std::collections::BTreeMap;

use trunkline_model::channel::{Tech, context, context_type, stasis_key};

/// The arguments of a StasisStart of a channel of this driver.
///
/// Compat: a value ends at its second `=`, because the reference's does; see
/// `value_ends_at_its_second_equals_sign`.
#[must_use]
pub fn parse(args: &[String], tech: &Tech) -> BTreeMap<String, String> {
    if *tech == Tech::AudioSocket {
        return of_audio_socket(args);
    }
    args.iter().map(|arg| split(arg)).collect()
}

fn split(arg: &str) -> (String, String) {
    let mut pieces = arg.split('=');
    let key = pieces.next().unwrap_or_default();
    let value = pieces.next().unwrap_or_default();
    (key.to_owned(), value.to_owned())
}

/// Asterisk's AudioSocket driver takes nothing but a UUID as argument: it is the
/// id of the external media, and the rest is known.
fn of_audio_socket(args: &[String]) -> BTreeMap<String, String> {
    let mut map = BTreeMap::from([
        (
            stasis_key::CONTEXT.to_owned(),
            context::CALL_EXTERNAL_MEDIA.to_owned(),
        ),
        (
            stasis_key::CONTEXT_TYPE.to_owned(),
            context_type::CALL.to_owned(),
        ),
    ]);
    if let Some(first) = args.first() {
        map.insert(stasis_key::EXTERNAL_MEDIA_ID.to_owned(), split(first).0);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str], tech: &Tech) -> Vec<(String, String)> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        parse(&args, tech).into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn arguments_become_a_map() {
        let args = [
            "context_type=call",
            "context=call-in",
            "domain=sip-service.voipbin.net",
            "source=213.127.79.161",
            "sip_call_id=8juJJyujlS",
            "sip_pai=",
            "sip_privacy=",
        ];
        let expected = pairs(&[
            ("context", "call-in"),
            ("context_type", "call"),
            ("domain", "sip-service.voipbin.net"),
            ("sip_call_id", "8juJJyujlS"),
            ("sip_pai", ""),
            ("sip_privacy", ""),
            ("source", "213.127.79.161"),
        ]);
        assert_eq!(parsed(&args, &Tech::PjSip), expected);
    }

    #[test]
    fn value_ends_at_its_second_equals_sign() {
        assert_eq!(
            parsed(&["a=b=c", "flag"], &Tech::None),
            pairs(&[("a", "b"), ("flag", "")])
        );
    }

    #[test]
    fn audio_socket_has_its_media_id_as_the_only_argument() {
        let id = "a1d6dcef-5f9a-4f93-a53c-f3de6c056044";
        let expected = pairs(&[
            ("context", "call-externalmedia"),
            ("context_type", "call"),
            ("external_media_id", id),
        ]);
        assert_eq!(parsed(&[id], &Tech::AudioSocket), expected);
        assert_eq!(parsed(&[], &Tech::AudioSocket), expected[..2]);
    }
}
