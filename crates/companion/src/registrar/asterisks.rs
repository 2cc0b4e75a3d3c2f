//! The Asterisks that there are, as call-manager knows them: it follows every event
//! of theirs, and a second follower of all of these would cost more than to ask it now
//! and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use trunkline_model::Timestamp;
use trunkline_model::id::AsteriskId;

use super::Registrar;

/// Those that are connected, and since when.
#[derive(Default)]
pub(super) struct Asterisks(Mutex<BTreeMap<AsteriskId, Option<Timestamp>>>);

impl Asterisks {
    pub(super) fn connected(&self) -> Vec<AsteriskId> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.keys().cloned().collect()
    }

    /// Replaces what is known; returns those that have come, come again, or gone.
    fn replace(&self, now: BTreeMap<AsteriskId, Option<Timestamp>>) -> Vec<AsteriskId> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known
            .keys()
            .chain(now.keys())
            .filter(|id| known.get(*id) != now.get(*id))
            .cloned()
            .collect();
        *known = now;
        changed
    }
}

impl Registrar {
    /// Looks which Asterisks there are, and says whether one has come or gone since the
    /// last look. While call-manager does not answer, what was known holds.
    pub(super) async fn look_for_asterisks(&self) -> bool {
        let known = match self.call.asterisks().await {
            Ok(known) => known,
            Err(error) => {
                tracing::debug!(%error, "call-manager does not tell which Asterisks there are");
                return false;
            }
        };
        let connected = known
            .into_iter()
            .filter(|asterisk| asterisk.connected)
            .map(|asterisk| (asterisk.id, asterisk.tm_update))
            .collect();
        let changed = self.asterisks.replace(connected);
        for id in &changed {
            // It may have been started anew, and know nothing.
            self.placed.forget(id);
        }
        !changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_again_has_changed() {
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let asterisks = Asterisks::default();
        let now = |all: &[(&str, i64)]| {
            let all = all
                .iter()
                .map(|(id, since)| (AsteriskId::from(*id), at(*since)));
            let mut changed = asterisks.replace(all.collect());
            changed.dedup();
            changed.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(now(&[("a", 1)]), ["a"]);
        assert!(now(&[("a", 1)]).is_empty());
        assert_eq!(now(&[("a", 2)]), ["a", "a"][..1]);
        assert_eq!(now(&[]), ["a"]);
        assert!(asterisks.connected().is_empty());
    }
}
