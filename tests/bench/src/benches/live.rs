//! Five thousand live calls on the simulated Asterisk: what each costs in memory,
//! and how long the rows are wrong after a SIGKILL during which half of the calls
//! ended.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::sleep;
use trunkline_rig::world::{SimWorld, number, people, plan, sleep_and_hangup};
use trunkline_rig::{CampaignPlan, SimClient, Trunkline};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const IDLE: &str = "idle_rss_mb";
pub(crate) const PER_CALL: &str = "rss_kb_per_live_call";
pub(crate) const RECONCILE: &str = "reconcile_5000_calls_s";

const CALLS: u32 = 5_000;
/// Rows younger than this are not compared (`call.reconcile_grace_ms`), so the
/// kill waits until the youngest call is older.
const GRACE: Duration = Duration::from_secs(16);
/// What memory does after work is over is not part of the figure.
const REST: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let world = SimWorld::start(&[]).await?;
    let mut trunkline = world.trunkline(&[("TRUNKLINE_LOG__LEVEL", "warn")]).await?;
    sleep(REST).await;
    let idle = trunkline.process().resident_kib()? as f64;
    let rows = Rows::open(&trunkline.database())?;
    talk(&trunkline, &rows).await?;
    sleep(REST).await;
    let live = trunkline.process().resident_kib()? as f64;

    sleep(GRACE).await;
    let stopped = trunkline.kill().await?;
    end_half(world.sim.client()).await?;
    let mut trunkline = Trunkline::launch(stopped)?;
    trunkline.ready(LOOK).await?;
    let ready = Instant::now();
    let left = i64::from(CALLS / 2);
    rows.until("rows and channels agree", PATIENCE, LOOK, |rows| {
        Ok(rows.live_calls()? == left && rows.live_channels()? == left)
    })
    .await?;
    let reconciled = ready.elapsed().as_secs_f64();
    rows.until("attempts follow", PATIENCE, LOOK, |rows| {
        Ok(rows.live_attempts()? == left)
    })
    .await?;
    let followed = ready.elapsed().as_secs_f64();
    let talking = rows.calls_that_are("'progressing'")?;
    ensure!(talking == left, "{talking} calls talk, of {left} that live");
    trunkline.kill().await?;
    Ok(vec![
        Figure::new(IDLE, idle / 1_024.0, "MB", Goal::AtMost(40.0)),
        Figure::new(
            PER_CALL,
            (live - idle) / f64::from(CALLS),
            "kB",
            Goal::AtMost(20.0),
        )
        .beside("live_calls", f64::from(CALLS))
        .beside("rss_mb", live / 1_024.0),
        Figure::new(RECONCILE, reconciled, "s", Goal::AtMost(2.0))
            .beside("ended_meanwhile", f64::from(CALLS) - left as f64)
            .beside("attempts_followed_s", followed),
    ])
}

/// Calls everybody; returns when all talk.
async fn talk(trunkline: &Trunkline, rows: &Rows) -> Result<()> {
    let api = trunkline.api();
    let everybody = people((0..CALLS).map(|n| number(n, 20)));
    let (outdial, _) = api.outdial("everybody", &everybody).await?;
    let long = CampaignPlan {
        calls_per_second: 1_000.0,
        max_concurrent: 10_000,
        dial_timeout_ms: 30_000,
        ..plan(sleep_and_hangup(3_600_000))
    };
    let campaign = api.campaign(&long, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    let look = Duration::from_millis(100);
    rows.until("everybody talks", PATIENCE, look, |rows| {
        Ok(rows.calls_that_are("'progressing'")? == i64::from(CALLS))
    })
    .await
}

/// Ends every second channel while nobody listens.
async fn end_half(sim: &SimClient) -> Result<()> {
    let channels = sim.channel_ids().await?;
    ensure!(
        channels.len() == CALLS as usize,
        "the simulated Asterisk has {} channels",
        channels.len()
    );
    let mut ended = JoinSet::new();
    for id in channels.into_iter().step_by(2) {
        if ended.len() >= 64 {
            ended.join_next().await.transpose()?.transpose()?;
        }
        let sim = sim.clone();
        ended.spawn(async move { sim.end_channel(&id).await });
    }
    for outcome in ended.join_all().await {
        outcome?;
    }
    Ok(())
}
