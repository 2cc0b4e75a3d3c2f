//! `trunkline campaign`: who calls which list, with what to say.

mod create;
mod import;
mod progress;
mod results;
mod screen;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, CAMPAIGN};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::new("STATUS", "/status", Show::Status),
    Column::text("OUTDIAL", "/outdial_id"),
    Column::new("CREATED", "/tm_create", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a campaign, and the list and plan it needs unless they are named
    #[command(after_long_help = "\
Examples:
  trunkline campaign create --name november --from +4930999 --say 'Your order is ready.'
  trunkline campaign create --name november --from +4930999 --flow ./reminder.yaml \\
      --tries 3,1 --try-interval 30m --rate 5 --concurrent 50

It does not call anybody yet. Next: trunkline target add november --to +4930123456,
or trunkline campaign import; then trunkline campaign run november")]
    Create(Box<create::Create>),
    /// Adds the people of a file to its list, also while it runs
    #[command(after_long_help = crate::import::HELP)]
    Import(import::Import),
    /// Shows what became of whom, newest first
    ///
    /// A table shows the last attempts; CSV and JSON Lines have every attempt with
    /// every column (docs/lists.md).
    #[command(after_long_help = "\
Examples:
  trunkline campaign results november
  trunkline campaign results november --format csv --out november.csv
  trunkline campaign results november --format jsonl | jq 'select(.digits != \"\")'")]
    Results(results::Results),
    /// Lists campaigns, newest first
    #[command(after_long_help = "Example: trunkline campaign list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline campaign get november")]
    Get(Which),
    /// Starts one
    #[command(after_long_help = "Example: trunkline campaign run november --watch")]
    Run {
        #[command(flatten)]
        which: Which,

        /// Follows it until it stops
        #[arg(long)]
        watch: bool,
    },
    /// Stops one; calls that are there already are not cut off
    #[command(after_long_help = "Example: trunkline campaign stop november")]
    Stop(Which),
    /// Follows one until it stops
    ///
    /// On a terminal the view is drawn anew every second, otherwise a line comes
    /// whenever something has changed; with --json one object every second. Ctrl-C
    /// ends the view with exit status 0, not the campaign.
    #[command(after_long_help = "Example: trunkline campaign watch november")]
    Watch(watch::Watch),
    /// Shows or changes its pace, also while it runs
    #[command(after_long_help = "\
Examples:
  trunkline campaign rules november
  trunkline campaign rules november --rate 10 --concurrent 100")]
    Rules {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        rules: PaceRules,
    },
    /// Says what it does, waits for, or has stopped for
    #[command(after_long_help = "Example: trunkline campaign explain november")]
    Explain(Which),
    /// Deletes one that is stopped
    #[command(after_long_help = "Example: trunkline campaign delete november")]
    Delete(Which),
}

/// The pace.
#[derive(Debug, Clone, Args)]
pub struct PaceRules {
    /// Calls per second
    #[arg(long, value_name = "N")]
    rate: Option<f64>,

    /// Calls at the same time
    #[arg(long, value_name = "N")]
    concurrent: Option<i64>,
}

impl PaceRules {
    fn body(&self) -> Body {
        Body::default()
            .with("calls_per_second", self.rate)
            .with("max_concurrent", self.concurrent)
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create(asked) => create::create(cx, *asked).await,
        Command::Import(asked) => import::import(cx, &asked).await,
        Command::Results(asked) => results::results(cx, &asked).await,
        Command::List(limit) => rows::list(cx, &CAMPAIGN, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &CAMPAIGN, &which).await,
        Command::Run {
            which,
            watch: false,
        } => set_status(cx, &which, "run").await,
        Command::Run { which, watch: true } => {
            let id = name::id(&cx.api, &CAMPAIGN, &which.which).await?;
            let path = format!("{}/status", below(CAMPAIGN.path, &id));
            cx.api.put(&path, &json!({"status": "run"})).await?;
            watch::watch(cx, &watch::Watch::of(id)).await
        }
        Command::Stop(which) => set_status(cx, &which, "stop").await,
        Command::Watch(asked) => watch::watch(cx, &asked).await,
        Command::Rules { which, rules } => self::rules(cx, &which, &rules).await,
        Command::Explain(which) => explain(cx, &which).await,
        Command::Delete(which) => rows::delete(cx, &CAMPAIGN, &which).await,
    }
}

async fn set_status(cx: &Context, which: &Which, status: &str) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, &CAMPAIGN, &which.which).await?;
    let path = format!("{}/status", below(CAMPAIGN.path, &id));
    let row = cx.api.put(&path, &json!({"status": status})).await?;
    let (name, now) = (plain(&row["name"]), plain(&row["status"]));
    let sentence = match now.as_str() {
        "run" => format!("The campaign `{name}` runs; trunkline campaign watch {id} follows it."),
        "stopping" => format!("The campaign `{name}` dials nobody any more; its last calls end."),
        "stop" => format!("The campaign `{name}` is stopped."),
        other => format!("The campaign `{name}` has the status {other}."),
    };
    cx.out.done(&row, &sentence)?;
    Ok(ExitCode::SUCCESS)
}

async fn rules(cx: &Context, which: &Which, rules: &PaceRules) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, &CAMPAIGN, &which.which).await?;
    let path = format!("{}/rules", below(CAMPAIGN.path, &id));
    let body = rules.body();
    let row = if body.is_empty() {
        cx.api.get(&path).await?
    } else {
        cx.api.put(&path, &body.json()).await?
    };
    cx.out.record(&row)?;
    Ok(ExitCode::SUCCESS)
}

async fn explain(cx: &Context, which: &Which) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, &CAMPAIGN, &which.which).await?;
    let path = format!("{}/explain", below(CAMPAIGN.path, &id));
    let answer = cx.api.get(&path).await?;
    let part = |name: &str| plain(&answer[name]);
    let mut sentence = format!("{}: {}", part("status"), part("message"));
    if part("status") == "stop" {
        sentence = format!("stopped; if it ran: {}", part("message"));
    }
    let live = part("live");
    if live != "0" {
        sentence.push_str(&format!("; {live} attempts are going on"));
    }
    if !part("trouble").is_empty() {
        sentence.push_str(&format!("\ntrouble: {}", part("trouble")));
    }
    cx.out.done(&answer, &sentence)?;
    Ok(ExitCode::SUCCESS)
}
