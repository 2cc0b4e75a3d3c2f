//! `trunkline doctor`: what is wrong, and what to do about it.
//!
//! It looks at everything that a start would use and at the program that runs, if
//! one does, and changes nothing. One file looks at one thing and adds findings;
//! whatever cannot be looked at because something before it is wrong is left out.

mod ami;
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
use trunkline_node::{Config, ConfigError, Environment, GoConfig, Role};

use self::finding::Findings;
use self::told::Told;
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

Give it the options that `trunkline serve` gets. A role that starts with the flags and
variables of its Go service has its own: `trunkline call-manager --doctor`. With a token (`trunkline login`) it
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
    let mut round = Round::begin(args.api.json)?;
    let loaded = Config::load(&args.source.flags(), &Environment::of_process());
    let config = match &loaded {
        Ok(config) => {
            round.findings.ok("configuration", GOOD);
            Some(config)
        }
        Err(error) => {
            let options = "`trunkline config --default` shows every option with its meaning";
            configuration(&mut round.findings, error, options);
            None
        }
    };
    // Before anything else, which it may explain.
    let told = running::look(&mut round.findings, &round.http, &args.api, config).await;
    round.parts(config, told).await;
    round.end()
}

/// Looks at everything that a role would use that starts as its Go service does.
///
/// # Errors
///
/// When the findings cannot be printed.
pub(crate) async fn of_role(
    role: Role,
    loaded: Result<GoConfig, ConfigError>,
    json: bool,
) -> Result<ExitCode> {
    let mut round = Round::begin(json)?;
    let (config, told) = match &loaded {
        Ok(GoConfig { config, notices }) => {
            round.findings.ok("configuration", GOOD);
            for notice in notices {
                let next = "leave it out, or see what it means in docs/from-go.md";
                round.findings.warn("configuration", notice, next);
            }
            let told = running::of_role(&mut round.findings, &round.http, config, role).await;
            (Some(config), told)
        }
        Err(error) => {
            let options = format!("`trunkline {role} --help` shows every flag with its variable");
            configuration(&mut round.findings, error, &options);
            (None, Told::default())
        }
    };
    round.parts(config, told).await;
    round.end()
}

const GOOD: &str = "every option is good";

/// One look at everything.
struct Round {
    findings: Findings,
    clocks: machine::Clocks,
    http: reqwest::Client,
    out: Out,
}

impl Round {
    fn begin(json: bool) -> Result<Self> {
        Ok(Self {
            findings: Findings::default(),
            clocks: machine::Clocks::now(),
            http: client()?,
            out: Out::of_process(json),
        })
    }

    /// The parts that the configuration names, and what the program that runs `told`.
    async fn parts(&mut self, config: Option<&Config>, mut told: Told) {
        let findings = &mut self.findings;
        if let Some(config) = config {
            folder::look(findings, config, &mut told);
            machine::look(findings, config, told.ours()).await;
            broker::look(findings, config, &mut told).await;
            asterisk::look(findings, &self.http, config, &mut told).await;
            ami::look(findings, config).await;
            media::look(findings, &self.http, config, told.ours()).await;
        }
        told.rest(findings);
    }

    fn end(mut self) -> Result<ExitCode> {
        self.clocks.compare(&mut self.findings);
        self.findings.print(&self.out)?;
        Ok(if self.findings.fails() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

fn client() -> Result<reqwest::Client> {
    // What is looked at is near; a proxy of the network has no way to it.
    Ok(reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

/// `options` says where each of them is explained.
fn configuration(findings: &mut Findings, error: &ConfigError, options: &str) {
    let help = format!("correct it; {options}");
    match error {
        ConfigError::Options(problems) => {
            for problem in problems {
                findings.fail("configuration", problem.to_string(), &help);
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
