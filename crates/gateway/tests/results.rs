//! Results of a campaign: pages, JSON Lines and CSV over roles that answer what
//! the test says.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::Client;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{InProcess, QueueSpec, Request, RequestHandler, Response};
use trunkline_gateway::{Config, Deps, Metrics, Readiness, Report, Running, Tokens, bind, start};
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store_sqlite::{SqliteDatabase, SystemClock};
use uuid::Uuid;

const CAMPAIGN: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
const BEGAN: i64 = 1_767_323_045_000_000;

#[tokio::test]
async fn a_whole_export_has_every_attempt_once_and_asks_for_them_in_pages() {
    let app = App::start(World::of(2_500)).await;
    let (head, text) = app.get("?format=csv").await;
    assert_eq!(head["content-type"], "text/csv; charset=utf-8");
    assert!(
        head["content-disposition"]
            .to_str()
            .unwrap()
            .contains(CAMPAIGN)
    );
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        lines.len(),
        2_500 + 2,
        "head, attempts, and what follows the last end"
    );
    assert!(lines[0].starts_with("\u{feff}attempt_id,call_id,target_id"));
    // The newest first; person 7 answered and pressed a key, person 8 has no call.
    let line = |n: u128| lines[2_500 - usize::try_from(n).unwrap()];
    let [seven, eight] = [line(7), line(8)];
    assert!(seven.contains(",'=person 7,"), "{seven}");
    assert!(seven.contains(",+49300000007,1,2,done,success,"), "{seven}");
    assert!(seven.contains(",remote,normal,16,200,7#,"), "{seven}");
    assert!(
        eight.contains(&format!("{},,", Uuid::from_u128(8))),
        "{eight}"
    );
    assert!(eight.ends_with(",,,0,0,,"), "{eight}");
    assert_eq!(app.world.pages.load(Ordering::SeqCst), 3);

    let (head, text) = app.get("?format=jsonl").await;
    assert_eq!(head["content-type"], "application/jsonl");
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row["attempt_id"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..2_500)
        .rev()
        .map(|n| Uuid::from_u128(n).to_string())
        .collect();
    assert_eq!(ids, expected);
    assert_eq!(rows[2_499 - 7]["digits"], "7#");
    assert_eq!(
        rows[2_499 - 7]["recording_ids"],
        json!([Uuid::from_u128(7)])
    );
    assert_eq!(rows[2_499 - 8]["call_id"], Value::Null);
    assert_eq!(rows[2_499 - 8]["tm_end"], rows[2_499 - 8]["tm_dial"]);
}

#[tokio::test]
async fn json_comes_in_pages_and_a_foreign_call_manager_knows_no_outcomes() {
    let app = App::start(World {
        knows_outcomes: false,
        ..World::of(5)
    })
    .await;
    let (_, text) = app.get("?page_size=3").await;
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["result"].as_array().unwrap().len(), 3);
    assert_eq!(page["result"][0]["hangup_by"], "");
    assert_eq!(page["result"][0]["result"], "success");
    let token = page["next_page_token"].as_str().unwrap();
    let (_, text) = app.get(&format!("?page_size=3&page_token={token}")).await;
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["result"].as_array().unwrap().len(), 2);
    assert_eq!(page["next_page_token"], "");
}

#[tokio::test]
async fn what_is_wrong_is_said_before_the_export_begins_and_seen_when_it_breaks() {
    let app = App::start(World::of(2_500)).await;
    for (query, field) in [("?format=xml", "format"), ("?unheard-of=1", "unheard-of")] {
        let response = app.ask(query).await;
        assert_eq!(response.status(), 400, "{query}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["field"], field);
    }
    let app = App::start(World {
        foreign: true,
        ..World::of(1)
    })
    .await;
    assert_eq!(app.ask("?format=csv").await.status(), 404);
    let app = App::start(World {
        breaks_at: 1,
        ..World::of(2_500)
    })
    .await;
    assert_eq!(app.ask("?format=csv").await.status(), 503);
    let app = App::start(World {
        breaks_at: 2,
        ..World::of(2_500)
    })
    .await;
    let response = app.ask("?format=jsonl").await;
    assert_eq!(response.status(), 200);
    assert!(
        response.text().await.is_err(),
        "half of the results are not the whole"
    );
}

// === the app ===

struct World {
    attempts: usize,
    knows_outcomes: bool,
    foreign: bool,
    /// The page of attempts that is not answered; 0 for none.
    breaks_at: usize,
    pages: AtomicUsize,
}

impl World {
    fn of(attempts: usize) -> Self {
        Self {
            attempts,
            knows_outcomes: true,
            foreign: false,
            breaks_at: 0,
            pages: AtomicUsize::new(0),
        }
    }

    fn answer(&self, customer: CustomerId, request: &Request) -> Response {
        let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
        let body: Value = request.data.as_ref().map_or(Value::Null, |data| {
            serde_json::from_str(data.get()).unwrap()
        });
        if path.starts_with("/v1/campaigns/") {
            let owner = if self.foreign {
                CustomerId::random()
            } else {
                customer
            };
            return Response::json(&json!({"id": CAMPAIGN, "customer_id": owner}));
        }
        if path == "/v1/campaigncalls" {
            assert_eq!(body["campaign_id"], CAMPAIGN);
            if self.pages.fetch_add(1, Ordering::SeqCst) + 1 == self.breaks_at {
                return Response::bare(503);
            }
            return Response::json(&self.page(query));
        }
        let ids = || {
            body["ids"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_str().unwrap().parse::<Uuid>().unwrap())
        };
        if path == "/v1/outdialtargets/lookup" {
            let targets: Vec<Value> = ids().map(|id| json!({"id": id, "name": format!("=person {}", id.as_u128()), "data": "{}"})).collect();
            return Response::json(&targets);
        }
        if path == "/v1/calls/outcomes" && self.knows_outcomes {
            return Response::json(&ids().map(outcome).collect::<Vec<Value>>());
        }
        match path
            .strip_prefix("/v1/calls/")
            .and_then(|rest| rest.strip_suffix("/outcome"))
        {
            Some(id) => Response::json(&outcome(id.parse().unwrap())),
            None => Response::bare(404),
        }
    }

    /// As campaign-manager pages: those before the token, newest first.
    fn page(&self, query: &str) -> Vec<Value> {
        let parameter = |name| trunkline_model::page::parameter(query, name).unwrap();
        let most: usize = parameter("page_size").parse().unwrap();
        let before = parameter("page_token").parse::<Timestamp>();
        let at = |n: usize| Timestamp::from_micros(BEGAN + i64::try_from(n).unwrap());
        (0..self.attempts)
            .rev()
            .filter(|n| before.as_ref().map_or(true, |before| at(*n) < *before))
            .take(most)
            .map(|n| {
                let id = Uuid::from_u128(n as u128);
                let call = if n == 8 { Uuid::nil() } else { Uuid::from_u128((1 << 64) + n as u128) };
                json!({
                    "id": id, "outdial_target_id": id, "reference_type": "call", "reference_id": call,
                    "status": "done", "result": "success", "destination_index": 1, "try_count": 2,
                    "destination": {"type": "tel", "target": format!("+4930000{n:04}")},
                    "tm_create": at(n), "tm_update": at(n),
                })
            })
            .collect()
    }
}

fn outcome(call: Uuid) -> Value {
    let n = call.as_u128() - (1 << 64);
    json!({
        "id": call, "status": "hangup", "hangup_by": "remote", "hangup_reason": "normal",
        "hangup_cause": 16, "sip_code": 200, "digits": format!("{n}#"), "recording_ids": [Uuid::from_u128(n)],
        "tm_hangup": "2026-01-02T03:05:00Z",
    })
}

struct Roles {
    customer: CustomerId,
    world: Arc<World>,
}

#[async_trait]
impl RequestHandler for Roles {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).unwrap();
        Some(self.world.answer(self.customer, &request).encode())
    }
}

struct Ready;

#[async_trait]
impl Readiness for Ready {
    async fn report(&self) -> Report {
        Report {
            ready: true,
            parts: json!({}),
        }
    }
}

struct App {
    http: Client,
    token: String,
    running: Running,
    world: Arc<World>,
    _consumers: Vec<trunkline_bus::Consumer>,
}

impl App {
    async fn start(world: World) -> Self {
        let world = Arc::new(world);
        let deps = Deps {
            bus: Arc::new(InProcess::new()),
            db: Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap()),
            readiness: Arc::new(Ready),
            metrics: Metrics::default(),
        };
        let customer = CustomerId::random();
        let mut consumers = Vec::new();
        for service in [Service::CAMPAIGN, Service::OUTDIAL, Service::CALL] {
            let roles = Roles {
                customer,
                world: Arc::clone(&world),
            };
            let queue = QueueSpec::new(service.request_queue(), 4);
            consumers.push(deps.bus.serve(queue, Arc::new(roles)).await.unwrap());
        }
        let tokens = Tokens::new(Arc::clone(&deps.db));
        let token = tokens.first(customer).await.unwrap().unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            ..Config::default()
        };
        let listener = bind(&config).await.unwrap();
        let running = start(deps, config, listener, CancellationToken::new()).unwrap();
        Self {
            http: Client::builder().no_proxy().build().unwrap(),
            token,
            running,
            world,
            _consumers: consumers,
        }
    }

    async fn ask(&self, query: &str) -> reqwest::Response {
        let address = self.running.address();
        let url = format!("http://{address}/v1/campaigns/{CAMPAIGN}/results{query}");
        let request = self.http.get(url).bearer_auth(&self.token);
        request.send().await.unwrap()
    }

    async fn get(&self, query: &str) -> (reqwest::header::HeaderMap, String) {
        let response = self.ask(query).await;
        assert_eq!(response.status(), 200, "{query}");
        (response.headers().clone(), response.text().await.unwrap())
    }
}
