//! What single values may hold. Everything here ends up in a setting of Asterisk, a
//! SIP header or a dial string: what could mean something there is refused, not
//! escaped.

use std::net::{IpAddr, Ipv4Addr};

use super::Invalid;
use crate::phone;

/// Codecs by their names on the wire and in Asterisk.
const CODECS: [(&str, &str); 5] = [
    ("PCMU", "ulaw"),
    ("PCMA", "alaw"),
    ("G722", "g722"),
    ("GSM", "gsm"),
    ("OPUS", "opus"),
];

/// Longest name or detail.
const LONGEST_TEXT: usize = 255;
/// Longest user or password.
const LONGEST_SECRET: usize = 128;

pub(super) fn wrong(field: &'static str, why: impl Into<String>) -> Invalid {
    Invalid {
        field,
        why: why.into(),
    }
}

/// A text that people read.
pub(super) fn text(field: &'static str, value: &str) -> Result<(), Invalid> {
    if value.chars().count() > LONGEST_TEXT || value.chars().any(char::is_control) {
        return Err(wrong(
            field,
            format!("is one line of at most {LONGEST_TEXT} characters"),
        ));
    }
    Ok(())
}

/// A host name or an address, without port.
pub(super) fn host(field: &'static str, value: &str) -> Result<(), Invalid> {
    if value.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // All digits and dots is an address that somebody has mistyped.
    let numeric = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if value.len() <= 253 && !numeric && value.trim_end_matches('.').split('.').all(label) {
        return Ok(());
    }
    Err(wrong(
        field,
        format!("is `{value}`; it is a host name or an address, without port, scheme or user"),
    ))
}

/// A host name, an address, or a network such as `198.51.100.0/24`.
pub(super) fn network(field: &'static str, value: &str) -> Result<(), Invalid> {
    let Some((address, bits)) = value.split_once('/') else {
        return host(field, value);
    };
    let good = address.parse::<Ipv4Addr>().is_ok()
        && bits
            .parse::<u8>()
            .is_ok_and(|bits| (1..=32).contains(&bits));
    if good {
        return Ok(());
    }
    Err(wrong(
        field,
        format!("holds `{value}`; a network is written as 198.51.100.0/24"),
    ))
}

/// The user part of a SIP address (RFC 3261 §25.1, without what is special to
/// Asterisk).
pub(super) fn user(field: &'static str, value: &str) -> Result<(), Invalid> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+~*@".contains(&byte);
    if value.len() <= LONGEST_SECRET && value.bytes().all(plain) && !value.starts_with('@') {
        return Ok(());
    }
    Err(wrong(field, "holds letters, digits and - _ . + ~ * @ only"))
}

/// A password: anything that can be typed on one line. The message never shows it.
pub(super) fn password(value: &str) -> Result<(), Invalid> {
    let printable = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if value.len() <= LONGEST_SECRET && printable && value.trim() == value {
        return Ok(());
    }
    Err(wrong(
        "password",
        format!(
            "is at most {LONGEST_SECRET} printable ASCII characters, without spaces at its ends"
        ),
    ))
}

/// A list of codecs; returns the names that Asterisk has for them.
pub(super) fn codecs(value: &str) -> Result<String, Invalid> {
    let mut names = Vec::new();
    for name in value.split(',') {
        let known = CODECS.iter().find(|(wire, own)| {
            name.trim().eq_ignore_ascii_case(wire) || name.trim().eq_ignore_ascii_case(own)
        });
        let Some((_, own)) = known else {
            let all = CODECS.map(|(wire, _)| wire).join(", ");
            let why = format!("holds `{}`; codecs are: {all}", name.trim());
            return Err(wrong("codecs", why));
        };
        if !names.contains(own) {
            names.push(*own);
        }
    }
    Ok(names.join(","))
}

/// A country, or none.
pub(super) fn country(value: &str) -> Result<(), Invalid> {
    if value.is_empty() || phone::is_known_country(value) {
        return Ok(());
    }
    Err(wrong(
        "country",
        format!("is `{value}`; it is a country code of two lower-case letters, such as de"),
    ))
}

/// A whole number.
pub(super) fn whole(field: &'static str, value: i64, from: i64, to: i64) -> Result<(), Invalid> {
    if (from..=to).contains(&value) {
        return Ok(());
    }
    Err(wrong(
        field,
        format!("is {value}; it is a number from {from} to {to}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_to_asterisk_or_sip_passes() {
        for good in [
            "sip.example.net",
            "198.51.100.7",
            "2001:db8::1",
            "a",
            "x-1.de.",
        ] {
            assert!(host("host", good).is_ok(), "{good}");
        }
        for bad in [
            "", "a b", "a,b", "a;b", "sip:a", "u@a", "a:5060", "-a", "a..b", "1.2.3", "a/b",
            "a\nb", "[::1]", "a]", "${X}",
        ] {
            assert!(host("host", bad).is_err(), "{bad}");
        }
        for bad in [
            "a;b", "a,b", "a b", "a<b", "a\"b", "a/b", "a:b", "a\rb", "ü", "@x", "a&b",
        ] {
            assert!(user("username", bad).is_err(), "{bad}");
        }
        assert!(user("username", "cust+1@carrier.example").is_ok());
        for bad in ["a\nb", "a\r", " a", "a ", "ä"] {
            assert!(password(bad).is_err(), "{bad:?}");
        }
        assert!(password("a;b,c \"d\" = ${e}").is_ok());
        for (value, good) in [
            ("198.51.100.0/24", true),
            ("198.51.100.0/33", false),
            ("a/24", false),
            ("198.51.100.1", true),
        ] {
            assert_eq!(network("matches", value).is_ok(), good, "{value}");
        }
    }

    #[test]
    fn codecs_are_known_by_either_name() {
        assert_eq!(codecs("PCMA, ulaw,pcmu").unwrap(), "alaw,ulaw");
        assert!(codecs("PCMA,!all").is_err());
        assert!(codecs("").is_err());
    }
}
