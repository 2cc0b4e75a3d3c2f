//! The program: command line, signals, what is printed. Everything else is in
//! `trunkline-node`.

mod cli;
mod completions;
mod config;
mod demo;
mod doctor;
mod role;
mod serve;
mod signals;
mod token;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

/// Many small and short-lived pieces from several threads: measured cheaper than
/// the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(
                &anyhow::Error::from(error)
                    .context("the system refuses the threads that are needed"),
            );
        }
    };
    let outcome = runtime.block_on(run(cli.command));
    // Blocking work that is left, such as a slow disk, must not hold the exit up.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|error| fail(&error))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(args).await,
        Command::CallManager(args) => role::run(args).await,
        Command::CampaignManager(args) => role::run(args).await,
        Command::AsteriskProxy(args) => role::run(args).await,
        Command::Config(args) => config::run(args),
        Command::Demo(args) => demo::run(args).await,
        Command::Doctor(args) => Box::pin(doctor::run(args)).await,
        Command::Completions(args) => completions::run(&args),
        Command::Api(command) => match command.in_folder() {
            Some((wish, out)) => token::make(wish, &out).await,
            None => Ok(trunkline_cli::run(command).await),
        },
    }
}

/// Prints what went wrong and each of its causes.
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("trunkline: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    ExitCode::FAILURE
}
