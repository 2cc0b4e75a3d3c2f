//! webhook-manager, with a server of a customer that can be told what to answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use trunkline_bus::Method::{Get, Post, Put};
use trunkline_bus::{Bus as _, Request, Response};
use trunkline_companion::webhook::{Config, Deps, Metrics};
use trunkline_companion::{start_customer, start_webhook};
use trunkline_egress::Client;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;

use crate::world::{PATIENCE, World};

const WEBHOOK: Service = Service::WEBHOOK;

/// What the server got: request line, headers, body.
#[derive(Debug)]
struct Got {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A server of a customer. Answers 200 unless `answers` says otherwise.
struct Server {
    uri: String,
    got: mpsc::UnboundedReceiver<Got>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Server {
    async fn start(stop: CancellationToken) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/hook?token=t", listener.local_addr().unwrap());
        let (sender, got) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(Vec::new()));
        let to_give = Arc::clone(&answers);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = tokio::select! {
                    () = stop.cancelled() => break,
                    accepted = listener.accept() => accepted.unwrap(),
                };
                let got = read(&mut stream).await;
                let status = to_give.lock().await.pop().unwrap_or(200);
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _ = sender.send(got);
            }
        });
        Self { uri, got, answers }
    }

    async fn next(&mut self) -> Got {
        tokio::time::timeout(PATIENCE, self.got.recv())
            .await
            .expect("a webhook in time")
            .unwrap()
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Got {
    let mut text = String::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.lines();
        let line = lines.next().unwrap().to_owned();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Got {
                line,
                headers,
                body: body.to_owned(),
            };
        }
    }
}

/// The role, and a customer with a server.
struct PostOffice {
    world: World,
    metrics: Metrics,
    server: Server,
    customer: Value,
}

impl PostOffice {
    async fn open(config: Config) -> Self {
        Self::open_with(config, egress(&["127.0.0.0/8"])).await
    }

    async fn open_with(config: Config, egress: Client) -> Self {
        let mut world = World::new();
        world.start(start_customer).await;
        let metrics = Metrics::default();
        let deps = Deps {
            bus: world.bus.clone(),
            db: world.db.clone(),
            metrics: metrics.clone(),
            egress,
        };
        let running = start_webhook(deps, config, world.stop.clone())
            .await
            .unwrap();
        world.also(running);
        let server = Server::start(world.stop.clone()).await;
        let body = json!({"name": "acme", "webhook_uri": server.uri, "webhook_secret": "s3cret"});
        let customer = world
            .json(Service::CUSTOMER, Post, "/v1/customers", body)
            .await;
        Self {
            world,
            metrics,
            server,
            customer,
        }
    }

    /// Hands a webhook over as the services do.
    async fn send(&self) -> u16 {
        let body = json!({
            "customer_id": self.customer["id"],
            "data_type": "application/json",
            "data": {"type": "call_hangup", "data": {"status": "hangup", "id": "1"}},
        });
        self.world
            .ask(WEBHOOK, Post, "/v1/webhooks", body)
            .await
            .status_code
    }

    async fn until(&self, what: &str, condition: impl Fn(&Metrics) -> bool) {
        let wait = async {
            while !condition(&self.metrics) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect(what);
    }
}

/// Reaches the servers of these tests, which stand on this machine.
fn egress(allow: &[&str]) -> Client {
    let allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
    Client::new(&trunkline_egress::Config {
        allow,
        ..trunkline_egress::Config::default()
    })
    .unwrap()
}

fn quick() -> Config {
    Config {
        retry_min_ms: 0,
        idle_poll_ms: 5,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_webhook_reaches_the_customers_server_signed() {
    let mut office = PostOffice::open(quick()).await;
    assert_eq!(office.send().await, 200);
    let got = office.server.next().await;
    assert_eq!(got.line, "POST /hook?token=t HTTP/1.1");
    assert_eq!(
        got.body,
        r#"{"data":{"id":"1","status":"hangup"},"type":"call_hangup"}"#
    );
    assert_eq!(got.headers["content-type"], "application/json");
    assert!(got.headers["webhook-signature"].starts_with("v1,"));
    assert!(
        got.headers.contains_key("webhook-id") && got.headers.contains_key("webhook-timestamp")
    );
    office
        .until("counted", |metrics| metrics.delivered.get() == 1)
        .await;
    office.world.end().await;
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_with_the_same_id() {
    let mut office = PostOffice::open(quick()).await;
    *office.server.answers.lock().await = vec![302, 503];
    office.send().await;
    let first = office.server.next().await;
    for _ in 0..2 {
        let again = office.server.next().await;
        assert_eq!(again.headers["webhook-id"], first.headers["webhook-id"]);
        assert_eq!(again.body, first.body);
    }
    office
        .until("delivered at last", |metrics| metrics.delivered.get() == 1)
        .await;
    assert_eq!(
        (office.metrics.failed.get(), office.metrics.dropped.get()),
        (2, 0)
    );
    office.world.end().await;
}

#[tokio::test]
async fn a_webhook_that_is_handed_over_twice_waits_once() {
    let office = PostOffice::open(Config {
        retry_min_ms: 3_600_000,
        ..quick()
    })
    .await;
    *office.server.answers.lock().await = vec![503; 10];
    for (request_id, kind) in [
        ("a", "x"),
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
        ("", "x"),
        ("", "x"),
    ] {
        let body = json!({"customer_id": office.customer["id"], "data": {"type": kind}});
        let mut request = Request::new(Service::CALL, Post, "/v1/webhooks").json(&body);
        request.request_id = request_id.to_owned();
        let queue = WEBHOOK.request_queue();
        let answer = office.world.bus.request(&queue, request.encode(), PATIENCE);
        let answer: Response = serde_json::from_slice(&answer.await.unwrap()).unwrap();
        assert_eq!(answer.status_code, 200);
    }
    let customer = office.customer["id"]
        .as_str()
        .unwrap()
        .parse::<uuid::Uuid>();
    let customer = CustomerId::from(customer.unwrap());
    let waiting = trunkline_store::webhook_delivery::waiting_of(&*office.world.db, customer).await;
    assert_eq!(waiting.unwrap(), 5, "only the second one was there already");
    office.world.end().await;
}

#[tokio::test]
async fn a_delivery_is_given_up_after_the_last_attempt() {
    let office = PostOffice::open(Config {
        max_attempts: 2,
        ..quick()
    })
    .await;
    *office.server.answers.lock().await = vec![500; 10];
    office.send().await;
    office
        .until("dropped", |metrics| metrics.dropped.get() == 1)
        .await;
    assert_eq!(
        (office.metrics.failed.get(), office.metrics.delivered.get()),
        (1, 0)
    );
    let waiting = trunkline_store::webhook_delivery::next_due(&*office.world.db)
        .await
        .unwrap();
    assert_eq!(waiting, None, "the row is gone");
    office.world.end().await;
}

#[tokio::test]
async fn what_is_given_up_is_parked_and_delivered_when_it_is_released() {
    let mut office = PostOffice::open(Config {
        max_attempts: 2,
        max_parked: 1,
        ..quick()
    })
    .await;
    *office.server.answers.lock().await = vec![500; 4];
    office.send().await;
    office
        .until("given up", |metrics| metrics.dropped.get() == 1)
        .await;
    let first = office.server.next().await;
    office.server.next().await;
    let parked = async |world: &World| -> Vec<Value> {
        let uri = "/v1/parked?page_size=10";
        let rows = world.json(WEBHOOK, Get, uri, Value::Null).await;
        rows.as_array().unwrap().clone()
    };
    let row = parked(&office.world).await.remove(0);
    assert_eq!(
        (&row["kind"], &row["name"], &row["retries"]),
        (&json!("webhook"), &office.customer["id"], &json!(2))
    );
    assert_eq!(row["reason"], "the server answered with status 500");

    // No more are kept than may be.
    office.send().await;
    office
        .until("dropped", |metrics| metrics.dropped.get() == 2)
        .await;
    for _ in 0..2 {
        office.server.next().await;
    }
    assert_eq!(parked(&office.world).await.len(), 1);

    let release = format!("/v1/parked/{}/release", row["id"].as_str().unwrap());
    let world = &office.world;
    let released = world.json(WEBHOOK, Post, &release, json!({})).await;
    assert_eq!(released["outcome"], "waiting");
    let again = office.server.next().await;
    assert_eq!(
        (&again.headers["webhook-id"], &again.body),
        (&first.headers["webhook-id"], &first.body),
        "the same, so that the server can tell"
    );
    office
        .until("delivered", |metrics| metrics.delivered.get() == 1)
        .await;
    assert!(parked(&office.world).await.is_empty());
    office.world.end().await;
}

#[tokio::test]
async fn a_server_inside_is_not_reached_unless_it_is_allowed() {
    let mut office = PostOffice::open_with(quick(), egress(&[])).await;
    office.send().await;
    office
        .until("given up at once", |metrics| metrics.dropped.get() == 1)
        .await;
    assert_eq!(office.metrics.failed.get(), 0);
    let uri = "/v1/parked?page_size=10";
    let rows = office.world.json(WEBHOOK, Get, uri, Value::Null).await;
    let reason = rows[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("127.0.0.1") && reason.contains("egress.allow"),
        "{reason}"
    );
    assert!(!reason.contains("token"), "{reason}");
    assert!(office.server.got.try_recv().is_err());
    office.world.end().await;
}

#[tokio::test]
async fn a_flows_webhook_has_its_own_id_method_and_type() {
    let mut office = PostOffice::open(quick()).await;
    let id = uuid::Uuid::new_v4();
    let body = json!({
        "id": id, "customer_id": office.customer["id"], "uri": office.server.uri,
        "method": "put", "data_type": "text/plain", "data": "hello",
    });
    for _ in 0..2 {
        let uri = "/v1/webhook_destinations";
        let answer = office.world.ask(WEBHOOK, Post, uri, body.clone()).await;
        assert_eq!(answer.status_code, 200);
    }
    let got = office.server.next().await;
    assert_eq!(got.line, "PUT /hook?token=t HTTP/1.1");
    assert_eq!(
        (got.body.as_str(), got.headers["content-type"].as_str()),
        ("hello", "text/plain")
    );
    assert_eq!(got.headers["webhook-id"], id.to_string());
    office
        .until("counted", |metrics| metrics.delivered.get() == 1)
        .await;
    assert!(office.server.got.try_recv().is_err(), "one, not two");
    office.world.end().await;
}

#[tokio::test]
async fn a_customer_without_a_server_gets_nothing() {
    let office = PostOffice::open(quick()).await;
    let one = format!("/v1/customers/{}", office.customer["id"].as_str().unwrap());
    office
        .world
        .json(Service::CUSTOMER, Put, &one, json!({"name": "acme"}))
        .await;
    assert_eq!(office.send().await, 200);
    let waiting = trunkline_store::webhook_delivery::next_due(&*office.world.db)
        .await
        .unwrap();
    assert_eq!(waiting, None);
    let unknown =
        json!({"customer_id": uuid::Uuid::new_v4(), "data_type": "application/json", "data": {}});
    let refused = office
        .world
        .refusal(WEBHOOK, Post, "/v1/webhooks", unknown)
        .await;
    assert_eq!(refused, (404, "CUSTOMER_NOT_FOUND".to_owned()));
    office.world.end().await;
}

#[tokio::test]
async fn a_flow_may_name_another_server_and_method() {
    let mut office = PostOffice::open(quick()).await;
    let send = async |uri: &str, data: Value| {
        let body = json!({"customer_id": office.customer["id"], "uri": uri, "method": "put", "data": data});
        office
            .world
            .ask(WEBHOOK, Post, "/v1/webhook_destinations", body)
            .await
            .status_code
    };
    assert_eq!(send(&office.server.uri, json!("plain text")).await, 200);
    assert_eq!(send("file:///etc/passwd", json!("x")).await, 200);
    let got = office.server.next().await;
    assert_eq!(
        (got.line.as_str(), got.body.as_str()),
        ("PUT /hook?token=t HTTP/1.1", "plain text")
    );
    office
        .until("an address of another sort is dropped at once", |metrics| {
            metrics.dropped.get() == 1
        })
        .await;
    office.world.end().await;
}

#[tokio::test]
async fn what_waits_is_bounded() {
    // Nobody delivers: there is no room at all.
    let config = Config {
        concurrency: 0,
        max_waiting_per_customer: 2,
        max_body_bytes: 100,
        ..quick()
    };
    let office = PostOffice::open(config).await;
    assert_eq!(
        [
            office.send().await,
            office.send().await,
            office.send().await
        ],
        [200, 200, 429]
    );
    let body = json!({"customer_id": office.customer["id"], "uri": office.server.uri, "data": "x".repeat(101)});
    let refused = office
        .world
        .refusal(WEBHOOK, Post, "/v1/webhook_destinations", body)
        .await;
    assert_eq!(refused, (400, "WEBHOOK_TOO_LARGE".to_owned()));
    office.world.end().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_holds_up_its_own_customer_only() {
    let config = Config {
        concurrency: 4,
        concurrency_per_customer: 2,
        timeout_ms: 300,
        ..quick()
    };
    let mut office = PostOffice::open(config).await;
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", silent.local_addr().unwrap());
    let body = json!({"name": "slow", "webhook_uri": uri});
    let slow = office
        .world
        .json(Service::CUSTOMER, Post, "/v1/customers", body)
        .await;
    for _ in 0..20 {
        let body = json!({"customer_id": slow["id"], "data_type": "application/json", "data": {}});
        office.world.ask(WEBHOOK, Post, "/v1/webhooks", body).await;
    }
    office.send().await;
    let started = tokio::time::Instant::now();
    office.server.next().await;
    assert!(
        started.elapsed() < std::time::Duration::from_millis(250),
        "{:?}",
        started.elapsed()
    );
    office.world.end().await;
}

#[tokio::test]
async fn a_delivery_survives_the_process() {
    let office = PostOffice::open(Config {
        concurrency: 0,
        ..quick()
    })
    .await;
    office.send().await;
    let PostOffice {
        world, mut server, ..
    } = office;
    let (db, bus) = (world.db.clone(), world.bus.clone());
    let server_stays = CancellationToken::new();
    world.end().await;
    // The server of the first world has ended with it.
    let mut next = Server::start(server_stays.clone()).await;
    assert!(server.got.try_recv().is_err());
    let moved = trunkline_store::Statement::one(
        "UPDATE trunkline_webhook_deliveries SET uri = ?",
        vec![next.uri.as_str().into()],
    );
    trunkline_store::Database::apply(&*db, trunkline_store::Batch::new().with(moved))
        .await
        .unwrap();

    let stop = CancellationToken::new();
    let deps = Deps {
        bus,
        db,
        metrics: Metrics::default(),
        egress: egress(&["127.0.0.0/8"]),
    };
    // It needs the secret, and so waits for whoever keeps it.
    let customers = trunkline_companion::Deps {
        bus: deps.bus.clone(),
        db: deps.db.clone(),
        metrics: trunkline_companion::Metrics::default(),
    };
    let running = start_webhook(deps, quick(), stop.clone()).await.unwrap();
    let common = trunkline_companion::Config::default();
    let customers = start_customer(customers, common, stop.clone())
        .await
        .unwrap();
    let got = next.next().await;
    assert!(got.body.contains("call_hangup"));
    assert!(got.headers.contains_key("webhook-signature"));
    stop.cancel();
    running.stopped().await;
    customers.stopped().await;
    server_stays.cancel();
}
