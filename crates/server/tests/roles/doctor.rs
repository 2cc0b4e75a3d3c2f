//! `trunkline doctor` looks at the broker, and at what a Go service's options name.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::asterisk::{self, Asterisk, ami};
use crate::world::{World, run};

/// The findings about the broker, each as level, words and what to do.
async fn findings(broker: &str) -> Vec<[String; 3]> {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().to_str().unwrap();
    let line = [
        "doctor",
        "--json",
        "--roles",
        "call-manager",
        "--data-dir",
        folder,
    ];
    let variables = [
        ("TRUNKLINE_BUS__URL", broker),
        ("TRUNKLINE_METRICS__LISTEN", "127.0.0.1:0"),
        ("TRUNKLINE_GATEWAY__LISTEN", "127.0.0.1:1"),
        ("XDG_CONFIG_HOME", folder),
    ];
    let (_, printed, said) = run(&line, &variables).await;
    assert!(
        !printed.contains("hidden") && !said.contains("hidden"),
        "{printed}{said}"
    );
    let report: Value = serde_json::from_str(&printed).unwrap();
    let all = report["findings"].as_array().unwrap();
    assert!(
        all.iter().all(|one| one["about"] != "asterisk"),
        "{printed}"
    );
    let of_broker = all.iter().filter(|one| one["about"] == "broker");
    let text = |one: &Value, part: &str| one[part].as_str().unwrap().to_owned();
    let parts = of_broker.map(|one| ["level", "found", "next"].map(|part| text(one, part)));
    parts.collect()
}

#[tokio::test]
async fn the_broker_is_looked_at_and_what_keeps_us_out_is_told() {
    let world = World::start().await;
    let at = world.broker.socket_address();

    let good = findings(&world.broker.address()).await;
    let levels: Vec<_> = good.iter().map(|[level, ..]| level.as_str()).collect();
    assert_eq!(levels, ["ok", "ok"], "{good:?}");
    assert!(good[0][1].contains("lets us in"), "{good:?}");
    assert!(
        good[1][1].contains("plugin for delayed messages"),
        "{good:?}"
    );

    let nobody = format!(
        "amqp://guest:hidden@127.0.0.1:{}",
        trunkline_rig::free_tcp_port().unwrap()
    );
    for (broker, found, next) in [
        (nobody, "cannot be reached", "start RabbitMQ"),
        (
            format!("amqp://guest:hidden@{at}"),
            "refuses",
            "user and password",
        ),
        (
            format!("amqp://guest:guest@{at}/nowhere"),
            "refuses",
            "virtual host",
        ),
    ] {
        let told = findings(&broker).await;
        let [[level, words, to_do]] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(level, "fail", "{told:?}");
        assert!(words.contains(found) && to_do.contains(next), "{told:?}");
    }

    world.broker.pause().await.unwrap();
    let told = findings(&world.broker.address()).await;
    world.broker.resume().await.unwrap();
    assert!(told[0][1].contains("no broker answers"), "{told:?}");
}

/// What doctor finds for a role with these variables of its Go service: exit status, and
/// each finding as one text.
async fn of_role(
    role: &str,
    data: &Path,
    flags: &[&str],
    variables: &[(&str, &str)],
) -> (i32, Vec<String>) {
    let mut line = vec![
        role,
        "--doctor",
        "--json",
        "--data-dir",
        data.to_str().unwrap(),
    ];
    line.extend(flags);
    let (status, printed, said) = run(&line, variables).await;
    assert!(!(said + &printed).contains("hidden"), "{printed}");
    let report: Value = serde_json::from_str(&printed).unwrap();
    let text = |one: &Value| {
        ["level", "about", "found", "next"]
            .map(|part| one[part].as_str().unwrap().to_owned())
            .join(" | ")
    };
    (
        status,
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect(),
    )
}

fn has(found: &[String], begins: &str, words: &str) {
    let is_it = |one: &String| one.starts_with(begins) && one.contains(words);
    assert!(found.iter().any(is_it), "{begins} … {words}: {found:#?}");
}

#[tokio::test]
async fn a_proxy_is_looked_at_with_the_variables_of_the_go_service() {
    let world = World::start().await;
    let asterisk = Asterisk::start("02:00:00:00:00:0a").await;
    let (broker, ami_port) = (world.broker.address(), ami().await.to_string());
    let data = world.folder("proxy");
    let look = async |changed: (&str, &str)| {
        let mut variables = vec![
            ("RABBITMQ_ADDRESS", broker.as_str()),
            ("ARI_ADDRESS", &asterisk.address),
            ("ARI_ACCOUNT", asterisk::ACCOUNT),
            ("AMI_HOST", "127.0.0.1"),
            ("AMI_PORT", &ami_port),
            ("AMI_USERNAME", "ann"),
            ("AMI_PASSWORD", "let-me-in"),
            ("PROMETHEUS_LISTEN_ADDRESS", "127.0.0.1:0"),
        ];
        variables.push(changed);
        of_role("asterisk-proxy", &data, &[], &variables).await
    };

    let (status, found) = look(("INTERFACE_NAME", "eth1")).await;
    assert_eq!(status, 0, "{found:#?}");
    has(&found, "ok | configuration", "every option is good");
    has(&found, "warn | configuration", "INTERFACE_NAME");
    has(&found, "ok | broker", "lets us in");
    has(&found, "ok | asterisk", &asterisk.address);
    has(&found, "ok | AMI", &format!("127.0.0.1:{ami_port} answers"));
    assert!(!data.exists(), "doctor makes nothing");

    let (status, found) = look(("AMI_PASSWORD", "hidden")).await;
    assert_eq!(status, 0, "{found:#?}");
    has(&found, "warn | AMI", "AMI_PASSWORD");
    let (status, found) = look(("ARI_ACCOUNT", "ann:hidden")).await;
    assert_eq!(status, 1, "{found:#?}");
    has(&found, "fail | asterisk", "ARI_ACCOUNT");
    let (status, found) = look(("AMI_PORT", "none")).await;
    assert_eq!(status, 1, "{found:#?}");
    has(&found, "fail | configuration", "AMI_PORT");
    has(
        &found,
        "fail | configuration",
        "trunkline asterisk-proxy --help",
    );
}

#[tokio::test]
async fn a_role_that_runs_is_found_by_its_health() {
    let world = World::start().await;
    let role = world.role("call-manager", "call", &[]).await;
    let data = world.folder("call");
    let listen = role.health.trim_start_matches("http://");
    let listen = listen.trim_end_matches("/health");
    let broker = world.broker.address();
    let flags = [
        "--rabbitmq_address",
        broker.as_str(),
        "--prometheus_listen_address",
        listen,
    ];
    let (status, found) = of_role("call-manager", &data, &flags, &[]).await;
    assert_eq!(status, 0, "{found:#?}");
    has(&found, "ok | server", "is ready");
    has(
        &found,
        "ok | data folder",
        "is used by the Trunkline that runs",
    );
    has(&found, "ok | port", "is used by the Trunkline that runs");
    assert!(role.process.stop().await.unwrap().success());

    let (status, found) = of_role("call-manager", &data, &flags, &[]).await;
    assert_eq!(status, 0, "{found:#?}");
    has(&found, "ok | server", "trunkline call-manager");
    has(&found, "ok | port", "is free");
}
