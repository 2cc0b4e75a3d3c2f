//! Addresses: the form in which they are stored, and which of them can be
//! dialed (chapter 02 §2.1, 03 §3.9). Says nothing about who owns one.

use trunkline_model::Address;
use trunkline_model::address::Kind;
use uuid::Uuid;

use crate::phone;

/// Brings the target into the form that is stored and compared. A target that
/// has no such form is left as it is.
#[must_use]
pub fn normalise(address: &Address) -> Address {
    let target = match &address.kind {
        Kind::Tel | Kind::Whatsapp => number(&address.target),
        Kind::Email => Some(address.target.trim().to_lowercase()),
        Kind::Sip => Some(sip(&address.target)),
        Kind::None
        | Kind::Agent
        | Kind::Ai
        | Kind::AiTeam
        | Kind::Conference
        | Kind::Extension
        | Kind::Line
        | Kind::Webchat
        | Kind::WebSession
        | Kind::Other(_) => None,
    };
    match target {
        Some(target) => Address {
            target,
            ..address.clone()
        },
        None => address.clone(),
    }
}

/// Whether the target is one that its type can have.
///
/// # Errors
///
/// What is wrong with it, for a message that names the field.
pub fn validate(address: &Address) -> Result<(), &'static str> {
    let target = address.target.as_str();
    let (good, otherwise) = match &address.kind {
        Kind::None => (true, ""),
        Kind::Tel | Kind::Whatsapp => (
            phone::is_e164(target),
            "a number is written as + and 7 to 15 digits, such as +15551234567",
        ),
        Kind::Sip => (
            has_two_sides(target),
            "a sip address is written as user@host",
        ),
        Kind::Email => (is_mail_address(target), "not a mail address"),
        Kind::Agent
        | Kind::Conference
        | Kind::Extension
        | Kind::Line
        | Kind::Webchat
        | Kind::WebSession => (is_id(target), "the target of this type is an id, not nil"),
        // Compat: the reference's validator does not know its own AI types.
        Kind::Ai | Kind::AiTeam | Kind::Other(_) => {
            (false, "an address of this type cannot be used here")
        }
    };
    if good { Ok(()) } else { Err(otherwise) }
}

/// ASCII digits with the `+` at the very beginning, if there is one; `None`
/// without any digit (`anonymous`, `Restricted`, `+`).
fn number(target: &str) -> Option<String> {
    let trimmed = target.trim();
    let digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return None;
    }
    let plus = if trimmed.starts_with('+') { "+" } else { "" };
    Some(format!("{plus}{digits}"))
}

/// The host in lower case; user part and parameters are case sensitive.
fn sip(target: &str) -> String {
    let trimmed = target.trim();
    let (head, tail) = trimmed.split_at(trimmed.find([';', '?']).unwrap_or(trimmed.len()));
    match head.rsplit_once('@') {
        Some((user, host)) => format!("{user}@{}{tail}", host.to_lowercase()),
        None => trimmed.to_owned(),
    }
}

fn has_two_sides(target: &str) -> bool {
    target
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// The bare `local@domain` form of RFC 5322 §3.4.1; no display name, comment or
/// quoted local part.
fn is_mail_address(target: &str) -> bool {
    let dot_atom = |text: &str| {
        text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        })
    };
    target
        .rsplit_once('@')
        .is_some_and(|(local, domain)| dot_atom(local) && dot_atom(domain))
}

fn is_id(target: &str) -> bool {
    Uuid::try_parse(target).is_ok_and(|id| !id.is_nil())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(kind: &str, target: &str) -> Address {
        Address {
            kind: Kind::from(kind),
            target: target.to_owned(),
            ..Address::default()
        }
    }

    #[test]
    fn targets_are_stored_in_one_form() {
        let cases = [
            ("tel", " +1 (555) 123-4567 ", "+15551234567"),
            ("tel", "1+555+1234567", "15551234567"),
            ("tel", "555 1234", "5551234"),
            ("tel", "٣+1", "1"),
            ("tel", " anonymous ", " anonymous "),
            ("tel", "+", "+"),
            ("whatsapp", "+82 10-1234-5678", "+821012345678"),
            ("email", " Alice@Example.COM ", "alice@example.com"),
            (
                "sip",
                " Alice@Example.COM:5060;Transport=UDP ",
                "Alice@example.com:5060;Transport=UDP",
            ),
            ("sip", "A@B@HOST?Subject=X", "A@B@host?Subject=X"),
            ("sip", " Alice;x@Y ", "Alice;x@Y"),
            ("agent", " Keep ", " Keep "),
            ("carrier-pigeon", " Keep ", " Keep "),
            ("", " Keep ", " Keep "),
        ];
        for (kind, target, expected) in cases {
            assert_eq!(
                normalise(&address(kind, target)).target,
                expected,
                "{kind} {target}"
            );
        }
    }

    #[test]
    fn the_stored_form_of_a_stored_form_is_itself() {
        for target in ["+1 (555) 123-4567", "A@B@HOST;x", "anonymous", "", "+"] {
            for kind in Kind::known() {
                let once = normalise(&address(kind.as_str(), target));
                assert_eq!(normalise(&once), once);
            }
        }
    }

    #[test]
    fn each_type_accepts_its_own_targets() {
        const ID: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
        const NIL: &str = "00000000-0000-0000-0000-000000000000";
        let cases = [
            ("", "anything", true),
            ("tel", "+1555123", true),
            ("tel", "+155512", false),
            ("tel", "+1234567890123456", false),
            ("tel", "15551234567", false),
            ("tel", "+1555 1234567", false),
            ("whatsapp", "+821012345678", true),
            ("sip", "alice@example.com", true),
            ("sip", "alice@", false),
            ("sip", "alice", false),
            ("email", "alice.b@example.com", true),
            ("email", "alice@@example.com", false),
            ("email", "alice example@x", false),
            ("agent", ID, true),
            ("extension", "1001", false),
            ("conference", NIL, false),
            ("ai", ID, false),
            ("carrier-pigeon", ID, false),
        ];
        for (kind, target, good) in cases {
            assert_eq!(
                validate(&address(kind, target)).is_ok(),
                good,
                "{kind} {target}"
            );
        }
    }
}
