//! Every row that the invariants look at, read at one moment.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_model::Timestamp;
use trunkline_model::call::Call;
use trunkline_model::campaign::Campaign;
use trunkline_model::campaigncall::Campaigncall;
use trunkline_model::id::{OutplanId, ReferenceId};
use trunkline_model::outdial_target::OutdialTarget;
use trunkline_model::outplan::Outplan;
use trunkline_store::campaign_lease::Lease;
use trunkline_store::{
    Database, Error, Filter, call, campaign, campaign_lease, campaigncall, outdial_target, outplan,
};

use crate::watch::every_row;

/// The rows of one moment.
pub struct Snapshot {
    pub now: Timestamp,
    pub campaigns: Vec<Campaign>,
    pub attempts: Vec<Campaigncall>,
    pub targets: Vec<OutdialTarget>,
    pub plans: BTreeMap<OutplanId, Outplan>,
    pub leases: Vec<Lease>,
    pub calls: Vec<Call>,
}

impl Snapshot {
    /// Reads everything.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn read(db: &dyn Database) -> Result<Self, Error> {
        let (all, page) = (Filter::none(), every_row());
        let campaigns = campaign::list(db, &all, &page).await?;
        let (mut targets, mut leases) = (Vec::new(), Vec::new());
        for campaign in &campaigns {
            targets.extend(outdial_target::list(db, campaign.outdial_id, &page).await?);
            leases.extend(campaign_lease::get(db, campaign.id).await?);
        }
        let plans = outplan::list(db, &all, &page).await?;
        Ok(Self {
            now: db.now().await?,
            attempts: campaigncall::list(db, &all, &page).await?,
            targets,
            plans: plans.into_iter().map(|plan| (plan.id, plan)).collect(),
            leases,
            calls: call::list(db, &all, &page).await?,
            campaigns,
        })
    }

    /// Numbers that more than one target has.
    #[must_use]
    pub fn shared_numbers(&self) -> BTreeSet<String> {
        let (mut once, mut shared) = (BTreeSet::new(), BTreeSet::new());
        let addresses = self.targets.iter().flat_map(|it| it.destinations());
        for number in addresses.flatten().map(|address| &address.target) {
            if !once.insert(number) {
                shared.insert(number.clone());
            }
        }
        shared
    }

    /// Attempts whose channel was dialed: those that count as a try. `dialed` are
    /// the ids of channels for which an INVITE has left.
    #[must_use]
    pub fn dialed(&self, dialed: &BTreeSet<String>) -> Vec<Campaigncall> {
        let made: BTreeSet<ReferenceId> = self
            .calls
            .iter()
            .filter(|call| dialed.contains(call.channel_id.as_str()))
            .map(|call| ReferenceId(call.id.0))
            .collect();
        self.attempts
            .iter()
            .filter(|attempt| made.contains(&attempt.reference_id))
            .cloned()
            .collect()
    }
}
