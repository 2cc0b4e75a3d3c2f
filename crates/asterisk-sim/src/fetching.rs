//! Sounds that are somewhere else: whoever owns the Asterisk fetches them and
//! says how long they are.

use crate::media::{Item, Place, Playback};
use crate::sim::AsteriskSim;

/// A sound that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Names it for [`AsteriskSim::fetched`].
    pub id: u64,
    /// A URL, or the path of a file without its ending.
    pub what: String,
}

/// Whether a sound is fetched, and what is fetched for it.
pub(crate) fn elsewhere(media: &str) -> Option<&str> {
    let what = media.strip_prefix("sound:")?;
    let fetched = what.starts_with("http://")
        || what.starts_with("https://")
        // `sound:/srv/hello` is a file; its ending is not said.
        || what.starts_with('/');
    fetched.then_some(what)
}

impl AsteriskSim {
    /// Takes what is to be fetched since the last time. There is nothing unless
    /// [`crate::Config::fetches`] is set.
    pub fn take_fetches(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.fetches)
    }

    /// Whether anything is to be fetched.
    #[must_use]
    pub fn has_fetches(&self) -> bool {
        !self.fetches.is_empty()
    }

    /// A sound was fetched and plays for so many milliseconds; none when there is
    /// no such sound, or it cannot be played.
    pub fn fetched(&mut self, now: i64, id: u64, milliseconds: Option<u64>) {
        self.advance(now);
        let Some(place) = self.fetching.remove(&id) else {
            return;
        };
        let waits = self
            .queue_ref(&place)
            .is_some_and(|queue| match queue.items.front() {
                Some(Item::Playback(playback)) => queue.running && playback.fetch == Some(id),
                Some(Item::Recording(_) | Item::Digits { .. }) | None => false,
            });
        if waits {
            self.sound_begins(&place, milliseconds);
        }
    }

    /// Asks for a sound of what is played there.
    pub(crate) fn fetch(&mut self, place: &Place, what: &str) {
        self.fetch_number += 1;
        let id = self.fetch_number;
        if let Some(playback) = self.running_playback(place) {
            playback.fetch = Some(id);
        }
        self.fetching.insert(id, place.clone());
        let what = what.to_owned();
        self.fetches.push(Fetch { id, what });
    }

    /// The playback is over: what was to be fetched for it is of no interest.
    pub(crate) fn forget_fetch(&mut self, playback: &Playback) {
        if let Some(id) = playback.fetch {
            self.fetching.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_files_are_elsewhere() {
        let rows = [
            (
                "sound:http://127.0.0.1:1/a.wav",
                Some("http://127.0.0.1:1/a.wav"),
            ),
            (
                "sound:https://a.example/a.wav",
                Some("https://a.example/a.wav"),
            ),
            ("sound:/srv/hello", Some("/srv/hello")),
            ("sound:beep", None),
            ("tone:ring", None),
            ("http://a.example", None),
        ];
        for (media, expected) in rows {
            assert_eq!(elsewhere(media), expected, "{media}");
        }
    }
}
