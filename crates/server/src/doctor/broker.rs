//! The broker, where the configuration names one: whether it is there and lets us in,
//! and what only the running program knows of it.

use serde_json::Value;
use trunkline_node::Config;
use trunkline_node::inspect::{self, ConnectError};

use super::PATIENCE;
use super::finding::{Finding, Findings, Level};
use super::told::Told;

const ABOUT: &str = "broker";

/// Looks at it.
pub(super) async fn look(findings: &mut Findings, config: &Config, told: &mut Told) {
    let since = findings.len();
    let Some(address) = &config.bus.url.0 else {
        return;
    };
    match inspect::broker(config, PATIENCE).await {
        None => return,
        Some(Ok(has_plugin)) => {
            findings.ok(ABOUT, format!("{address} lets us in"));
            findings.ok(ABOUT, plugin(has_plugin));
        }
        Some(Err(error)) => findings.fail(ABOUT, error.to_string(), what_to_do(&error)),
    }
    told.settle(findings, since, ABOUT);
}

fn plugin(has_plugin: bool) -> &'static str {
    match has_plugin {
        true => "it has the plugin for delayed messages, which VoIPbin's services use",
        false => {
            "it has no plugin for delayed messages: Trunkline wants none, VoIPbin's own services do"
        }
    }
}

fn what_to_do(error: &ConnectError) -> String {
    match error {
        ConnectError::Unreachable { .. } => {
            "start RabbitMQ, or correct host and port in `bus.url` (RABBITMQ_ADDRESS)".to_owned()
        }
        ConnectError::Silent { .. } => {
            "look whether RabbitMQ runs and is not standing still, whether that port is its AMQP \
             port (5672; 5671 with amqps), and whether a firewall is between"
                .to_owned()
        }
        ConnectError::Refused { reason, .. } if reason.contains("vhost") => {
            "correct the virtual host, the path of `bus.url`; or at the broker: rabbitmqctl \
             add_vhost NAME, then rabbitmqctl set_permissions -p NAME USER '.*' '.*' '.*'"
                .to_owned()
        }
        ConnectError::Refused { .. } => {
            "correct user and password in `bus.url` (in it, : @ / are written %3A %40 %2F); at the \
             broker: rabbitmqctl authenticate_user USER PASSWORD. The user guest may come from the \
             broker's own machine only"
                .to_owned()
        }
    }
}

/// What the program that runs says of it in its report `parts`.
pub(super) fn told(told: &mut Told, parts: &Value) {
    let broker = &parts["broker"];
    if broker.is_null() {
        return;
    }
    let trouble = broker["trouble"].as_str();
    let finding = match (broker["connected"] == true, trouble) {
        (true, None) => Finding::new(Level::Ok, ABOUT, "the Trunkline that runs is connected", ""),
        (true, Some(why)) => Finding::new(
            Level::Fail,
            ABOUT,
            format!("it takes no messages from the Trunkline that runs: {why}"),
            "the broker is short of memory or disk: let the queues be emptied or give it more; \
             rabbitmqctl status shows the alarms, and it goes on by itself when they end",
        ),
        (false, why) => {
            let why = why.unwrap_or("it is connecting");
            Finding::new(
                Level::Fail,
                ABOUT,
                format!("the Trunkline that runs is not connected: {why}"),
                "it tries again by itself for as long as it takes; nothing is lost that it has stored",
            )
        }
    };
    told.add(finding);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_program_tells_of_the_broker_is_a_finding() {
        let cases = [
            (
                json!({"connected": true, "trouble": null}),
                Level::Ok,
                "is connected",
            ),
            (
                json!({"connected": true, "trouble": "low on memory"}),
                Level::Fail,
                "takes no messages from the Trunkline that runs: low on memory",
            ),
            (
                json!({"connected": false, "trouble": "gone"}),
                Level::Fail,
                "not connected: gone",
            ),
        ];
        for (broker, level, words) in cases {
            let mut told = Told::default();
            told.set_ours(true);
            super::told(&mut told, &json!({ "broker": broker }));
            let finding = told.take(ABOUT).unwrap();
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
        let mut told = Told::default();
        told.set_ours(true);
        super::told(&mut told, &json!({}));
        assert_eq!(told.take(ABOUT), None, "without a broker nothing is said");
    }
}
