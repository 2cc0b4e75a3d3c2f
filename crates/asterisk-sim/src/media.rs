//! What is played and recorded: one thing after the other on each channel and
//! each bridge.

use std::collections::VecDeque;

use crate::json::Object;
use crate::sound::{self, Span};
use crate::timer::TimerKey;

/// Where something is played or recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Channel(String),
    Bridge(String),
}

impl Place {
    /// As `target_uri`.
    pub(crate) fn uri(&self) -> String {
        match self {
            Self::Channel(id) => format!("channel:{id}"),
            Self::Bridge(id) => format!("bridge:{id}"),
        }
    }
}

/// What stands in line at a place; the first is running if `running` is set.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) items: VecDeque<Item>,
    pub(crate) running: bool,
    /// When the first one is over; none while nobody knows.
    pub(crate) timer: Option<TimerKey>,
    /// What was heard of it there so far.
    pub(crate) heard: Vec<Span>,
}

#[derive(Debug)]
pub(crate) enum Item {
    Playback(Playback),
    Recording(Recording),
    /// Digits that are sent, and how long that takes.
    Digits {
        ms: u64,
    },
}

/// A playback.
#[derive(Debug)]
pub(crate) struct Playback {
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) language: String,
    pub(crate) media: Vec<String>,
    /// Which of `media` it is at.
    pub(crate) at: usize,
    pub(crate) state: &'static str,
    /// Whether any of them could be played.
    pub(crate) heard: bool,
    /// The sound is being fetched.
    pub(crate) fetch: Option<u64>,
}

impl Playback {
    pub(crate) fn current(&self) -> &str {
        self.media.get(self.at).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> String {
        Object::new()
            .set("id", &self.id)
            .set("media_uri", self.current())
            .maybe("next_media_uri", self.media.get(self.at + 1))
            .set("target_uri", &self.place.uri())
            .set("language", &self.language)
            .set("state", self.state)
            .end()
    }
}

/// A recording that is being made.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) place: Place,
    pub(crate) state: &'static str,
    /// Microseconds since 1970.
    pub(crate) started: i64,
    /// 0 is "no limit".
    pub(crate) max_seconds: i64,
    /// It ends when nothing was heard for so long; 0 is "never".
    pub(crate) max_silence: i64,
    pub(crate) ends_on: EndsOn,
    /// Only of one that is over.
    pub(crate) seconds: Option<i64>,
    /// Only of one that failed.
    pub(crate) cause: Option<&'static str>,
}

/// Digits that end a recording of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndsOn {
    Nothing,
    Any,
    Digit(char),
}

impl EndsOn {
    /// Reads `terminateOn`; none when Asterisk would not know it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "none" => Some(Self::Nothing),
            "any" => Some(Self::Any),
            "#" => Some(Self::Digit('#')),
            "*" => Some(Self::Digit('*')),
            _ => None,
        }
    }

    pub(crate) fn has(self, digit: char) -> bool {
        match self {
            Self::Nothing => false,
            Self::Any => true,
            Self::Digit(own) => own == digit,
        }
    }
}

impl Recording {
    /// Only one that watches for silence tells how much of it there was; and then
    /// it takes everything for speech, as the real one was seen to.
    pub(crate) fn json(&self) -> String {
        let watched = self.seconds.filter(|_| self.max_silence > 0);
        Object::new()
            .set("name", &self.name)
            .set("format", &self.format)
            .set("state", self.state)
            .set("target_uri", &self.place.uri())
            .maybe("duration", self.seconds)
            .maybe("talking_duration", watched)
            .maybe("silence_duration", watched.map(|_| 0))
            .maybe("cause", self.cause)
            .end()
    }
}

/// A recording that is finished.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) format: String,
    pub(crate) microseconds: i64,
    /// Their times begin with 0.
    pub(crate) sounds: Vec<Span>,
}

impl Stored {
    pub(crate) fn json(&self, name: &str) -> String {
        Object::new()
            .set("name", name)
            .set("format", &self.format)
            .end()
    }

    /// As a WAV file.
    pub(crate) fn file(&self) -> Vec<u8> {
        sound::wav(self.microseconds, &self.sounds)
    }
}
