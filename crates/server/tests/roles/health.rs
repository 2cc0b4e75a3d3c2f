//! The monitoring port of one role's process.

use crate::world::{PATIENCE, World};

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
        let (http, url) = (reqwest::Client::new(), role.health.clone());
        let away = role.process.until(PATIENCE, async || {
            let answer = http.get(&url).send().await.unwrap();
            answer.status() == 503
        });
        away.await.unwrap();
        let (_, report) = role.health().await;
        assert_eq!(report["broker"]["connected"], false, "{report}");
        assert_eq!(report["status"], "down");
    }

    world.broker.up().await.unwrap();
    for role in [&mut call, &mut proxy] {
        let (http, url) = (reqwest::Client::new(), role.health.clone());
        let back = role.process.until(PATIENCE, async || {
            let answer = http.get(&url).send().await.unwrap();
            answer.status() == 200
        });
        back.await.unwrap();
    }
    for role in [call, proxy] {
        assert!(role.process.stop().await.unwrap().success());
    }
}
