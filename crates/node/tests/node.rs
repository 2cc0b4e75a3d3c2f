//! Whole nodes in one process, without an Asterisk.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use trunkline_node::{Config, Environment, Flags, Node, Role};

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_run_side_by_side_and_show_their_first_token_once() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut one = Node::start(config(first.path())).await.unwrap();
    let mut other = Node::start(config(second.path())).await.unwrap();
    assert_ne!(one.gateway_address(), other.gateway_address());
    let token = one.take_first_token().unwrap();
    assert_ne!(Some(&token), other.take_first_token().as_ref());
    assert_eq!(one.take_first_token(), None);
    assert_eq!(campaigns(&one, &token).await, 200);
    assert_eq!(campaigns(&other, &token).await, 401);
    one.stop().await;
    other.stop().await;

    let mut again = Node::start(config(first.path())).await.unwrap();
    assert_eq!(again.take_first_token(), None);
    assert_eq!(campaigns(&again, &token).await, 200);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_every_role_and_tells_of_asterisk() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(config(folder.path())).await.unwrap();
    let monitoring = format!("http://{}", node.metrics_address().unwrap());
    let (status, health) = get(&format!("{monitoring}/health")).await;
    assert_eq!(status, 200, "{health}");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!(
        (&health["status"], &health["store"]),
        (&json!("degraded"), &json!(true))
    );
    for role in Role::ALL {
        assert_eq!(health["roles"][role.name()], json!(true), "{role}");
    }
    assert_eq!(health["asterisks"][0]["connected"], json!(false));
    assert_eq!(health["outbox_waiting"], json!(0));
    assert_eq!(health["parked_waiting"], json!(0));

    let api = format!("http://{}", node.gateway_address().unwrap());
    assert_eq!(get(&format!("{api}/healthz")).await.0, 200);
    let (status, ready) = get(&format!("{api}/readyz")).await;
    assert_eq!(status, 200, "{ready}");

    assert_eq!(campaigns(&node, "wrong").await, 401);
    let (status, metrics) = get(&format!("{monitoring}/metrics")).await;
    assert_eq!(status, 200);
    for name in [
        "campaign_manager_receive_request_process_time",
        "call_manager_",
        "asterisk_proxy_",
        "gateway_http",
        "trunkline_store_batches_total",
    ] {
        assert!(metrics.contains(name), "{name} is missing");
    }
    node.stop().await;
}

/// Series are known by the text of their labels: a Prometheus that is at home with the
/// reference's services must find the same.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_in_the_format_of_the_reference_unless_only_another_will_do() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(config(folder.path())).await.unwrap();
    let url = format!("http://{}/metrics", node.metrics_address().unwrap());
    let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                      text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    for accept in ["*/*", "text/plain", prometheus] {
        let (kind, text) = accepted(&url, accept).await;
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        is_classic(&text);
        #[cfg(target_os = "linux")]
        of_the_process(&text);
    }
    let (kind, text) = accepted(&url, "application/openmetrics-text; version=1.0.0").await;
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    node.stop().await;
}

async fn accepted(url: &str, accept: &str) -> (String, String) {
    let request = client().get(url).header("accept", accept);
    let response = request.send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap();
    (kind.to_owned(), response.text().await.unwrap())
}

/// Each family is told once, every sample belongs to the one before it, and no number is
/// written in the other format's way.
fn is_classic(text: &str) {
    let (mut names, mut family, mut bounds) = (BTreeSet::new(), "", 0);
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            family = told.split(' ').next().unwrap();
            assert!(names.insert(family), "{family} is told twice");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        assert!(!line.starts_with('#'), "{line}");
        assert!(line.starts_with(family), "{line} is not of {family}");
        assert!(!line.ends_with(".0"), "{line}");
        bounds += usize::from(line.contains("le=\"50\""));
        assert!(!line.contains("le=\"50.0\""), "{line}");
    }
    assert!(names.contains("trunkline_store_batches_total"), "{text}");
    assert!(bounds > 0, "{text}");
}

/// What Go's default registry tells of a process.
#[cfg(target_os = "linux")]
fn of_the_process(text: &str) {
    let value = |name: &str| -> f64 {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is missing"))
            .parse()
            .unwrap()
    };
    assert!(value("process_cpu_seconds_total") >= 0.0);
    let (open, most) = (value("process_open_fds"), value("process_max_fds"));
    assert!(open > 0.0 && open <= most, "{open} of {most}");
    let resident = value("process_resident_memory_bytes");
    let all = value("process_virtual_memory_bytes");
    assert!(1e6 < resident && resident < all, "{resident} of {all}");
    assert!(all <= value("process_virtual_memory_max_bytes"));
    // This process began not long before now, whatever its clock is set to.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let age = now.as_secs_f64() - value("process_start_time_seconds");
    assert!((-60.0..86_400.0).contains(&age), "{age}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_the_same_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(config(folder.path())).await.unwrap();
    let refused = error(config(folder.path())).await;
    assert!(
        refused.contains("another Trunkline") && refused.contains("data_dir"),
        "{refused}"
    );
    node.stop().await;
    Node::start(config(folder.path()))
        .await
        .unwrap()
        .stop()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_its_option_and_nothing_is_left_running() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let node = Node::start(config(folder.path())).await.unwrap();

    let mut taken = config(other.path());
    taken.gateway.listen = node.gateway_address().unwrap();
    let refused = error(taken).await;
    assert!(
        refused.contains("gateway.listen") && refused.contains("another program uses the port"),
        "{refused}"
    );

    let mut taken = config(other.path());
    taken.metrics.listen = node.metrics_address().unwrap();
    let refused = error(taken).await;
    assert!(refused.contains("metrics.listen"), "{refused}");

    Node::start(config(other.path()))
        .await
        .unwrap()
        .stop()
        .await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_roles_runs_alone() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.roles = vec![Role::OutdialManager];
    let node = Node::start(config).await.unwrap();
    assert_eq!(node.gateway_address(), None);
    let (status, health) = get(&format!(
        "http://{}/health",
        node.metrics_address().unwrap()
    ))
    .await;
    assert_eq!(
        (status, health.contains("campaign-manager")),
        (200, false),
        "{health}"
    );
    node.stop().await;
}

fn config(folder: &Path) -> Config {
    let flags = Flags {
        data_dir: Some(folder.to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
        metrics_listen: Some("127.0.0.1:0".to_owned()),
        // Nobody listens there.
        asterisk: vec!["http://127.0.0.1:1".to_owned()],
        ..Flags::default()
    };
    Config::load(&flags, &Environment::default()).unwrap()
}

async fn error(config: Config) -> String {
    match Node::start(config).await {
        Ok(_) => panic!("the node started"),
        Err(error) => error.to_string(),
    }
}

async fn campaigns(node: &Node, token: &str) -> u16 {
    let url = format!("http://{}/v1/campaigns", node.gateway_address().unwrap());
    client()
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn get(url: &str) -> (u16, String) {
    let response = client().get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}
