//! Taking over: how long after SIGKILL a campaign dials again, when the process
//! is started again at once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;
use trunkline_rig::world::{SimWorld, number, people, plan, sleep_and_hangup};
use trunkline_rig::{CampaignPlan, Trunkline};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const NAME: &str = "lease_takeover_s";

/// Kills; the slowest of them is the figure.
const KILLS: usize = 5;
/// How long one may take at all.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let world = SimWorld::start(&[]).await?;
    let mut trunkline = world.trunkline(&[("TRUNKLINE_LOG__LEVEL", "warn")]).await?;
    let api = trunkline.api();
    let (outdial, _) = api
        .outdial("long", &people((0..3_000).map(|n| number(n, 20))))
        .await?;
    let steady = CampaignPlan {
        calls_per_second: 20.0,
        ..plan(sleep_and_hangup(200))
    };
    let campaign = api.campaign(&steady, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    let rows = Rows::open(&trunkline.database())?;
    let mut took = Vec::new();
    for _ in 0..KILLS {
        dials_after(&rows, &campaign, now()?).await?;
        let killed_at = now()?;
        let stopped = trunkline.kill().await?;
        trunkline = Trunkline::launch(stopped)?;
        took.push(dials_after(&rows, &campaign, killed_at).await? - killed_at);
    }
    trunkline.stop().await?;
    let slowest = took.iter().copied().fold(0.0, f64::max);
    let quickest = took.iter().copied().fold(f64::INFINITY, f64::min);
    let figure = Figure::new(NAME, slowest, "s", Goal::AtMost(5.0))
        .beside("kills", KILLS as f64)
        .beside("quickest", quickest);
    Ok(vec![figure])
}

/// When the first attempt after this moment begins, as soon as there is one.
async fn dials_after(rows: &Rows, campaign: &str, moment: f64) -> Result<f64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(first) = rows.first_attempt_after(campaign, moment)? {
            return Ok(first);
        }
        ensure!(Instant::now() < deadline, "nobody is dialed any more");
        tokio::time::sleep(LOOK).await;
    }
}

/// Seconds since 1970.
fn now() -> Result<f64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(since.context("a clock before 1970")?.as_secs_f64())
}
