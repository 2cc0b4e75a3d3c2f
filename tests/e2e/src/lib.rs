//! What end-to-end tests share: reading attempts and their calls, and campaigns
//! on which kills are inflicted.

pub mod crowd;
pub mod far_end;
pub mod fleet_trial;
pub mod ordeal;
pub mod trial;
pub mod verdict;

use std::str::FromStr;

use anyhow::{Context, Result};
use serde_json::Value;
use trunkline_rig::Api;
pub use trunkline_rig::world::{
    PATIENCE, SOURCE, World, number, people, plan, program, sleep_and_hangup,
};

/// The attempts at one person, in order.
#[must_use]
pub fn attempts_at<'a>(attempts: &'a [Value], target: &str) -> Vec<&'a Value> {
    let mut own: Vec<&Value> = attempts
        .iter()
        .filter(|attempt| attempt["outdial_target_id"] == target)
        .collect();
    own.sort_by_key(|attempt| attempt["tm_create"].as_str().map(str::to_owned));
    own
}

/// Result, reason, cause and who hung up of an attempt, as one text.
///
/// # Errors
///
/// When there is no such call.
pub async fn describe(api: &Api, attempt: &Value) -> Result<String> {
    let call = api
        .outcome(attempt["reference_id"].as_str().context("no call")?)
        .await?;
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    Ok(format!(
        "{} {} {} {}",
        word(&attempt["result"]),
        word(&call["hangup_reason"]),
        call["hangup_cause"],
        word(&call["hangup_by"])
    ))
}

/// A count of a long run, from the environment; `make prove` sets them.
///
/// # Errors
///
/// When it is no number.
pub fn count<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    name: &str,
    short: T,
) -> Result<T> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(short),
    }
}
