//! Real calls through a real Asterisk to SIPp, all on this machine: create, dial,
//! answer, one second of talk, hang up; every call's outcome is checked.

use std::time::Duration;

use anyhow::{Result, ensure};
use trunkline_rig::world::{World, number, people, plan, sleep_and_hangup};
use trunkline_rig::{CampaignPlan, Trunkline};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const RATIO: &str = "real_asterisk_cpu_ratio";
pub(crate) const HIGHEST: &str = "real_asterisk_cps";

/// Milliseconds that each call is talked on.
const TALK_MS: u32 = 1_000;
/// How long a run may take beyond its dialing time.
const PATIENCE: Duration = Duration::from_secs(90);

/// Calls and their rate when processor times are compared.
const COMPARED: (u32, f64) = (2_000, 100.0);

/// Rates that are tried one after the other, calls a second.
const STEPS: [f64; 9] = [50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0, 500.0];
/// How long each rate is held, seconds.
const STEP_S: f64 = 12.0;
/// A rate is held when calls began at this share of it.
const HELD: f64 = 0.95;

/// What a run gave.
struct Run {
    calls: u32,
    /// Calls that were answered, ended by us, and ended well.
    right: u32,
    /// Calls begun a second, from the first to the last.
    rate: f64,
    /// Processor seconds.
    ours: f64,
    theirs: f64,
}

/// Processor seconds of Trunkline over Asterisk's at 100 calls a second.
pub(crate) async fn ratio() -> Result<Vec<Figure>> {
    let world = World::start().await?;
    let mut trunkline = quiet(&world).await?;
    let (calls, rate) = COMPARED;
    let run = place(&world, &mut trunkline, calls, rate).await?;
    trunkline.stop().await?;
    ensure!(
        run.right == run.calls,
        "{} of {} calls ended as they should",
        run.right,
        run.calls
    );
    let per_call = |seconds: f64| seconds * 1_000.0 / f64::from(run.calls);
    let figure = Figure::new(RATIO, run.ours / run.theirs, "ratio", Goal::AtMost(0.35))
        .beside("trunkline_cpu_s", run.ours)
        .beside("asterisk_cpu_s", run.theirs)
        .beside("trunkline_ms_per_call", per_call(run.ours))
        .beside("calls", f64::from(run.calls))
        .beside("calls_per_s", run.rate);
    Ok(vec![figure])
}

/// The highest rate of real calls at which every call ends as it should. Rates are
/// tried upwards until one is not held or a call goes wrong.
pub(crate) async fn highest() -> Result<Vec<Figure>> {
    let world = World::start().await?;
    let mut trunkline = quiet(&world).await?;
    // Calls a second and calls of the best run; the first rate that was too much.
    let (mut best, mut calls, mut too_much) = (0.0, 0, 0.0);
    for offered in STEPS {
        let wanted = (offered * STEP_S).round() as u32;
        let run = match place(&world, &mut trunkline, wanted, offered).await {
            Ok(run) if run.right == run.calls => run,
            // A machine that is asked for too much may not even finish.
            outcome => {
                ensure!(
                    best > 0.0,
                    "not even {offered} calls/s go well: {:?}",
                    outcome.err()
                );
                too_much = offered;
                break;
            }
        };
        if run.rate > best {
            (best, calls) = (run.rate, run.calls);
        }
        if run.rate < HELD * offered {
            too_much = offered;
            break;
        }
    }
    trunkline.stop().await?;
    let figure = Figure::new(HIGHEST, best, "calls/s", Goal::AtLeast(200.0))
        .beside("calls", f64::from(calls))
        .beside("first_rate_not_held", too_much);
    Ok(vec![figure])
}

async fn quiet(world: &World) -> Result<Trunkline> {
    world.trunkline(&[("TRUNKLINE_LOG__LEVEL", "warn")]).await
}

/// One campaign, to its end.
async fn place(
    world: &World,
    trunkline: &mut Trunkline,
    calls: u32,
    calls_per_second: f64,
) -> Result<Run> {
    let api = trunkline.api();
    let numbers = (0..calls).map(|n| number(n % 10_000, 20));
    let (outdial, _) = api.outdial("load", &people(numbers)).await?;
    let load = CampaignPlan {
        calls_per_second,
        max_concurrent: 10_000,
        dial_timeout_ms: 30_000,
        ..plan(sleep_and_hangup(TALK_MS))
    };
    let campaign = api.campaign(&load, &outdial).await?;
    let rows = Rows::open(&trunkline.database())?;
    let before = (
        trunkline.process().cpu_seconds()?,
        world.asterisk.cpu_seconds()?,
    );
    api.set_campaign(&campaign, "run").await?;
    let dialing = Duration::from_secs_f64(f64::from(calls) / calls_per_second);
    rows.until_stopped(&campaign, dialing + PATIENCE).await?;
    let begun = rows.attempts_begun(&campaign)?;
    let rate = match (begun.first(), begun.last()) {
        (Some(first), Some(last)) if last > first => (begun.len() - 1) as f64 / (last - first),
        _ => 0.0,
    };
    Ok(Run {
        calls,
        right: u32::try_from(rows.attempts_that_went_well(&campaign)?)?,
        rate,
        ours: trunkline.process().cpu_seconds()? - before.0,
        theirs: world.asterisk.cpu_seconds()? - before.1,
    })
}
