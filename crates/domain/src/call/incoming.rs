//! Incoming calls: what an arriving channel asks for (chapter 03 §3.2–3.6).

use trunkline_model::Address;
use trunkline_model::address::Kind;
use trunkline_model::channel::{Channel, context, context_type, stasis_key};
use trunkline_model::customer::Status as CustomerStatus;
use trunkline_model::id::CallId;

use super::recording::{self, Part};

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

/// Source and destination of an incoming channel: both telephone numbers.
#[must_use]
pub fn addresses(channel: &Channel) -> (Address, Address) {
    let source = Address {
        kind: Kind::Tel,
        target: channel.source_number.clone(),
        target_name: channel.source_name.clone(),
        ..Address::default()
    };
    (source, Address::tel(&channel.destination_number))
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
