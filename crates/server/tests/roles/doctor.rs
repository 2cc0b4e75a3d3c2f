//! `trunkline doctor` looks at the broker.

use serde_json::Value;
use tempfile::TempDir;

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
