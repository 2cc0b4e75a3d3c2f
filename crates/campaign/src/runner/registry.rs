//! The campaigns that this process runs, and how to reach their runners.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use trunkline_model::id::{CampaignId, CampaigncallId};

use super::watch::Watch;

/// The runners of this process.
#[derive(Default)]
pub(crate) struct Registry {
    running: Mutex<HashMap<CampaignId, Entry>>,
    look: Notify,
}

#[derive(Clone)]
struct Entry {
    wake: Arc<Notify>,
    watch: Arc<Watch>,
}

impl Registry {
    /// Wakes the campaign's runner, if it is one of this process's.
    pub(crate) fn wake(&self, id: CampaignId) -> bool {
        let entry = self.with(|running| running.get(&id).cloned());
        if let Some(entry) = &entry {
            entry.wake.notify_one();
        }
        entry.is_some()
    }

    /// An attempt of the campaign has ended: its runner need not look at it, and
    /// may start another one.
    pub(crate) fn ended(&self, id: CampaignId, attempt: CampaigncallId) {
        if let Some(entry) = self.with(|running| running.get(&id).cloned()) {
            entry.watch.remove(attempt);
            entry.wake.notify_one();
        }
    }

    pub(crate) fn runs(&self, id: CampaignId) -> bool {
        self.with(|running| running.contains_key(&id))
    }

    /// Makes the supervisor look for campaigns without a runner at once.
    pub(crate) fn look_now(&self) {
        self.look.notify_one();
    }

    /// Resolves after [`Registry::look_now`].
    pub(crate) async fn look_wanted(&self) {
        self.look.notified().await;
    }

    /// How many campaigns run here.
    pub(crate) fn len(&self) -> usize {
        self.with(|running| running.len())
    }

    /// Enters a runner; what wakes it. None when there is one already.
    pub(crate) fn enter(&self, id: CampaignId, watch: &Arc<Watch>) -> Option<Arc<Notify>> {
        self.with(|running| {
            if running.contains_key(&id) {
                return None;
            }
            let wake = Arc::new(Notify::new());
            let entry = Entry {
                wake: Arc::clone(&wake),
                watch: Arc::clone(watch),
            };
            running.insert(id, entry);
            Some(wake)
        })
    }

    pub(crate) fn leave(&self, id: CampaignId) {
        self.with(|running| running.remove(&id));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<CampaignId, Entry>) -> T) -> T {
        act(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
