//! Digest authentication (RFC 7616, and RFC 2617 as SIP has it).

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest, Sha256};
use trunkline_model::random;
use trunkline_model::trunk::Trunk;

use super::message::{Answer, Question};

/// What is answered to a challenge; none when it cannot be answered.
pub(super) fn answer(trunk: &Trunk, challenge: &Answer, question: &Question) -> Option<String> {
    let text = challenge.challenge.as_deref()?;
    let (scheme, fields) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") || trunk.password.0.is_empty() {
        return None;
    }
    let user = if trunk.auth_username.is_empty() {
        &trunk.username
    } else {
        &trunk.auth_username
    };
    let random = random::uuid().simple().to_string();
    let (method, uri) = (question.method, question.uri.as_str());
    respond(fields, user, &trunk.password.0, method, uri, &random)
}

fn respond(
    challenge: &str,
    user: &str,
    password: &str,
    method: &str,
    uri: &str,
    cnonce: &str,
) -> Option<String> {
    let field = |name| parameter(challenge, name);
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let algorithm = field("algorithm").unwrap_or_else(|| "MD5".to_owned());
    let hash = match algorithm.to_ascii_uppercase().as_str() {
        "MD5" => hash::<Md5>,
        "SHA-256" => hash::<Sha256>,
        _ => return None,
    };
    let secret = hash(&format!("{user}:{realm}:{password}"));
    let what = hash(&format!("{method}:{uri}"));
    let qop = field("qop").is_some_and(|all| all.split(',').any(|one| one.trim() == "auth"));
    let response = if qop {
        hash(&format!("{secret}:{nonce}:00000001:{cnonce}:auth:{what}"))
    } else {
        hash(&format!("{secret}:{nonce}:{what}"))
    };
    let mut text = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={algorithm}"
    );
    if qop {
        let _ = write!(text, ", qop=auth, nc=00000001, cnonce=\"{cnonce}\"");
    }
    if let Some(opaque) = field("opaque") {
        let _ = write!(text, ", opaque=\"{opaque}\"");
    }
    Some(text)
}

fn hash<D: Digest>(text: &str) -> String {
    let mut hex = String::new();
    for byte in D::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A parameter of a challenge, without its quotation marks. One that could break out
/// of ours is not there.
fn parameter(challenge: &str, wanted: &str) -> Option<String> {
    let mut rest = challenge;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.trim_start().trim_start_matches(','))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            let value = value.trim();
            return (!value.contains(['"', '\\', '\r', '\n'])).then(|| value.to_owned());
        }
        rest = next;
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Whether an `Authorization` header holds the right response of a user.
    pub(in super::super) fn is_right(header: &str, user: &str, password: &str) -> bool {
        let Some(fields) = header.strip_prefix("Authorization: Digest ") else {
            return false;
        };
        let field = |name| parameter(fields, name).unwrap_or_default();
        let challenge = format!(
            "realm=\"{}\", nonce=\"{}\", qop=\"auth\"",
            field("realm"),
            field("nonce")
        );
        let right = respond(
            &challenge,
            user,
            password,
            "REGISTER",
            &field("uri"),
            &field("cnonce"),
        );
        parameter(&right.unwrap(), "response") == parameter(fields, "response")
    }

    #[test]
    fn the_examples_of_the_standards_hold() {
        // RFC 7616 §3.9.1, with both algorithms.
        let challenge = |algorithm: &str| {
            format!(
                "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let text = respond(
                &challenge(algorithm),
                "Mufasa",
                "Circle of Life",
                "GET",
                "/dir/index.html",
                cnonce,
            )
            .unwrap();
            assert_eq!(
                parameter(&text["Digest ".len()..], "response").unwrap(),
                response
            );
        }
        // RFC 2069's form, without qop.
        let text = respond("realm=\"r\", nonce=n", "u", "p", "REGISTER", "sip:h", "c").unwrap();
        assert!(
            !text.contains("qop") && text.contains("nonce=\"n\""),
            "{text}"
        );
        assert_eq!(
            respond("realm=\"r\", nonce=n, algorithm=X", "u", "p", "R", "s", "c"),
            None
        );
    }
}
