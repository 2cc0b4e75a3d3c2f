//! Following a campaign until it stops.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::progress::{Pace, Progress};
use super::screen::Screen;
use crate::api::{below, with_query};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, CAMPAIGN};

/// Pause between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The pause is so many times as long as the look took: a list of a million is
/// counted less often.
const SHARE: u32 = 3;

/// But no longer than this.
const LONGEST: Duration = Duration::from_secs(5);

/// For how long the API may be away before the view ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Attempts that are shown.
const ATTEMPTS: &str = "6";

/// Which campaign to follow.
#[derive(Debug, Args)]
pub struct Watch {
    /// Its id, or its name if only one has it
    #[arg(value_name = "ID|NAME")]
    which: String,

    /// Shows how it stands, once
    #[arg(long)]
    once: bool,
}

impl Watch {
    pub(super) fn of(id: String) -> Self {
        Self {
            which: id,
            once: false,
        }
    }
}

pub(super) async fn watch(cx: &Context, asked: &Watch) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, &CAMPAIGN, &asked.which).await?;
    tokio::select! {
        outcome = follow(cx, &id, asked.once) => outcome,
        _ = tokio::signal::ctrl_c() => {
            cx.out.say(&format!(
                "the view has ended, the campaign goes on; trunkline campaign stop {id} stops it"
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn follow(cx: &Context, id: &str, once: bool) -> Result<ExitCode, Error> {
    let path = format!("{}/progress", below(CAMPAIGN.path, id));
    let attempts = [("campaign_id", id), ("page_size", ATTEMPTS)];
    let attempts = with_query("/v1/campaigncalls", &attempts);
    let (mut screen, mut pace) = (Screen::default(), Pace::default());
    let (started, mut seen) = (Instant::now(), Instant::now());
    loop {
        let looked = Instant::now();
        match cx.api.get(&path).await {
            Ok(answer) => {
                seen = Instant::now();
                let progress = Progress::read(&answer);
                pace.look(started.elapsed().as_secs_f64(), &progress);
                let last = if cx.out.terminal && !cx.out.json {
                    cx.api.get(&attempts).await?["result"].as_array().cloned()
                } else {
                    None
                };
                screen.show(&cx.out, &progress, &pace, &last.unwrap_or_default())?;
                if once || progress.is_over() {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            // A restart of the server does not end the view.
            Err(Error::Away { .. } | Error::Broken { .. })
                if seen != started && seen.elapsed() < PATIENCE => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep((looked.elapsed() * SHARE).clamp(LOOK, LONGEST)).await;
    }
}
