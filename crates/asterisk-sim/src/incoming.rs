//! Calls from outside, and calls of this Asterisk that come back to it.

use crate::channel::{Channel, Origin, Party, State};
use crate::sim::AsteriskSim;

/// An argument that is completed with the SIP Call-ID.
const SIP_CALL_ID: &str = "sip_call_id=";

/// A call from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Who calls: number and name.
    pub from: String,
    pub from_name: String,
    /// The number that is called.
    pub to: String,
    /// The endpoint that it arrives at.
    pub endpoint: String,
    /// Where in the dialplan.
    pub context: String,
    /// The Stasis application that it enters, and its arguments there.
    pub application: String,
    pub args: Vec<String>,
    pub variables: Vec<(String, String)>,
}

impl Default for Incoming {
    fn default() -> Self {
        Self {
            from: "+491701234".to_owned(),
            from_name: String::new(),
            to: String::new(),
            endpoint: "anonymous".to_owned(),
            context: "call-in".to_owned(),
            application: "voipbin".to_owned(),
            args: Vec::new(),
            variables: Vec::new(),
        }
    }
}

impl Incoming {
    /// A call that the checkout's dialplan hands to Trunkline: with the arguments
    /// of its context `call-in`. `domain` is the domain that was called.
    #[must_use]
    pub fn call_in(from: &str, to: &str, domain: &str) -> Self {
        let args = [
            "context_type=call",
            "context=call-in",
            &format!("domain={domain}"),
            "source=127.0.0.1",
            "direction=incoming",
            "transport=udp",
            SIP_CALL_ID,
            "sip_pai=",
            "sip_privacy=",
            &format!("to={to}"),
            "diversion=",
            "country=",
        ];
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            args: args.map(str::to_owned).to_vec(),
            ..Self::default()
        }
    }
}

impl AsteriskSim {
    /// Somebody calls. Gives the channel's id; none when nobody serves the
    /// application, and the caller is declined.
    pub fn incoming(&mut self, now: i64, call: &Incoming) -> Option<String> {
        self.advance(now);
        self.call_comes(call)
    }

    fn call_comes(&mut self, call: &Incoming) -> Option<String> {
        if !self.applications.is_active(&call.application) {
            return None;
        }
        let id = self.own_id();
        let mut channel = self.sip_channel(id.clone(), &call.endpoint, Origin::Incoming);
        channel.state = State::Ring;
        channel.caller = Party {
            name: call.from_name.clone(),
            number: call.from.clone(),
        };
        channel.exten.clone_from(&call.to);
        channel.context.clone_from(&call.context);
        channel.variables = call.variables.iter().cloned().collect();
        let call_id = format!("{SIP_CALL_ID}{}", channel.protocol_id);
        let complete = |arg: &String| match arg.as_str() {
            SIP_CALL_ID => call_id.clone(),
            _ => arg.clone(),
        };
        let args: Vec<String> = call.args.iter().map(complete).collect();
        self.channels.insert(id.clone(), channel);
        self.tell("ChannelCreated", &id, |event| event);
        let ms = self.config.delays.start_ms;
        self.enter_later(&id, call.application.clone(), args.join(","), ms);
        Some(id)
    }

    /// A call of this Asterisk arrives at it: the far end of a join leg.
    pub(crate) fn arrives(&mut self, caller_id: &str, endpoint: &str) {
        let Some(caller) = self.channels.get(caller_id) else {
            return;
        };
        let (from, from_name) = if caller.caller.is_empty() {
            ("anonymous".to_owned(), "Anonymous".to_owned())
        } else {
            (caller.caller.number.clone(), caller.caller.name.clone())
        };
        let call = Incoming {
            from,
            from_name,
            to: caller.number.clone(),
            endpoint: endpoint.to_owned(),
            context: endpoint.to_owned(),
            application: self.config.application.clone(),
            args: join_args(caller),
            variables: Vec::new(),
        };
        let Some(id) = self.call_comes(&call) else {
            return self.declined(caller_id);
        };
        for (one, other) in [(caller_id, id.as_str()), (&id, caller_id)] {
            if let Some(channel) = self.channels.get_mut(one) {
                channel.peer = Some(other.to_owned());
            }
        }
    }

    fn declined(&mut self, caller_id: &str) {
        self.far_end_ends(caller_id, 21);
    }
}

/// What the dialplan makes of the headers of a join leg.
fn join_args(caller: &Channel) -> Vec<String> {
    let header = |name: &str| {
        let key = format!("PJSIP_HEADER(add,{name})");
        caller.variables.get(&key).cloned().unwrap_or_default()
    };
    vec![
        "context_type=conf".to_owned(),
        "context=conf-in".to_owned(),
        "direction=incoming".to_owned(),
        format!("call_id={}", header("VB-CALL-ID")),
        format!("confbridge_id={}", header("VB-CONFBRIDGE-ID")),
    ]
}
