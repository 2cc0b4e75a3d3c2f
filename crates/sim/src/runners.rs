//! I5: a campaign that runs has a live runner within five seconds, whatever
//! crashed.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_campaign::invariants;
use trunkline_model::id::CampaignId;

use crate::rows::Snapshot;
use crate::watch::Violation;
use crate::world::since;

/// Five seconds, and the time between two looks.
const WITHIN: Duration = Duration::from_millis(7_000);

/// Since when which campaign has been seen without a runner.
#[derive(Default)]
pub struct Runners {
    without: BTreeMap<CampaignId, Instant>,
}

impl Runners {
    /// Looks at the rows of this moment. The time counts from when the world was
    /// last disturbed: who is dead cannot run a campaign.
    pub fn look(&mut self, rows: &Snapshot, disturbed: Instant) -> Vec<Violation> {
        let found = invariants::campaigns_without_a_runner(&rows.campaigns, &rows.leases, rows.now);
        self.without.retain(|id, _| found.contains(id));
        let mut late = Vec::new();
        for id in found {
            let seen = *self.without.entry(id).or_insert_with(Instant::now);
            if since(seen.max(disturbed)) > WITHIN {
                late.push(Violation::new("I5", format!("campaign {id} has no runner")));
            }
        }
        late
    }
}
