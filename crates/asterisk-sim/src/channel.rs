//! A channel: one leg of a call.

use std::collections::{BTreeMap, VecDeque};

use crate::callee::Behaviour;
use crate::config::Delays;
use crate::json::Object;
use crate::media::Queue;
use crate::sound::{Span, Voice};
use crate::stamp::stamp;
use crate::timer::TimerKey;

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Down,
    /// Somebody calls us and waits.
    Ring,
    /// We call somebody whose phone rings.
    Ringing,
    Up,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Ring => "Ring",
            Self::Ringing => "Ringing",
            Self::Up => "Up",
        }
    }
}

/// How a channel came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Created, and dialed by a second request.
    Created,
    /// Created and dialed at once; it enters its application when answered.
    Originated,
    /// Called from outside.
    Incoming,
    /// Listens to another channel.
    Snoop,
    /// A stream of media.
    External,
}

/// A party's name and number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) number: String,
}

impl Party {
    /// Reads `"Ada" <123>`, `Ada <123>` and `123`.
    pub(crate) fn parse(text: &str) -> Self {
        let Some((name, rest)) = text.split_once('<') else {
            let number = text.trim().to_owned();
            return Self {
                name: String::new(),
                number,
            };
        };
        Self {
            name: name.trim().trim_matches('"').to_owned(),
            number: rest.trim_end().trim_end_matches('>').to_owned(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_empty() && self.number.is_empty()
    }

    fn write(&self, to: Object) -> Object {
        to.set("name", &self.name).set("number", &self.number)
    }
}

/// What a far end does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Ring,
    Answer,
    Press(char),
    HangUp,
    Refuse(i64),
    /// The call arrives at this Asterisk again, at the endpoint.
    Arrive(String),
}

/// Why a channel ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) cause: i64,
    /// SIP's code, if Asterisk reports one.
    pub(crate) tech_cause: Option<i64>,
}

/// The application that a channel is to enter.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) application: String,
    pub(crate) args: String,
    pub(crate) timer: Option<TimerKey>,
}

/// What a channel listens to: what the other one's far end says, or what it hears.
#[derive(Debug, Clone)]
pub(crate) struct Spies {
    pub(crate) on: String,
    pub(crate) says: bool,
    pub(crate) hears: bool,
    /// What was heard of a channel that has ended.
    pub(crate) remembered: Vec<Span>,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) state: State,
    pub(crate) protocol_id: String,
    pub(crate) caller: Party,
    pub(crate) connected: Party,
    pub(crate) context: String,
    pub(crate) exten: String,
    pub(crate) priority: i64,
    pub(crate) app_name: String,
    pub(crate) app_data: String,
    /// Microseconds since 1970.
    pub(crate) created: i64,
    pub(crate) variables: BTreeMap<String, String>,
    /// What stands behind the technology in its dial string.
    pub(crate) dial_string: String,
    pub(crate) endpoint: String,
    pub(crate) number: String,
    pub(crate) entry: Option<Entry>,
    /// The application that it is in.
    pub(crate) application: Option<String>,
    pub(crate) bridge: Option<String>,
    /// Dialed outside any bridge: it sits in one that no listing shows.
    pub(crate) hidden_bridge: bool,
    pub(crate) dialed: bool,
    /// A created channel continues in a dialplan of its own, inside the Stasis
    /// that it entered first; that one ends with the channel.
    pub(crate) nested: bool,
    pub(crate) ending: Option<Ending>,
    pub(crate) media: Queue,
    /// What the far end will do, each with its delay in milliseconds.
    pub(crate) plan: VecDeque<(u64, Step)>,
    /// The channel at the other end of a call to this Asterisk itself.
    pub(crate) peer: Option<String>,
    /// Channels that listen to it.
    pub(crate) snoops: Vec<String>,
    /// What it listens to.
    pub(crate) spies: Option<Spies>,
    /// What its far end sounds like, since it answered.
    pub(crate) voice: Voice,
    pub(crate) answered: Option<i64>,
    pub(crate) far_end: Option<TimerKey>,
    pub(crate) patience: Option<TimerKey>,
    pub(crate) end: Option<TimerKey>,
    pub(crate) service: Option<TimerKey>,
}

impl Channel {
    pub(crate) fn new(id: String, name: String, origin: Origin, now: i64) -> Self {
        Self {
            id,
            name,
            origin,
            state: State::Down,
            protocol_id: String::new(),
            caller: Party::default(),
            connected: Party::default(),
            context: "default".to_owned(),
            exten: "s".to_owned(),
            priority: 1,
            app_name: String::new(),
            app_data: String::new(),
            created: now,
            variables: BTreeMap::new(),
            dial_string: String::new(),
            endpoint: String::new(),
            number: String::new(),
            entry: None,
            application: None,
            bridge: None,
            hidden_bridge: false,
            dialed: false,
            nested: false,
            ending: None,
            media: Queue::default(),
            plan: VecDeque::new(),
            peer: None,
            snoops: Vec::new(),
            spies: None,
            voice: Voice::default(),
            answered: None,
            far_end: None,
            patience: None,
            end: None,
            service: None,
        }
    }

    /// What it ran before it entered Stasis, and runs after.
    pub(crate) fn show_first_application(&mut self) {
        let (name, data) = match self.origin {
            Origin::Originated | Origin::External => ("AppDial2", "(Outgoing Line)"),
            Origin::Created | Origin::Incoming | Origin::Snoop => ("", ""),
        };
        self.app_name = name.to_owned();
        self.app_data = data.to_owned();
    }

    /// What its far end said until now.
    pub(crate) fn said(&self) -> Vec<Span> {
        match (self.voice, self.answered) {
            (_, None) | (Voice::Silent, _) => Vec::new(),
            (Voice::Echo, Some(answered)) => {
                let heard = self.media.heard.iter();
                heard
                    .filter_map(|span| span.within(answered, i64::MAX))
                    .collect()
            }
            (Voice::Tone(hertz), Some(answered)) => vec![Span::open(answered, hertz)],
        }
    }

    pub(crate) fn is_sip(&self) -> bool {
        self.name.starts_with("PJSIP/")
    }

    /// Every timer that it has set.
    pub(crate) fn timers(&self) -> [Option<TimerKey>; 6] {
        let entry = self.entry.as_ref().and_then(|entry| entry.timer);
        [
            entry,
            self.far_end,
            self.patience,
            self.end,
            self.service,
            self.media.timer,
        ]
    }

    pub(crate) fn json(&self) -> String {
        self.write(Object::new()).end()
    }

    pub(crate) fn write(&self, to: Object) -> Object {
        to.set("id", &self.id)
            .set("name", &self.name)
            .set("state", self.state.name())
            .set("protocol_id", &self.protocol_id)
            .object("caller", |to| self.caller.write(to))
            .object("connected", |to| self.connected.write(to))
            .set("accountcode", "")
            .object("dialplan", |to| {
                to.set("context", &self.context)
                    .set("exten", &self.exten)
                    .set("priority", &self.priority)
                    .set("app_name", &self.app_name)
                    .set("app_data", &self.app_data)
            })
            .set("creationtime", &stamp(self.created))
            .set("language", "en")
    }
}

/// The voice of a callee: as the SIPp callees of the checkout have it.
pub(crate) fn voice(behaviour: Behaviour) -> Voice {
    match behaviour {
        Behaviour::Presses(digit) => Voice::Tone(400 + 100 * digit.to_digit(10).unwrap_or(0)),
        Behaviour::AnswersSilently => Voice::Silent,
        Behaviour::Answers
        | Behaviour::AnswersSlowly
        | Behaviour::AnswersAtOnce
        | Behaviour::Drops
        | Behaviour::NeverAnswers
        | Behaviour::NeverReplies
        | Behaviour::Refuses(_) => Voice::Echo,
    }
}

/// The steps of a callee.
pub(crate) fn plan(behaviour: Behaviour, delays: &Delays) -> VecDeque<(u64, Step)> {
    let reply = delays.reply_ms;
    let ring = (reply, Step::Ring);
    let at_once = (reply, Step::Answer);
    let steps = match behaviour {
        Behaviour::Answers => vec![ring, (delays.ring_ms, Step::Answer)],
        Behaviour::AnswersSlowly => vec![ring, (delays.slow_ring_ms, Step::Answer)],
        Behaviour::AnswersAtOnce | Behaviour::AnswersSilently => vec![at_once],
        Behaviour::Drops => vec![at_once, (delays.talk_ms, Step::HangUp)],
        Behaviour::Presses(digit) => vec![at_once, (delays.talk_ms, Step::Press(digit))],
        Behaviour::NeverAnswers => vec![ring],
        Behaviour::NeverReplies => vec![(delays.silence_ms, Step::Refuse(408))],
        Behaviour::Refuses(code) => vec![(reply, Step::Refuse(code))],
    };
    steps.into()
}
