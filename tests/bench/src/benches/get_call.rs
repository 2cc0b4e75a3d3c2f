//! Looking at calls: `GET /v1/calls/{id}` with a token over kept connections, a
//! thousand times a second whether or not the answers come (an open loop): who
//! has to wait for a slow answer is not left out.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};
use trunkline_rig::CampaignPlan;
use trunkline_rig::world::{SimWorld, number, people, plan, sleep_and_hangup};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const NAME: &str = "http_get_call_p99_ms";

/// Calls that are looked at.
const CALLS: u32 = 200;
/// Requests a second, and for how long.
const RATE: u32 = 1_000;
const SECONDS: u32 = 20;
/// What is not measured at the beginning: connections are made.
const WARM: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let world = SimWorld::start(&[]).await?;
    // One token asks for more than one is allowed to.
    let environment = [
        ("TRUNKLINE_LOG__LEVEL", "warn"),
        ("TRUNKLINE_GATEWAY__REQUESTS_PER_SECOND", "0"),
    ];
    let mut trunkline = world.trunkline(&environment).await?;
    let api = trunkline.api();
    let numbers = (0..CALLS).map(|n| number(n / 10, 30 + n % 10));
    let (outdial, _) = api.outdial("bench", &people(numbers)).await?;
    let fast = CampaignPlan {
        calls_per_second: 200.0,
        max_concurrent: 1_000,
        dial_timeout_ms: 30_000,
        ..plan(sleep_and_hangup(1_000))
    };
    let campaign = api.campaign(&fast, &outdial).await?;
    api.set_campaign(&campaign, "run").await?;
    Rows::open(&trunkline.database())?
        .until_stopped(&campaign, PATIENCE)
        .await?;
    let calls = api.list("/v1/calls").await?;
    let base = api.base();
    let urls: Option<Vec<String>> = calls
        .iter()
        .map(|call| Some(format!("{base}/v1/calls/{}", call["id"].as_str()?)))
        .collect();
    let urls = urls.context("a call without an id")?;
    ensure!(!urls.is_empty(), "no call was made");

    let client = reqwest::Client::builder().no_proxy().build()?;
    let before = trunkline.process().cpu_seconds()?;
    let mut took = ask(&client, &urls, api.token()).await?;
    let cpu = trunkline.process().cpu_seconds()? - before;
    trunkline.stop().await?;
    took.drain(..(WARM * RATE) as usize);
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took[((took.len() - 1) as f64 * part).round() as usize];
    let figure = Figure::new(NAME, at(0.99), "ms", Goal::AtMost(20.0))
        .beside("p50_ms", at(0.5))
        .beside("p999_ms", at(0.999))
        .beside("max_ms", at(1.0))
        .beside("requests", took.len() as f64)
        .beside("per_s", f64::from(RATE))
        .beside("cpu_us_per_request", cpu * 1e6 / f64::from(RATE * SECONDS));
    Ok(vec![figure])
}

/// Milliseconds of each request in the order in which they were due, from the
/// moment it was due.
async fn ask(client: &reqwest::Client, urls: &[String], token: &str) -> Result<Vec<f64>> {
    let began = Instant::now();
    let mut running = FuturesUnordered::new();
    let mut took = vec![0.0; (RATE * SECONDS) as usize];
    for (n, slot) in (0..RATE * SECONDS).enumerate() {
        let due = began + Duration::from_secs(1) * slot / RATE;
        let request = client.get(&urls[n % urls.len()]).bearer_auth(token);
        // On a task of its own: it goes on while others are sent.
        running.push(tokio::spawn(async move {
            sleep_until(due).await;
            let answer = request.send().await?;
            let status = answer.status();
            answer.bytes().await?;
            ensure!(status.is_success(), "{status}");
            anyhow::Ok((n, due.elapsed().as_secs_f64() * 1_000.0))
        }));
        // The next ones are made shortly before they are due.
        sleep_until(due.checked_sub(Duration::from_millis(20)).unwrap_or(due)).await;
        while let std::task::Poll::Ready(Some(done)) = futures_util::poll!(running.next()) {
            let (n, ms) = done??;
            took[n] = ms;
        }
    }
    while let Some(done) = timeout(PATIENCE, running.next()).await? {
        let (n, ms) = done??;
        took[n] = ms;
    }
    Ok(took)
}
