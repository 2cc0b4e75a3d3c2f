//! `trunkline demo`: a whole campaign on this machine, on real parts.
//!
//! Starts an Asterisk, SIP callees and a Trunkline, in one process with an empty
//! configuration or with each role in a process of its own over a broker,
//! loads the example, runs it over the HTTP API, and compares what became of
//! each person with what was expected. Leaves nothing running, unless it is asked
//! to: then until Ctrl-C.

mod example;
mod hints;
mod recording;
mod report;
mod run;
mod site;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

/// Pause between two looks at whether everything still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Arguments of `trunkline demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// A folder inside a checkout of Trunkline; the scripts in its `asterisk/`
    /// bring Asterisk and the callees.
    #[arg(long, default_value = ".", value_name = "DIR")]
    checkout: PathBuf,

    /// The campaign to run: a folder with `campaign.json`, `flow.yaml` and
    /// `people.csv`.
    #[arg(long, default_value = "examples/first-campaign", value_name = "DIR")]
    example: PathBuf,

    /// Which Asterisk calls; a simulated one needs no download.
    #[arg(long, value_enum, default_value_t = Kind::Real)]
    asterisk: Kind,

    /// One process with everything, or each role a process of its own over a RabbitMQ
    /// (`make servers` brings one).
    #[arg(long, value_enum, default_value_t = Shape::Embedded)]
    shape: Shape,

    /// Leaves everything running after the campaign, until Ctrl-C.
    #[arg(long)]
    keep: bool,

    /// Where the parts keep their files; a new folder under `target/` otherwise.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Gives up when the campaign has not ended after this many seconds.
    #[arg(long, default_value_t = 180, value_name = "SECONDS")]
    patience: u64,
}

/// Which Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Asterisk itself, with SIPp at the other end.
    Real,
    /// `asterisk-sim`, which has both ends.
    Simulated,
}

/// How Trunkline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// All roles in one process, nothing beside it.
    Embedded,
    /// Each role in a process of its own, over a broker.
    Rabbitmq,
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
    let succeeded = match outcome {
        Ok(done) => {
            report::print(&done.people);
            if args.keep {
                verdict(&done);
                keep(&mut site, &args, &done).await?;
            }
            let succeeded = done.people.iter().all(run::Outcome::as_expected);
            site.stop(!succeeded).await?;
            verdict(&done);
            succeeded
        }
        Err(error) => {
            // A part that has ended explains it better than whoever missed it.
            let error = match site.check() {
                Ok(()) => error,
                Err(ended) => error.context(ended),
            };
            site.stop(true).await?;
            return Err(error);
        }
    };
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn verdict(done: &run::Done) {
    let people = &done.people;
    let right = people.iter().filter(|person| person.as_expected()).count();
    report::last_line(right, people.len());
}

/// Says how to go on by hand, and waits for the end.
async fn keep(site: &mut site::Site, args: &DemoArgs, done: &run::Done) -> Result<()> {
    report::say(&hints::of(site, args, done)?);
    let mut looks = tokio::time::interval(LOOK);
    let interrupted = interrupted();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            _ = looks.tick() => site.check()?,
        }
    }
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
