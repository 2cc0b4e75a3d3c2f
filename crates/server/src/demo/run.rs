//! The campaign itself, over the HTTP API.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use trunkline_model::Timestamp;
use trunkline_rig::{Api, CampaignPlan};

use super::example::{Example, Person};
use super::recording::Recording;
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
    by: String,
    pub(super) attempts: usize,
    expected_attempts: usize,
    pub(super) digits: String,
    expected_digits: String,
    /// Milliseconds from the answer to the end.
    pub(super) talked_ms: Option<i64>,
    pub(super) recording_id: String,
    pub(super) recording: Recording,
    /// What is wrong with the recording.
    pub(super) problems: Vec<String>,
}

impl Outcome {
    pub(super) fn actual(&self) -> String {
        describe(&self.result, &self.reason, self.cause, &self.by)
    }

    /// The key that was pressed, and the one that was expected if it is another.
    pub(super) fn key(&self) -> String {
        let shown = |digits: &str| match digits {
            "" => "-".to_owned(),
            digits => digits.to_owned(),
        };
        let pressed = shown(&self.digits);
        if self.digits == self.expected_digits {
            pressed
        } else {
            format!("{pressed}≠{}", shown(&self.expected_digits))
        }
    }

    pub(super) fn as_expected(&self) -> bool {
        self.actual() == self.expected
            && self.attempts == self.expected_attempts
            && self.digits == self.expected_digits
            && self.problems.is_empty()
    }
}

/// What was made, and what became of each person.
pub(super) struct Done {
    pub(super) outdial: String,
    pub(super) campaign: String,
    pub(super) people: Vec<Outcome>,
}

/// Runs the example to its end and says what became of each person.
pub(super) async fn campaign(site: &Site, example: &Example, patience_s: u64) -> Result<Done> {
    let api = site.api()?;
    api.connected(CONNECTED).await?;
    let of = &example.campaign;
    api.allow_calls(&site.carrier()?, &of.source, &of.countries)
        .await?;
    let people: Vec<_> = example.people.iter().map(numbers).collect();
    let outdial = api.import(&of.name, &people).await?;
    let campaign = api.campaign(&plan(example), &outdial).await?;
    say(&format!("demo: calling {} people", people.len()));
    api.set_campaign(&campaign, "run").await?;
    let patience = Duration::from_secs(patience_s);
    watch(&api, &campaign, people.len(), patience).await?;
    say("demo: fetching the recordings");
    let calls = api.results(&campaign).await?;
    let mut outcomes = Vec::new();
    for person in &example.people {
        let mut own: Vec<&Value> = calls
            .iter()
            .filter(|call| call["target_name"] == *person.name)
            .collect();
        own.sort_by_key(|call| call["tm_dial"].as_str().map(str::to_owned));
        outcomes.push(outcome(&api, person, &own).await);
    }
    Ok(Done {
        outdial,
        campaign,
        people: outcomes,
    })
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

fn plan(example: &Example) -> CampaignPlan {
    let campaign = &example.campaign;
    CampaignPlan {
        name: campaign.name.clone(),
        source: campaign.source.clone(),
        actions: example.flow.clone(),
        dial_timeout_ms: campaign.dial_timeout_ms,
        try_interval_ms: campaign.try_interval_ms,
        max_try_counts: campaign.max_try_counts,
        calls_per_second: campaign.calls_per_second,
        max_concurrent: campaign.max_concurrent,
    }
}

/// Shows how the campaign goes until it has ended.
async fn watch(api: &Api, campaign: &str, people: usize, patience: Duration) -> Result<()> {
    let started = Instant::now();
    let mut live = Live::new();
    loop {
        let status = api.get(&format!("/v1/campaigns/{campaign}")).await?["status"].clone();
        let calls = api.attempts(campaign).await?;
        let of = |key: &str, value: &str| calls.iter().filter(|row| row[key] == value).count();
        let ended = of("status", "done");
        live.show(format!(
            "demo: campaign {}: {} of {people} people reached, {} calls going on, {ended} ended",
            status.as_str().unwrap_or_default(),
            of("result", "success"),
            calls.len() - ended,
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
async fn outcome(api: &Api, person: &Person, attempts: &[&Value]) -> Outcome {
    let expected = describe(
        &person.expected_result,
        &person.expected_reason,
        person.expected_cause,
        &person.expected_by,
    );
    let mut outcome = Outcome {
        name: person.name.clone(),
        expected,
        attempts: attempts.len(),
        expected_attempts: person.expected_attempts,
        expected_digits: person.expected_digits.clone(),
        ..Outcome::default()
    };
    let Some(last) = attempts.last() else {
        outcome.result = "never called".to_owned();
        return outcome;
    };
    outcome.result = text(&last["result"]);
    outcome.reason = text(&last["hangup_reason"]);
    outcome.cause = last["hangup_cause"].as_i64().unwrap_or_default();
    outcome.by = text(&last["hangup_by"]);
    outcome.digits = text(&last["digits"]);
    let time = |key: &str| last[key].as_str()?.parse::<Timestamp>().ok();
    outcome.talked_ms = between(time("tm_answer"), time("tm_end"));
    if let Some(id) = last["recording_ids"][0].as_str() {
        id.clone_into(&mut outcome.recording_id);
        match Recording::fetch(api, id).await {
            Ok(recording) => outcome.recording = recording,
            Err(error) => outcome.problems.push(format!("{error:#}")),
        }
    }
    let problem = outcome
        .recording
        .problem(person.expected_recording, &person.expected_digits);
    outcome.problems.extend(problem);
    outcome
}

/// Result, hangup reason, cause, and who hung up: after the thanks that is us, so
/// a call that was cut off shows.
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
