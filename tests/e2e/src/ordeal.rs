//! Kills, again and again, at moments that come from a seed.
//!
//! Most fall into the work: when the far end has counted so many calls, and a
//! random moment later. Every fourth falls into the start of the process that the
//! kill before made necessary. Real processes do not replay from a seed; it is
//! printed so that a run can be had that is like another.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::far_end::FarEnd;
use crate::trial::Trial;
use crate::verdict::Verdict;

/// Longest time between the call that was waited for and the kill.
const JITTER_MS: u64 = 250;
/// Longest time that a process lives which is killed while it starts.
const START_MS: u64 = 300;
/// Share of the expected calls by which the last kill has come.
const KILLED_BY: f64 = 0.6;

/// What is inflicted on a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Ordeal {
    pub people: usize,
    /// SIGKILLs of Trunkline.
    pub kills: u64,
    /// Of these, those at which the Asterisk is killed too.
    pub asterisk_kills: u64,
    pub calls_per_second: f64,
    pub seed: u64,
}

impl Ordeal {
    /// Runs the campaign to its end and judges it.
    ///
    /// # Errors
    ///
    /// When a part fails, the campaign does not end, or it ended before the last
    /// kill.
    pub async fn run(self, far: FarEnd) -> Result<Verdict> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut trial = Trial::begin(far, self.people, self.calls_per_second).await?;
        for kill in 1..=self.kills {
            let longest_ms = if kill % 4 == 0 {
                START_MS
            } else {
                let share = KILLED_BY * kill as f64 / self.kills as f64;
                trial.until_dialed(share).await?;
                JITTER_MS
            };
            // Nothing is awaited here: this is the moment of the kill.
            sleep(Duration::from_millis(random.random_range(0..longest_ms))).await;
            let both = is_due(kill, self.kills, self.asterisk_kills);
            trial
                .kill(async |far| match both {
                    true => far.crash_asterisk().await,
                    false => Ok(()),
                })
                .await?;
        }
        trial.end().await
    }
}

/// Whether one of the `some` is due at this one of the `all`, spread evenly.
const fn is_due(at: u64, all: u64, some: u64) -> bool {
    (at * some) / all != ((at - 1) * some) / all
}
