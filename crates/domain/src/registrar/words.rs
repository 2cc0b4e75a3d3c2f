//! What is said of a trunk that does not work: what was found, and what to do. One
//! place, so that a test, a list and the doctor say the same.

use trunkline_model::trunk::{Mode, TestReport, Transport, Trunk};

/// What was found out about a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is switched off.
    Disabled,
    /// No Asterisk is connected.
    NoAsterisk,
    /// An Asterisk does not have it; in its words.
    NotPushed(String),
    /// The host's name leads nowhere; in the resolver's words.
    HostUnresolved(String),
    /// Nobody answers there; in the system's words, empty for silence.
    NobodyAnswers(String),
    /// The carrier refused user or password.
    RegistrationRefused(u16),
    /// The carrier takes user and password, and Asterisk is not registered.
    NotRegistered(String),
    /// Line and account are as they should be; no call was asked for.
    Ready,
    /// A call was answered.
    Answered,
    /// It rang until the time was over.
    RangOut(u64),
    /// The carrier, or who was called, refused the call.
    Rejected(u16),
    /// The trunk could not be dialed at all.
    Undialable,
    /// Trunkline's own rules refused the call; in their words.
    Forbidden(String),
    /// A part of Trunkline does not answer; which.
    Trouble(String),
}

/// The report of a finding.
#[must_use]
pub fn report(trunk: &Trunk, finding: &Finding) -> TestReport {
    let at = place(trunk);
    let (result, detail, hint) = match finding {
        Finding::Disabled => (
            "disabled",
            "The trunk is switched off.".to_owned(),
            "Switch it on: set `enabled` to true.",
        ),
        Finding::NoAsterisk => (
            "no_asterisk",
            "No Asterisk is connected to Trunkline.".to_owned(),
            "Start Asterisk, and check url and account of [[asterisk]] in the configuration.",
        ),
        Finding::NotPushed(why) => (
            "not_pushed",
            format!("Asterisk does not have the trunk: {why}"),
            "See docs/asterisk-setup.md: sorcery.conf must name `memory`, and the modules res_pjsip* must be loaded.",
        ),
        Finding::HostUnresolved(why) => (
            "host_unresolved",
            format!("The host name `{}` cannot be resolved: {why}.", trunk.host),
            "Correct `host`, or check the name servers of this machine.",
        ),
        Finding::NobodyAnswers(why) => (
            "nobody_answers",
            if why.is_empty() {
                format!("Nobody answers at {at}.")
            } else {
                format!("Nobody answers at {at}: {why}.")
            },
            "Check `host`, `port` and `transport`, and that no firewall is in between; set `qualify` to 0 for a carrier that never answers OPTIONS.",
        ),
        Finding::RegistrationRefused(code) => refused(trunk, *code),
        Finding::NotRegistered(state) => (
            "not_registered",
            format!(
                "User and password are right, but Asterisk is not registered at {at} yet ({state})."
            ),
            "Wait half a minute; if it stays so, look into the log of Asterisk.",
        ),
        Finding::Ready => (
            "ready",
            match trunk.mode {
                Mode::Registration => format!("Registered at {at}."),
                Mode::Address | Mode::Other(_) => format!("{at} answers."),
            },
            "",
        ),
        Finding::Answered => (
            "answered",
            "The call was answered, and hung up after a second.".to_owned(),
            "",
        ),
        Finding::RangOut(ms) => (
            "no_answer",
            format!("It rang, and nobody answered within {} s.", ms / 1_000),
            "The trunk works; call a number where somebody answers.",
        ),
        Finding::Rejected(code) => (
            "rejected",
            format!("The call was refused with {code}: {}.", meaning(*code)),
            advice(*code),
        ),
        Finding::Undialable => (
            "undialable",
            format!("Asterisk could not send the call to {at}."),
            "The carrier does not answer Asterisk's OPTIONS, or the host does not resolve there; see its log.",
        ),
        Finding::Forbidden(why) => (
            "forbidden",
            format!("Trunkline does not make the call: {why}"),
            "Correct what the message names; the rules of outgoing calls hold for a test too.",
        ),
        Finding::Trouble(what) => (
            "trouble",
            format!("The test could not be finished: {what}"),
            "Try again; see the log of Trunkline.",
        ),
    };
    TestReport {
        ok: matches!(
            finding,
            Finding::Ready | Finding::Answered | Finding::RangOut(_)
        ),
        result: result.to_owned(),
        detail,
        hint: hint.to_owned(),
        sip_code: if let Finding::RegistrationRefused(code) | Finding::Rejected(code) = finding {
            i64::from(*code)
        } else {
            0
        },
        call_id: None,
    }
}

fn refused(trunk: &Trunk, code: u16) -> (&'static str, String, &'static str) {
    let user = if trunk.auth_username.is_empty() {
        &trunk.username
    } else {
        &trunk.auth_username
    };
    let (what, hint) = match code {
        401 | 407 => (
            format!("the password of user `{user}` is wrong, or the user is"),
            "Set `password` (and `auth_username`, if the carrier names one for the login) anew.",
        ),
        403 => (
            format!("it does not allow user `{user}` to register"),
            "Check user and password; some carriers answer a wrong password so too, others an account that is not active or an address that is not allowed.",
        ),
        404 => (
            format!("it knows no user `{user}`"),
            "Set `username` as the carrier writes it.",
        ),
        423 => (
            "the time that is asked for is too short".to_owned(),
            "Set `expiration` to 3600.",
        ),
        _ => (
            meaning(code).to_owned(),
            "Ask the carrier what that means for your account.",
        ),
    };
    (
        "registration_refused",
        format!(
            "{} refuses the registration with {code}: {what}.",
            place(trunk)
        ),
        hint,
    )
}

/// Where the carrier is, for people.
#[must_use]
pub fn place(trunk: &Trunk) -> String {
    let transport = match trunk.transport {
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
        Transport::Udp | Transport::Other(_) => "UDP",
    };
    format!("{}:{} ({transport})", trunk.host, trunk.port)
}

/// What a SIP status means (RFC 3261 §21, without its jargon).
#[must_use]
pub fn meaning(code: u16) -> &'static str {
    match code {
        401 | 407 => "user or password is wrong",
        402 => "it wants payment: the account has no credit",
        403 => "it is forbidden",
        404 | 604 => "there is no such number",
        408 => "nobody answered in time",
        410 => "the number is not in service any more",
        413 | 513 => "the message is too long",
        415 | 488 | 606 => "no codec that both sides have",
        420 | 421 => "a feature of SIP is missing",
        480 => "the number cannot be reached at the moment",
        482 | 483 => "the call went round in circles",
        484 => "the number is not complete",
        485 => "the number is not unique",
        486 | 600 => "the line is busy",
        487 => "the call was cancelled",
        491 => "another change was on its way",
        500 => "the carrier has a fault",
        501 => "the carrier cannot do that",
        502 => "the carrier got no proper answer from the next network",
        503 => "the carrier has no line free, or is out of service",
        504 => "the next network did not answer in time",
        603 | 607 | 608 => "the call was declined",
        400..=499 => "the carrier did not understand or accept the call",
        _ => "the carrier gave no reason",
    }
}

fn advice(code: u16) -> &'static str {
    match code {
        401 | 407 => "Set `username`, `auth_username` and `password` as the carrier gave them.",
        402 => "Top the account up.",
        403 => {
            "Check that the account may call this destination, and that the number it shows (`caller_id`, `from_user`) is one of yours."
        }
        404 | 410 | 484 | 604 => {
            "Check the number; some carriers want it without `+`, or with a `tech_prefix`."
        }
        415 | 488 | 606 => "Change `codecs`; nearly every carrier takes PCMA,PCMU.",
        480 | 486 | 487 | 600 | 603 => "The trunk works; call another number.",
        408 | 500..=599 => {
            "Try again later; a second trunk with a route behind this one takes over."
        }
        _ => "Ask the carrier what that means for your account.",
    }
}

/// The SIP status that a Q.850 cause stands for, where Asterisk did not tell it.
#[must_use]
pub fn code_of_cause(cause: i64) -> u16 {
    match cause {
        1 | 3 => 404,
        17 => 486,
        18 => 408,
        19 | 20 => 480,
        21 => 403,
        22 => 410,
        27 => 502,
        28 => 484,
        34 => 503,
        38 => 500,
        58 => 488,
        102 => 504,
        _ => 0,
    }
}

/// How a registration stands, from what AMI says of it: our word and what to say.
#[must_use]
pub fn registration(trunk: &Trunk, status: Option<&str>) -> (&'static str, String) {
    let at = place(trunk);
    match status {
        Some("Registered") => ("registered", format!("Registered at {at}.")),
        Some(status) if status.starts_with("Rejected") => (
            "rejected",
            format!("{at} refuses the registration; test the trunk to learn why."),
        ),
        Some(status) => (
            "unregistered",
            format!("Not registered at {at} ({status}); test the trunk to learn why."),
        ),
        None => (
            "unregistered",
            "Asterisk does not know the registration yet.".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk() -> Trunk {
        Trunk {
            host: "sip.example.net".to_owned(),
            username: "cust".to_owned(),
            ..super::super::trunk::usual()
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do_and_what_is_well_without() {
        let cases = [
            (Finding::Disabled, "disabled", 0, false),
            (Finding::NoAsterisk, "no_asterisk", 0, false),
            (
                Finding::HostUnresolved("x".to_owned()),
                "host_unresolved",
                0,
                false,
            ),
            (
                Finding::NobodyAnswers(String::new()),
                "nobody_answers",
                0,
                false,
            ),
            (
                Finding::RegistrationRefused(401),
                "registration_refused",
                401,
                false,
            ),
            (
                Finding::RegistrationRefused(403),
                "registration_refused",
                403,
                false,
            ),
            (Finding::Rejected(486), "rejected", 486, false),
            (Finding::Ready, "ready", 0, true),
            (Finding::Answered, "answered", 0, true),
        ];
        for (finding, result, code, ok) in cases {
            let report = report(&trunk(), &finding);
            assert_eq!(
                (report.result.as_str(), report.sip_code, report.ok),
                (result, code, ok)
            );
            assert_eq!(report.hint.is_empty(), ok, "{finding:?}");
            assert!(report.detail.ends_with('.'), "{}", report.detail);
        }
        let wrong = report(&trunk(), &Finding::RegistrationRefused(401)).detail;
        assert_eq!(
            wrong,
            "sip.example.net:5060 (UDP) refuses the registration with 401: the password of user `cust` is wrong, or the user is."
        );
    }

    #[test]
    fn every_status_of_asterisk_has_a_word() {
        for (status, word) in [
            (Some("Registered"), "registered"),
            (Some("Rejected"), "rejected"),
            (Some("Rejected - Temporary"), "rejected"),
            (Some("Unregistered"), "unregistered"),
            (Some("Stopped"), "unregistered"),
            (None, "unregistered"),
        ] {
            assert_eq!(registration(&trunk(), status).0, word);
        }
    }
}
