//! The attempts of one campaign that are being started at this moment, and the
//! targets that are left alone meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;
use trunkline_domain::campaign::tick::Dial;
use trunkline_model::campaign::Campaign;
use trunkline_model::id::OutdialTargetId;
use trunkline_model::outplan::Outplan;

use super::Run;
use crate::attempt::place::{self, Placed, Progress, Start};

/// Targets that could not be claimed are forgotten beyond this number: more of
/// them are not one attempt's bad luck.
const MOST_REFUSED: usize = 1_000;

/// Attempts that are being started.
pub(super) struct Placing {
    volleys: JoinSet<()>,
    /// Bounded by the attempts that are being started: two messages of each.
    progress: UnboundedReceiver<Progress>,
    tell: UnboundedSender<Progress>,
    starting: usize,
    /// Targets that are not claimed yet: lists still have them.
    unclaimed: BTreeSet<OutdialTargetId>,
    refused: BTreeMap<OutdialTargetId, Instant>,
    pending: Arc<AtomicU64>,
}

impl Default for Placing {
    fn default() -> Self {
        let (tell, progress) = mpsc::unbounded_channel();
        Self {
            volleys: JoinSet::new(),
            progress,
            tell,
            starting: 0,
            unclaimed: BTreeSet::new(),
            refused: BTreeMap::new(),
            pending: Arc::default(),
        }
    }
}

impl Placing {
    /// Starts attempts. Dropping `self` leaves them where they are.
    pub(super) fn begin(
        &mut self,
        run: &Arc<Run>,
        campaign: Arc<Campaign>,
        plan: Outplan,
        dials: Vec<Dial>,
    ) {
        let number = dials.len() as u64;
        self.starting += dials.len();
        self.unclaimed.extend(dials.iter().map(|dial| dial.target));
        self.pending.fetch_add(number, Ordering::SeqCst);
        let pending = Pending(Arc::clone(&self.pending), number);
        let starts = dials.into_iter().map(|dial| {
            let start = Start {
                target: dial.target,
                tell: self.tell.clone(),
                told: false,
            };
            (dial, start)
        });
        let (run, starts) = (Arc::clone(run), starts.collect());
        self.volleys.spawn(async move {
            place::place(&run, campaign, &plan, starts, pending).await;
        });
    }

    /// An attempt whose start has come to something; waits for one. None when
    /// nothing is being started.
    pub(super) async fn next(&mut self) -> Option<(OutdialTargetId, Placed)> {
        while self.starting > 0 {
            let progress = self.progress.recv().await?;
            if let Some(came) = self.note(progress) {
                return Some(came);
            }
        }
        None
    }

    /// As [`Placing::next`], without waiting.
    pub(super) fn try_next(&mut self) -> Option<(OutdialTargetId, Placed)> {
        while let Some(ended) = self.volleys.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "the start of attempts has panicked");
            }
        }
        while let Ok(progress) = self.progress.try_recv() {
            if let Some(came) = self.note(progress) {
                return Some(came);
            }
        }
        None
    }

    fn note(&mut self, progress: Progress) -> Option<(OutdialTargetId, Placed)> {
        match progress {
            Progress::Claimed(target) => {
                self.unclaimed.remove(&target);
                None
            }
            Progress::Came(target, placed) => {
                self.unclaimed.remove(&target);
                self.starting -= 1;
                Some((target, placed))
            }
        }
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
        self.unclaimed
            .iter()
            .chain(self.refused.keys())
            .copied()
            .collect()
    }

    /// Attempts that are being started.
    pub(super) fn len(&self) -> usize {
        self.starting
    }

    /// Those of them that are not written yet. Read before the written ones are
    /// counted: one in between counts twice rather than not at all.
    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::SeqCst)
    }
}

/// Attempts that are not written yet; dropped when they are.
pub(crate) struct Pending(Arc<AtomicU64>, u64);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::SeqCst);
    }
}
