//! `trunkline call-manager`, `campaign-manager`, `asterisk-proxy`: one role, with the
//! flags and variables of the Go service that it stands for. What each of them means
//! is the table of `trunkline_node::config::go`.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, value_parser};
use trunkline_node::config::go::{GoOption, options};
use trunkline_node::{Config, Environment, GoConfig, GoFlags, Role};

use crate::{config, doctor, serve};

pub(crate) const AFTER_HELP: &str = "\
Each flag may also be written with hyphens (--rabbitmq-address) and be given as the
variable that it names; a flag stands before its variable. Both stand before our own
options, which all remain: the file (--config) and variables such as
TRUNKLINE_LOG__FORMAT. `trunkline config --default` explains those.

What would be in effect, secrets as ***, is shown by --print-config; --doctor looks at the
broker, Asterisk and all else that it names, and changes nothing. What differs from
the Go service, and what is not there yet, is in docs/from-go.md.";

const CONFIG: &str = "config";
const DATA_DIR: &str = "data-dir";
const PRINT: &str = "print-config";
const DOCTOR: &str = "doctor";
const JSON: &str = "json";

/// A role that starts as its Go service does.
pub(crate) trait GoRole: std::fmt::Debug + Clone + Send + Sync + 'static {
    const ROLE: Role;
}

#[derive(Debug, Clone)]
pub(crate) struct CallManager;
#[derive(Debug, Clone)]
pub(crate) struct CampaignManager;
#[derive(Debug, Clone)]
pub(crate) struct AsteriskProxy;

impl GoRole for CallManager {
    const ROLE: Role = Role::CallManager;
}

impl GoRole for CampaignManager {
    const ROLE: Role = Role::CampaignManager;
}

impl GoRole for AsteriskProxy {
    const ROLE: Role = Role::AsteriskProxy;
}

/// The command line of one role.
#[derive(Debug)]
pub(crate) struct RoleArgs<R> {
    flags: GoFlags,
    wish: Wish,
    role: PhantomData<R>,
}

/// What is to be done with the configuration.
#[derive(Debug)]
enum Wish {
    Run,
    Print,
    Doctor { json: bool },
}

/// Runs the role until it is told to stop, or shows its configuration, or looks at what
/// it would use.
///
/// # Errors
///
/// When it cannot start.
pub(crate) async fn run<R: GoRole>(args: RoleArgs<R>) -> Result<ExitCode> {
    let loaded = Config::load_go(R::ROLE, &args.flags, &Environment::of_process());
    match args.wish {
        Wish::Doctor { json } => Box::pin(doctor::of_role(R::ROLE, loaded, json)).await,
        Wish::Print => config::print(&loaded?.config.to_toml()?),
        Wish::Run => {
            let GoConfig { config, notices } = loaded?;
            serve::run_with(config, &notices).await
        }
    }
}

impl<R: GoRole> Args for RoleArgs<R> {
    fn augment_args(command: clap::Command) -> clap::Command {
        let own = [
            Arg::new(CONFIG)
                .long(CONFIG)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Configuration file with options of ours [variable: TRUNKLINE_CONFIG]"),
            Arg::new(DATA_DIR)
                .long(DATA_DIR)
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help(format!("Folder of the role's rows; each process has its own [variable: TRUNKLINE_DATA_DIR] [default: ./trunkline-data/{}]", R::ROLE)),
            Arg::new(PRINT)
                .long(PRINT)
                .action(ArgAction::SetTrue)
                .help("Only prints the configuration that would be in effect"),
            Arg::new(DOCTOR)
                .long(DOCTOR)
                .action(ArgAction::SetTrue)
                .conflicts_with(PRINT)
                .help("Only looks for what is wrong, as `trunkline doctor` does, and says what to do"),
            Arg::new(JSON)
                .long(JSON)
                .action(ArgAction::SetTrue)
                .requires(DOCTOR)
                .help("With --doctor: prints JSON"),
        ];
        let of_go = options(R::ROLE).iter().filter(|option| option.has_flag);
        command.args(of_go.map(flag)).args(own)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// One flag of a Go service.
fn flag(option: &'static GoOption) -> Arg {
    let variable = format!("[variable: {}]", option.variable());
    let default = match option.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    // A default that has no effect would only mislead.
    let default = if option.ours.is_empty() { "" } else { &default };
    // Names of flags live as long as the program; it makes its command line once.
    let hyphens: &'static str = option.name.replace('_', "-").leak();
    let arg = Arg::new(option.name)
        .long(option.name)
        .alias(hyphens)
        .help(format!("{} {variable}{default}", option.help))
        .value_name("VALUE")
        .allow_hyphen_values(true)
        // As Go's library has it: the last one counts.
        .overrides_with(option.name);
    if option.is_switch {
        // As Go's library has it: a value only after `=`.
        return arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true");
    }
    arg
}

impl<R: GoRole> FromArgMatches for RoleArgs<R> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = GoFlags {
            config: matches.get_one::<PathBuf>(CONFIG).cloned(),
            data_dir: matches.get_one::<PathBuf>(DATA_DIR).cloned(),
            ..GoFlags::default()
        };
        for option in options(R::ROLE).iter().filter(|option| option.has_flag) {
            if let Some(value) = matches.get_one::<String>(option.name) {
                flags.given.insert(option.name, value.clone());
            }
        }
        let wish = match (matches.get_flag(PRINT), matches.get_flag(DOCTOR)) {
            (true, _) => Wish::Print,
            (false, true) => Wish::Doctor {
                json: matches.get_flag(JSON),
            },
            (false, false) => Wish::Run,
        };
        Ok(Self {
            flags,
            wish,
            role: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn flags<R: GoRole>(line: &str) -> GoFlags {
        let command = RoleArgs::<R>::augment_args(clap::Command::new("role"));
        let line = std::iter::once("role").chain(line.split_whitespace());
        let matches = command.get_matches_from(line);
        RoleArgs::<R>::from_arg_matches(&matches).unwrap().flags
    }

    fn takes_every_flag<R: GoRole>() {
        let with_flag = options(R::ROLE).iter().filter(|option| option.has_flag);
        for GoOption { name, .. } in with_flag {
            for spelling in [(*name).to_owned(), name.replace('_', "-")] {
                let flags = flags::<R>(&format!("--{spelling}=-1"));
                assert_eq!(flags.given[name], "-1", "{spelling}");
            }
        }
    }

    #[test]
    fn every_flag_is_taken_in_both_forms() {
        takes_every_flag::<CallManager>();
        takes_every_flag::<CampaignManager>();
        takes_every_flag::<AsteriskProxy>();
        let line = "--kubernetes_disabled --data-dir d --config f --ami_port 1";
        let flags = flags::<AsteriskProxy>(line);
        assert_eq!(flags.given["kubernetes_disabled"], "true");
        let paths = (flags.data_dir, flags.config);
        assert_eq!(paths, (Some("d".into()), Some("f".into())));
    }

    /// As Go's library has it, whatever the spelling.
    #[test]
    fn a_flag_that_is_given_twice_counts_as_it_was_given_last() {
        let line = "--ami_port 1 --ami-port=2 --kubernetes_disabled --kubernetes_disabled=false";
        let given = flags::<AsteriskProxy>(line).given;
        let expected = [("ami_port", "2"), ("kubernetes_disabled", "false")];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(given, expected.into());
    }

    #[test]
    fn what_only_a_variable_can_say_is_no_flag() {
        let line = ["trunkline", "call-manager", "--project_base_domain=x"];
        assert!(Cli::try_parse_from(line).is_err());
    }
}
