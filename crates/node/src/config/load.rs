//! From defaults, file, environment and flags to one configuration; later ones
//! win.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use trunkline_asterisk_proxy::Account;

use super::asterisk::Asterisk;
use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::{Config, DEFAULT_TOML, SECTIONS_WITH_DELIVERY};

/// Prefix of our variables.
const PREFIX: &str = "TRUNKLINE_";

/// Variable that names the configuration file.
const CONFIG: &str = "TRUNKLINE_CONFIG";

/// Variable that holds the account at every Asterisk without one of its own.
const ARI_ACCOUNT: &str = "TRUNKLINE_ARI_ACCOUNT";

/// Variable that holds where AMI is, when there is one Asterisk and it has none of its
/// own.
const AMI: &str = "TRUNKLINE_AMI";

/// Variable that holds AMI's account then.
const AMI_ACCOUNT: &str = "TRUNKLINE_AMI_ACCOUNT";

/// Between section and option in the name of a variable.
const SEPARATOR: &str = "__";

/// Options that have no section.
const TOP_LEVEL: &[&str] = &["asterisk", "data_dir", "roles", "shutdown_grace_ms"];

/// What the command line says; what it does not say is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--metrics-listen`
    pub metrics_listen: Option<String>,
    /// `--asterisk`, once per Asterisk.
    pub asterisk: Vec<String>,
    /// `--roles`
    pub roles: Vec<String>,
}

impl Config {
    /// Puts a configuration together and checks it.
    ///
    /// # Errors
    ///
    /// Names every option that is wrong, who said so, and what is allowed.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        let config = Self::assemble(None, flags, environment)?;
        config.validate()?;
        Ok(config)
    }

    /// Puts it together; `defaults` stand before ours. Not checked as a whole yet.
    pub(super) fn assemble(
        defaults: Option<&str>,
        flags: &Flags,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let name = "the defaults";
        let path = Path::new("config.default.toml");
        let mut figment = Figment::from(Source::toml(name, DEFAULT_TOML, path)?);
        if let Some(defaults) = defaults {
            figment = figment.merge(Source::toml(name, defaults, path)?);
        }
        if let Some(path) = flags
            .config
            .clone()
            .or_else(|| environment.get(CONFIG).map(PathBuf::from))
        {
            figment = figment.merge(file(&path)?);
        }
        for source in of_environment(environment) {
            figment = figment.merge(source);
        }
        for source in of_flags(flags) {
            figment = figment.merge(source);
        }
        let figment = inherit_delivery(figment)?;
        let extracted = figment.extract::<Self>();
        let mut config = extracted.map_err(|error| ConfigError::of_figment(error, &figment))?;
        if let ([only], Some(address)) = (config.asterisk.as_mut_slice(), environment.get(AMI))
            && only.proxy.ami.is_empty()
        {
            only.proxy.ami = address.to_owned();
            if let Some(account) = environment.get(AMI_ACCOUNT) {
                only.proxy.ami_account = Account::new(account);
            }
        }
        config.resolve_accounts(environment.get(ARI_ACCOUNT))?;
        Ok(config)
    }

    fn resolve_accounts(&mut self, from_environment: Option<&str>) -> Result<(), ConfigError> {
        for (at, asterisk) in self.asterisk.iter_mut().enumerate() {
            let read = match asterisk.resolve_account(from_environment) {
                Err(error) => Err(("account_file", &asterisk.account_file, error)),
                Ok(()) => match asterisk.resolve_ami_account() {
                    Err(error) => Err(("ami_account_file", &asterisk.ami_account_file, error)),
                    Ok(()) => Ok(()),
                },
            };
            if let Err((option, path, error)) = read {
                let problem = Problem::new(
                    format!("asterisk.{at}.{option}"),
                    format!("is `{}`: {error}", path.display()),
                );
                return Err(ConfigError::Options(vec![problem]));
            }
        }
        Ok(())
    }
}

/// A role without a `delivery` of its own takes the common one.
fn inherit_delivery(mut figment: Figment) -> Result<Figment, ConfigError> {
    let common = figment
        .find_value("delivery")
        .map_err(|error| ConfigError::of_figment(error, &figment))?;
    for section in SECTIONS_WITH_DELIVERY {
        let dict = nest(&[section, "delivery"], common.clone());
        figment = figment.join(Source {
            name: "the section `delivery`".to_owned(),
            dict,
        });
    }
    Ok(figment)
}

fn file(path: &Path) -> Result<Source, ConfigError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })?;
    Source::toml(&format!("the file `{}`", path.display()), &text, path)
}

/// `TRUNKLINE_<SECTION>__<OPTION>`, and the options without a section. Other
/// variables are other programs' or other commands' business.
fn of_environment(environment: &Environment) -> Vec<Source> {
    let mut sources = Vec::new();
    for (name, value) in environment.iter() {
        let Some(key) = name.strip_prefix(PREFIX).map(str::to_lowercase) else {
            continue;
        };
        if value.is_empty() || !(key.contains(SEPARATOR) || TOP_LEVEL.contains(&key.as_str())) {
            continue;
        }
        let path: Vec<&str> = key.split(SEPARATOR).collect();
        let value = if key == "roles" {
            texts(value.split(','))
        } else {
            parse(value)
        };
        sources.push(Source {
            name: format!("the variable `{name}`"),
            dict: nest(&path, value),
        });
    }
    sources
}

fn of_flags(flags: &Flags) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut add = |flag: &str, path: &[&str], value: Option<Value>| {
        if let Some(value) = value {
            sources.push(Source {
                name: format!("the flag `{flag}`"),
                dict: nest(path, value),
            });
        }
    };
    let data_dir = flags
        .data_dir
        .as_ref()
        .map(|path| Value::from(path.to_string_lossy().into_owned()));
    add("--data-dir", &["data_dir"], data_dir);
    add(
        "--listen",
        &["gateway", "listen"],
        flags.listen.clone().map(Value::from),
    );
    add(
        "--metrics-listen",
        &["metrics", "listen"],
        flags.metrics_listen.clone().map(Value::from),
    );
    let roles = (!flags.roles.is_empty()).then(|| texts(flags.roles.iter().map(String::as_str)));
    add("--roles", &["roles"], roles);
    let asterisks: Vec<Value> = flags
        .asterisk
        .iter()
        .filter_map(|url| Value::serialize(Asterisk::at(url)).ok())
        .collect();
    add(
        "--asterisk",
        &["asterisk"],
        (!asterisks.is_empty()).then(|| Value::from(asterisks)),
    );
    sources
}

fn texts<'a>(items: impl Iterator<Item = &'a str>) -> Value {
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    Value::from(items.map(str::to_owned).collect::<Vec<_>>())
}

/// Numbers, `true`, `[lists]` and `{tables}` as TOML writes them; all else is a
/// text.
fn parse(value: &str) -> Value {
    value
        .parse()
        .unwrap_or_else(|never: std::convert::Infallible| match never {})
}

/// `value` under the name `path[0].path[1]…`.
fn nest(path: &[&str], value: Value) -> Dict {
    match path {
        [] => Dict::new(),
        [last] => Dict::from([((*last).to_owned(), value)]),
        [first, rest @ ..] => Dict::from([((*first).to_owned(), Value::from(nest(rest, value)))]),
    }
}

/// Values with the name of who said them.
struct Source {
    name: String,
    dict: Dict,
}

impl Source {
    fn toml(name: &str, text: &str, path: &Path) -> Result<Self, ConfigError> {
        let dict = Toml::from_str(text).map_err(|error| ConfigError::Toml {
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self {
            name: name.to_owned(),
            dict,
        })
    }
}

impl Provider for Source {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}
