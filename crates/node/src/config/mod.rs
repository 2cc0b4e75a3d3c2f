//! The configuration: the crates' own, put together.
//!
//! Built-in defaults, then a file, then variables, then flags; later ones win.
//! `config.default.toml` at the root of the repository is both the defaults and
//! their manual; a test compares it with the code.

mod asterisk;
mod bus;
mod environment;
mod error;
pub mod go;
mod load;
mod media;
mod role;
mod validate;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use asterisk::Asterisk;
pub use bus::{Breaker, Bus, Url};
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use load::Flags;
pub use media::Media;
pub use role::Role;

/// The defaults with their comments.
pub const DEFAULT_TOML: &str = include_str!("../../../../config.default.toml");

/// Sections of roles that have a `delivery` of their own; without one they take
/// the common one.
const SECTIONS_WITH_DELIVERY: &[&str] = &["flow", "campaign", "outdial", "companion", "webhook"];

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of everything that Trunkline keeps.
    pub data_dir: PathBuf,
    /// The roles that this process runs.
    pub roles: Vec<Role>,
    /// Longest time that a stop waits for work in progress, milliseconds.
    pub shutdown_grace_ms: u64,
    pub log: Log,
    pub bus: Bus,
    pub store: Store,
    pub gateway: trunkline_gateway::Config,
    pub metrics: Metrics,
    /// The Asterisks.
    pub asterisk: Vec<Asterisk>,
    pub call: trunkline_call::Config,
    pub flow: trunkline_flow::Config,
    pub campaign: trunkline_campaign::Config,
    pub outdial: trunkline_outdial::Config,
    /// The small roles that answer from the store: customer, billing, number,
    /// route, agent.
    pub companion: trunkline_companion::Config,
    /// Trunks and phones.
    pub registrar: trunkline_companion::registrar::Config,
    pub webhook: trunkline_companion::webhook::Config,
    /// Addresses that customers name.
    pub egress: trunkline_egress::Config,
    pub media: Media,
    pub tts: trunkline_companion::tts::Config,
    pub delivery: trunkline_delivery::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "./trunkline-data".into(),
            roles: Role::ALL.to_vec(),
            shutdown_grace_ms: 10_000,
            log: Log::default(),
            bus: Bus::default(),
            store: Store::default(),
            gateway: trunkline_gateway::Config {
                operators: vec![trunkline_companion::DEFAULT_CUSTOMER],
                ..trunkline_gateway::Config::default()
            },
            metrics: Metrics::default(),
            asterisk: vec![Asterisk::default()],
            call: trunkline_call::Config::default(),
            flow: trunkline_flow::Config::default(),
            campaign: trunkline_campaign::Config::default(),
            outdial: trunkline_outdial::Config::default(),
            companion: trunkline_companion::Config::default(),
            registrar: trunkline_companion::registrar::Config::default(),
            webhook: trunkline_companion::webhook::Config::default(),
            egress: trunkline_egress::Config::default(),
            media: Media::default(),
            tts: trunkline_companion::tts::Config::default(),
            delivery: trunkline_delivery::Config::default(),
        }
    }
}

/// What is logged, to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// A level, or directives of tracing's filter: `info,trunkline_call=debug`.
    pub level: String,
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// The SQLite file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The file; empty = `trunkline.db` in the data folder.
    pub path: PathBuf,
    /// Connections that read.
    pub readers: usize,
    /// Queries that may wait for a reader; further callers wait for a place.
    pub read_queue: usize,
    /// Batches that may wait for the writer; further callers wait for a place.
    pub write_queue: usize,
    /// Most batches that are committed at once.
    pub group: usize,
    /// How long the first batch of a group waits for others, microseconds; up to
    /// sixteen times as long while many come.
    pub group_wait_us: u64,
    /// How long a lock of another program is waited for, milliseconds.
    pub busy_timeout_ms: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            readers: 2,
            read_queue: 1_024,
            write_queue: 4_096,
            group: 512,
            group_wait_us: 1_000,
            busy_timeout_ms: 5_000,
        }
    }
}

/// The port for monitoring: `/metrics` and `/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Path of the metrics.
    pub endpoint: String,
    /// Connections served at the same time; further ones wait.
    pub max_connections: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 2112));
        Self {
            listen,
            endpoint: "/metrics".to_owned(),
            max_connections: 32,
        }
    }
}

impl Config {
    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        if self.store.path.as_os_str().is_empty() {
            return self.data_dir.join("trunkline.db");
        }
        self.store.path.clone()
    }

    /// Whether this process runs `role`.
    #[must_use]
    pub fn runs(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_millis(self.shutdown_grace_ms)
    }

    /// The effective configuration as TOML, secrets as `***`.
    ///
    /// # Errors
    ///
    /// Never for the shapes that we have.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let mut table = self.table()?;
        for asterisk in table
            .get_mut("asterisk")
            .and_then(toml::Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(options) = asterisk.as_table_mut() {
                options.insert("account".to_owned(), "***".into());
            }
        }
        toml::to_string(&table)
    }

    /// As it would stand in a file: a `delivery` that is the common one is left
    /// out, and the accounts are.
    fn table(&self) -> Result<toml::Table, toml::ser::Error> {
        let mut table = toml::Table::try_from(self)?;
        let common = table.get("delivery").cloned();
        for section in SECTIONS_WITH_DELIVERY {
            let Some(options) = table.get_mut(*section).and_then(toml::Value::as_table_mut) else {
                continue;
            };
            if options.get("delivery") == common.as_ref() {
                options.remove("delivery");
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests;
