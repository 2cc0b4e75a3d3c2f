//! Channels end.

use crate::answer::{Answer, Parameters};
use crate::cause;
use crate::channel::{Channel, Ending, Origin, State};
use crate::media::Place;
use crate::sim::AsteriskSim;
use crate::timer::Due;

/// Who wants a channel to end; ChannelHangupRequest tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// ARI, or Asterisk itself.
    Here,
    /// The far end did not take the call.
    Refused,
    /// It listened to another channel, which ended; nothing is told.
    WithAnother,
    /// The far end sent a BYE, with a cause or without.
    FarEnd(Option<i64>),
}

/// What Asterisk tells about the sound when a SIP channel that was answered ends.
const QUALITY: [(&str, &str); 5] = [
    (
        "RTPAUDIOQOS",
        "ssrc=1;themssrc=1;lp=0;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=0;rlp=0;rtt=0.000000;rxmes=0.000000;txmes=0.000000",
    ),
    (
        "RTPAUDIOQOSJITTER",
        "minrxjitter=000.000000;maxrxjitter=000.000000;",
    ),
    (
        "RTPAUDIOQOSLOSS",
        "  minrxlost=000.000000;  maxrxlost=000.000000;",
    ),
    (
        "RTPAUDIOQOSRTT",
        "     minrtt=000.000000;     maxrtt=000.000000;",
    ),
    (
        "RTPAUDIOQOSMES",
        "   minrxmes=000.000000;   maxrxmes=000.000000;",
    ),
];

impl AsteriskSim {
    /// `DELETE /channels/{id}`.
    pub(crate) fn hang_up(&mut self, id: &str, p: &Parameters) -> Answer {
        let Some(channel) = self.channels.get(id) else {
            return Answer::no_channel();
        };
        let never_dialed = channel.never_dialed();
        let cause = match requested_cause(p) {
            Ok(cause) => cause,
            Err(answer) => return answer,
        };
        let code = cause::sip(cause);
        let tech_cause = if never_dialed {
            code.or(Some(603))
        } else {
            code
        };
        let tech_cause = tech_cause.filter(|_| channel.is_sip());
        self.begin_end(id, Ending { cause, tech_cause }, Asked::Here);
        Answer::done()
    }

    /// The far end of a channel hangs up; before an answer that is a refusal, or
    /// the CANCEL of a caller.
    pub fn far_end_hangs_up(&mut self, now: i64, channel_id: &str, cause: i64) {
        self.advance(now);
        self.far_end_ends(channel_id, cause);
    }

    pub(crate) fn far_end_ends(&mut self, channel_id: &str, cause: i64) {
        let Some(channel) = self.channels.get(channel_id) else {
            return;
        };
        let calling = matches!(channel.state, State::Down | State::Ringing);
        let (tech_cause, asked) = if calling {
            (cause::sip(cause), Asked::Refused)
        } else {
            let told = (cause != cause::NORMAL).then_some(cause);
            (None, Asked::FarEnd(told))
        };
        self.begin_end(channel_id, Ending { cause, tech_cause }, asked);
    }

    /// A channel is hung up; it ends a moment later. The first reason stays.
    pub(crate) fn begin_end(&mut self, id: &str, ending: Ending, asked: Asked) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.ending.is_some() {
            return;
        }
        channel.ending = Some(ending);
        channel.plan.clear();
        let stale = [
            channel.far_end.take(),
            channel.patience.take(),
            channel.service.take(),
        ];
        let entry = channel.entry.as_ref().and_then(|entry| entry.timer);
        stale
            .into_iter()
            .for_each(|timer| self.timers.cancel(timer));
        self.tell_quality(id);
        let told = match asked {
            Asked::Here | Asked::Refused | Asked::FarEnd(_) => true,
            Asked::WithAnother => false,
        };
        if told {
            self.tell_hangup_request(id, ending, asked);
        }
        // A channel ends after it has entered its application, never before.
        let soon = self.in_ms(self.config.delays.hangup_ms);
        let at = entry.map_or(soon, |(at, _)| soon.max(at + 1));
        let timer = self.timers.set(at, Due::Ends(id.to_owned()));
        if let Some(channel) = self.channels.get_mut(id) {
            channel.end = Some(timer);
        }
    }

    /// What the sound of an answered SIP channel was like.
    pub(crate) fn tell_quality(&mut self, id: &str) {
        let Some(channel) = self.channels.get(id) else {
            return;
        };
        if channel.is_sip() && channel.state == State::Up {
            for (name, value) in QUALITY {
                self.tell_variable(id, name, value);
            }
        }
    }

    fn tell_hangup_request(&mut self, id: &str, ending: Ending, asked: Asked) {
        self.tell("ChannelHangupRequest", id, |event| match asked {
            Asked::Here => event.set("cause", &cause::REQUESTED).set("soft", &true),
            Asked::Refused => event
                .set("cause", &ending.cause)
                .maybe("tech_cause", ending.tech_cause),
            Asked::FarEnd(cause) => event.maybe("cause", cause),
            Asked::WithAnother => event,
        });
    }

    /// The end of a channel that was hung up.
    pub(crate) fn ends(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.end = None;
        let Some(ending) = channel.ending else {
            return;
        };
        let (never_dialed, nested) = (channel.never_dialed(), channel.nested);
        let unanswered = channel.waits_for_an_answer();
        let place = Place::Channel(id.to_owned());
        self.end_running_media(&place);
        self.leave_bridge(id, false);
        self.drop_queued_media(&place);
        if unanswered {
            let dial_string = self.repeated_dial_string(id);
            self.tell_dial(id, dial_status(ending), &dial_string);
        }
        if self.leave_stasis(id) {
            self.tell_variable(id, "STASISSTATUS", "SUCCESS");
        }
        if nested {
            self.tell_variable(id, "STASISSTATUS", "SUCCESS");
        }
        if never_dialed {
            self.tell_hangup_request(id, ending, Asked::Refused);
        }
        self.destroy(id, ending.cause, ending.tech_cause);
    }

    /// StasisEnd. Says whether it was in an application.
    pub(crate) fn leave_stasis(&mut self, id: &str) -> bool {
        let Some(application) = self
            .channels
            .get_mut(id)
            .and_then(|channel| channel.application.take())
        else {
            return false;
        };
        self.tell("StasisEnd", id, |event| event);
        self.applications.unsubscribe_channel(&application, id);
        true
    }

    /// ChannelDestroyed: an application hears it if it created the channel or
    /// subscribed to it, so of an incoming call it does not.
    pub(crate) fn destroy(&mut self, id: &str, cause: i64, tech_cause: Option<i64>) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.show_first_application();
        }
        self.tell("ChannelDestroyed", id, |event| {
            event
                .set("cause", &cause)
                .set("cause_txt", cause::text(cause))
                .maybe("tech_cause", tech_cause)
        });
        self.applications.forget_channel(id);
        let Some(channel) = self.channels.remove(id) else {
            return;
        };
        for timer in channel.timers() {
            self.timers.cancel(timer);
        }
        self.end_with(&channel, cause);
    }

    /// What ends together with a channel: who listens to it, and the other leg of
    /// a call from this Asterisk to itself.
    fn end_with(&mut self, channel: &Channel, cause: i64) {
        let ending = Ending {
            cause: 0,
            tech_cause: None,
        };
        for snoop in &channel.snoops {
            self.remember(snoop, channel);
            self.begin_end(snoop, ending, Asked::WithAnother);
        }
        let Some(peer) = &channel.peer else {
            return;
        };
        let calling = self
            .channels
            .get(peer)
            .is_some_and(|peer| matches!(peer.state, State::Down | State::Ringing));
        let (tech_cause, asked) = if calling {
            (cause::sip(cause).or(Some(603)), Asked::Refused)
        } else {
            (None, Asked::FarEnd(Some(cause)))
        };
        self.begin_end(peer, Ending { cause, tech_cause }, asked);
    }
}

impl Channel {
    /// Whether it was created and nobody was called with it.
    fn never_dialed(&self) -> bool {
        self.origin == Origin::Created && !self.dialed
    }

    /// Whether the request that created it is still dialing.
    pub(crate) fn waits_for_an_answer(&self) -> bool {
        let dialed_at_once = matches!(self.origin, Origin::Originated | Origin::External);
        dialed_at_once && self.state != State::Up
    }
}

fn requested_cause(p: &Parameters) -> Result<i64, Answer> {
    if let Some(code) = p.filled("reason_code") {
        let unknown = || Answer::refused(400, "Invalid reason for hangup reason code provided");
        return code.parse().map_err(|_| unknown());
    }
    let Some(reason) = p.filled("reason") else {
        return Ok(cause::NORMAL);
    };
    cause::of_reason(&reason)
        .ok_or_else(|| Answer::refused(400, "Invalid reason for hangup reason provided"))
}

/// `dialstatus` of an originated call that was not answered.
fn dial_status(ending: Ending) -> &'static str {
    match (ending.cause, ending.tech_cause) {
        (17, _) => "BUSY",
        (_, Some(503)) => "CONGESTION",
        _ => "NOANSWER",
    }
}
