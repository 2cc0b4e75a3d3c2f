//! A long campaign against the simulated Asterisk: 100,000 people who answer and
//! hang up by themselves a second later, SQLite on disk, at the highest pace.
//!
//! Beside the rates stand Trunkline's processor milliseconds for each dial of
//! the first tenth and of the last: what grows with the list shows there also
//! on a machine that is busy with other things.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;
use trunkline_rig::world::{SimWorld, number, people, plan, sleep_and_hangup};
use trunkline_rig::{CampaignPlan, Process};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const RATE: &str = "sim_dials_per_s";
pub(crate) const LAST_TENTH: &str = "sim_dials_last_tenth_ratio";

/// People on the list, unless `BENCH_TARGETS` says another number.
const TARGETS: u32 = 100_000;
/// The highest pace that a campaign's rules allow, calls a second.
const PACE: f64 = 1_000.0;
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Between two looks at the clock of the processor.
const LOOK: Duration = Duration::from_millis(250);

/// Seconds since 1970, and processor seconds until then.
type Sample = (f64, f64);

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
    let mut samples = Vec::new();
    tokio::select! {
        biased;
        stopped = rows.until_stopped(&campaign, PATIENCE) => stopped?,
        failed = sample(trunkline.process(), &mut samples) => failed?,
    }
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
    let (cpu_first, cpu_last) = costs(&begun, &samples).context("too few targets")?;
    Ok(vec![
        Figure::new(RATE, whole, "dials/s", Goal::AtLeast(500.0))
            .beside("targets", f64::from(targets))
            .beside("trunkline_cpu_s", ours)
            .beside("sim_cpu_s", theirs)
            .beside("rss_mb", rss_mb),
        Figure::new(LAST_TENTH, last / first, "ratio", Goal::AtLeast(0.9))
            .beside("first_tenth_per_s", first)
            .beside("last_tenth_per_s", last)
            .beside("first_tenth_cpu_ms", cpu_first * 1_000.0)
            .beside("last_tenth_cpu_ms", cpu_last * 1_000.0),
    ])
}

/// Looks at the processor time of a process until it is dropped.
async fn sample(process: &Process, samples: &mut Vec<Sample>) -> Result<()> {
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        samples.push((now, process.cpu_seconds()?));
        sleep(LOOK).await;
    }
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

/// Processor seconds for each attempt of the first tenth, and of the last.
fn costs(begun: &[f64], samples: &[Sample]) -> Option<(f64, f64)> {
    let (tenth, end) = (begun.len() / 10, begun.len().checked_sub(1)?);
    let spent = |from: usize, to: usize| {
        let cpu = used_until(samples, *begun.get(to)?)? - used_until(samples, *begun.get(from)?)?;
        Some(cpu / (to - from) as f64)
    };
    if tenth == 0 {
        return None;
    }
    Some((spent(0, tenth)?, spent(end - tenth, end)?))
}

/// What was used until a moment, on the line between the two samples around it.
fn used_until(samples: &[Sample], moment: f64) -> Option<f64> {
    let after = samples.partition_point(|(at, _)| *at < moment);
    let later = samples.get(after).or(samples.last())?;
    let Some(earlier) = after.checked_sub(1).and_then(|at| samples.get(at)) else {
        return Some(later.1);
    };
    let length = later.0 - earlier.0;
    if length <= 0.0 {
        return Some(later.1);
    }
    Some(earlier.1 + (later.1 - earlier.1) * (moment - earlier.0) / length)
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

    #[test]
    fn costs_are_what_was_used_between_the_attempts_of_a_tenth() {
        // One a second; half a second of work for each, and two from the 90th on.
        let begun: Vec<f64> = (0..=100).map(f64::from).collect();
        let samples = [(-1.0, 3.0), (0.0, 3.0), (90.0, 48.0), (101.0, 70.0)];
        assert_eq!(costs(&begun, &samples), Some((0.5, 2.0)));
        assert_eq!(costs(&begun, &samples[..0]), None);
        assert_eq!(used_until(&samples, -5.0), Some(3.0));
        assert_eq!(used_until(&samples, 500.0), Some(70.0));
    }
}
