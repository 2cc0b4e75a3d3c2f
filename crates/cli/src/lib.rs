//! The command line over the HTTP API: what a person types, what he reads.
//!
//! ```text
//! line ─ Group<noun::Command> ─ Context (api, out) ─ noun::run ─ requests ─ table or JSON
//! ```
//!
//! One file a noun. A command asks the API and prints: it knows no role, no store
//! and no configuration of the server. Data goes to standard output, talk to
//! standard error. Every failure is an [`Error`], which has an exit status and,
//! where one is known, a next step.

mod api;
mod campaign;
mod context;
mod error;
mod login;
mod name;
mod next_step;
mod output;
mod parked;
mod rows;
mod settings;

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use api::{Api, Repeat};
pub use context::Context;
pub use error::{Error, Refusal};
pub use output::Out;
pub use settings::{ApiArgs, Settings};

/// Everything that is done over the HTTP API.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keeps a token of the API for the commands that follow.
    Login(login::LoginArgs),
    /// Forgets the token that `login` keeps.
    Logout(login::LogoutArgs),
    /// Campaigns: who calls which list, with what to say.
    Campaign(Group<campaign::Command>),
    /// Shows, puts back or discards messages that could not be handled.
    ///
    /// A message that its consumer could not handle after every repetition, or
    /// could not read at all, is kept out of the way of the others until somebody
    /// looks at it. The token must be an operator's (option `gateway.operators`).
    Parked(Group<parked::Command>),
}

/// The commands about one noun.
#[derive(Debug, Args)]
pub struct Group<C: Subcommand> {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: C,
}

/// Carries a command out, prints what came of it, and returns the exit status.
pub async fn run(command: Command) -> ExitCode {
    match command {
        Command::Login(args) => {
            let out = Out::of_process(args.api.json);
            ended(&out, login::login(args, &out).await)
        }
        Command::Logout(args) => {
            let out = Out::of_process(args.api.json);
            ended(&out, login::logout(&out))
        }
        Command::Campaign(group) => with(group, campaign::run).await,
        Command::Parked(group) => with(group, parked::run).await,
    }
}

/// Finds out which API is meant and runs the command against it.
async fn with<C: Subcommand>(
    group: Group<C>,
    run: impl AsyncFnOnce(&Context, C) -> Result<ExitCode, Error>,
) -> ExitCode {
    let out = Out::of_process(group.api.json);
    let outcome = match Context::new(&group.api, out) {
        Ok(context) => Box::pin(run(&context, group.command)).await,
        Err(error) => Err(error),
    };
    ended(&out, outcome)
}

/// The exit status; tells what went wrong.
fn ended(out: &Out, outcome: Result<ExitCode, Error>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        out.failed(&error);
        ExitCode::from(error.exit_status())
    })
}
