//! Sounds are played: one after the other at each place.

use crate::answer::{Answer, Parameters};
use crate::fetching::elsewhere;
use crate::media::{Item, Place, Playback, Queue};
use crate::sim::AsteriskSim;
use crate::sound::{PLAYED, Span};
use crate::timer::Due;

/// What becomes of one sound.
enum Sound {
    /// It is over after so many milliseconds.
    Heard(u64),
    /// It has to be fetched first.
    Elsewhere,
    /// It goes on until it is stopped.
    Endless,
    /// There is no such sound.
    Missing,
    /// Asterisk takes it, begins, and never says another word.
    Swallowed,
}

impl AsteriskSim {
    /// `POST /channels/{id}/play` and `POST /bridges/{id}/play`. An id that exists
    /// plays again: not idempotent.
    pub(crate) fn play(&mut self, place: &Place, id: Option<&str>, p: &Parameters) -> Answer {
        let playable = match place {
            Place::Channel(id) => self.operable(id),
            Place::Bridge(id) if self.bridges.contains_key(id) => Ok(()),
            Place::Bridge(_) => Err(Answer::no_bridge()),
        };
        if let Err(answer) = playable {
            return answer;
        }
        let media = p.texts("media");
        if media.is_empty() {
            return Answer::refused(500, "Failed to queue media for playback");
        }
        let id = id.map(str::to_owned).or_else(|| p.filled("playbackId"));
        let id = id.unwrap_or_else(|| self.random.uuid());
        let playback = Playback {
            id: id.clone(),
            place: place.clone(),
            language: p.filled("lang").unwrap_or_else(|| "en".to_owned()),
            media,
            at: 0,
            state: "queued",
            heard: false,
            fetch: None,
        };
        let answer = Answer::json(201, playback.json());
        self.playbacks.insert(id, place.clone());
        self.enqueue(place, Item::Playback(playback));
        answer
    }

    pub(crate) fn get_playback(&self, id: &str) -> Answer {
        let found = self.playbacks.get(id).and_then(|place| {
            let mut items = self.queue_ref(place)?.items.iter();
            items.find_map(|item| match item {
                Item::Playback(playback) if playback.id == id => Some(playback.json()),
                Item::Playback(_) | Item::Recording(_) | Item::Digits { .. } => None,
            })
        });
        found.map_or_else(no_playback, Answer::ok)
    }

    /// `DELETE /playbacks/{id}`.
    pub(crate) fn stop_playback(&mut self, id: &str) -> Answer {
        let Some(place) = self.playbacks.get(id).cloned() else {
            return no_playback();
        };
        let Some(queue) = self.queue(&place) else {
            return no_playback();
        };
        let at = queue.items.iter().position(|item| is_playback(item, id));
        match at {
            Some(0) if queue.running => self.finish_first(&place, "done"),
            Some(at) => {
                queue.items.remove(at);
                self.forget_playback(id);
            }
            None => return no_playback(),
        }
        Answer::done()
    }

    pub(crate) fn control_playback(&mut self, id: &str, p: &Parameters) -> Answer {
        if !self.playbacks.contains_key(id) {
            return no_playback();
        }
        let operation = p.text("operation").unwrap_or_default();
        match operation.as_str() {
            "restart" | "pause" | "unpause" | "reverse" | "forward" => Answer::done(),
            _ => Answer::refused(400, &format!("Invalid operation {operation}")),
        }
    }

    /// Puts something in line, and begins if nothing is before it.
    pub(crate) fn enqueue(&mut self, place: &Place, item: Item) {
        if let Some(queue) = self.queue(place) {
            queue.items.push_back(item);
        }
        self.begin_first(place);
    }

    pub(crate) fn queue(&mut self, place: &Place) -> Option<&mut Queue> {
        match place {
            Place::Channel(id) => Some(&mut self.channels.get_mut(id)?.media),
            Place::Bridge(id) => Some(&mut self.bridges.get_mut(id)?.media),
        }
    }

    pub(crate) fn queue_ref(&self, place: &Place) -> Option<&Queue> {
        match place {
            Place::Channel(id) => Some(&self.channels.get(id)?.media),
            Place::Bridge(id) => Some(&self.bridges.get(id)?.media),
        }
    }

    /// Begins the first in line unless it is running.
    fn begin_first(&mut self, place: &Place) {
        let Some(queue) = self.queue(place) else {
            return;
        };
        if queue.running {
            return;
        }
        let Some(first) = queue.items.front() else {
            return;
        };
        queue.running = true;
        match first {
            Item::Playback(_) => self.begin_sound(place),
            Item::Recording(_) => self.begin_recording(place),
            &Item::Digits { ms } => self.over_in(place, ms),
        }
    }

    fn begin_sound(&mut self, place: &Place) {
        let Some(playback) = self.running_playback(place) else {
            return;
        };
        playback.state = "playing";
        let (json, media) = (playback.json(), playback.current().to_owned());
        self.tell_place("PlaybackStarted", place, "playback", &json);
        match self.sound(&media) {
            Sound::Heard(ms) => self.sound_begins(place, Some(ms)),
            Sound::Missing => self.sound_begins(place, None),
            Sound::Elsewhere => {
                let what = elsewhere(&media).unwrap_or_default().to_owned();
                self.fetch(place, &what);
            }
            Sound::Endless => self.is_heard(place),
            Sound::Swallowed => {
                let item = self.take_first(place);
                if let Some(Item::Playback(playback)) = item {
                    self.forget_playback(&playback.id);
                }
                self.begin_first(place);
            }
        }
    }

    /// The sound is there and lasts for so long, or it is missing.
    pub(crate) fn sound_begins(&mut self, place: &Place, milliseconds: Option<u64>) {
        if let Some(playback) = self.running_playback(place) {
            playback.fetch = None;
            playback.heard |= milliseconds.is_some();
        }
        match milliseconds {
            Some(ms) => {
                self.is_heard(place);
                self.over_in(place, ms);
            }
            None => self.over_in(place, 1),
        }
    }

    /// From now on, until [`AsteriskSim::falls_silent`].
    fn is_heard(&mut self, place: &Place) {
        let now = self.now;
        if let Some(queue) = self.queue(place) {
            queue.heard.push(Span::open(now, PLAYED));
        }
    }

    fn falls_silent(&mut self, place: &Place) {
        let now = self.now;
        let last = self.queue(place).and_then(|queue| queue.heard.last_mut());
        if let Some(span) = last {
            span.to = span.to.min(now);
        }
    }

    fn sound(&self, media: &str) -> Sound {
        let scheme = media.split_once(':').map_or("", |(scheme, _)| scheme);
        let missing = |text: &String| media.contains(text.as_str());
        if self.config.fetches && elsewhere(media).is_some() {
            return Sound::Elsewhere;
        }
        match scheme {
            "tone" => Sound::Endless,
            "sound" | "recording" | "number" | "digits" | "characters" => {
                if self.config.missing_sounds.iter().any(missing) {
                    Sound::Missing
                } else {
                    Sound::Heard(self.config.delays.sound_ms)
                }
            }
            _ => Sound::Swallowed,
        }
    }

    pub(crate) fn over_in(&mut self, place: &Place, ms: u64) {
        let timer = self.timers.set(self.in_ms(ms), Due::Media(place.clone()));
        if let Some(queue) = self.queue(place) {
            queue.timer = Some(timer);
        }
    }

    pub(crate) fn running_playback(&mut self, place: &Place) -> Option<&mut Playback> {
        match self.queue(place)?.items.front_mut()? {
            Item::Playback(playback) => Some(playback),
            Item::Recording(_) | Item::Digits { .. } => None,
        }
    }

    /// The sound, the recording or the digits are over.
    pub(crate) fn media_over(&mut self, place: &Place) {
        if let Some(queue) = self.queue(place) {
            queue.timer = None;
        }
        self.falls_silent(place);
        let Some(playback) = self.running_playback(place) else {
            return self.recording_timer(place);
        };
        if playback.at + 1 < playback.media.len() {
            playback.state = "continuing";
            let json = playback.json();
            playback.at += 1;
            self.tell_place("PlaybackContinuing", place, "playback", &json);
            return self.begin_sound(place);
        }
        let state = if playback.heard { "done" } else { "failed" };
        self.finish_first(place, state);
    }

    /// Ends the running one and begins the next.
    pub(crate) fn finish_first(&mut self, place: &Place, state: &'static str) {
        if let Some(item) = self.take_first(place) {
            self.finish(place, item, state);
        }
        self.begin_first(place);
    }

    fn take_first(&mut self, place: &Place) -> Option<Item> {
        self.falls_silent(place);
        let queue = self.queue(place)?;
        queue.running = false;
        let timer = queue.timer.take();
        let item = queue.items.pop_front();
        self.timers.cancel(timer);
        item
    }

    fn finish(&mut self, place: &Place, item: Item, state: &'static str) {
        match item {
            Item::Playback(mut playback) => {
                self.forget_fetch(&playback);
                playback.state = state;
                self.tell_place("PlaybackFinished", place, "playback", &playback.json());
                self.forget_playback(&playback.id);
            }
            Item::Recording(recording) => self.finish_recording(place, recording),
            Item::Digits { .. } => {}
        }
    }

    /// The place ends: what is running there does too.
    pub(crate) fn end_running_media(&mut self, place: &Place) {
        if self.queue_ref(place).is_some_and(|queue| queue.running)
            && let Some(item) = self.take_first(place)
        {
            self.finish(place, item, "failed");
        }
    }

    /// … and what waits there begins and fails at once, or nothing is heard of it:
    /// with the real one that is chance.
    pub(crate) fn drop_queued_media(&mut self, place: &Place) {
        let told = self.random.up_to(1) == 0;
        while let Some(item) = self.take_first(place) {
            match item {
                Item::Playback(mut playback) if told => {
                    playback.state = "playing";
                    self.tell_place("PlaybackStarted", place, "playback", &playback.json());
                    self.finish(place, Item::Playback(playback), "failed");
                }
                Item::Playback(playback) => self.forget_playback(&playback.id),
                Item::Recording(recording) => {
                    self.recordings.remove(&recording.name);
                }
                Item::Digits { .. } => {}
            }
        }
    }

    /// Unless the id stands in line a second time.
    fn forget_playback(&mut self, id: &str) {
        let again = self.playbacks.get(id).is_some_and(|place| {
            let queue = self.queue_ref(place);
            queue.is_some_and(|queue| queue.items.iter().any(|item| is_playback(item, id)))
        });
        if !again {
            self.playbacks.remove(id);
        }
    }
}

fn is_playback(item: &Item, id: &str) -> bool {
    match item {
        Item::Playback(playback) => playback.id == id,
        Item::Recording(_) | Item::Digits { .. } => false,
    }
}

fn no_playback() -> Answer {
    Answer::refused(404, "Playback not found")
}
