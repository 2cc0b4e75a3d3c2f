//! The server: HTTP and websocket in real time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use trunkline_asterisk_sim::{Config, Delays, Server, ServerConfig, start};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const ACCOUNT: (&str, &str) = ("trunkline", "simulated");

async fn server() -> Server {
    let asterisk = Config {
        delays: Delays {
            ring_ms: 20,
            sound_ms: 20,
            ..Delays::default()
        },
        ..Config::default()
    };
    let config = ServerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        account: format!("{}:{}", ACCOUNT.0, ACCOUNT.1),
        seed: 1,
        asterisk,
    };
    start(config).await.unwrap()
}

async fn websocket(server: &Server) -> Socket {
    let url = format!(
        "ws://{}/ari/events?app=voipbin&subscribeAll=false",
        server.address()
    );
    let mut request = url.into_client_request().unwrap();
    // trunkline:simulated
    let header = "Basic dHJ1bmtsaW5lOnNpbXVsYXRlZA==".parse().unwrap();
    request.headers_mut().insert("authorization", header);
    connect_async(request).await.unwrap().0
}

async fn heard(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let message = socket.next().await.unwrap().unwrap();
        let Message::Text(text) = message else {
            continue;
        };
        let event: Value = serde_json::from_str(&text).unwrap();
        if event["type"] == kind {
            return event;
        }
    }
}

fn ask(server: &Server, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
    let url = format!("{}{path}", server.url());
    let client = reqwest::Client::new();
    client
        .request(method, url)
        .basic_auth(ACCOUNT.0, Some(ACCOUNT.1))
}

fn creation(id: &str, endpoint: &str) -> Value {
    json!({"endpoint": endpoint, "app": "voipbin", "channelId": id})
}

const SOMEBODY: &str = "PJSIP/call-out/sip:+493001@127.0.0.1";

#[tokio::test]
async fn a_call_over_http_and_websocket() {
    let server = server().await;
    let mut socket = websocket(&server).await;
    let created = ask(&server, reqwest::Method::POST, "/ari/channels/create")
        .json(&creation("c", SOMEBODY))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 200);
    assert_eq!(
        heard(&mut socket, "StasisStart").await["channel"]["id"],
        "c"
    );
    let dial = ask(&server, reqwest::Method::POST, "/ari/channels/c/dial");
    assert_eq!(dial.send().await.unwrap().status(), 204);
    let change = heard(&mut socket, "ChannelStateChange").await;
    assert_eq!(change["channel"]["state"], "Ringing");
    assert_eq!(
        heard(&mut socket, "ChannelStateChange").await["channel"]["state"],
        "Up"
    );
    let end = ask(
        &server,
        reqwest::Method::DELETE,
        "/ari/channels/c?reason_code=16",
    );
    assert_eq!(end.send().await.unwrap().status(), 204);
    assert_eq!(heard(&mut socket, "ChannelDestroyed").await["cause"], 16);
    let dials = ask(&server, reqwest::Method::GET, "/sim/dials")
        .send()
        .await
        .unwrap();
    assert_eq!(dials.json::<Value>().await.unwrap(), json!({"+493001": 1}));
}

#[tokio::test]
async fn nobody_comes_in_without_the_account() {
    let server = server().await;
    let url = format!("{}/ari/asterisk/info", server.url());
    let without = reqwest::get(&url).await.unwrap();
    assert_eq!(without.status(), 401);
    let wrong = reqwest::Client::new()
        .get(&url)
        .basic_auth("trunkline", Some("guess"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    let key = format!("{url}?api_key=trunkline:simulated");
    assert_eq!(reqwest::get(key).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_restart_ends_calls_and_websockets_and_forgets_no_dial() {
    let server = server().await;
    let mut socket = websocket(&server).await;
    let create = ask(&server, reqwest::Method::POST, "/ari/channels/create");
    create.json(&creation("c", SOMEBODY)).send().await.unwrap();
    heard(&mut socket, "StasisStart").await;
    let dial = ask(&server, reqwest::Method::POST, "/ari/channels/c/dial");
    dial.send().await.unwrap();
    let restart = ask(&server, reqwest::Method::POST, "/sim/restart");
    assert_eq!(restart.send().await.unwrap().status(), 204);
    while let Some(Ok(message)) = socket.next().await {
        assert!(!message.to_string().contains("ChannelDestroyed"));
    }
    let state = ask(&server, reqwest::Method::GET, "/sim/state")
        .send()
        .await
        .unwrap();
    let expected = json!({"channels": 0, "bridges": 0, "dials": 1});
    assert_eq!(state.json::<Value>().await.unwrap(), expected);
}

#[tokio::test]
async fn what_a_frozen_asterisk_was_asked_is_done_when_it_thaws() {
    let server = server().await;
    let mut socket = websocket(&server).await;
    server.pause();
    let create = ask(&server, reqwest::Method::POST, "/ari/channels/create");
    let asked = tokio::spawn(create.json(&creation("c", SOMEBODY)).send());
    while server.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    // It answers tests meanwhile, and only them.
    let state = ask(&server, reqwest::Method::GET, "/sim/state")
        .send()
        .await
        .unwrap();
    assert_eq!(state.json::<Value>().await.unwrap()["channels"], 0);
    server.resume();
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    heard(&mut socket, "StasisStart").await;
}

/// Seen on 22.10.1: after one duplicate, whatever cannot be allocated looks like
/// one on the same connection.
#[tokio::test]
async fn a_duplicate_sticks_to_its_connection() {
    let server = server().await;
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(1)
        .build()
        .unwrap();
    let create = async |client: &reqwest::Client, endpoint: &str| {
        let url = format!("{}/ari/channels/create", server.url());
        let request = client.post(url).basic_auth(ACCOUNT.0, Some(ACCOUNT.1));
        let answer = request.json(&creation("c", endpoint)).send().await.unwrap();
        let status = answer.status().as_u16();
        answer.bytes().await.unwrap();
        status
    };
    let _socket = websocket(&server).await;
    assert_eq!(create(&client, SOMEBODY).await, 200);
    assert_eq!(create(&client, SOMEBODY).await, 409);
    server.with(|sim, now| sim.restart(now));
    assert_eq!(create(&client, "PJSIP/nowhere/sip:1@127.0.0.1").await, 409);
    let fresh = reqwest::Client::new();
    assert_eq!(create(&fresh, "PJSIP/nowhere/sip:1@127.0.0.1").await, 500);
}
