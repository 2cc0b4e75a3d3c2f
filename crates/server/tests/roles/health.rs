//! The monitoring port of one role's process.

use crate::world::{PATIENCE, RoleProcess, World};

/// Waits until `/health` answers with this status.
async fn until(role: &mut RoleProcess, status: u16) {
    let (http, url) = (reqwest::Client::new(), role.health.clone());
    let answers = role.process.until(PATIENCE, async || {
        let answer = http.get(&url).send().await;
        answer.is_ok_and(|answer| answer.status() == status)
    });
    answers.await.unwrap();
}

#[tokio::test]
async fn a_role_without_its_broker_is_not_ready_and_is_again_when_it_is_back() {
    let mut world = World::start().await;
    let mut call = world.role("call-manager", "call", &[]).await;
    let mut proxy = world
        .role("asterisk-proxy", "proxy", &["--ari_address", "127.0.0.1:1"])
        .await;

    let (status, report) = call.health().await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["status"], "ok");
    assert_eq!(report["broker"]["connected"], true);
    assert_eq!(report["roles"]["call-manager"], true);
    let (status, report) = proxy.health().await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["status"], "degraded", "its Asterisk is away");

    let metrics = call.metrics().await;
    for name in [
        "call_manager_receive_request_process_time_bucket",
        "trunkline_store_batches_total",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }

    world.broker.down().await.unwrap();
    for role in [&mut call, &mut proxy] {
        until(role, 503).await;
        let (_, report) = role.health().await;
        assert_eq!(report["broker"]["connected"], false, "{report}");
        assert_eq!(report["status"], "down");
    }

    world.broker.up().await.unwrap();
    for role in [&mut call, &mut proxy] {
        until(role, 200).await;
    }
    for role in [call, proxy] {
        assert!(role.process.stop().await.unwrap().success());
    }
}

#[tokio::test]
async fn a_role_whose_broker_is_not_there_yet_says_so_and_can_be_told_to_stop() {
    let mut world = World::prepare();
    let mut call = world.launch("call-manager", "call");
    until(&mut call, 503).await;
    let mut proxy = world.launch("asterisk-proxy", "proxy");
    until(&mut proxy, 503).await;
    let (_, report) = call.health().await;
    assert_eq!(report["status"], "starting", "{report}");
    assert_eq!(report["reason"], "it waits for the broker");
    assert_eq!(report["broker"]["connected"], false);
    assert_eq!(report["roles"]["call-manager"], false);
    assert_eq!(report["store"], true);
    let metrics = call.metrics().await;
    for name in ["trunkline_rabbitmq_connected 0", "process_open_fds "] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }

    // Who is told to stop does not wait for the broker, and has gone for good.
    assert!(proxy.process.stop().await.unwrap().success());

    world.broker.up().await.unwrap();
    until(&mut call, 200).await;
    let (_, report) = call.health().await;
    assert_eq!(report["status"], "ok", "{report}");
    let metrics = call.metrics().await;
    for name in ["trunkline_rabbitmq_connected 1", "call_manager_"] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    assert!(call.process.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_gateway_whose_customers_are_not_there_yet_says_so_and_can_be_told_to_stop() {
    let world = World::start().await;
    let mut gateway = world.launch_gateway("gateway");
    let (http, url) = (reqwest::Client::new(), gateway.health.clone());
    let waits = gateway.process.until(PATIENCE, async || {
        let Ok(answer) = http.get(&url).send().await else {
            return false;
        };
        let report: serde_json::Value = answer.json().await.unwrap();
        report["reason"] == "it waits for customer-manager to make the first token"
    });
    waits.await.unwrap();
    assert_eq!(gateway.health().await.0, 503);
    assert!(gateway.process.stop().await.unwrap().success());
}
