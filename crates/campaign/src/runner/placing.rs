//! The attempts of one campaign that are being started at this moment, and the
//! targets that are left alone meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use trunkline_domain::campaign::tick::Dial;
use trunkline_model::campaign::Campaign;
use trunkline_model::id::OutdialTargetId;
use trunkline_model::outplan::Outplan;

use super::Run;
use crate::attempt::place::{self, Placed};

/// Targets that could not be claimed are forgotten beyond this number: more of
/// them are not one attempt's bad luck.
const MOST_REFUSED: usize = 1_000;

/// Attempts that are being started.
#[derive(Default)]
pub(super) struct Placing {
    tasks: JoinSet<(OutdialTargetId, Placed)>,
    targets: BTreeSet<OutdialTargetId>,
    refused: BTreeMap<OutdialTargetId, Instant>,
    pending: Arc<AtomicU64>,
}

impl Placing {
    /// Starts an attempt. Dropping `self` leaves it where it is.
    pub(super) fn begin(
        &mut self,
        run: &Run,
        campaign: &Arc<Campaign>,
        plan: &Arc<Outplan>,
        dial: Dial,
    ) {
        let target = dial.target;
        self.targets.insert(target);
        self.pending.fetch_add(1, Ordering::SeqCst);
        let pending = Pending(Arc::clone(&self.pending));
        let (manager, lease) = (Arc::clone(&run.manager), run.lease);
        let (campaign, plan) = (Arc::clone(campaign), Arc::clone(plan));
        self.tasks.spawn(async move {
            let placed = place::place(&manager, &lease, &campaign, &plan, dial, pending).await;
            (target, placed)
        });
    }

    /// An attempt whose start has come to something; waits for one.
    pub(super) async fn next(&mut self) -> Option<(OutdialTargetId, Placed)> {
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok((target, placed)) => {
                    self.targets.remove(&target);
                    return Some((target, placed));
                }
                // The attempt's check looks after what it has left.
                Err(error) => tracing::error!(%error, "the start of an attempt has panicked"),
            }
        }
        self.targets.clear();
        None
    }

    /// As [`Placing::next`], without waiting.
    pub(super) fn try_next(&mut self) -> Option<(OutdialTargetId, Placed)> {
        let (target, placed) = self.tasks.try_join_next()?.ok()?;
        self.targets.remove(&target);
        Some((target, placed))
    }

    /// Leaves a target alone for a while.
    pub(super) fn refuse(&mut self, target: OutdialTargetId, pause: Duration) {
        if self.refused.len() >= MOST_REFUSED {
            self.refused.clear();
        }
        self.refused.insert(target, Instant::now() + pause);
    }

    /// Targets that are not to be dialed now.
    pub(super) fn skip(&mut self) -> BTreeSet<OutdialTargetId> {
        let now = Instant::now();
        self.refused.retain(|_, until| *until > now);
        self.targets
            .iter()
            .chain(self.refused.keys())
            .copied()
            .collect()
    }

    /// Attempts that are being started.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Those of them that are not written yet. Read before the written ones are
    /// counted: one in between counts twice rather than not at all.
    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::SeqCst)
    }
}

/// An attempt that is not written yet; dropped when it is.
pub(crate) struct Pending(Arc<AtomicU64>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
