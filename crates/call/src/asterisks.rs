//! The Asterisks that this process knows, as their proxies report them.
//!
//! A proxy that was killed reports nothing, and VoIPbin's never does: an Asterisk that
//! does not answer for long enough counts as away as well, until it is heard of again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkline_model::Timestamp;
use trunkline_model::asterisk::Asterisk;
use trunkline_model::id::AsteriskId;

/// Longest time that a proxy takes to connect again to an Asterisk that answers.
const RECONNECTED: Duration = Duration::from_secs(15);

/// A view in memory: rebuilt from the proxies' events and from who answers, never
/// a source of truth about calls.
#[derive(Default)]
pub(crate) struct Asterisks {
    known: Mutex<BTreeMap<AsteriskId, Known>>,
    /// Since when one has not answered.
    silent: Mutex<BTreeMap<AsteriskId, Timestamp>>,
    /// When it was last written down that one is there.
    written: Mutex<BTreeMap<AsteriskId, Timestamp>>,
}

struct Known {
    shown: Asterisk,
    /// It counts as away because it does not answer: no proxy has said so.
    is_silent: bool,
}

impl Asterisks {
    /// Notes that a proxy has reported its Asterisk as connected or not.
    pub(crate) fn note(&self, id: &AsteriskId, connected: bool, now: Timestamp) {
        let mut known = self.known();
        let is_said = known
            .get(id)
            .is_some_and(|known| known.shown.connected == connected && !known.is_silent);
        if !is_said {
            let shown = Asterisk {
                id: id.clone(),
                connected,
                tm_update: Some(now),
            };
            let is_silent = false;
            known.insert(id.clone(), Known { shown, is_silent });
        }
        drop(known);
        if connected {
            self.silent().remove(id);
        } else {
            self.silent().entry(id.clone()).or_insert(now);
        }
    }

    /// Notes that an Asterisk has answered: one that no proxy has reported to this
    /// process is connected all the same. So is one that was reported as away for
    /// longer than its proxy takes to connect again: of several call-managers
    /// only one gets the news of that.
    pub(crate) fn answered(&self, id: &AsteriskId, now: Timestamp) {
        let is_away_by_report = |known: &Known| {
            let reported = known.shown.tm_update;
            !known.is_silent && reported.is_some_and(|at| now.since(at) < RECONNECTED)
        };
        if !self.known().get(id).is_some_and(is_away_by_report) {
            self.note(id, true, now);
        }
        self.silent().remove(id);
    }

    /// Notes that an Asterisk has not answered. From `limit` on it counts as away;
    /// whether that is new.
    pub(crate) fn unanswered(&self, id: &AsteriskId, limit: Duration, now: Timestamp) -> bool {
        self.silent().entry(id.clone()).or_insert(now);
        if !self.lost(id, limit, now) {
            return false;
        }
        let mut known = self.known();
        let Some(known) = known.get_mut(id).filter(|known| known.shown.connected) else {
            return false;
        };
        known.shown.connected = false;
        known.shown.tm_update = Some(now);
        known.is_silent = true;
        true
    }

    /// Whether an Asterisk counts as away only because it does not answer.
    pub(crate) fn is_silent(&self, id: &AsteriskId) -> bool {
        self.known().get(id).is_some_and(|known| known.is_silent)
    }

    /// Notes that an event has come from an Asterisk. It is there; since when it has not
    /// answered is remembered.
    pub(crate) fn heard(&self, id: &AsteriskId, now: Timestamp) {
        let mut known = self.known();
        if let Some(known) = known.get_mut(id).filter(|known| known.is_silent) {
            known.shown.connected = true;
            known.shown.tm_update = Some(now);
            known.is_silent = false;
        }
    }

    /// Whether it is time to write down that an Asterisk is there: when that has not
    /// been done for `every`. Whoever is told so does it.
    pub(crate) fn is_to_be_written(
        &self,
        id: &AsteriskId,
        every: Duration,
        now: Timestamp,
    ) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let due = written.get(id).is_none_or(|at| now.since(*at) >= every);
        if due {
            written.insert(id.clone(), now);
        }
        due
    }

    /// Whether an Asterisk has not answered for at least `limit`.
    pub(crate) fn lost(&self, id: &AsteriskId, limit: Duration, now: Timestamp) -> bool {
        let silent = self.silent();
        silent.get(id).is_some_and(|at| now.since(*at) >= limit)
    }

    /// All that were reported or have answered, by id.
    pub(crate) fn list(&self) -> Vec<Asterisk> {
        let known = self.known();
        known.values().map(|known| known.shown.clone()).collect()
    }

    /// Whether every Asterisk that ever reported itself is away. False while none
    /// has: then only a request can tell.
    pub(crate) fn all_away(&self) -> bool {
        let known = self.list();
        !known.is_empty() && known.iter().all(|asterisk| !asterisk.connected)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<AsteriskId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self) -> MutexGuard<'_, BTreeMap<AsteriskId, Timestamp>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: Duration = Duration::from_secs(20);

    #[test]
    fn presence_is_written_now_and_then() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let (asterisks, id) = (Asterisks::default(), AsteriskId::from("a"));
        let due = |now| asterisks.is_to_be_written(&id, Duration::from_secs(10), at(now));
        assert_eq!(
            [0, 9, 10, 11, 20].map(due),
            [true, false, true, false, true]
        );
    }

    #[test]
    fn asterisk_is_lost_when_it_has_not_answered_for_long() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let (asterisks, id) = (Asterisks::default(), AsteriskId::from("a"));
        let lost = |now| asterisks.lost(&id, Duration::from_secs(60), at(now));
        assert!(!lost(1_000), "nobody has asked it");
        asterisks.unanswered(&id, AWAY, at(10));
        asterisks.unanswered(&id, AWAY, at(50));
        assert!(!lost(69));
        assert!(lost(70));
        assert!(asterisks.list().is_empty(), "no proxy has reported it");
        asterisks.answered(&id, at(71));
        assert!(!lost(1_000));
        assert!(asterisks.list()[0].connected);
        asterisks.note(&id, false, at(80));
        asterisks.answered(&id, at(81));
        assert!(
            asterisks.all_away(),
            "its proxy knows better whether it is connected"
        );
        asterisks.answered(&id, at(95));
        assert!(
            !asterisks.all_away(),
            "the news that it is connected again went to another process"
        );
    }

    #[test]
    fn asterisk_that_does_not_answer_counts_as_away_until_it_is_heard_of() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let (asterisks, id) = (Asterisks::default(), AsteriskId::from("a"));
        let unanswered = |now| asterisks.unanswered(&id, AWAY, at(now));
        asterisks.note(&id, true, at(0));
        assert!(!unanswered(10) && !unanswered(29) && !asterisks.all_away());
        assert!(unanswered(30), "that is new");
        assert!(!unanswered(31) && asterisks.all_away());
        assert_eq!(asterisks.list()[0].tm_update, Some(at(30)));

        asterisks.answered(&id, at(32));
        assert!(!asterisks.all_away(), "at once: no proxy knows better");
        assert!(!unanswered(40) && !unanswered(59) && unanswered(60));

        asterisks.heard(&id, at(61));
        assert!(!asterisks.all_away() && !asterisks.is_silent(&id));
        assert!(unanswered(62), "it sends events and answers nothing");
        assert!(asterisks.lost(&id, Duration::from_secs(22), at(62)));

        // What its proxy says counts for more.
        asterisks.note(&id, false, at(63));
        asterisks.heard(&id, at(64));
        asterisks.answered(&id, at(64));
        assert!(asterisks.all_away());
        asterisks.note(&id, true, at(65));
        assert!(!asterisks.all_away());
    }
}
