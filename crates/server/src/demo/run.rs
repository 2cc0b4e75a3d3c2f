//! The campaign itself, over the HTTP API.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trunkline_model::Timestamp;
use trunkline_rig::{Api, CampaignPlan};

use super::example::{Campaign, Example, Person};
use super::report::{Live, say};
use super::site::Site;

/// Pause between two looks at the campaign.
const LOOK: Duration = Duration::from_millis(250);

/// How long Asterisk may take to be connected.
const CONNECTED: Duration = Duration::from_secs(30);

/// What became of one person.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// Result, hangup reason and cause, as one text.
    pub(super) expected: String,
    pub(super) result: String,
    reason: String,
    cause: i64,
    pub(super) attempts: usize,
    expected_attempts: usize,
    /// Milliseconds from dialing to the answer of the last call, or to its end.
    pub(super) rang_ms: Option<i64>,
    /// Milliseconds from the answer to the end.
    pub(super) talked_ms: Option<i64>,
    by: String,
}

impl Outcome {
    pub(super) fn actual(&self) -> String {
        describe(&self.result, &self.reason, self.cause, &self.by)
    }

    pub(super) fn as_expected(&self) -> bool {
        self.actual() == self.expected && self.attempts == self.expected_attempts
    }
}

/// Runs the example to its end and says what became of each person.
pub(super) async fn campaign(
    site: &Site,
    example: &Example,
    patience_s: u64,
) -> Result<Vec<Outcome>> {
    let api = site.api()?;
    api.connected(CONNECTED).await?;
    let message = site.speak(&example.campaign.message).await?;
    let Campaign {
        name,
        source,
        countries,
        ..
    } = &example.campaign;
    api.allow_calls(&site.callees()?, source, countries).await?;
    let people: Vec<_> = example.people.iter().map(numbers).collect();
    let (outdial, targets) = api.outdial(name, &people).await?;
    let campaign = api
        .campaign(&plan(&example.campaign, &message), &outdial)
        .await?;
    say(&format!("demo: calling {} people", targets.len()));
    api.set_campaign(&campaign, "run").await?;
    watch(&api, &campaign, &outdial, Duration::from_secs(patience_s)).await?;
    let calls = api.attempts(&campaign).await?;
    let mut outcomes = Vec::new();
    for (person, target) in example.people.iter().zip(&targets) {
        let mut own: Vec<&Value> = calls
            .iter()
            .filter(|call| call["outdial_target_id"] == **target)
            .collect();
        own.sort_by_key(|call| call["tm_create"].as_str().map(str::to_owned));
        outcomes.push(outcome(&api, person, &own).await?);
    }
    Ok(outcomes)
}

/// A person's name and numbers, in the order in which they are tried.
fn numbers(person: &Person) -> (String, Vec<String>) {
    let numbers = [&person.number, &person.second_number];
    (
        person.name.clone(),
        numbers
            .into_iter()
            .filter(|number| !number.is_empty())
            .cloned()
            .collect(),
    )
}

fn plan(campaign: &Campaign, message: &Path) -> CampaignPlan {
    CampaignPlan {
        name: campaign.name.clone(),
        source: campaign.source.clone(),
        actions: json!([
            {"type": "play", "option": {"stream_urls": [message]}},
            {"type": "hangup"},
        ]),
        dial_timeout_ms: campaign.dial_timeout_ms,
        try_interval_ms: campaign.try_interval_ms,
        max_try_counts: campaign.max_try_counts,
        calls_per_second: campaign.calls_per_second,
        max_concurrent: campaign.max_concurrent,
    }
}

/// Shows how the campaign goes until it has ended.
async fn watch(api: &Api, campaign: &str, outdial: &str, patience: Duration) -> Result<()> {
    let started = Instant::now();
    let mut live = Live::new();
    loop {
        let status = api.get(&format!("/v1/campaigns/{campaign}")).await?["status"].clone();
        let targets = api.list(&format!("/v1/outdials/{outdial}/targets")).await?;
        let calls = api.attempts(campaign).await?;
        let of = |rows: &[Value], status: &str| {
            rows.iter().filter(|row| row["status"] == status).count()
        };
        live.show(format!(
            "demo: campaign {}: {} of {} people reached, {} calls going on, {} ended",
            status.as_str().unwrap_or_default(),
            of(&targets, "done"),
            targets.len(),
            calls.len() - of(&calls, "done"),
            of(&calls, "done"),
        ));
        if status == "stop" {
            live.end();
            return Ok(());
        }
        if started.elapsed() > patience {
            live.end();
            bail!("the campaign has not ended after {patience:?}");
        }
        sleep(LOOK).await;
    }
}

/// What the attempts at one person came to: the last one counts.
async fn outcome(api: &Api, person: &Person, attempts: &[&Value]) -> Result<Outcome> {
    let Person {
        expected_result,
        expected_reason,
        expected_cause,
        expected_by,
        ..
    } = person;
    let expected = describe(
        expected_result,
        expected_reason,
        *expected_cause,
        expected_by,
    );
    let mut outcome = Outcome {
        name: person.name.clone(),
        expected,
        attempts: attempts.len(),
        expected_attempts: person.expected_attempts,
        ..Outcome::default()
    };
    let Some(last) = attempts.last() else {
        outcome.result = "never called".to_owned();
        return Ok(outcome);
    };
    outcome.result = text(&last["result"]);
    let call = api.outcome(&text(&last["reference_id"])).await?;
    outcome.reason = text(&call["hangup_reason"]);
    outcome.cause = call["hangup_cause"].as_i64().unwrap_or_default();
    let time = |key: &str| {
        call[key]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    let (created, answered, ended) = (time("tm_create"), time("tm_progressing"), time("tm_hangup"));
    outcome.rang_ms = between(created, answered.or(ended));
    outcome.talked_ms = between(answered, ended);
    outcome.by = text(&call["hangup_by"]);
    Ok(outcome)
}

/// Result, hangup reason, cause, and who hung up: after the message that is us,
/// so a message that was cut off shows.
fn describe(result: &str, reason: &str, cause: i64, by: &str) -> String {
    let by = match by {
        "local" => "by us",
        "remote" => "by them",
        other => other,
    };
    format!("{result}/{reason}/{cause} {by}")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<i64> {
    Some((to?.as_micros() - from?.as_micros()) / 1_000)
}
