//! Cold start: from the spawn of the process to `/readyz` answering 200, with all
//! roles and an empty configuration. No Asterisk is there: being ready does not
//! wait for one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;
use trunkline_rig::world::program;
use trunkline_rig::{Options, Stopped, Trunkline, free_tcp_port};

use crate::figure::{Figure, Goal, median};

pub(crate) const FRESH: &str = "cold_start_ms";
pub(crate) const EXISTING: &str = "cold_start_existing_ms";

/// Starts of each kind.
const STARTS: usize = 5;
/// Pause between two looks at whether it is ready: the error of the figure.
const LOOK: Duration = Duration::from_millis(2);
const GOAL: Goal = Goal::AtMost(1_000.0);

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let mut fresh = Vec::new();
    let mut existing = Vec::new();
    for _ in 0..STARTS {
        let dir = TempDir::new()?;
        let options = Options {
            program: program()?,
            dir: dir.path().to_owned(),
            asterisk: format!("http://127.0.0.1:{}", free_tcp_port()?),
            account: "trunkline:unused".to_owned(),
            environment: Vec::new(),
            roles: Vec::new(),
            file_blocks: None,
        };
        let (stopped, took_ms) = start(Stopped::never_started(options)?).await?;
        fresh.push(took_ms);
        let (_, took_ms) = start(stopped).await?;
        existing.push(took_ms);
    }
    let middle = |values| median(values).context("nothing was measured");
    Ok(vec![
        Figure::new(FRESH, middle(fresh)?, "ms", GOAL).beside("starts", STARTS as f64),
        Figure::new(EXISTING, middle(existing)?, "ms", GOAL).beside("starts", STARTS as f64),
    ])
}

/// Starts it, and stops it when it is ready; milliseconds in between.
async fn start(how: Stopped) -> Result<(Stopped, f64)> {
    let began = Instant::now();
    let mut trunkline = Trunkline::launch(how)?;
    trunkline.ready(LOOK).await?;
    let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let (_, stopped) = trunkline.stop().await?;
    Ok((stopped, took_ms))
}
