//! The load run: real calls at a steady rate, processor seconds of Trunkline and
//! of Asterisk, and every call's outcome checked.
//!
//!     load [CALLS] [CALLS_PER_SECOND]

#![expect(clippy::print_stdout, reason = "prints figures")]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;
use trunkline_e2e::{World, number, people, plan, sleep_and_hangup};
use trunkline_rig::CampaignPlan;

/// How long the run may take beyond its dialing time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Milliseconds that each call is talked on.
const TALK_MS: u32 = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let calls: u32 = arguments
        .next()
        .map_or(Ok(2_000), |text| text.parse())
        .context("CALLS")?;
    let rate: f64 = arguments
        .next()
        .map_or(Ok(100.0), |text| text.parse())
        .context("CALLS_PER_SECOND")?;
    let world = World::start().await?;
    let mut trunkline = world.trunkline(&[("TRUNKLINE_LOG__LEVEL", "warn")]).await?;
    let api = trunkline.api();
    let numbers = (0..calls).map(|n| number(n % 10_000, 20));
    let (outdial, targets) = api.outdial("load", &people(numbers)).await?;
    let load = CampaignPlan {
        calls_per_second: rate,
        max_concurrent: 10_000,
        dial_timeout_ms: 30_000,
        ..plan(sleep_and_hangup(TALK_MS))
    };
    let campaign = api.campaign(&load, &outdial).await?;
    let before = (
        trunkline.process().cpu_seconds()?,
        world.asterisk.cpu_seconds()?,
    );
    let started = Instant::now();
    api.set_campaign(&campaign, "run").await?;
    let dialing = Duration::from_secs_f64(f64::from(calls) / rate);
    api.campaign_is(&campaign, "stop", dialing + PATIENCE)
        .await?;
    let elapsed = started.elapsed().as_secs_f64();
    let ours = trunkline.process().cpu_seconds()? - before.0;
    let theirs = world.asterisk.cpu_seconds()? - before.1;
    let attempts = api.attempts(&campaign).await?;
    let right = attempts
        .iter()
        .filter(|attempt| attempt["result"] == "success")
        .count();
    println!(
        "calls {calls}, right {right}, {elapsed:.1} s, {:.1} calls/s",
        f64::from(calls) / elapsed
    );
    println!(
        "cpu seconds: trunkline {ours:.2}, asterisk {theirs:.2}, ratio {:.2}",
        ours / theirs
    );
    trunkline.stop().await?;
    ensure!(
        attempts.len() == targets.len() && right == targets.len(),
        "not every call ended as it should"
    );
    Ok(())
}
