//! What is wrong with a configuration, and where it was said.

use std::path::PathBuf;

use figment::Figment;
use figment::error::Kind;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read the configuration file `{}`", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file `{}` is not valid TOML: {detail}", .path.display())]
    Toml { path: PathBuf, detail: String },
    /// One or more options are wrong.
    #[error("{}", list(.0))]
    Options(Vec<Problem>),
}

/// What is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the option `{option}` {problem}{}", from(.origin.as_deref()))]
pub struct Problem {
    /// Its full name, such as `gateway.listen`.
    pub option: String,
    /// What is wrong with it: the value, and what is allowed.
    pub problem: String,
    /// Who said it: a file, a variable, a flag.
    pub origin: Option<String>,
}

impl Problem {
    pub(crate) fn new(option: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            option: option.into(),
            problem: problem.into(),
            origin: None,
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn from(origin: Option<&str>) -> String {
    origin
        .map(|origin| format!(" (from {origin})"))
        .unwrap_or_default()
}

impl ConfigError {
    /// The problems that `error` holds; `figment` tells the values.
    pub(crate) fn of_figment(error: figment::Error, figment: &Figment) -> Self {
        Self::Options(
            error
                .into_iter()
                .map(|error| problem(&error, figment))
                .collect(),
        )
    }
}

fn problem(error: &figment::Error, figment: &Figment) -> Problem {
    let mut path = error.path.clone();
    let problem = match &error.kind {
        Kind::Message(message) => match value(figment, &path) {
            Some(value) => format!("is `{value}`: {message}"),
            None => format!("cannot be used: {message}"),
        },
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("is {found}; it must be {expected}")
        }
        Kind::InvalidLength(length, expected) => {
            format!("has {length} entries; it must have {expected}")
        }
        Kind::UnknownVariant(given, known) => {
            format!("is `{given}`; it must be one of: {}", known.join(", "))
        }
        Kind::UnknownField(given, known) => {
            if path.last() != Some(given) {
                path.push(given.clone());
            }
            format!("does not exist; options here are: {}", known.join(", "))
        }
        Kind::MissingField(_)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(_, _) => format!("cannot be used: {}", error.kind),
    };
    let origin = error
        .metadata
        .as_ref()
        .map(|metadata| metadata.name.to_string());
    Problem {
        option: path.join("."),
        problem,
        origin,
    }
}

/// What was given, when it is a text. An Asterisk's options are not shown: one
/// of them is the account. Nor is the broker's address, which holds a password.
fn value(figment: &Figment, path: &[String]) -> Option<String> {
    if path.first().is_some_and(|section| section == "asterisk") || path == ["bus", "url"] {
        return None;
    }
    figment.find_value(&path.join(".")).ok()?.into_string()
}
