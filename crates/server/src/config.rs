//! `trunkline config`: shows what is in effect.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use trunkline_node::config::DEFAULT_TOML;
use trunkline_node::{Config, Environment};

use crate::cli::ShowArgs;

/// Prints or checks the configuration.
///
/// # Errors
///
/// When an option is wrong.
pub(crate) fn run(args: ShowArgs) -> Result<ExitCode> {
    if args.default {
        return print(DEFAULT_TOML);
    }
    let config = Config::load(&args.source.flags(), &Environment::of_process())?;
    if args.check {
        return print("The configuration is good.\n");
    }
    print(&config.to_toml()?)
}

/// Prints to standard output. A reader that has gone, such as `head`, is no failure.
pub(crate) fn print(text: &str) -> Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}
