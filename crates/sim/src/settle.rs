//! How a world must be when nothing goes wrong any more: nothing undelivered,
//! nobody forgotten, nothing left on an Asterisk.

use std::collections::BTreeMap;

use trunkline_campaign::invariants;
use trunkline_model::call::Status as CallStatus;
use trunkline_model::campaign::Status as CampaignStatus;
use trunkline_model::campaigncall::{Campaigncall, Outcome};
use trunkline_model::outdial_target::{OutdialTarget, Status as TargetStatus};
use trunkline_store::{Database, Error};

use crate::operator::Operator;
use crate::rows::Snapshot;
use crate::scenario::Scenario;
use crate::watch::Violation;
use crate::world::World;

/// What still keeps the world from being settled, in words. Empty: it is.
///
/// # Errors
///
/// When the store fails.
pub async fn unsettled(world: &World) -> Result<Vec<String>, Error> {
    let mut open = Vec::new();
    let rows = Snapshot::read(world.store()).await?;
    for campaign in &rows.campaigns {
        let ended = match campaign.status {
            CampaignStatus::Stop => true,
            CampaignStatus::Run
            | CampaignStatus::Stopping
            | CampaignStatus::None
            | CampaignStatus::Other(_) => campaign.tm_delete.is_some(),
        };
        if !ended {
            open.push(format!("campaign {} is `{}`", campaign.id, campaign.status));
        }
    }
    for attempt in invariants::unfinished_attempts(&rows.attempts) {
        open.push(format!("attempt {attempt} is unfinished"));
    }
    for target in &rows.targets {
        if target.status == TargetStatus::Progressing && target.tm_delete.is_none() {
            open.push(format!("target {} is `progressing`", target.id));
        }
    }
    for call in rows
        .calls
        .iter()
        .filter(|it| it.status != CallStatus::Hangup)
    {
        open.push(format!("call {} is `{}`", call.id, call.status));
    }
    open.extend(left_in_tables(world.store()).await?);
    for (queue, waiting, handled) in world.carrier.undelivered() {
        open.push(format!(
            "queue `{queue}`: {waiting} wait, {handled} are being handled"
        ));
    }
    for process in world.frozen() {
        open.push(format!("process `{process}` stands still"));
    }
    for station in &world.stations {
        station.look(|sim| {
            for channel in sim.channels() {
                open.push(format!(
                    "asterisk-{} has channel {}",
                    station.at(),
                    channel.id
                ));
            }
            for bridge in sim.bridges() {
                open.push(format!(
                    "asterisk-{} has bridge {}",
                    station.at(),
                    bridge.id
                ));
            }
        });
    }
    Ok(open)
}

/// Rows that are work still to be done.
async fn left_in_tables(db: &dyn Database) -> Result<Vec<String>, Error> {
    let mut left = Vec::new();
    for (sql, what) in [
        (
            "SELECT service || ' ' || substr(body, 1, 60) AS it FROM trunkline_outbox",
            "event",
        ),
        (
            "SELECT service || ' ' || due_key || ' at ' || due_at AS it FROM trunkline_due",
            "duty",
        ),
        (
            // The log says it as well, unless the process died with the row written.
            "SELECT service || ' ' || reason AS it FROM trunkline_parked",
            "parked",
        ),
        (
            "SELECT lower(hex(attempt_id)) AS it FROM trunkline_campaign_reports",
            "report of attempt",
        ),
        (
            "SELECT id AS it FROM call_bridges WHERE tm_delete IS NULL",
            "bridge",
        ),
        (
            "SELECT id AS it FROM call_channels WHERE tm_end IS NULL",
            "channel",
        ),
        (
            "SELECT lower(hex(id)) AS it FROM flow_activeflows WHERE status <> 'ended' AND tm_delete IS NULL",
            "activeflow",
        ),
    ] {
        let rows = db.query(sql, Vec::new()).await?;
        for row in rows.iter() {
            left.push(format!("{what} {}", row.text("it")?));
        }
    }
    Ok(left)
}

/// Nobody is forgotten: in a campaign that went to its end by itself, everybody
/// was reached, or tried as often as the plan says.
#[must_use]
pub fn forgotten(scenario: &Scenario, operator: &Operator<'_>, rows: &Snapshot) -> Vec<Violation> {
    let mut found = Vec::new();
    for (at, plan) in scenario.campaigns.iter().enumerate() {
        if !scenario.goes_to_its_end(at) {
            continue;
        }
        let campaign = operator.campaign(at);
        for target in rows.targets.iter().filter(|it| it.tm_delete.is_none()) {
            let mine = campaign.targets.contains(&target.id.to_string());
            if mine && target.status != TargetStatus::Done && !is_exhausted(target, &plan.tries) {
                let detail = format!(
                    "target {} of campaign {} is `{}` after tries {:?} of {:?}",
                    target.id,
                    campaign.id,
                    target.status,
                    tries(target),
                    plan.tries
                );
                found.push(Violation::new("forgotten", detail));
            }
        }
    }
    found
}

fn tries(target: &OutdialTarget) -> [i64; 5] {
    [
        target.try_count_0,
        target.try_count_1,
        target.try_count_2,
        target.try_count_3,
        target.try_count_4,
    ]
}

fn is_exhausted(target: &OutdialTarget, most: &[i64; 5]) -> bool {
    let there = [
        target.destination_0.is_some(),
        target.destination_1.is_some(),
        target.destination_2.is_some(),
        target.destination_3.is_some(),
        target.destination_4.is_some(),
    ];
    let mut destinations = tries(target).into_iter().zip(most).zip(there);
    destinations.all(|((tried, most), there)| !there || tried >= *most)
}

/// In a world in which nothing went wrong a try that was counted is a telephone
/// that rang: `dialed` are the numbers that left the simulated Asterisks.
#[must_use]
pub fn tries_without_a_call(rows: &Snapshot, dialed: &[String]) -> Vec<Violation> {
    let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
    for target in rows.targets.iter().filter(|it| it.tm_delete.is_none()) {
        let destinations = [
            &target.destination_0,
            &target.destination_1,
            &target.destination_2,
            &target.destination_3,
            &target.destination_4,
        ];
        for (destination, tried) in destinations.into_iter().zip(tries(target)) {
            if let Some(destination) = destination {
                *counted.entry(&destination.target).or_default() += tried;
            }
        }
    }
    let rang = |number: &str| dialed.iter().filter(|it| *it == number).count();
    let silent = counted
        .into_iter()
        .map(|(number, tried)| (number, tried, rang(number)))
        .filter(|(_, tried, rang)| i64::try_from(*rang).unwrap_or(i64::MAX) < *tried);
    silent
        .map(|(number, tried, rang)| {
            let detail = format!("{number} counts {tried} tries and rang {rang} times");
            Violation::new("silent try", detail)
        })
        .collect()
}

/// I4: the result of an attempt is a success if and only if somebody answered.
#[must_use]
pub fn wrong_results(rows: &Snapshot) -> Vec<Violation> {
    let wrong = |attempt: &&Campaigncall| {
        let call = rows
            .calls
            .iter()
            .find(|call| call.id.0 == attempt.reference_id.0);
        let answered = call.is_some_and(|call| call.tm_progressing.is_some());
        (attempt.result == Outcome::Success) != answered
    };
    let detail = |attempt: &Campaigncall| {
        format!(
            "attempt {} is `{}`, its call says otherwise",
            attempt.id, attempt.result
        )
    };
    rows.attempts
        .iter()
        .filter(wrong)
        .map(|attempt| Violation::new("I4", detail(attempt)))
        .collect()
}

#[cfg(test)]
mod tests {
    use trunkline_model::Timestamp;
    use trunkline_model::id::{CampaignId, CampaigncallId, OutdialTargetId};
    use trunkline_store::campaign_report::{self, Report};
    use trunkline_store::parked::{self, Parked};
    use trunkline_store::{Batch, Dialect};
    use trunkline_store_sqlite::SqliteDatabase;

    use super::*;

    #[tokio::test]
    async fn what_is_parked_or_not_reported_keeps_a_world_from_being_settled() {
        let now = Timestamp::from_micros(1);
        let db = SqliteDatabase::in_memory(move || now).unwrap();
        assert_eq!(left_in_tables(&db).await.unwrap(), [""; 0]);
        let row = Parked {
            id: uuid::Uuid::from_u128(1),
            service: "call-manager".to_owned(),
            reason: "it cannot be read".to_owned(),
            tm_create: Some(now),
            tm_update: Some(now),
            ..Parked::default()
        };
        let report = Report {
            attempt: CampaigncallId::random(),
            campaign: CampaignId::random(),
            target: OutdialTargetId::random(),
            status: TargetStatus::Idle,
            untried: false,
        };
        let batch = Batch::new()
            .with(parked::insert(&row, 1))
            .with(campaign_report::insert(Dialect::Sqlite, &report));
        db.apply(batch).await.unwrap();
        let left = left_in_tables(&db).await.unwrap();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(left[0], "parked call-manager it cannot be read");
    }
}
