//! What is to happen later, in the order of its time; at the same time in the
//! order in which it was set.

use std::collections::BTreeMap;

use crate::media::Place;

/// What is to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// A channel enters its application.
    Enters(String),
    /// The far end of a channel takes its next step.
    FarEnd(String),
    /// Nobody answered in time.
    DialTimeout(String),
    /// A channel that was hung up ends.
    Ends(String),
    /// What is played or recorded at a place is over.
    Media(Place),
    /// The dialplan gives a channel back.
    Returns(String),
}

/// Names one timer, so that it can be cancelled.
pub(crate) type TimerKey = (i64, u64);

/// All timers.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<TimerKey, Due>,
    last: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: i64, what: Due) -> TimerKey {
        self.last += 1;
        let key = (at, self.last);
        self.due.insert(key, what);
        key
    }

    pub(crate) fn cancel(&mut self, key: Option<TimerKey>) {
        if let Some(key) = key {
            self.due.remove(&key);
        }
    }

    /// Takes the first one that is due.
    pub(crate) fn take(&mut self, now: i64) -> Option<(i64, Due)> {
        let first = self.due.first_entry()?;
        let at = first.key().0;
        (at <= now).then(|| (at, first.remove()))
    }

    pub(crate) fn next(&self) -> Option<i64> {
        self.due.first_key_value().map(|(key, _)| key.0)
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }
}
