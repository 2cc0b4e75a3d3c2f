//! What a configuration must hold as a whole.

use std::collections::BTreeSet;

use super::error::{ConfigError, Problem};
use super::{Config, Role};

/// Options that may be zero.
const MAY_BE_ZERO: &[&str] = &[
    "shutdown_grace_ms",
    "conflict_retries",
    "group_wait_us",
    "outbox_gather_ms",
    "settle_ms",
    "due_ahead_ms",
];

impl Config {
    /// Checks what no single option shows.
    ///
    /// # Errors
    ///
    /// Every option that is wrong.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.check_roles(&mut problems);
        self.check_ports(&mut problems);
        self.check_asterisks(&mut problems);
        self.check_limits(&mut problems);
        if let Err(why) = crate::telemetry::check_level(&self.log.level) {
            problems.push(Problem::new(
                "log.level",
                format!("is `{}`: {why}", self.log.level),
            ));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Options(problems))
        }
    }

    fn check_roles(&self, problems: &mut Vec<Problem>) {
        if self.roles.is_empty() {
            let all = Role::ALL.map(Role::name).join(", ");
            problems.push(Problem::new(
                "roles",
                format!("is empty; name one or more of: {all}"),
            ));
        }
        let mut seen = BTreeSet::new();
        for role in &self.roles {
            if !seen.insert(role) {
                problems.push(Problem::new("roles", format!("names `{role}` twice")));
            }
        }
    }

    fn check_ports(&self, problems: &mut Vec<Problem>) {
        let (api, metrics) = (self.gateway.listen, self.metrics.listen);
        if api == metrics && api.port() != 0 && self.runs(Role::Gateway) {
            let problem = format!(
                "is {metrics}, which is `gateway.listen` already; give it a port of its own"
            );
            problems.push(Problem::new("metrics.listen", problem));
        }
        let endpoint = &self.metrics.endpoint;
        if !endpoint.starts_with('/') || endpoint == "/health" || endpoint.contains(['{', '}']) {
            let problem =
                format!("is `{endpoint}`; it must be a path such as /metrics, and not /health");
            problems.push(Problem::new("metrics.endpoint", problem));
        }
    }

    fn check_asterisks(&self, problems: &mut Vec<Problem>) {
        if self.runs(Role::AsteriskProxy) && self.asterisk.is_empty() {
            let problem = "is empty; add an [[asterisk]], or leave `asterisk-proxy` out of `roles`";
            problems.push(Problem::new("asterisk", problem));
        }
        let application = &self.call.application;
        let mut urls = BTreeSet::new();
        for (at, asterisk) in self.asterisk.iter().enumerate() {
            if let Err(trunkline_asterisk_proxy::Error::Config { field, problem }) =
                asterisk.proxy.validate()
            {
                problems.push(Problem::new(format!("asterisk.{at}.{field}"), problem));
            }
            if self.runs(Role::CallManager) && asterisk.proxy.application != *application {
                let given = &asterisk.proxy.application;
                let problem = format!(
                    "is `{given}`, but `call.application` is `{application}`; they must be the same"
                );
                problems.push(Problem::new(format!("asterisk.{at}.application"), problem));
            }
            if !urls.insert(asterisk.proxy.url.trim_end_matches('/')) {
                let problem = format!("is `{}`, which another one has already", asterisk.proxy.url);
                problems.push(Problem::new(format!("asterisk.{at}.url"), problem));
            }
        }
    }

    /// No limit, number of workers or pause may be zero: nothing would move.
    fn check_limits(&self, problems: &mut Vec<Problem>) {
        if let Ok(options) = toml::Table::try_from(self) {
            check_table("", &options, problems);
        }
    }
}

fn check_table(prefix: &str, options: &toml::Table, problems: &mut Vec<Problem>) {
    for (name, value) in options {
        let option = format!("{prefix}{name}");
        if let Some(section) = value.as_table() {
            check_table(&format!("{option}."), section, problems);
        }
        if let Some(number) = value.as_integer()
            && number < 1
            && !MAY_BE_ZERO.contains(&name.as_str())
        {
            problems.push(Problem::new(
                option,
                format!("is {number}; it must be at least 1"),
            ));
        }
    }
}
