//! `trunkline completions`: what a shell has to know to complete a line.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::config::print;

/// Prints completions for a shell.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trunkline completions bash > ~/.local/share/bash-completion/completions/trunkline
  trunkline completions zsh > ~/.zfunc/_trunkline
  trunkline completions fish > ~/.config/fish/completions/trunkline.fish")]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

/// Prints them.
///
/// # Errors
///
/// When standard output takes no more.
pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "trunkline", &mut text);
    print(&String::from_utf8(text)?)
}
