//! The example: a campaign and the people to call.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A campaign as it stands in a folder of `examples/`.
pub(super) struct Example {
    pub(super) campaign: Campaign,
    pub(super) people: Vec<Person>,
}

/// `campaign.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Campaign {
    pub(super) name: String,
    /// What the people hear.
    pub(super) message: String,
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
}

impl Example {
    /// Reads both files of a folder.
    ///
    /// # Errors
    ///
    /// When one is missing or does not fit, with its line.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("campaign.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let campaign = serde_json::from_str(&text)
            .with_context(|| format!("{} does not fit", path.display()))?;
        let path = folder.join("people.csv");
        let mut reader = csv::Reader::from_path(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let people: Vec<Person> = reader
            .deserialize()
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} does not fit", path.display()))?;
        ensure!(!people.is_empty(), "{} has no people in it", path.display());
        Ok(Self { campaign, people })
    }
}
