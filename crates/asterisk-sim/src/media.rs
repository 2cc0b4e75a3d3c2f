//! What is played and recorded: one thing after the other on each channel and
//! each bridge.

use std::collections::VecDeque;

use crate::json::Object;
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
    /// Only of one that is over.
    pub(crate) seconds: Option<i64>,
    /// Only of one that failed.
    pub(crate) cause: Option<&'static str>,
}

impl Recording {
    pub(crate) fn json(&self) -> String {
        Object::new()
            .set("name", &self.name)
            .set("format", &self.format)
            .set("state", self.state)
            .set("target_uri", &self.place.uri())
            .maybe("duration", self.seconds)
            .maybe("cause", self.cause)
            .end()
    }
}

/// A recording that is finished.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) format: String,
    pub(crate) milliseconds: u64,
}

impl Stored {
    pub(crate) fn json(&self, name: &str) -> String {
        Object::new()
            .set("name", name)
            .set("format", &self.format)
            .end()
    }

    /// A WAV file of silence: 8 kHz, one channel, 16 bits.
    pub(crate) fn file(&self) -> Vec<u8> {
        let length = u32::try_from(self.milliseconds * 16).unwrap_or(u32::MAX - 36);
        let mut file = Vec::with_capacity(44 + length as usize);
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(length + 36).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt ");
        file.extend_from_slice(&16_u32.to_le_bytes());
        for half in [1_u16, 1] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        for word in [8_000_u32, 16_000] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        for half in [2_u16, 16] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        file.extend_from_slice(b"data");
        file.extend_from_slice(&length.to_le_bytes());
        file.resize(44 + length as usize, 0);
        file
    }
}
