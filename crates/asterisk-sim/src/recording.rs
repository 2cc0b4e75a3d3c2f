//! Recordings: while they are made, and afterwards.

use crate::answer::{Answer, Parameters};
use crate::json;
use crate::media::{Item, Place, Recording, Stored};
use crate::sim::AsteriskSim;

const FORMATS: [&str; 7] = ["wav", "wav16", "gsm", "ulaw", "alaw", "sln", "WAV"];

impl AsteriskSim {
    /// `POST /channels/{id}/record` and `POST /bridges/{id}/record`.
    pub(crate) fn record(&mut self, place: &Place, p: &Parameters) -> Answer {
        if let Err(answer) = self.recordable(place) {
            return answer;
        }
        let Some(name) = p.filled("name").filter(|name| !name.contains("..")) else {
            return Answer::refused(500, "Error parsing request");
        };
        let if_exists = p.filled("ifExists").unwrap_or_else(|| "fail".to_owned());
        if !matches!(if_exists.as_str(), "fail" | "overwrite" | "append") {
            return Answer::refused(400, "ifExists invalid");
        }
        let format = p.text("format").unwrap_or_default();
        if !FORMATS.contains(&format.as_str()) {
            return Answer::refused(422, "specified format is unknown on this system");
        }
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
            max_seconds: p.number("maxDurationSeconds").unwrap_or(0),
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
        let Some(Item::Recording(recording)) =
            self.queue(place).and_then(|queue| queue.items.front_mut())
        else {
            return;
        };
        recording.state = "recording";
        recording.started = now;
        let (json, most) = (recording.json(), recording.max_seconds);
        self.tell_place("RecordingStarted", place, "recording", &json);
        if most > 0 {
            self.over_in(place, most.unsigned_abs().saturating_mul(1_000));
        }
    }

    pub(crate) fn finish_recording(&mut self, place: &Place, mut recording: Recording) {
        let microseconds = (self.now - recording.started).max(0);
        recording.state = "done";
        recording.seconds = Some(microseconds / 1_000_000);
        let stored = Stored {
            format: recording.format.clone(),
            milliseconds: microseconds.unsigned_abs() / 1_000,
        };
        self.recordings.remove(&recording.name);
        self.stored.insert(recording.name.clone(), stored);
        self.tell_place("RecordingFinished", place, "recording", &recording.json());
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

fn no_recording() -> Answer {
    Answer::refused(404, "Recording not found")
}
