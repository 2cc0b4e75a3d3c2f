//! What must always hold (architecture §7), as plain functions over rows. Each
//! returns the offenders: an empty list is what a test wants.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Status as CampaignStatus};
use trunkline_model::campaigncall::{Campaigncall, Outcome, Status};
use trunkline_model::id::{CampaignId, CampaigncallId, OutdialTargetId};
use trunkline_model::outdial_target::OutdialTarget;
use trunkline_model::outplan::Outplan;
use trunkline_store::campaign_lease::Lease;

/// I1: targets that are in two live attempts.
#[must_use]
pub fn targets_in_two_live_attempts(attempts: &[Campaigncall]) -> Vec<OutdialTargetId> {
    let mut live: BTreeMap<OutdialTargetId, usize> = BTreeMap::new();
    for attempt in attempts
        .iter()
        .filter(|attempt| attempt.status != Status::Done)
    {
        *live.entry(attempt.outdial_target_id).or_default() += 1;
    }
    live.into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(target, _)| target)
        .collect()
}

/// I1, over time: attempts that began while another one of the same target had
/// not ended.
#[must_use]
pub fn overlapping_attempts(attempts: &[Campaigncall]) -> Vec<CampaigncallId> {
    pairs(attempts)
        .filter(|(earlier, later)| {
            earlier.status != Status::Done || later.tm_create < earlier.tm_update
        })
        .map(|(_, later)| later.id)
        .collect()
}

/// I2: attempts beyond what the outplan allows for their destination. `placed`
/// says whether an attempt's call or activeflow was ever made: one that was
/// given back untried does not count.
#[must_use]
pub fn attempts_beyond_the_plan(
    attempts: &[Campaigncall],
    plan: &Outplan,
    placed: impl Fn(&Campaigncall) -> bool,
) -> Vec<(OutdialTargetId, i64)> {
    let mut made: BTreeMap<(OutdialTargetId, i64), i64> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| placed(attempt)) {
        *made
            .entry((attempt.outdial_target_id, attempt.destination_index))
            .or_default() += 1;
    }
    let maxima = plan.max_try_counts();
    let allowed = |index: i64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| maxima.get(index))
    };
    made.into_iter()
        .filter(|((_, index), count)| allowed(*index).is_none_or(|most| count > most))
        .map(|(key, _)| key)
        .collect()
}

/// I2: attempts that began before the try interval was over. `placed` as above.
#[must_use]
pub fn attempts_too_early(
    attempts: &[Campaigncall],
    plan: &Outplan,
    placed: impl Fn(&Campaigncall) -> bool,
) -> Vec<CampaigncallId> {
    let made: Vec<Campaigncall> = attempts.iter().filter(|it| placed(it)).cloned().collect();
    pairs(&made)
        .filter(|(earlier, later)| {
            let from = earlier
                .tm_update
                .map(|ended| ended.plus_millis(plan.try_interval));
            later.tm_create < from
        })
        .map(|(_, later)| later.id)
        .collect()
}

/// I3: attempts at targets that had been deleted before.
#[must_use]
pub fn attempts_at_deleted_targets(
    attempts: &[Campaigncall],
    targets: &[OutdialTarget],
) -> Vec<CampaigncallId> {
    let deleted: BTreeMap<OutdialTargetId, Timestamp> = targets
        .iter()
        .filter_map(|target| Some((target.id, target.tm_delete?)))
        .collect();
    let late = |attempt: &&Campaigncall| {
        let deleted = deleted.get(&attempt.outdial_target_id);
        deleted.is_some_and(|deleted| attempt.tm_create.is_some_and(|begun| begun > *deleted))
    };
    attempts
        .iter()
        .filter(late)
        .map(|attempt| attempt.id)
        .collect()
}

/// I4: attempts that are done without a result, or have one without being done.
#[must_use]
pub fn attempts_without_one_result(attempts: &[Campaigncall]) -> Vec<CampaigncallId> {
    let consistent = |attempt: &&Campaigncall| {
        let decided = matches!(attempt.result, Outcome::Success | Outcome::Fail);
        decided == (attempt.status == Status::Done)
    };
    attempts
        .iter()
        .filter(|attempt| !consistent(attempt))
        .map(|attempt| attempt.id)
        .collect()
}

/// I4, at the end of a test: attempts that are not done.
#[must_use]
pub fn unfinished_attempts(attempts: &[Campaigncall]) -> Vec<CampaigncallId> {
    attempts
        .iter()
        .filter(|it| it.status != Status::Done)
        .map(|it| it.id)
        .collect()
}

/// I5: campaigns that run without a live lease.
#[must_use]
pub fn campaigns_without_a_runner(
    campaigns: &[Campaign],
    leases: &[Lease],
    now: Timestamp,
) -> Vec<CampaignId> {
    let led: BTreeSet<CampaignId> = leases
        .iter()
        .filter(|lease| lease.expires > now)
        .map(|lease| lease.campaign)
        .collect();
    let runs = |campaign: &&Campaign| campaign.status == CampaignStatus::Run;
    campaigns
        .iter()
        .filter(runs)
        .map(|it| it.id)
        .filter(|id| !led.contains(id))
        .collect()
}

/// Attempts of the same target, each with the one after it.
fn pairs(attempts: &[Campaigncall]) -> impl Iterator<Item = (&Campaigncall, &Campaigncall)> {
    let mut sorted: Vec<&Campaigncall> = attempts.iter().collect();
    // Two may begin in the same microsecond; a live one comes last.
    sorted.sort_by_key(|it| {
        (
            it.outdial_target_id,
            it.tm_create,
            it.status != Status::Done,
            it.tm_update,
        )
    });
    let neighbours: Vec<_> = sorted.windows(2).map(|two| (two[0], two[1])).collect();
    neighbours
        .into_iter()
        .filter(|(a, b)| a.outdial_target_id == b.outdial_target_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(target: u128, begun: i64, ended: Option<i64>) -> Campaigncall {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        Campaigncall {
            id: CampaigncallId::random(),
            outdial_target_id: uuid::Uuid::from_u128(target).into(),
            status: if ended.is_some() {
                Status::Done
            } else {
                Status::Dialing
            },
            result: if ended.is_some() {
                Outcome::Fail
            } else {
                Outcome::None
            },
            tm_create: Some(at(begun)),
            tm_update: ended.map(at),
            ..Campaigncall::default()
        }
    }

    #[test]
    fn each_offence_is_found_and_order_is_none() {
        let plan = Outplan {
            max_try_count_0: 2,
            try_interval: 10_000,
            ..Outplan::default()
        };
        let good = [
            attempt(1, 0, Some(5)),
            attempt(1, 15, Some(20)),
            attempt(2, 0, None),
        ];
        assert!(targets_in_two_live_attempts(&good).is_empty());
        assert!(overlapping_attempts(&good).is_empty());
        assert!(attempts_beyond_the_plan(&good, &plan, |_| true).is_empty());
        assert!(attempts_too_early(&good, &plan, |_| true).is_empty());
        assert!(attempts_without_one_result(&good).is_empty());
        assert_eq!(unfinished_attempts(&good), [good[2].id]);

        let twice = [attempt(1, 0, None), attempt(1, 1, None)];
        assert_eq!(targets_in_two_live_attempts(&twice).len(), 1);
        assert_eq!(overlapping_attempts(&twice), [twice[1].id]);
        let early = [
            attempt(1, 14, Some(15)),
            attempt(1, 0, Some(5)),
            attempt(1, 30, Some(31)),
        ];
        assert_eq!(attempts_too_early(&early, &plan, |_| true), [early[0].id]);
        assert_eq!(attempts_beyond_the_plan(&early, &plan, |_| true).len(), 1);
        assert!(attempts_beyond_the_plan(&early, &plan, |it| it.id != early[0].id).is_empty());
        let undecided = Campaigncall {
            result: Outcome::None,
            ..attempt(1, 0, Some(1))
        };
        assert_eq!(
            attempts_without_one_result(std::slice::from_ref(&undecided)),
            [undecided.id]
        );
    }

    #[test]
    fn a_running_campaign_needs_a_lease_that_has_not_expired() {
        let now = Timestamp::from_micros(1_000);
        let campaign = |status| Campaign {
            id: CampaignId::random(),
            status,
            ..Campaign::default()
        };
        let campaigns = [
            campaign(CampaignStatus::Run),
            campaign(CampaignStatus::Run),
            campaign(CampaignStatus::Stop),
        ];
        let lease = |at: usize, expires| Lease {
            campaign: campaigns[at].id,
            holder: uuid::Uuid::nil(),
            fence: 1,
            expires: Timestamp::from_micros(expires),
        };
        let leases = [lease(0, 1_001), lease(1, 1_000)];
        assert_eq!(
            campaigns_without_a_runner(&campaigns, &leases, now),
            [campaigns[1].id]
        );
    }
}
