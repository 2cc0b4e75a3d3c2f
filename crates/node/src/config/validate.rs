//! What a configuration must hold as a whole.

use std::collections::BTreeSet;

use super::error::{ConfigError, Problem};
use super::{Config, Role};

/// Options that may be zero.
const MAY_BE_ZERO: &[&str] = &[
    "failures",
    "shutdown_grace_ms",
    "conflict_retries",
    "group_wait_us",
    "outbox_gather_ms",
    "settle_ms",
    "due_ahead_ms",
    "min_free_bytes",
    "recording_retention_days",
    "max_redirects",
    "customer_calls_per_second",
    "customer_concurrent_calls",
    "idle_connections_per_host",
];

/// Two options of one section: the first must be less than the second, and why.
const LESS: &[(&str, &str, &str, &str)] = &[
    (
        "delivery",
        "due_request_timeout_ms",
        "due_lease_ms",
        "a duty would be sent again while its first request is still waited for",
    ),
    (
        "delivery",
        "outbox_gather_ms",
        "outbox_lease_ms",
        "another copy would publish an event that still waits for others",
    ),
    (
        "delivery",
        "outbox_patience_ms",
        "inbox_keep_ms",
        "an event that is published again would not be known any more",
    ),
    (
        "call",
        "reconcile_grace_ms",
        "asterisk_lost_after_ms",
        "an Asterisk would count as lost before its calls are compared",
    ),
];

/// The same, where both may be equal.
const NOT_MORE: &[(&str, &str, &str, &str)] = &[
    (
        "call",
        "asterisk_away_after_ms",
        "asterisk_lost_after_ms",
        "the calls of an Asterisk would end while it counts as connected",
    ),
    (
        "delivery",
        "retry_min_ms",
        "retry_max_ms",
        "the first pause is the shortest",
    ),
    (
        "rabbitmq",
        "retry_min_ms",
        "retry_max_ms",
        "the first pause is the shortest",
    ),
    (
        "webhook",
        "retry_min_ms",
        "retry_max_ms",
        "the first pause is the shortest",
    ),
    (
        "webhook",
        "concurrency_per_customer",
        "concurrency",
        "one customer cannot have more than all have",
    ),
];

/// Sections that may hold a `delivery` of their own.
const WITH_DELIVERY: &[&str] = &[
    "call",
    "campaign",
    "flow",
    "outdial",
    "companion",
    "webhook",
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
        self.check_media(&mut problems);
        if let Some((option, problem)) = self.tts.problem() {
            problems.push(Problem::new(option, problem));
        }
        if let Err(wrong) = self.egress.allowed() {
            problems.push(Problem::new("egress.allow", format!("holds {wrong}")));
        }
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
        if !is_path(endpoint) || endpoint == "/health" {
            let problem = format!(
                "is `{endpoint}`; it must be a path such as /metrics, of letters, digits, `-`, `_`, \
                 `.`, `~` and `/`, and not /health"
            );
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
            check_pairs(&options, problems);
        }
    }
}

/// A path that asks for itself and is no pattern of the router.
fn is_path(path: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.~/".contains(char);
    let goes_elsewhere = |part: &str| part == "." || part == "..";
    path.starts_with('/') && path.chars().all(plain) && !path.split('/').any(goes_elsewhere)
}

/// Checks the pairs, in every section of their name; a `delivery` that is the common
/// one is not reported twice.
fn check_pairs(options: &toml::Table, problems: &mut Vec<Problem>) {
    let section = |name: &str| options.get(name).and_then(toml::Value::as_table);
    let common = section("delivery");
    for name in ["delivery", "call", "webhook"] {
        check_section(name, name, section(name), problems);
    }
    let rabbitmq = section("bus").and_then(|bus| bus.get("rabbitmq"));
    let rabbitmq = rabbitmq.and_then(toml::Value::as_table);
    check_section("rabbitmq", "bus.rabbitmq", rabbitmq, problems);
    for role in WITH_DELIVERY {
        let own = section(role)
            .and_then(|section| section.get("delivery"))
            .and_then(toml::Value::as_table)
            .filter(|own| Some(*own) != common);
        check_section("delivery", &format!("{role}.delivery"), own, problems);
    }
}

/// Checks the pairs of one kind of section, which stands at `path`.
fn check_section(
    kind: &str,
    path: &str,
    options: Option<&toml::Table>,
    problems: &mut Vec<Problem>,
) {
    let value = |option: &str| options?.get(option)?.as_integer();
    for (pairs, equal) in [(LESS, false), (NOT_MORE, true)] {
        for (_, less, more, why) in pairs.iter().filter(|(section, ..)| *section == kind) {
            let (Some(low), Some(high)) = (value(less), value(more)) else {
                continue;
            };
            if low > high || (low == high && !equal) {
                let rule = if equal {
                    "not be less than"
                } else {
                    "be more than"
                };
                let problem =
                    format!("is {high}; it must {rule} `{path}.{less}`, which is {low}: {why}");
                problems.push(Problem::new(format!("{path}.{more}"), problem));
            }
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
