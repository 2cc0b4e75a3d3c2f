//! The Asterisks that this process knows, as their proxies report them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use trunkline_model::Timestamp;
use trunkline_model::asterisk::Asterisk;
use trunkline_model::id::AsteriskId;

/// A view in memory: rebuilt from the proxies' events, never a source of truth
/// about calls.
#[derive(Default)]
pub(crate) struct Asterisks {
    known: Mutex<BTreeMap<AsteriskId, Asterisk>>,
}

impl Asterisks {
    /// Notes that an Asterisk is connected or not.
    pub(crate) fn note(&self, id: &AsteriskId, connected: bool, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let asterisk = Asterisk {
            id: id.clone(),
            connected,
            tm_update: Some(now),
        };
        match known.get_mut(id) {
            Some(entry) if entry.connected == connected => {}
            Some(entry) => *entry = asterisk,
            None => {
                known.insert(id.clone(), asterisk);
            }
        }
    }

    /// All of them, by id.
    pub(crate) fn list(&self) -> Vec<Asterisk> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// The ids of those that are connected.
    pub(crate) fn connected(&self) -> Vec<AsteriskId> {
        self.list()
            .into_iter()
            .filter(|asterisk| asterisk.connected)
            .map(|asterisk| asterisk.id)
            .collect()
    }

    /// Whether every Asterisk that ever reported itself is away. False while none
    /// has: then only a request can tell.
    pub(crate) fn all_away(&self) -> bool {
        let known = self.list();
        !known.is_empty() && known.iter().all(|asterisk| !asterisk.connected)
    }
}
