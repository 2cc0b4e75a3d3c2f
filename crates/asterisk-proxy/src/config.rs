//! How one Asterisk is reached and served.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkline_ari::APPLICATION;
use url::Url;

use crate::account::Account;
use crate::error::Error;
use crate::recording::Recordings;

/// One Asterisk. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where its HTTP server is, without `/ari`.
    pub url: String,
    /// Account of its `ari.conf`, `user:password`. Never written out.
    #[serde(skip_serializing)]
    pub account: Account,
    /// Where its AMI is, `host:port`; empty = not used, and then the state of a trunk's
    /// registration is unknown.
    pub ami: String,
    /// Account of its `manager.conf`, `user:password`. Never written out.
    #[serde(skip_serializing)]
    pub ami_account: Account,
    /// The Stasis application.
    pub application: String,
    /// Whether to get the events of everything, not only of what is in the
    /// application.
    pub subscribe_all: bool,
    /// Whether to ask for those events only that something is done with. It more
    /// than halves what a call costs.
    pub event_filter: bool,
    /// Queues whose requests any Asterisk of a group may answer, besides its own
    /// `asterisk.<id>.request`.
    pub permanent_queues: Vec<String>,
    /// Longest time for one request to Asterisk, the wait for its turn included.
    pub request_timeout_ms: u64,
    /// Requests that Asterisk works on at the same time; more wait.
    pub max_concurrent_requests: usize,
    /// Time between two pings over the websocket.
    pub ping_interval_ms: u64,
    /// Time without a single frame, not even the answer to a ping, after which
    /// the websocket counts as dead.
    pub read_deadline_ms: u64,
    /// First pause before connecting again; doubles up to `reconnect_max_ms`.
    pub reconnect_min_ms: u64,
    /// Longest pause before connecting again.
    pub reconnect_max_ms: u64,
    /// Where recordings are moved to; none leaves them where they are. The same for
    /// every Asterisk of a process, so it is not an option of one.
    #[serde(skip)]
    pub recordings: Option<Recordings>,
    /// A bucket that recordings are wanted in. There is no way to it yet: they are left
    /// where they are, and whoever asks for the move is told.
    #[serde(skip)]
    pub recording_bucket: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8088".to_owned(),
            account: Account::new("asterisk:asterisk"),
            ami: String::new(),
            ami_account: Account::new("asterisk:asterisk"),
            application: APPLICATION.to_owned(),
            subscribe_all: false,
            event_filter: true,
            permanent_queues: vec!["asterisk.call.request".to_owned()],
            request_timeout_ms: 10_000,
            max_concurrent_requests: 32,
            ping_interval_ms: 5_000,
            read_deadline_ms: 15_000,
            reconnect_min_ms: 500,
            reconnect_max_ms: 10_000,
            recordings: None,
            recording_bucket: String::new(),
        }
    }
}

impl Config {
    /// Checks every field.
    ///
    /// # Errors
    ///
    /// [`Error::Config`], which names the field and what it should be.
    pub fn validate(&self) -> Result<(), Error> {
        self.base()?;
        if let Some(problem) = self.account.problem() {
            return Err(wrong("account", problem));
        }
        if let Some(problem) = self.ami_account.problem() {
            return Err(wrong("ami_account", problem));
        }
        let port = self
            .ami
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        if !self.ami.is_empty() && !matches!(port, Some(Ok(1..))) {
            return Err(wrong("ami", "is a host and a port, such as 127.0.0.1:5038"));
        }
        if self.application.is_empty() {
            return Err(wrong("application", "is empty"));
        }
        self.validate_queues()?;
        if self.max_concurrent_requests == 0 {
            return Err(wrong("max_concurrent_requests", "must be at least 1"));
        }
        for (field, value) in [
            ("request_timeout_ms", self.request_timeout_ms),
            ("ping_interval_ms", self.ping_interval_ms),
            ("reconnect_min_ms", self.reconnect_min_ms),
        ] {
            if value == 0 {
                return Err(wrong(field, "must be at least 1"));
            }
        }
        if self.read_deadline_ms <= self.ping_interval_ms {
            return Err(wrong(
                "read_deadline_ms",
                "must be longer than ping_interval_ms",
            ));
        }
        if self.reconnect_max_ms < self.reconnect_min_ms {
            return Err(wrong(
                "reconnect_max_ms",
                "must not be shorter than reconnect_min_ms",
            ));
        }
        Ok(())
    }

    fn validate_queues(&self) -> Result<(), Error> {
        for (at, queue) in self.permanent_queues.iter().enumerate() {
            if queue.trim().is_empty() {
                return Err(wrong("permanent_queues", "holds an empty name"));
            }
            if self.permanent_queues[..at].contains(queue) {
                return Err(wrong("permanent_queues", format!("holds `{queue}` twice")));
            }
        }
        Ok(())
    }

    /// The URL, checked; without a `/` at its end.
    pub(crate) fn base(&self) -> Result<Url, Error> {
        let mut url = Url::parse(&self.url).map_err(|error| {
            wrong(
                "url",
                format!("is no URL such as http://127.0.0.1:8088: {error}"),
            )
        })?;
        if url.scheme() != "http" || url.host().is_none() {
            return Err(wrong("url", "must begin with http:// and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "url",
                "must not hold an account; put it into `account`",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("url", "must end with the port or a path"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    pub(crate) fn read_deadline(&self) -> Duration {
        Duration::from_millis(self.read_deadline_ms)
    }
}

fn wrong(field: &'static str, problem: impl Into<String>) -> Error {
    Error::Config {
        field,
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(config: &Config) -> &'static str {
        match config.validate() {
            Err(Error::Config { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_valid_and_round_trip() {
        let config = Config::default();
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert!(!text.contains("account"), "{text}");
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        assert!(serde_json::from_str::<Config>(r#"{"uri":"x"}"#).is_err());
    }

    #[test]
    fn an_error_names_its_field_and_never_the_account() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config
        };
        for (config, field) in [
            (with(|c| c.url = "127.0.0.1:8088".to_owned()), "url"),
            (with(|c| c.url = "https://127.0.0.1".to_owned()), "url"),
            (
                with(|c| c.url = "http://u:hidden@127.0.0.1".to_owned()),
                "url",
            ),
            (with(|c| c.account = Account::new("hidden")), "account"),
            (
                with(|c| c.ami_account = Account::new("hidden")),
                "ami_account",
            ),
            (with(|c| c.ami = "127.0.0.1".to_owned()), "ami"),
            (with(|c| c.application.clear()), "application"),
            (
                with(|c| c.permanent_queues.push(String::new())),
                "permanent_queues",
            ),
            (
                with(|c| c.permanent_queues.push("asterisk.call.request".to_owned())),
                "permanent_queues",
            ),
            (
                with(|c| c.max_concurrent_requests = 0),
                "max_concurrent_requests",
            ),
            (with(|c| c.request_timeout_ms = 0), "request_timeout_ms"),
            (with(|c| c.read_deadline_ms = 5_000), "read_deadline_ms"),
            (with(|c| c.reconnect_max_ms = 1), "reconnect_max_ms"),
        ] {
            assert_eq!(field_of(&config), field);
            assert!(
                !config
                    .validate()
                    .unwrap_err()
                    .to_string()
                    .contains("hidden"),
                "{field}"
            );
        }
    }
}
