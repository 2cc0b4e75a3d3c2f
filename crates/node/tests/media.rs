//! Speech in a whole node: asked for over the bus, fetched as Asterisk does.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Method, Rpc};
use trunkline_media::wav::Sound;
use trunkline_model::service::Service;
use trunkline_node::{Config, Environment, Flags, Node, Role};

fn config(folder: &Path) -> Config {
    let flags = Flags {
        data_dir: Some(folder.join("data")),
        listen: Some("127.0.0.1:0".to_owned()),
        metrics_listen: Some("127.0.0.1:0".to_owned()),
        asterisk: vec!["http://127.0.0.1:1".to_owned()],
        ..Flags::default()
    };
    let mut config = Config::load(&flags, &Environment::default()).unwrap();
    config.media.min_free_bytes = 0;
    config
}

/// An engine that gives a tone for every text.
fn engine(folder: &Path) -> Vec<String> {
    let sound = Sound {
        rate: 22_050,
        samples: (0..22_050)
            .map(|n| if n / 20 % 2 == 0 { 9_000 } else { -9_000 })
            .collect(),
    };
    let (wav, script) = (folder.join("tone.wav"), folder.join("engine"));
    std::fs::write(&wav, sound.write()).unwrap();
    std::fs::write(
        &script,
        format!("#!/bin/sh\ncp '{}' \"$1\"\n", wav.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    vec![
        script.to_string_lossy().into_owned(),
        "{output}".to_owned(),
        "{text}".to_owned(),
    ]
}

async fn speak(node: &Node, text: &str) -> String {
    let rpc = Rpc::new(node.bus(), Service::CALL, ServiceMetrics::default());
    let spoken = trunkline_client::TtsClient(rpc)
        .speech(&trunkline_model::speech::SpeechRequest {
            text: text.to_owned(),
            language: "en-US".to_owned(),
            ..Default::default()
        })
        .await;
    spoken.unwrap().media_filepath
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoken_is_fetched_by_its_link_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.tts.command = engine(folder.path());
    let mut node = Node::start(config.clone()).await.unwrap();
    let token = node.take_first_token().unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let url = speak(&node, "Hello.").await;
    let base = format!("http://{}/media/", node.gateway_address().unwrap());
    assert!(url.starts_with(&base), "{url}");
    let fetched = client.get(&url).send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    let sound = Sound::read(&fetched.bytes().await.unwrap()).unwrap();
    assert_eq!((sound.rate, sound.samples.len()), (8_000, 8_000));
    assert!(sound.rms() > 0.1);
    let forged = url.replace("/speech/", "/speech/0");
    assert_eq!(client.get(forged).send().await.unwrap().status(), 403);

    let diagnostics = client
        .get(format!(
            "http://{}/v1/diagnostics",
            node.gateway_address().unwrap()
        ))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    let body: Value = diagnostics.json().await.unwrap();
    let state = |part: &str| {
        let parts = body["parts"].as_array().unwrap();
        let found = parts.iter().find(|it| it["part"] == part);
        found.map_or(Value::Null, |it| it["state"].clone())
    };
    for part in ["store", "media folder", "disk", "speech engine"] {
        assert_eq!(state(part), json!("ok"), "{part}: {body}");
    }
    assert_eq!(
        state("Asterisk http://127.0.0.1:1"),
        json!("failed"),
        "{body}"
    );
    node.stop().await;

    // The secret is kept: links of before are good, and so is the sound.
    let again = Node::start(config).await.unwrap();
    let path = &url[url.find("/media/").unwrap()..];
    let url = format!("http://{}{path}", again.gateway_address().unwrap());
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_a_node_starts_and_says_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.tts.command = vec!["no-such-engine".to_owned()];
    let node = Node::start(config).await.unwrap();
    let rpc = Rpc::new(node.bus(), Service::CALL, ServiceMetrics::default());
    let request = rpc.request(Method::Get, "/v1/diagnostics");
    let queue = Service::TTS.request_queue();
    let parts: Value = rpc
        .call(&queue, &request, "test", std::time::Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(parts[0]["state"], "warning");
    assert!(
        parts[0]["detail"]
            .as_str()
            .unwrap()
            .contains("no-such-engine")
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asterisk_could_not_ask_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.gateway.listen = ([0, 0, 0, 0], 0).into();
    let refused = config.validate().unwrap_err().to_string();
    assert!(
        refused.contains("media.public_url") && refused.contains("0.0.0.0"),
        "{refused}"
    );
    for wrong in [
        "10.0.0.5:8080",
        "ftp://x",
        "http://",
        "http://user@x",
        "http://x?a=b",
    ] {
        config.media.public_url = wrong.to_owned();
        assert!(config.validate().is_err(), "{wrong}");
    }
    config.media.public_url = "http://127.0.0.1:9".to_owned();
    config.validate().unwrap();
    config.tts.command = engine(folder.path());
    let node = Node::start(config.clone()).await.unwrap();
    let url = speak(&node, "Hello.").await;
    assert!(url.starts_with("http://127.0.0.1:9/media/"), "{url}");
    node.stop().await;

    config.media.public_url.clear();
    config.roles = vec![Role::TtsManager];
    assert!(
        config
            .validate()
            .unwrap_err()
            .to_string()
            .contains("no gateway")
    );
}
