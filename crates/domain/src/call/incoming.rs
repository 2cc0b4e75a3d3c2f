//! Incoming calls: what an arriving channel asks for (chapter 03 §3.2–3.6).

use trunkline_model::Address;
use trunkline_model::address::Kind;
use trunkline_model::channel::{Channel, context, context_type, stasis_key};
use trunkline_model::customer::Status as CustomerStatus;
use trunkline_model::id::CallId;

use super::recording::{self, Part};
use crate::phone;

/// Where a channel that entered Stasis is to be led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An outgoing call's channel is ready to be dialed.
    Outgoing(CallId),
    /// Somebody calls a number of ours.
    Incoming(Domain),
    /// A channel listens to a call, to record it.
    Listening(Part),
    /// A channel comes back from the dialplan: its call's next action follows.
    Returned,
    /// Nobody knows what to do with it: it is hung up with cause 3.
    Refuse(String),
}

/// How an incoming channel's destination is found, by the domain it came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// `pstn.<base>`: a telephone number of ours.
    Pstn,
    /// `sip.<base>`: a number of ours, called over SIP.
    Sip,
}

/// Decides where a channel is led. `base` is the platform's base domain.
#[must_use]
pub fn entry(channel: &Channel, base: &str) -> Entry {
    let arg = |key| channel.stasis(key);
    if arg(stasis_key::CONTEXT_TYPE) != context_type::CALL {
        return refuse(format!(
            "context_type `{}` is not served",
            arg(stasis_key::CONTEXT_TYPE)
        ));
    }
    match arg(stasis_key::CONTEXT) {
        context::CALL_OUT => match arg(stasis_key::CALL_ID).parse::<CallId>() {
            Ok(id) if !id.is_nil() => Entry::Outgoing(id),
            Ok(_) | Err(_) => refuse("an outgoing channel without a call id".to_owned()),
        },
        context::CALL_IN => domain(arg(stasis_key::DOMAIN), base, &channel.destination_number),
        context::CALL_SVC => Entry::Returned,
        context::CALL_RECORD => match recording::part(&channel.stasis_data) {
            Some(part) => Entry::Listening(part),
            None => refuse("a channel that records nothing".to_owned()),
        },
        other => refuse(format!("context `{other}` is not served by this version")),
    }
}

fn refuse(because: String) -> Entry {
    Entry::Refuse(because)
}

fn domain(asked: &str, base: &str, destination: &str) -> Entry {
    if asked == format!("pstn.{base}") {
        return Entry::Incoming(Domain::Pstn);
    }
    if asked == format!("sip.{base}") && !destination.starts_with("direct.") {
        return Entry::Incoming(Domain::Sip);
    }
    refuse(format!(
        "calls for `{destination}` in domain `{asked}` are not served by this version"
    ))
}

/// Source and destination of an incoming channel that came for `number`: both
/// telephone numbers.
#[must_use]
pub fn addresses(channel: &Channel, number: &str) -> (Address, Address) {
    let source = Address {
        kind: Kind::Tel,
        target: channel.source_number.clone(),
        target_name: channel.source_name.clone(),
        ..Address::default()
    };
    (source, Address::tel(number))
}

/// Most numbers that are looked up for one incoming call.
const MOST_CANDIDATES: usize = 6;

/// The numbers that an incoming call may be for, the likeliest first: as it was
/// dialed, as the same in E.164 form, and what stands in `To` and `Diversion`.
/// Carriers write a number with `+`, with `00`, with the country code alone, or as it
/// is dialed inside the country.
#[must_use]
pub fn candidates(channel: &Channel) -> Vec<String> {
    let country = channel.stasis(stasis_key::COUNTRY);
    let called = channel.destination_number.as_str();
    let mut found = vec![called.to_owned()];
    for number in [
        called,
        channel.stasis(stasis_key::TO),
        channel.stasis(stasis_key::DIVERSION),
    ] {
        for form in phone::e164_forms(number, country) {
            if !found.contains(&form) {
                found.push(form);
            }
        }
    }
    found.truncate(MOST_CANDIDATES);
    found
}

/// Whether a customer in this status may be called.
#[must_use]
pub fn may_receive(status: &CustomerStatus) -> bool {
    match status {
        CustomerStatus::Active | CustomerStatus::Initial => true,
        CustomerStatus::None
        | CustomerStatus::Frozen
        | CustomerStatus::Deleted
        | CustomerStatus::Expired
        | CustomerStatus::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(args: &[(&str, &str)]) -> Channel {
        let stasis_data = args
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Channel {
            stasis_data: stasis_data.collect(),
            ..Channel::default()
        }
    }

    #[test]
    fn a_number_is_found_however_the_carrier_writes_it() {
        let found = |called: &str, args: &[(&str, &str)]| {
            candidates(&Channel {
                destination_number: called.to_owned(),
                ..channel(args)
            })
        };
        let german = [("country", "de")];
        for (called, args, wanted) in [
            ("+4930123456", &[][..], "+4930123456"),
            ("4930123456", &[], "+4930123456"),
            ("004930123456", &[], "+4930123456"),
            ("030123456", &german, "+4930123456"),
            ("cust", &[("to", "4930123456")], "+4930123456"),
            (
                "cust",
                &[("to", "cust"), ("diversion", "+4930123456")],
                "+4930123456",
            ),
        ] {
            let found = found(called, args);
            assert_eq!(found[0], called);
            assert!(found.iter().any(|it| it == wanted), "{called}: {found:?}");
        }
        assert_eq!(found("030123456", &[]), ["030123456", "+030123456"]);
        assert_eq!(found("cust", &[]), ["cust"]);
    }

    #[test]
    fn channels_are_led_by_context_and_domain() {
        let id = CallId::random();
        let entry = |args: &[(&str, &str)]| entry(&channel(args), "example.net");
        let call = ("context_type", "call");
        assert_eq!(
            entry(&[call, ("context", "call-out"), ("call_id", &id.to_string())]),
            Entry::Outgoing(id)
        );
        let incoming = ("context", "call-in");
        assert_eq!(
            entry(&[call, incoming, ("domain", "pstn.example.net")]),
            Entry::Incoming(Domain::Pstn)
        );
        assert_eq!(
            entry(&[call, incoming, ("domain", "sip.example.net")]),
            Entry::Incoming(Domain::Sip)
        );
        assert_eq!(entry(&[call, ("context", "call-svc")]), Entry::Returned);
        for refused in [
            vec![call, ("context", "call-out"), ("call_id", "x")],
            vec![call, incoming, ("domain", "PSTN.example.net")],
            vec![call, incoming, ("domain", "pstn.example.net:5060")],
            vec![("context_type", "conf"), incoming],
            vec![call],
            vec![],
        ] {
            assert!(matches!(entry(&refused), Entry::Refuse(_)), "{refused:?}");
        }
    }
}
