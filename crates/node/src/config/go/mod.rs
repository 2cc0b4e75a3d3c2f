//! One role with the flags, variables and defaults of the Go service that it stands
//! for (chapter 01 §6). Each of them is one row of [`options`]'s table and becomes
//! options of ours; nothing else knows the Go names.
//!
//! Later ones win: our defaults, the Go service's defaults, the file, our variables,
//! the Go service's variables, its flags.

mod options;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{ConfigError, Problem};
use super::{Config, Environment, Flags, Role};

pub use options::{GoOption, ROLES, options};

/// What the command line of such a role says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoFlags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// The Go service's flags by their names, without the dashes.
    pub given: BTreeMap<&'static str, String>,
}

/// A configuration, and what was asked for that it cannot do.
#[derive(Debug, Clone, PartialEq)]
pub struct GoConfig {
    pub config: Config,
    /// For the log: one sentence for each option that was given and has no effect.
    pub notices: Vec<String>,
}

/// Who gave an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giver {
    Flag,
    Variable,
}

impl Config {
    /// The configuration of one role as its Go service takes it.
    ///
    /// # Errors
    ///
    /// Names every option that is wrong, by its flag and its variable; and what cannot
    /// be done and must not be passed over, such as a database server.
    pub fn load_go(
        role: Role,
        flags: &GoFlags,
        environment: &Environment,
    ) -> Result<GoConfig, ConfigError> {
        let own = Flags {
            config: flags.config.clone(),
            data_dir: flags.data_dir.clone(),
            ..Flags::default()
        };
        let mut config = Self::assemble(Some(&options::defaults(role)), &own, environment)?;
        config.roles = vec![role];
        let (mut notices, mut problems) = (Vec::new(), Vec::new());
        let given = given(role, flags, environment);
        for (option, giver, value) in &given {
            if let Err(problem) = option.set(&mut config, value) {
                problems.push(wrong(option, *giver, problem));
            } else if let Some(notice) = option.notice(value) {
                notices.push(format!("{}: {notice}", named(option, *giver)));
            }
        }
        notices.extend(options::unasked(role, &given, environment));
        if !problems.is_empty() {
            return Err(ConfigError::Options(problems));
        }
        options::complete(role, &mut config);
        if config.bus.url.0.is_none() {
            return Err(ConfigError::Options(vec![no_broker()]));
        }
        config
            .validate()
            .map_err(|error| attribute(error, &given))?;
        Ok(GoConfig { config, notices })
    }
}

type Given = (&'static GoOption, Giver, String);

/// What is given: the flag, else the variable. An empty text is as good as none, as in
/// the reference for variables.
fn given(role: Role, flags: &GoFlags, environment: &Environment) -> Vec<Given> {
    let mut given = Vec::new();
    for option in options(role) {
        let flag = flags.given.get(option.name).filter(|text| !text.is_empty());
        if let Some(value) = flag {
            given.push((option, Giver::Flag, value.clone()));
        } else if let Some(value) = environment.get(&option.variable()) {
            given.push((option, Giver::Variable, value.to_owned()));
        }
    }
    given
}

/// The giver, and by which other name it can be given.
fn named(option: &GoOption, giver: Giver) -> String {
    let (name, variable) = (option.name, option.variable());
    match (giver, option.has_flag) {
        (Giver::Flag, _) => format!("the flag `--{name}`; the variable is `{variable}`"),
        (Giver::Variable, true) => format!("the variable `{variable}`; the flag is `--{name}`"),
        (Giver::Variable, false) => format!("the variable `{variable}`"),
    }
}

fn wrong(option: &GoOption, giver: Giver, problem: String) -> Problem {
    Problem {
        origin: Some(named(option, giver)),
        ..Problem::new(option.name, problem)
    }
}

fn no_broker() -> Problem {
    let problem = "is not given: a role alone speaks over RabbitMQ, such as \
                   amqp://guest:guest@localhost:5672; give the flag `--rabbitmq_address` or the \
                   variable `RABBITMQ_ADDRESS` (everything in one process is `trunkline serve`)";
    Problem::new("rabbitmq_address", problem)
}

/// A problem of an option of ours is told with every Go option that set it.
fn attribute(error: ConfigError, given: &[Given]) -> ConfigError {
    let ConfigError::Options(mut problems) = error else {
        return error;
    };
    for problem in &mut problems {
        let setters = given
            .iter()
            .filter(|(option, ..)| option.ours == problem.option)
            .map(|(option, giver, _)| named(option, *giver))
            .collect::<Vec<_>>();
        if !setters.is_empty() {
            problem.origin = Some(setters.join(", and "));
        }
    }
    ConfigError::Options(problems)
}

#[cfg(test)]
mod tests;
