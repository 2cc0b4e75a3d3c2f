//! Somebody is called, and does what such a callee does.

use crate::answer::{Answer, Parameters};
use crate::callee::Behaviour;
use crate::cause;
use crate::channel::{Ending, Origin, State, Step, plan, voice};
use crate::hangup::Asked;
use crate::sim::AsteriskSim;
use crate::timer::Due;

/// An INVITE that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialed {
    pub channel_id: String,
    /// The number that was called.
    pub number: String,
    /// Microseconds since 1970.
    pub at: i64,
}

impl AsteriskSim {
    /// `POST /channels/{id}/dial`.
    pub(crate) fn dial(&mut self, id: &str, p: &Parameters) -> Answer {
        let Some(channel) = self.channels.get(id) else {
            return Answer::no_channel();
        };
        if channel.application.is_none() {
            return Answer::not_in_stasis(409);
        }
        if channel.state != State::Down {
            return Answer::refused(409, "Channel is not in the 'Down' state");
        }
        if channel.dialed {
            // Asterisk takes it, and ends the call.
            let ending = Ending {
                cause: cause::NORMAL,
                tech_cause: None,
            };
            self.begin_end(id, ending, Asked::FarEnd(None));
            return Answer::done();
        }
        if let Some(caller) = p.filled("caller") {
            self.show_caller(id, &caller);
        }
        self.call(id, p.number("timeout").unwrap_or(0));
        Answer::done()
    }

    /// The callee sees who calls him: `caller`'s caller id.
    fn show_caller(&mut self, id: &str, caller: &str) {
        let Some(shown) = self
            .channels
            .get(caller)
            .map(|channel| channel.caller.clone())
        else {
            return;
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if !shown.is_empty() && channel.connected != shown {
            channel.connected = shown;
            self.tell("ChannelConnectedLine", id, |event| event);
        }
    }

    /// The INVITE leaves. `timeout` is in seconds; 0 is none.
    pub(crate) fn call(&mut self, id: &str, timeout: i64) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.dialed = true;
        channel.hidden_bridge = channel.origin == Origin::Created && channel.bridge.is_none();
        let (number, dial_string) = (channel.number.clone(), channel.dial_string.clone());
        let delays = &self.config.delays;
        channel.plan = match self.config.loops.get(&channel.endpoint) {
            Some(arrives_at) => [(delays.reply_ms, Step::Arrive(arrives_at.clone()))].into(),
            None => plan(Behaviour::of(&number), delays),
        };
        channel.voice = voice(Behaviour::of(&number));
        self.dials.push(Dialed {
            channel_id: id.to_owned(),
            number,
            at: self.now,
        });
        self.tell_dial(id, "", &dial_string);
        if timeout > 0 {
            let at = self.in_ms(timeout.unsigned_abs().saturating_mul(1_000));
            let timer = self.timers.set(at, Due::DialTimeout(id.to_owned()));
            if let Some(channel) = self.channels.get_mut(id) {
                channel.patience = Some(timer);
            }
        }
        self.plan_next_step(id);
    }

    fn plan_next_step(&mut self, id: &str) {
        let Some(&(delay, _)) = self
            .channels
            .get(id)
            .and_then(|channel| channel.plan.front())
        else {
            return;
        };
        let jitter = self.random.up_to(self.config.delays.jitter_ms * 1_000);
        let at = self.in_ms(delay) + i64::try_from(jitter).unwrap_or(0);
        let timer = self.timers.set(at, Due::FarEnd(id.to_owned()));
        if let Some(channel) = self.channels.get_mut(id) {
            channel.far_end = Some(timer);
        }
    }

    /// The far end takes its next step.
    pub(crate) fn far_end(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.far_end = None;
        let Some((_, step)) = channel.plan.pop_front() else {
            return;
        };
        match step {
            Step::Ring => self.rings(id),
            Step::Answer => self.answers(id),
            Step::Press(digit) => self.presses(id, digit),
            Step::Arrive(endpoint) => self.arrives(id, &endpoint),
            Step::HangUp => {
                let ending = Ending {
                    cause: cause::NORMAL,
                    tech_cause: None,
                };
                return self.begin_end(id, ending, Asked::FarEnd(None));
            }
            Step::Refuse(code) => {
                let ending = Ending {
                    cause: cause::of_sip(code),
                    tech_cause: Some(code),
                };
                return self.begin_end(id, ending, Asked::Refused);
            }
        }
        self.plan_next_step(id);
    }

    /// The phone rings. Dial and ChannelStateChange come from two sources, now and
    /// then in the other order.
    pub(crate) fn rings(&mut self, id: &str) {
        let Some(channel) = self.channels.get(id) else {
            return;
        };
        if channel.state != State::Down || channel.ending.is_some() {
            return;
        }
        let dial_string = self.repeated_dial_string(id);
        let dial_first = self.random.up_to(7) == 0;
        if dial_first {
            self.tell_dial(id, "RINGING", &dial_string);
        }
        self.set_state(id, State::Ringing);
        if !dial_first {
            self.tell_dial(id, "RINGING", &dial_string);
        }
    }

    /// Somebody answers.
    pub(crate) fn answers(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.state == State::Up || channel.ending.is_some() {
            return;
        }
        channel.answered = Some(self.now);
        let patience = channel.patience.take();
        let originated = channel.origin == Origin::Originated;
        self.timers.cancel(patience);
        self.set_state(id, State::Up);
        let dial_string = self.repeated_dial_string(id);
        self.tell_dial(id, "ANSWER", &dial_string);
        self.retune_bridge_of(id);
        if originated {
            self.enters(id);
        }
    }

    fn presses(&mut self, id: &str, digit: char) {
        self.tell("ChannelDtmfReceived", id, |event| {
            event.set("digit", &digit).set("duration_ms", &100)
        });
        self.digit_ends_recording(id, digit);
    }

    pub(crate) fn set_state(&mut self, id: &str, state: State) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.state = state;
        }
        self.tell_state(id);
    }

    /// Only of a channel that is dialed as it is created do later Dial events
    /// repeat the dial string.
    pub(crate) fn repeated_dial_string(&self, id: &str) -> String {
        let Some(channel) = self.channels.get(id) else {
            return String::new();
        };
        match channel.origin {
            Origin::Originated | Origin::External => channel.dial_string.clone(),
            Origin::Created | Origin::Incoming | Origin::Snoop => String::new(),
        }
    }

    /// Nobody answered for as long as the dial was to take.
    pub(crate) fn dial_timed_out(&mut self, id: &str) {
        let ending = Ending {
            cause: cause::NO_ANSWER,
            tech_cause: cause::sip(cause::NO_ANSWER),
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.patience = None;
        if channel.waits_for_an_answer() {
            return self.destroy(id, ending.cause, ending.tech_cause);
        }
        self.begin_end(id, ending, Asked::Here);
    }
}
