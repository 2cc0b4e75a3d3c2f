//! `trunkline demo`: a whole campaign on this machine, on real parts.
//!
//! Starts an Asterisk, SIP callees and a Trunkline with an empty configuration,
//! loads the example, runs it over the HTTP API, and compares what became of
//! each person with what was expected. Leaves nothing running.

mod example;
mod report;
mod run;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

/// Arguments of `trunkline demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// A folder inside a checkout of Trunkline; the scripts in its `asterisk/`
    /// bring Asterisk and the callees.
    #[arg(long, default_value = ".", value_name = "DIR")]
    checkout: PathBuf,

    /// The campaign to run: a folder with `campaign.json` and `people.csv`.
    #[arg(long, default_value = "examples/first-campaign", value_name = "DIR")]
    example: PathBuf,

    /// Where the parts keep their files; a new folder under `target/` otherwise.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Gives up when the campaign has not ended after this many seconds.
    #[arg(long, default_value_t = 180, value_name = "SECONDS")]
    patience: u64,
}

/// Runs the demo. Success when every person's calls ended as expected.
///
/// # Errors
///
/// When a part cannot be started or does not answer.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    let example = example::Example::load(&args.example)?;
    let mut site = site::Site::start(&args).await?;
    let outcome = tokio::select! {
        outcome = run::campaign(&site, &example, args.patience) => outcome,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    let is_right = |people: &Vec<run::Outcome>| people.iter().all(run::Outcome::as_expected);
    let succeeded = outcome.as_ref().is_ok_and(is_right);
    site.stop(!succeeded).await?;
    let people = outcome?;
    report::print(&people);
    let right = people.iter().filter(|person| person.as_expected()).count();
    report::last_line(right, people.len());
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Ctrl-C, or SIGTERM from whoever started the demo.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
