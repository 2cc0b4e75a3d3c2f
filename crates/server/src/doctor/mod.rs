//! `trunkline doctor`: what is wrong, and what to do about it.
//!
//! It looks at everything that a start would use and at the program that runs, if
//! one does, and changes nothing. One file looks at one thing and adds findings;
//! whatever cannot be looked at because something before it is wrong is left out.

mod asterisk;
mod broker;
mod finding;
mod folder;
mod machine;
mod media;
mod modules;
mod running;
mod told;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use trunkline_cli::{ApiArgs, Out};
use trunkline_node::{Config, ConfigError, Environment};

use self::finding::Findings;
use crate::cli::ConfigArgs;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks for what is wrong, and says what to do.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trunkline doctor
  trunkline doctor --config trunkline.toml --asterisk http://pbx:8088
  trunkline doctor --json | jq '.findings[] | select(.level != \"ok\")'

Give it the options that `trunkline serve` gets. With a token (`trunkline login`) it
also looks at what only the running program knows. Exit status 1: something fails.")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    source: ConfigArgs,

    #[command(flatten)]
    api: ApiArgs,
}

/// Looks at everything.
///
/// # Errors
///
/// When the findings cannot be printed.
pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode> {
    let out = Out::of_process(args.api.json);
    let mut findings = Findings::default();
    let clocks = machine::Clocks::now();
    let loaded = Config::load(&args.source.flags(), &Environment::of_process());
    let http = client()?;
    match loaded {
        Ok(config) => {
            findings.ok("configuration", "every option is good");
            // Before anything else, which it may explain.
            let mut told = running::look(&mut findings, &http, &args.api, Some(&config)).await;
            folder::look(&mut findings, &config, &mut told);
            machine::look(&mut findings, &config, told.ours()).await;
            broker::look(&mut findings, &config, &mut told).await;
            asterisk::look(&mut findings, &http, &config, &mut told).await;
            media::look(&mut findings, &http, &config, told.ours()).await;
            told.rest(&mut findings);
        }
        Err(error) => {
            configuration(&mut findings, &error);
            let told = running::look(&mut findings, &http, &args.api, None).await;
            told.rest(&mut findings);
        }
    }
    clocks.compare(&mut findings);
    findings.print(&out)?;
    Ok(if findings.fails() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn client() -> Result<reqwest::Client> {
    // What is looked at is near; a proxy of the network has no way to it.
    Ok(reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

fn configuration(findings: &mut Findings, error: &ConfigError) {
    let help = "correct it; `trunkline config --default` shows every option with its meaning";
    match error {
        ConfigError::Options(problems) => {
            for problem in problems {
                findings.fail("configuration", problem.to_string(), help);
            }
        }
        ConfigError::File { source, .. } => {
            findings.fail(
                "configuration",
                format!("{error}: {source}"),
                "name a file that is there with --config or TRUNKLINE_CONFIG",
            );
        }
        ConfigError::Toml { .. } => findings.fail("configuration", error.to_string(), help),
    }
}
