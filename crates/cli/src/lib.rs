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

mod allow;
mod api;
mod asterisk;
mod body;
mod call;
mod campaign;
mod context;
mod endpoint;
mod error;
mod events;
mod flow;
mod import;
mod limits;
mod login;
mod name;
mod next_step;
mod number;
mod outdial;
mod outplan;
mod output;
mod parked;
mod phone;
mod provider;
mod raw;
mod recording;
mod route;
mod rows;
mod said;
mod secret;
mod settings;
mod sse;
mod target;
mod token;
mod trunk;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

pub use api::{Api, Repeat, Rows};
pub use context::Context;
pub use error::{Error, Refusal};
pub use output::{Colour, Out};
pub use settings::{ApiArgs, Settings};
pub use token::InFolder;

/// Everything that is done over the HTTP API.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keeps a token of the API for the commands that follow.
    Login(login::LoginArgs),
    /// Forgets the token that `login` keeps.
    Logout(login::LogoutArgs),
    /// Calls: makes, follows and ends them.
    Call(Group<call::Command>),
    /// Campaigns: who calls which list, with what to say.
    Campaign(Group<campaign::Command>),
    /// Lists of people to call.
    Outdial(Group<outdial::Command>),
    /// The people of a list.
    Target(Group<target::Command>),
    /// Plans: how often and how long people are called.
    Outplan(Group<outplan::Command>),
    /// Flows: what a call does, as files and on the server.
    Flow(Group<flow::Command>),
    /// Trunks: SIP lines to carriers.
    Trunk(Group<trunk::Command>),
    /// Phones: SIP telephones that register with Asterisk.
    Phone(Group<phone::Command>),
    /// Numbers that may call, and what calls to them start.
    Number(Group<number::Command>),
    /// Routes: which trunk or provider carries which numbers.
    Route(Group<route::Command>),
    /// Providers: who carries calls without registration.
    Provider(Group<provider::Command>),
    /// Which countries may be called.
    Allow(Group<allow::Command>),
    /// The rules of outgoing calls, as rows.
    OutboundConfig(Group<allow::ConfigCommand>),
    /// Recordings of calls.
    Recording(Group<recording::Command>),
    /// Shows what happens, as it happens.
    Events(events::EventsArgs),
    /// The Asterisks that carry the calls.
    Asterisk(Group<asterisk::Command>),
    /// Tokens: who may use the API.
    Token(Group<token::Command>),
    /// How many calls a customer may make.
    Limits(limits::LimitsArgs),
    /// Sends any request to the API.
    Api(raw::RawArgs),
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

impl Command {
    /// The token that is to be made in a data folder, if that is the command: the store
    /// is the program's business, not the API's.
    #[must_use]
    pub fn in_folder(&self) -> Option<(InFolder, Out)> {
        let Self::Token(group) = self else {
            return None;
        };
        let wish = group.command.in_folder()?;
        Some((wish, Out::of_process(group.api.json)))
    }
}

/// Shows a token that was made in a data folder, as one that the API has made.
///
/// # Errors
///
/// When standard output takes no more.
pub fn show_token(out: &Out, row: &Value) -> Result<ExitCode, Error> {
    token::show(out, row)
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
        Command::Call(group) => with(group, call::run).await,
        Command::Campaign(group) => with(group, campaign::run).await,
        Command::Outdial(group) => with(group, outdial::run).await,
        Command::Target(group) => with(group, target::run).await,
        Command::Outplan(group) => with(group, outplan::run).await,
        Command::Flow(group) => {
            let out = Out::of_process(group.api.json);
            match flow::offline(&out, &group.command) {
                Some(outcome) => ended(&out, outcome),
                None => with(group, flow::run).await,
            }
        }
        Command::Trunk(group) => with(group, trunk::run).await,
        Command::Phone(group) => with(group, phone::run).await,
        Command::Number(group) => with(group, number::run).await,
        Command::Route(group) => with(group, route::run).await,
        Command::Provider(group) => with(group, provider::run).await,
        Command::Allow(group) => with(group, allow::run).await,
        Command::OutboundConfig(group) => with(group, allow::run_config).await,
        Command::Recording(group) => with(group, recording::run).await,
        Command::Events(args) => with_args(args.api.clone(), args, events::run).await,
        Command::Asterisk(group) => with(group, asterisk::run).await,
        Command::Token(group) => with(group, token::run).await,
        Command::Limits(args) => with_args(args.api.clone(), args, limits::run).await,
        Command::Api(args) => with_args(args.api.clone(), args, raw::run).await,
        Command::Parked(group) => with(group, parked::run).await,
    }
}

async fn with<C: Subcommand>(
    group: Group<C>,
    run: impl AsyncFnOnce(&Context, C) -> Result<ExitCode, Error>,
) -> ExitCode {
    with_args(group.api, group.command, run).await
}

/// Finds out which API is meant and runs the command against it.
async fn with_args<A>(
    api: ApiArgs,
    args: A,
    run: impl AsyncFnOnce(&Context, A) -> Result<ExitCode, Error>,
) -> ExitCode {
    let out = Out::of_process(api.json);
    let outcome = match Context::new(&api, out) {
        Ok(context) => Box::pin(run(&context, args)).await,
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn the_commands_are_well_formed_and_each_shows_an_example() {
        let line = Line::command();
        line.clone().debug_assert();
        for noun in line.get_subcommands() {
            // Both are about an operator's handful of messages, described at length.
            if ["parked", "logout"].contains(&noun.get_name()) {
                continue;
            }
            let verbs: Vec<&clap::Command> = noun.get_subcommands().collect();
            for command in if verbs.is_empty() { vec![noun] } else { verbs } {
                let help = command.get_after_long_help().map(ToString::to_string);
                assert!(
                    help.is_some_and(|help| help.contains("Example") && help.contains("trunkline ")),
                    "{} {}",
                    noun.get_name(),
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn options_of_the_api_are_taken_anywhere_in_a_line() {
        for line in [
            "t campaign --json list --url http://x",
            "t campaign list --json --url http://x",
        ] {
            let line = Line::parse_from(line.split_whitespace());
            let Command::Campaign(group) = line.command else {
                panic!("another command");
            };
            assert!(group.api.json && group.api.url.as_deref() == Some("http://x"));
        }
    }
}
