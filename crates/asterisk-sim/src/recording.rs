//! Recordings: while they are made, and afterwards.

use crate::answer::{Answer, Parameters};
use crate::channel::{Channel, Spies};
use crate::json;
use crate::media::{EndsOn, Item, Place, Recording, Stored};
use crate::sim::AsteriskSim;
use crate::sound::Span;

/// Microseconds of silence that stay at the end of a recording that it ended.
const KEPT_SILENCE: i64 = 200_000;

const FORMATS: [&str; 7] = ["wav", "wav16", "gsm", "ulaw", "alaw", "sln", "WAV"];

impl AsteriskSim {
    /// `POST /channels/{id}/record` and `POST /bridges/{id}/record`.
    pub(crate) fn record(&mut self, place: &Place, p: &Parameters) -> Answer {
        if let Err(answer) = self.recordable(place) {
            return answer;
        }
        let seconds = |key: &str| p.number(key).unwrap_or(0);
        let (max_seconds, max_silence) =
            (seconds("maxDurationSeconds"), seconds("maxSilenceSeconds"));
        if max_seconds < 0 {
            return Answer::refused(400, "max_duration_seconds cannot be negative");
        }
        if max_silence < 0 {
            return Answer::refused(400, "max_silence_seconds cannot be negative");
        }
        let Some(ends_on) = EndsOn::parse(&p.text("terminateOn").unwrap_or_default()) else {
            return Answer::refused(400, "terminateOn invalid");
        };
        let if_exists = p.filled("ifExists").unwrap_or_else(|| "fail".to_owned());
        if !matches!(if_exists.as_str(), "fail" | "overwrite" | "append") {
            return Answer::refused(400, "ifExists invalid");
        }
        let format = p.text("format").unwrap_or_default();
        if !FORMATS.contains(&format.as_str()) {
            return Answer::refused(422, "specified format is unknown on this system");
        }
        let Some(name) = p.filled("name").filter(|name| !name.contains("..")) else {
            return Answer::refused(500, "Error parsing request");
        };
        let taken = self.recordings.contains_key(&name) || self.stored.contains_key(&name);
        if taken && if_exists == "fail" {
            let message = format!("Recording '{name}' already exists and can not be overwritten");
            return Answer::refused(409, &message);
        }
        let mut recording = Recording {
            name: name.clone(),
            format,
            place: place.clone(),
            state: "queued",
            started: self.now,
            max_seconds,
            max_silence,
            ends_on,
            seconds: None,
            cause: None,
        };
        let answer = Answer::json(201, recording.json());
        if self.sits_in_a_bridge(place) {
            recording.state = "failed";
            recording.cause = Some("Cannot record channel while in bridge");
            self.tell_place("RecordingFailed", place, "recording", &recording.json());
            return answer;
        }
        self.recordings.insert(name, place.clone());
        self.enqueue(place, Item::Recording(recording));
        answer
    }

    /// A channel may be recorded before it is answered.
    fn recordable(&self, place: &Place) -> Result<(), Answer> {
        match place {
            Place::Bridge(id) if self.bridges.contains_key(id) => Ok(()),
            Place::Bridge(_) => Err(Answer::no_bridge()),
            Place::Channel(id) => {
                let channel = self.channels.get(id).ok_or_else(Answer::no_channel)?;
                let inside = channel.application.is_some();
                inside
                    .then_some(())
                    .ok_or_else(|| Answer::not_in_stasis(409))
            }
        }
    }

    fn sits_in_a_bridge(&self, place: &Place) -> bool {
        match place {
            Place::Bridge(_) => false,
            Place::Channel(id) => self
                .channels
                .get(id)
                .is_some_and(|channel| channel.bridge.is_some() || channel.hidden_bridge),
        }
    }

    pub(crate) fn begin_recording(&mut self, place: &Place) {
        let now = self.now;
        let Some(recording) = self.running_recording(place) else {
            return;
        };
        recording.state = "recording";
        recording.started = now;
        let json = recording.json();
        self.tell_place("RecordingStarted", place, "recording", &json);
        self.recording_timer(place);
    }

    fn running_recording(&mut self, place: &Place) -> Option<&mut Recording> {
        match self.queue(place)?.items.front_mut()? {
            Item::Recording(recording) => Some(recording),
            Item::Playback(_) | Item::Digits { .. } => None,
        }
    }

    /// It is long enough, or silent for long enough; or it is looked at again when
    /// it may be.
    pub(crate) fn recording_timer(&mut self, place: &Place) {
        let now = self.now;
        let Some(recording) = self.running_recording(place) else {
            return self.finish_first(place, "done");
        };
        let started = recording.started;
        let after = |from: i64, seconds: i64| {
            (seconds > 0).then(|| from.saturating_add(seconds.saturating_mul(1_000_000)))
        };
        let full = after(started, recording.max_seconds);
        let patience = recording.max_silence;
        let last_sound = match sounds_until(&self.overheard(place), started, now) {
            Lately::Now => now,
            Lately::Until(end) => end,
        };
        let silent = after(last_sound, patience);
        let Some(next) = full.into_iter().chain(silent).min() else {
            return;
        };
        if next <= now {
            return self.finish_first(place, "done");
        }
        let ms = (next - now).unsigned_abs().div_ceil(1_000);
        self.over_in(place, ms);
    }

    /// A digit may end what is recorded of its own channel; who listens to the
    /// channel does not notice it.
    pub(crate) fn digit_ends_recording(&mut self, id: &str, digit: char) {
        let place = Place::Channel(id.to_owned());
        let ends = self.running_recording(&place).is_some_and(|recording| {
            recording.state == "recording" && recording.ends_on.has(digit)
        });
        if ends {
            self.finish_first(&place, "done");
        }
    }

    pub(crate) fn finish_recording(&mut self, place: &Place, mut recording: Recording) {
        let sounds = self.overheard(place);
        let mut end = self.now;
        if let (1.., Lately::Until(last)) = (
            recording.max_silence,
            sounds_until(&sounds, recording.started, self.now),
        ) {
            // The silence that ended it is cut off, all but a little.
            end = end.min(last + KEPT_SILENCE);
        }
        let microseconds = (end - recording.started).max(0);
        recording.state = "done";
        recording.seconds = Some(microseconds / 1_000_000);
        let stored = Stored {
            format: recording.format.clone(),
            microseconds,
            sounds: sounds
                .into_iter()
                .filter_map(|span| span.within(recording.started, end))
                .map(|span| Span {
                    from: span.from - recording.started,
                    to: span.to - recording.started,
                    ..span
                })
                .collect(),
        };
        self.recordings.remove(&recording.name);
        self.stored.insert(recording.name.clone(), stored);
        self.tell_place("RecordingFinished", place, "recording", &recording.json());
    }

    /// What a recording takes at a place: of a channel what its far end says, of
    /// one that listens what it listens to, of a bridge all that.
    fn overheard(&self, place: &Place) -> Vec<Span> {
        match place {
            Place::Channel(id) => self
                .channels
                .get(id)
                .map_or_else(Vec::new, |channel| self.heard_by(channel)),
            Place::Bridge(id) => {
                let Some(bridge) = self.bridges.get(id) else {
                    return Vec::new();
                };
                let members = bridge.channels.iter();
                let voices = members.filter_map(|member| self.channels.get(member));
                let mut sounds: Vec<Span> = voices.flat_map(Channel::said).collect();
                sounds.extend(&bridge.media.heard);
                sounds
            }
        }
    }

    fn heard_by(&self, channel: &Channel) -> Vec<Span> {
        let Some(spies) = &channel.spies else {
            return channel.said();
        };
        match self.channels.get(&spies.on) {
            Some(spied) => of(spied, spies),
            None => spies.remembered.clone(),
        }
    }

    /// A channel has ended; who listened to it still has to finish his recording.
    pub(crate) fn remember(&mut self, snoop: &str, ended: &Channel) {
        let now = self.now;
        let Some(spies) = self
            .channels
            .get_mut(snoop)
            .and_then(|snoop| snoop.spies.as_mut())
        else {
            return;
        };
        let sounds = of(ended, spies).into_iter();
        spies.remembered = sounds.filter_map(|span| span.within(0, now)).collect();
    }

    pub(crate) fn get_live_recording(&self, name: &str) -> Answer {
        let found = self.recordings.get(name).and_then(|place| {
            let mut items = self.queue_ref(place)?.items.iter();
            items.find_map(|item| match item {
                Item::Recording(recording) if recording.name == name => Some(recording.json()),
                Item::Recording(_) | Item::Playback(_) | Item::Digits { .. } => None,
            })
        });
        found.map_or_else(no_recording, Answer::ok)
    }

    /// `POST /recordings/live/{name}/stop` keeps it, `DELETE` does not.
    pub(crate) fn stop_recording(&mut self, name: &str, keep: bool) -> Answer {
        let Some(place) = self.recordings.get(name).cloned() else {
            return no_recording();
        };
        let Some(queue) = self.queue(&place) else {
            return no_recording();
        };
        let at = queue.items.iter().position(|item| match item {
            Item::Recording(recording) => recording.name == name,
            Item::Playback(_) | Item::Digits { .. } => false,
        });
        match at {
            Some(0) if queue.running => self.finish_first(&place, "done"),
            Some(at) => {
                queue.items.remove(at);
                self.recordings.remove(name);
            }
            None => return no_recording(),
        }
        if !keep {
            self.stored.remove(name);
        }
        Answer::done()
    }

    pub(crate) fn list_recordings(&self) -> Answer {
        let stored = self.stored.iter();
        Answer::ok(json::list(stored.map(|(name, stored)| stored.json(name))))
    }

    pub(crate) fn get_recording(&self, name: &str) -> Answer {
        match self.stored.get(name) {
            Some(stored) => Answer::ok(stored.json(name)),
            None => no_recording(),
        }
    }

    /// `GET /recordings/stored/{name}/file`.
    pub(crate) fn recording_file(&self, name: &str) -> Answer {
        match self.stored.get(name) {
            Some(stored) => Answer {
                status: 200,
                body: String::new(),
                file: Some(stored.file()),
            },
            None => no_recording(),
        }
    }

    pub(crate) fn delete_recording(&mut self, name: &str) -> Answer {
        match self.stored.remove(name) {
            Some(_) => Answer::done(),
            None => no_recording(),
        }
    }
}

/// What somebody who listens to a channel hears of it.
fn of(spied: &Channel, spies: &Spies) -> Vec<Span> {
    let mut sounds = Vec::new();
    if spies.says {
        sounds.extend(spied.said());
    }
    if spies.hears {
        sounds.extend(&spied.media.heard);
    }
    sounds
}

/// When there was a sound last.
enum Lately {
    Now,
    /// … or the recording began.
    Until(i64),
}

fn sounds_until(sounds: &[Span], started: i64, now: i64) -> Lately {
    let begun = sounds.iter().filter(|span| span.from <= now);
    let last = begun.map(|span| span.to).max().unwrap_or(started);
    if last > now {
        Lately::Now
    } else {
        Lately::Until(last.max(started))
    }
}

fn no_recording() -> Answer {
    Answer::refused(404, "Recording not found")
}
