//! Small operations on a channel.

use crate::answer::{Answer, Parameters};
use crate::channel::State;
use crate::media::{Item, Place};
use crate::route::not_allowed;
use crate::sim::AsteriskSim;

impl AsteriskSim {
    /// Everything with a path `/channels/{id}/{operation}` that needs a channel
    /// in an application.
    pub(crate) fn operate(
        &mut self,
        method: &str,
        id: &str,
        operation: &str,
        p: &Parameters,
    ) -> Answer {
        let known = matches!(
            operation,
            "answer" | "progress" | "dtmf" | "ring" | "hold" | "moh" | "silence" | "mute"
        );
        if !known {
            return Answer::refused(404, "Resource not found");
        }
        if !matches!(method, "POST" | "DELETE") {
            return not_allowed();
        }
        if let Err(answer) = self.operable(id) {
            return answer;
        }
        match (method, operation) {
            ("POST", "answer") => self.answer_channel(id),
            ("POST", "ring") => self.ring_channel(id),
            ("POST", "dtmf") => return self.send_digits(id, p),
            (_, "mute") if !direction_is_known(p) => {
                return Answer::refused(400, "Direction is required");
            }
            ("DELETE", "answer" | "progress" | "dtmf") => return not_allowed(),
            // Nobody hears the difference here.
            _ => {}
        }
        Answer::done()
    }

    /// Whether an operation may be done: the channel exists, is not `Down`, and
    /// is in an application. Asterisk asks in this order.
    pub(crate) fn operable(&self, id: &str) -> Result<(), Answer> {
        let channel = self.channels.get(id).ok_or_else(Answer::no_channel)?;
        if channel.state == State::Down {
            return Err(Answer::refused(412, "Channel in invalid state"));
        }
        if channel.application.is_none() {
            return Err(Answer::not_in_stasis(409));
        }
        Ok(())
    }

    /// Answers who calls us; whoever is answered already does not notice.
    fn answer_channel(&mut self, id: &str) {
        let Some(channel) = self.channels.get(id) else {
            return;
        };
        if channel.state != State::Ring || channel.ending.is_some() {
            return;
        }
        let peer = channel.peer.clone();
        if let Some(channel) = self.channels.get_mut(id) {
            channel.answered = Some(self.now);
        }
        self.set_state(id, State::Up);
        self.retune_bridge_of(id);
        if let Some(peer) = peer {
            self.answers(&peer);
        }
    }

    fn ring_channel(&mut self, id: &str) {
        let peer = self
            .channels
            .get(id)
            .and_then(|channel| channel.peer.clone());
        if let Some(peer) = peer {
            self.rings(&peer);
        }
    }

    /// Digits are sent one after the other, behind whatever is played.
    fn send_digits(&mut self, id: &str, p: &Parameters) -> Answer {
        let Some(digits) = p.filled("dtmf") else {
            return Answer::refused(400, "DTMF is required");
        };
        let count = u64::try_from(digits.len()).unwrap_or(0);
        let ms = |key: &str, default: i64| {
            let value = p.number(key).filter(|&value| value > 0);
            value.unwrap_or(default).unsigned_abs()
        };
        let ms =
            ms("before", 0) + count * (ms("duration", 100) + ms("between", 100)) + ms("after", 0);
        self.enqueue(&Place::Channel(id.to_owned()), Item::Digits { ms });
        Answer::done()
    }
}

fn direction_is_known(p: &Parameters) -> bool {
    let direction = p.text("direction").unwrap_or_else(|| "both".to_owned());
    matches!(direction.as_str(), "both" | "in" | "out")
}
