//! Actions that have to do with others: servers of customers, webhook-manager,
//! call-manager.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use trunkline_bus::Method::{Get, Post};
use trunkline_flow::Config;
use trunkline_model::activeflow::Status;

use crate::world::{NO_CALL, World, text};
use crate::{FINISH, START, action, id};

/// A customer's server: answers every request with the same bytes, when it has a
/// permit.
struct Server {
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
    permits: Arc<Semaphore>,
}

impl Server {
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::with(answer.into(), Semaphore::MAX_PERMITS).await
    }

    async fn with(answer: Vec<u8>, permits: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let permits = Arc::new(Semaphore::new(permits));
        let (notes, gate) = (Arc::clone(&heard), Arc::clone(&permits));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), notes.clone(), gate.clone()));
            }
        });
        Self {
            address,
            heard,
            permits,
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }

    async fn until_heard(&self, number: usize) {
        let wait = async {
            while self.heard().len() < number {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, wait)
            .await
            .expect("a request");
    }

    fn fetch(&self) -> Value {
        action(
            2,
            "fetch",
            json!({"event_url": format!("http://{}/next", self.address)}),
        )
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Vec<u8>,
    heard: Arc<Mutex<Vec<String>>>,
    gate: Arc<Semaphore>,
) {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !read.ends_with(b"}") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => read.extend_from_slice(&buffer[..n]),
        }
    }
    let request = String::from_utf8_lossy(&read).into_owned();
    heard.lock().expect("no panic").push(request);
    if let Ok(permit) = gate.acquire().await {
        permit.forget();
        let _ = stream.write_all(&answer).await;
    }
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A call's activeflow: `answer`, then `fetch`, then `hangup`.
async fn call_that_fetches(world: &World, fetch: Value) -> String {
    let actions = json!([
        action(1, "answer", json!({})),
        fetch,
        action(3, "hangup", json!({}))
    ]);
    let flow = world.flow(actions).await;
    let uri = world.activeflow(&flow, "call").await;
    world.next(&uri, START).await;
    uri
}

#[tokio::test]
async fn what_a_server_answers_runs_before_what_follows() {
    let answer = json!([{"type": "talk", "option": {"text": "hi"}}, {"type": "beep"}]);
    let server = Server::answering(ok(&answer.to_string())).await;
    let world = World::new().await;
    let uri = call_that_fetches(&world, server.fetch()).await;
    let (_, talk) = world.next(&uri, &id(1)).await;
    assert_eq!(
        (&talk["type"], &talk["option"]["text"]),
        (&json!("talk"), &json!("hi"))
    );
    // The ids were missing.
    let (_, beep) = world.next(&uri, &text(&talk["id"])).await;
    assert_eq!(beep["type"], "beep");
    let (_, hangup) = world.next(&uri, &text(&beep["id"])).await;
    assert_eq!(hangup["id"], id(3));

    let heard = server.heard().remove(0);
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /next HTTP/1.1"), "{head}");
    assert!(
        head.to_lowercase()
            .contains("content-type: application/json; charset=utf-8")
    );
    let row = world.row(&uri).await;
    let expected = json!({"activeflow_id": row.id, "reference_id": row.reference_id});
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
    world.end().await;
}

#[tokio::test]
async fn an_activeflow_that_nobody_asks_for_actions_fetches_too() {
    let set = json!([{"type": "variable_set", "option": {"key": "a", "value": "b"}}]);
    let server = Server::answering(ok(&set.to_string())).await;
    let world = World::new().await;
    let flow = world.flow(json!([server.fetch()])).await;
    let uri = world.activeflow(&flow, "api").await;
    world
        .done(Post, &format!("{uri}/execute"), Value::Null)
        .await;
    assert_eq!(world.row(&uri).await.status, Status::Ended);
    let variables = uri.replace("activeflows", "variables");
    let variables = world.done(Get, &variables, Value::Null).await;
    assert_eq!(variables["variables"]["a"], "b");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_is_of_no_use_ends_the_activeflow() {
    let config = || {
        let mut config = Config::default();
        config.fetch.timeout_ms = 1_000;
        config.fetch.max_answer_bytes = 10_000;
        config.fetch.max_actions = 3;
        config
    };
    let many = json!([{"type": "beep"}, {"type": "beep"}, {"type": "beep"}, {"type": "beep"}]);
    let huge = json!([{"type": "talk", "option": {"text": "x".repeat(10_000)}}]);
    let deep = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n[{}", " ".repeat(100_000));
    let slow = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[".to_owned();
    for (what, answer) in [
        ("no action", ok("[1]")),
        ("no list", ok(r#"{"actions": []}"#)),
        ("no JSON", ok("<html>")),
        ("not 200", "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ("an unknown type", ok(r#"[{"type": "explode"}]"#)),
        ("too many", ok(&many.to_string())),
        ("too long", ok(&huge.to_string())),
        ("too deep", ok(&deep)),
        ("endless", endless),
        ("slow", slow),
        ("no HTTP", "hello".to_owned()),
    ] {
        // The slow one keeps its connection: what it has sent is not all.
        let server = Server::answering(answer).await;
        let world = World::with(config()).await;
        let uri = call_that_fetches(&world, server.fetch()).await;
        let (status, _) = world.next(&uri, &id(1)).await;
        assert_eq!(status, 400, "{what}");
        assert_eq!(world.row(&uri).await.status, Status::Ended, "{what}");
        assert_eq!(server.heard().len(), 1, "{what}");
        world.end().await;
    }
}

#[tokio::test]
async fn a_server_inside_is_not_asked() {
    let server = Server::answering(ok("[]")).await;
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let moved = format!(
        "HTTP/1.1 307 Moved\r\nlocation: http://[::ffff:127.0.0.1]:{port}/\r\ncontent-length: 0\r\n\r\n"
    );
    let outside = Server::answering(moved).await;
    let world = World::reaching(Config::default(), &[]).await;
    for host in ["127.0.0.1", "localhost", "[::1]", "2130706433", "0.0.0.0"] {
        let url = format!("http://{host}:{port}/");
        let uri = call_that_fetches(&world, action(2, "fetch", json!({"event_url": url}))).await;
        assert_eq!(world.next(&uri, &id(1)).await.0, 400, "{host}");
        assert_eq!(world.row(&uri).await.status, Status::Ended, "{host}");
    }
    world.end().await;
    // `outside` counts as outside here; where it sends us does not.
    let world = World::reaching(Config::default(), &["localhost"]).await;
    let url = format!(
        "http://{}/",
        outside.address.replace("127.0.0.1", "localhost")
    );
    let uri = call_that_fetches(&world, action(2, "fetch", json!({"event_url": url}))).await;
    assert_eq!(world.next(&uri, &id(1)).await.0, 400);
    assert_eq!((outside.heard().len(), server.heard().len()), (1, 0));
    world.end().await;
}

#[tokio::test]
async fn a_request_that_comes_again_meanwhile_is_told_to_wait() {
    let server = Server::with(ok(r#"[{"type": "beep"}]"#).into_bytes(), 0).await;
    let world = World::new().await;
    let uri = call_that_fetches(&world, server.fetch()).await;
    let (answer_id, overtaken) = (id(1), id(1));
    let first = world.next(&uri, &answer_id);
    let second = async {
        server.until_heard(1).await;
        let second = world.next(&uri, &overtaken).await;
        server.permits.add_permits(1);
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.0, &first.1["type"]), (200, &json!("beep")));
    assert_eq!(second.0, 503);
    // It comes again, and gets what the first one got.
    assert_eq!(world.next(&uri, &overtaken).await, first);
    assert_eq!(server.heard().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_customer_whose_servers_are_slow_holds_up_himself_only() {
    let server = Server::with(ok("[]").into_bytes(), 0).await;
    let mut config = Config::default();
    config.fetch.concurrency_per_customer = 1;
    let world = World::with(config).await;
    let slow = call_that_fetches(&world, server.fetch()).await;
    let other = call_that_fetches(&world, server.fetch()).await;
    let mut stranger = call_that_fetches(&world, server.fetch()).await;
    // The same server, another customer.
    stranger = world.given_to_another_customer(&stranger).await;
    let first = id(1);
    let slow = world.next(&slow, &first);
    let others = async {
        server.until_heard(1).await;
        let refused = world.next(&other, &first).await;
        let stranger = world.next(&stranger, &first);
        let open = async {
            server.until_heard(2).await;
            server.permits.add_permits(2);
        };
        let (asked, ()) = tokio::join!(stranger, open);
        (refused.0, asked.0)
    };
    let (slow, others) = tokio::join!(slow, others);
    assert_eq!((slow.0, others), (200, (503, 200)));
    world.end().await;
}

#[tokio::test]
async fn a_fetch_that_a_crash_has_cut_off_is_made_again() {
    let server = Server::answering(ok(r#"[{"type": "beep"}]"#)).await;
    let mut dying = Config::default();
    // The walk is written, and nobody asks the server.
    dying.fetch.concurrency = 0;
    for reference in ["call", "api"] {
        let world = World::with(dying.clone()).await;
        let set = action(1, "variable_set", json!({"key": "a", "value": "b"}));
        let flow = world
            .flow(json!([set, server.fetch(), action(3, "beep", json!({}))]))
            .await;
        let uri = world.activeflow(&flow, reference).await;
        let first = async |world: &World| match reference {
            "call" => world.next(&uri, START).await.0,
            _ => {
                world
                    .ask(Post, &format!("{uri}/execute"), Value::Null)
                    .await
                    .0
            }
        };
        assert_eq!(first(&world).await, 503);
        let row = world.row(&uri).await;
        assert_eq!((row.status, row.execute_count), (Status::Running, 2));
        let before = server.heard().len();

        let world = world.again(Config::default()).await;
        world.advance(Duration::from_secs(3_600));
        assert_eq!(first(&world).await, 200, "{reference}");
        assert_eq!(server.heard().len(), before + 1);
        let row = world.row(&uri).await;
        let expected = if reference == "call" { 3 } else { 5 };
        assert_eq!(row.execute_count, expected, "{reference}");
        world.end().await;
    }
}

#[tokio::test]
async fn an_activeflow_that_is_stopped_meanwhile_stays_so() {
    let server = Server::with(ok(r#"[{"type": "beep"}]"#).into_bytes(), 0).await;
    let world = World::new().await;
    let uri = call_that_fetches(&world, server.fetch()).await;
    let first = id(1);
    let asked = world.next(&uri, &first);
    let stopped = async {
        server.until_heard(1).await;
        world.done(Post, &format!("{uri}/stop"), Value::Null).await;
        server.permits.add_permits(1);
    };
    let ((status, _), ()) = tokio::join!(asked, stopped);
    assert_eq!(status, 503);
    assert_eq!(world.next(&uri, &first).await.0, 400);
    assert_eq!(world.row(&uri).await.execute_count, 2);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_of_a_flow_is_handed_over_once() {
    let send = |n, data: &str| {
        let option = json!({"uri": "http://a/${x}", "method": "put", "data_type": "text/plain", "data": data, "sync": true});
        action(n, "webhook_send", option)
    };
    let wrong = action(3, "webhook_send", json!({"uri": "mailto:x"}));
    let world = World::new().await;
    let flow = world
        .flow(json!([
            send(1, "hello ${x}"),
            send(2, r#"{"b": 1}"#),
            wrong,
            action(4, "beep", json!({}))
        ]))
        .await;
    let body = json!({
        "customer_id": world.customer, "flow_id": flow, "reference_type": "call",
        "variables": {"x": "Ada"},
    });
    let made = world.done(Post, "/v1/activeflows", body).await;
    let uri = format!("/v1/activeflows/{}", text(&made["id"]));
    for _ in 0..2 {
        assert_eq!(world.next(&uri, START).await.1["id"], id(4));
    }
    let mut sent = world.webhooks().await;
    sent.sort_by_key(|sent| sent["data"].is_object());
    assert_eq!(sent.len(), 2);
    assert_ne!(sent[0]["id"], sent[1]["id"]);
    let given = sent[0]["id"].clone();
    assert_eq!(
        sent[0],
        json!({
            "id": given, "customer_id": world.customer, "uri": "http://a/Ada", "method": "PUT",
            "data_type": "text/plain", "data": "hello Ada",
        })
    );
    assert_eq!(sent[1]["data"], json!({"b": 1}));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_status_of_the_call_decides() {
    let world = World::new().await;
    let condition = |status| {
        let option = json!({"status": status, "false_target_id": id(3)});
        action(1, "condition_call_status", option)
    };
    for (status, expected) in [("progressing", id(2)), ("hangup", id(3))] {
        let flow = world
            .flow(json!([
                condition(status),
                action(2, "beep", json!({})),
                action(3, "hangup", json!({}))
            ]))
            .await;
        let uri = world.activeflow(&flow, "call").await;
        assert_eq!(world.next(&uri, START).await.1["id"], expected);
    }
    let flow = world.flow(json!([condition("progressing")])).await;
    let body = json!({
        "customer_id": world.customer, "flow_id": flow, "reference_type": "call",
        "reference_id": format!("{NO_CALL}beef-0000-4000-8000-000000000001"),
    });
    let made = world.done(Post, "/v1/activeflows", body).await;
    let uri = format!("/v1/activeflows/{}", text(&made["id"]));
    assert_eq!(world.next(&uri, START).await.0, 400);
    assert_eq!(world.row(&uri).await.status, Status::Ended);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_digits_of_the_call_decide() {
    let world = World::new().await;
    let option = json!({"length": 2, "key": "#", "false_target_id": id(3)});
    let condition = action(1, "condition_call_digits", option);
    let flow = world
        .flow(json!([
            condition,
            action(2, "beep", json!({})),
            action(3, "hangup", json!({}))
        ]))
        .await;
    for (digits, expected) in [("1", id(3)), ("12", id(2)), ("#", id(2)), ("", id(3))] {
        let uri = world.activeflow(&flow, "call").await;
        let variables = uri.replace("activeflows", "variables") + "/variables";
        let body = json!({"variables": {"voipbin.call.digits": digits}});
        world.done(Post, &variables, body).await;
        assert_eq!(world.next(&uri, START).await.1["id"], expected, "{digits}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_fetch_of_nothing_goes_on() {
    let server = Server::answering(ok("[]")).await;
    let world = World::new().await;
    let flow = world.flow(json!([server.fetch()])).await;
    let uri = world.activeflow(&flow, "call").await;
    assert_eq!(world.next(&uri, START).await.1["id"], FINISH);
    world.end().await;
}
