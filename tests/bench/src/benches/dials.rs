//! A long campaign against the simulated Asterisk: 100,000 people who answer and
//! hang up by themselves a second later, SQLite on disk, at the highest pace.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use trunkline_rig::CampaignPlan;
use trunkline_rig::world::{SimWorld, number, people, plan, sleep_and_hangup};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const RATE: &str = "sim_dials_per_s";
pub(crate) const LAST_TENTH: &str = "sim_dials_last_tenth_ratio";

/// People on the list, unless `BENCH_TARGETS` says another number.
const TARGETS: u32 = 100_000;
/// The highest pace that a campaign's rules allow, calls a second.
const PACE: f64 = 1_000.0;
const PATIENCE: Duration = Duration::from_secs(1_800);

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let targets = match std::env::var("BENCH_TARGETS") {
        Ok(text) => text.parse().context("BENCH_TARGETS")?,
        Err(_) => TARGETS,
    };
    let world = SimWorld::start(&[]).await?;
    let mut trunkline = world.trunkline(&[("TRUNKLINE_LOG__LEVEL", "warn")]).await?;
    let api = trunkline.api();
    // Two digits say how the callee behaves, so ten kinds of brief ones times
    // ten thousand prefixes.
    let numbers = (0..targets).map(|n| number(n / 10, 30 + n % 10));
    let (outdial, _) = api.outdial("everybody", &people(numbers)).await?;
    let fast = CampaignPlan {
        calls_per_second: PACE,
        max_concurrent: 10_000,
        dial_timeout_ms: 30_000,
        ..plan(sleep_and_hangup(60_000))
    };
    let campaign = api.campaign(&fast, &outdial).await?;
    let rows = Rows::open(&trunkline.database())?;
    let before = (
        trunkline.process().cpu_seconds()?,
        world.sim.process()?.cpu_seconds()?,
    );
    api.set_campaign(&campaign, "run").await?;
    rows.until_stopped(&campaign, PATIENCE).await?;
    let ours = trunkline.process().cpu_seconds()? - before.0;
    let theirs = world.sim.process()?.cpu_seconds()? - before.1;
    let begun = rows.attempts_begun(&campaign)?;
    let right = rows.attempts_with_result(&campaign, "success")?;
    let rss_mb = trunkline.process().resident_kib()? as f64 / 1_024.0;
    trunkline.stop().await?;
    ensure!(
        right == i64::from(targets) && begun.len() == targets as usize,
        "{right} of {targets} were reached, in {} attempts",
        begun.len()
    );
    let (whole, first, last) = rates(&begun).context("too few targets")?;
    Ok(vec![
        Figure::new(RATE, whole, "dials/s", Goal::AtLeast(500.0))
            .beside("targets", f64::from(targets))
            .beside("trunkline_cpu_s", ours)
            .beside("sim_cpu_s", theirs)
            .beside("rss_mb", rss_mb),
        Figure::new(LAST_TENTH, last / first, "ratio", Goal::AtLeast(0.9))
            .beside("first_tenth_per_s", first)
            .beside("last_tenth_per_s", last),
    ])
}

/// Attempts a second: over all, in the first tenth, in the last.
fn rates(begun: &[f64]) -> Option<(f64, f64, f64)> {
    let tenth = begun.len() / 10;
    let end = begun.len().checked_sub(1)?;
    let rate =
        |from: usize, to: usize| Some((to - from) as f64 / (begun.get(to)? - begun.get(from)?));
    if tenth == 0 {
        return None;
    }
    Some((rate(0, end)?, rate(0, tenth)?, rate(end - tenth, end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_those_of_the_attempts() {
        // Ten a second, and the last ten at one a second.
        let begun: Vec<f64> = (0..91)
            .map(|n| f64::from(n) / 10.0)
            .chain((1..=10).map(|n| 9.0 + f64::from(n)))
            .collect();
        let (_, first, last) = rates(&begun).unwrap_or_default();
        assert!(
            (first - 10.0).abs() < 1e-9 && (last - 1.0).abs() < 1e-9,
            "{first} {last}"
        );
        assert_eq!(rates(&begun[..9]), None);
    }
}
