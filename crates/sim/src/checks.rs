//! What must always hold, asked of the rows of one moment and of the calls that
//! left the simulated Asterisks (architecture §7).

use std::collections::{BTreeMap, BTreeSet};

use trunkline_campaign::invariants;
use trunkline_model::Timestamp;
use trunkline_model::campaigncall::{Campaigncall, Outcome, Status};
use trunkline_model::id::{CampaignId, CampaigncallId};
use trunkline_model::outplan::Outplan;

use crate::rows::Snapshot;
use crate::scenario::{Scenario, Step};
use crate::watch::Violation;

/// The widest plan that a campaign ever had: what its attempts may not exceed.
#[must_use]
pub fn widest_plan(scenario: &Scenario, campaign: usize) -> Outplan {
    let plan = &scenario.campaigns[campaign];
    let (mut tries, mut interval) = (plan.tries, plan.try_interval_ms);
    for (_, step) in &scenario.steps {
        if let Step::Replan(at, more, pause) = step
            && *at == campaign
        {
            interval = interval.min(*pause);
            for (most, other) in tries.iter_mut().zip(more) {
                *most = (*most).max(*other);
            }
        }
    }
    Outplan {
        try_interval: interval,
        max_try_count_0: tries[0],
        max_try_count_1: tries[1],
        max_try_count_2: tries[2],
        max_try_count_3: tries[3],
        max_try_count_4: tries[4],
        ..Outplan::default()
    }
}

/// I1–I4 over the rows. `steady` says that the store's clock never went back:
/// otherwise times of rows cannot be compared. `dialed` are the channels for which
/// an INVITE has left: an attempt without one does not count as a try.
#[must_use]
pub fn of_attempts(
    rows: &Snapshot,
    plans: &BTreeMap<CampaignId, Outplan>,
    dialed: &BTreeSet<String>,
    steady: bool,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let placed = rows.dialed(dialed);
    for target in invariants::targets_in_two_live_attempts(&rows.attempts) {
        found.push(Violation::new(
            "I1",
            format!("target {target} is in two live attempts"),
        ));
    }
    if steady {
        for attempt in invariants::overlapping_attempts(&placed) {
            found.push(Violation::new(
                "I1",
                format!("attempt {attempt} overlaps another one"),
            ));
        }
        for attempt in invariants::attempts_at_deleted_targets(&placed, &rows.targets) {
            found.push(Violation::new(
                "I3",
                format!("attempt {attempt} is at a deleted target"),
            ));
        }
    }
    for attempt in invariants::attempts_without_one_result(&rows.attempts) {
        found.push(Violation::new(
            "I4",
            format!("attempt {attempt} has no result of its status"),
        ));
    }
    for (campaign, plan) in plans {
        let of_campaign: Vec<Campaigncall> = placed
            .iter()
            .filter(|attempt| attempt.campaign_id == *campaign)
            .cloned()
            .collect();
        let all = |_: &Campaigncall| true;
        for (target, index) in invariants::attempts_beyond_the_plan(&of_campaign, plan, all) {
            let detail =
                format!("target {target} has more attempts at destination {index} than its plan");
            found.push(Violation::new("I2", detail));
        }
        if steady {
            for attempt in invariants::attempts_too_early(&of_campaign, plan, all) {
                found.push(Violation::new(
                    "I2",
                    format!("attempt {attempt} began too early"),
                ));
            }
        }
    }
    found
}

/// I4: an attempt reaches one result, once. What an ended attempt came to, and
/// when, as it was first seen.
#[derive(Default)]
pub struct Endings(BTreeMap<CampaigncallId, (Outcome, Option<Timestamp>)>);

impl Endings {
    /// Looks at the attempts of this moment: an ended one stays as it is.
    pub fn look(&mut self, attempts: &[Campaigncall]) -> Vec<Violation> {
        let mut found = Vec::new();
        for attempt in attempts.iter().filter(|it| it.tm_delete.is_none()) {
            let now = (attempt.result.clone(), attempt.tm_update);
            if attempt.status != Status::Done {
                if self.0.contains_key(&attempt.id) {
                    let detail = format!("attempt {} has come to life again", attempt.id);
                    found.push(Violation::new("I4", detail));
                }
                continue;
            }
            let before = self.0.entry(attempt.id).or_insert_with(|| now.clone());
            if *before != now {
                let detail = format!("attempt {} has ended twice", attempt.id);
                found.push(Violation::new("I4", detail));
            }
        }
        found
    }
}

/// How often each number may be dialed: as often as the plan allows its
/// destination.
#[must_use]
pub fn tries_by_number(scenario: &Scenario) -> BTreeMap<String, i64> {
    let mut allowed = BTreeMap::new();
    for at in 0..scenario.campaigns.len() {
        let tries = widest_plan(scenario, at).max_try_counts();
        for numbers in scenario.people_of(at) {
            for (number, most) in numbers.iter().zip(tries) {
                allowed.insert(number.clone(), most);
            }
        }
    }
    allowed
}

/// I2 at the far end: how often each number was dialed, never above the
/// plan.
/// `routes` is how many dial routes one attempt may try.
#[must_use]
pub fn of_dials(dialed: &[String], allowed: &BTreeMap<String, i64>, routes: i64) -> Vec<Violation> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for number in dialed {
        *counts.entry(number).or_default() += 1;
    }
    counts
        .into_iter()
        .filter_map(|(number, count)| {
            let most = allowed.get(number)? * routes;
            (count > most).then(|| {
                Violation::new(
                    "I2",
                    format!("{number} was dialed {count} times, {most} at most"),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ends_once() {
        let mut endings = Endings::default();
        let at = |micros| Some(Timestamp::from_micros(micros));
        let mut attempt = Campaigncall {
            id: CampaigncallId::random(),
            status: Status::Dialing,
            ..Campaigncall::default()
        };
        let mut look = |attempt: &Campaigncall| endings.look(std::slice::from_ref(attempt)).len();
        assert_eq!(look(&attempt), 0);
        attempt.status = Status::Done;
        (attempt.result, attempt.tm_update) = (Outcome::Fail, at(1));
        assert_eq!([look(&attempt), look(&attempt)], [0, 0]);
        attempt.tm_update = at(2);
        assert_eq!(look(&attempt), 1);
        (attempt.status, attempt.tm_update) = (Status::Dialing, at(1));
        assert_eq!(look(&attempt), 1);
    }

    #[test]
    fn a_number_that_is_dialed_too_often_is_found() {
        let dialed = ["+1", "+1", "+2", "+9"].map(str::to_owned);
        let allowed = BTreeMap::from([("+1".to_owned(), 1), ("+2".to_owned(), 1)]);
        assert_eq!(of_dials(&dialed, &allowed, 2), []);
        let found = of_dials(&dialed, &allowed, 1);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].detail.contains("+1 was dialed 2 times"),
            "{found:?}"
        );
    }
}
