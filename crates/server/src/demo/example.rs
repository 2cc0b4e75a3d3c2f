//! The example: a campaign and the people to call.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A campaign as it stands in a folder of `examples/`.
pub(super) struct Example {
    pub(super) campaign: Campaign,
    /// The actions of each call, from `flow.yaml`.
    pub(super) flow: Value,
    pub(super) people: Vec<Person>,
}

/// `campaign.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Campaign {
    pub(super) name: String,
    /// The number that calls.
    pub(super) source: String,
    /// Countries that may be called, ISO 3166 alpha-2 in lower case.
    pub(super) countries: Vec<String>,
    /// Milliseconds that an unanswered call may ring.
    pub(super) dial_timeout_ms: i64,
    /// Milliseconds between two attempts at one person.
    pub(super) try_interval_ms: i64,
    /// Attempts per number of a person.
    pub(super) max_try_counts: [i64; 5],
    pub(super) calls_per_second: f64,
    pub(super) max_concurrent: i64,
}

/// A line of `people.csv`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) number: String,
    #[serde(default)]
    pub(super) second_number: String,
    pub(super) expected_result: String,
    pub(super) expected_reason: String,
    /// Q.850 cause of the last call's channel.
    pub(super) expected_cause: i64,
    /// Who ends the last call: `local` after the message, `remote` before.
    pub(super) expected_by: String,
    /// Calls that it takes.
    pub(super) expected_attempts: usize,
    /// The keys that are pressed.
    #[serde(default)]
    pub(super) expected_digits: String,
    /// What the last call's recording is like.
    pub(super) expected_recording: Heard,
}

/// What is heard on a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Heard {
    /// The callee, and us.
    Speaks,
    /// Us only.
    Silent,
    /// Whatever was said until the callee hung up.
    Any,
    /// There is none.
    #[default]
    None,
}

impl Example {
    /// Reads the files of a folder.
    ///
    /// # Errors
    ///
    /// When one is missing or does not fit, with its line.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let campaign = read(&folder.join("campaign.json"))?;
        let flow = actions(&folder.join("flow.yaml"))?;
        let path = folder.join("people.csv");
        let mut reader = csv::Reader::from_path(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let people: Vec<Person> = reader
            .deserialize()
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} does not fit", path.display()))?;
        ensure!(!people.is_empty(), "{} has no people in it", path.display());
        let mut names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        if let Some([name, _]) = twice {
            bail!("{}: `{name}` is there twice", path.display());
        }
        Ok(Self {
            campaign,
            flow,
            people,
        })
    }
}

/// The actions of a flow file that has nothing wrong with it.
fn actions(path: &Path) -> Result<Value> {
    let report = trunkline_flow_file::report(&text(path)?);
    if let Some(finding) = report.findings.first() {
        let line = finding
            .line
            .map_or(String::new(), |line| format!(":{line}"));
        bail!("{}{line}: {}", path.display(), finding.message);
    }
    let flow = report.flow.context("it has no flow in it")?;
    Ok(json!(flow.actions))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&text(path)?).with_context(|| format!("{} does not fit", path.display()))
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}
