//! What is parked, over HTTP: one list of all roles, for operators only.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, InProcess, QueueSpec, Request, RequestHandler, Response};
use trunkline_gateway::{Config, Deps, Metrics, Readiness, Report, Running, Tokens, bind, start};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store::Database;
use trunkline_store_sqlite::{SqliteDatabase, SystemClock};

const OF_CALL: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
const OF_FLOW: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0002";
const NOBODYS: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0009";

#[tokio::test]
async fn only_operators_see_and_touch_what_is_parked() {
    let app = App::start().await;
    for (method, path) in [
        (Method::GET, "/v1/parked".to_owned()),
        (Method::GET, format!("/v1/parked/{OF_CALL}")),
        (Method::POST, format!("/v1/parked/{OF_CALL}/release")),
        (Method::DELETE, format!("/v1/parked/{OF_CALL}")),
    ] {
        let (status, body) = app.send(&app.customer, method.clone(), &path).await;
        assert_eq!(status, 403, "{method} {path}");
        assert_eq!(body["error"]["code"], "PERMISSION_DENIED");
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("gateway.operators")
        );
        assert_eq!(app.send("tl_wrong", method.clone(), &path).await.0, 401);
        assert_eq!(app.asked(), [] as [String; 0], "no role was asked");
    }
}

#[tokio::test]
async fn the_roles_lists_are_one_and_a_role_that_does_not_answer_is_named() {
    let app = App::start().await;
    let (status, body) = app.get("/v1/parked").await;
    assert_eq!(status, 200);
    let ids: Vec<&str> = rows(&body)
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [OF_FLOW, OF_CALL], "newest first");
    assert_eq!(body["next_page_token"], "");
    // outdial-manager fails; route-manager is a Go service without such a route;
    // the others do not run here.
    assert_eq!(body["unanswered"], json!(["outdial-manager"]));

    let (_, first) = app.get("/v1/parked?page_size=1").await;
    assert_eq!(rows(&first)[0]["id"], OF_FLOW);
    let token = first["next_page_token"].as_str().unwrap();
    let (_, second) = app
        .get(&format!("/v1/parked?page_size=1&page_token={token}"))
        .await;
    assert_eq!(rows(&second)[0]["id"], OF_CALL);
    assert_eq!(second["next_page_token"], "");
    assert_eq!(app.get("/v1/parked?status=new").await.0, 400);
}

#[tokio::test]
async fn one_is_asked_for_where_it_is_and_shown_without_secrets() {
    let app = App::start().await;
    let (status, shown) = app.get(&format!("/v1/parked/{OF_CALL}")).await;
    assert_eq!(status, 200);
    assert_eq!(shown["body"]["data"], json!({"id": "x"}));

    let (status, released) = app
        .operate(Method::POST, &format!("/v1/parked/{OF_CALL}/release"))
        .await;
    assert_eq!((status, &released["outcome"]), (200, &json!("handled")));
    let (status, refused) = app
        .operate(Method::POST, &format!("/v1/parked/{OF_FLOW}/release"))
        .await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("PARKED_NOT_RELEASABLE"))
    );
    assert_eq!(
        app.operate(Method::DELETE, &format!("/v1/parked/{OF_FLOW}"))
            .await
            .0,
        200
    );
    let changes: Vec<String> = app
        .asked()
        .into_iter()
        .filter(|asked| !asked.contains("GET"))
        .collect();
    assert_eq!(
        changes,
        [
            format!("call-manager POST /v1/parked/{OF_CALL}/release"),
            format!("flow-manager POST /v1/parked/{OF_FLOW}/release"),
            format!("flow-manager DELETE /v1/parked/{OF_FLOW}"),
        ]
    );
}

#[tokio::test]
async fn an_unknown_id_is_not_there_only_when_everybody_has_said_so() {
    let app = App::start().await;
    let (status, body) = app.get(&format!("/v1/parked/{NOBODYS}")).await;
    assert_eq!(status, 503);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("outdial-manager")
    );
    app.roles.outdial_answers();
    let (status, body) = app.get(&format!("/v1/parked/{NOBODYS}")).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("NOT_FOUND")));
    assert_eq!(app.get("/v1/parked/nonsense").await.0, 404);
}

fn rows(body: &Value) -> &[Value] {
    body["result"].as_array().unwrap()
}

// === the gateway with four roles ===

/// What the roles have parked, and what they were asked.
#[derive(Default)]
struct Roles {
    asked: Mutex<Vec<String>>,
    outdial_answers: std::sync::atomic::AtomicBool,
}

impl Roles {
    fn outdial_answers(&self) {
        self.outdial_answers
            .store(true, std::sync::atomic::Ordering::SeqCst);
    }

    fn answer(&self, service: Service, request: &Request) -> Response {
        let kept = match service {
            Service::CALL => (OF_CALL, "2026-01-02T03:04:05.000001Z"),
            Service::FLOW => (OF_FLOW, "2026-01-02T03:04:05.000002Z"),
            Service::OUTDIAL
                if !self
                    .outdial_answers
                    .load(std::sync::atomic::Ordering::SeqCst) =>
            {
                return Response::bare(500);
            }
            // Chapter 02 §5.1: a route that is not known.
            _ => return Response::bare(404),
        };
        let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
        let row = json!({
            "id": kept.0,
            "tm_create": kept.1,
            "body": {"type": "call_hangup", "data": {"id": "x", "webhook_secret": "hidden"}},
        });
        let parameters: HashMap<&str, &str> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let one = format!("/v1/parked/{}", kept.0);
        match (request.method.as_str(), path) {
            ("GET", "/v1/parked") => {
                let token = parameters["page_token"].replace("%3A", ":");
                let older = token.is_empty() || kept.1 < token.as_str();
                Response::json(&Vec::from_iter(older.then_some(row)))
            }
            ("GET" | "DELETE", path) if path == one => Response::json(&row),
            ("POST", path) if path == format!("{one}/release") && service == Service::CALL => {
                Response::json(&json!({"id": kept.0, "outcome": "handled"}))
            }
            ("POST", path) if path == format!("{one}/release") => {
                Response::typed(&TypedError::new(
                    Status::FailedPrecondition,
                    "PARKED_NOT_RELEASABLE",
                    service.name(),
                    "only 10 of its 20 bytes are kept",
                ))
            }
            _ => Response::bare(404),
        }
    }
}

struct Role(Service, Arc<Roles>);

#[async_trait]
impl RequestHandler for Role {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).unwrap();
        let asked = format!("{} {} {}", self.0.name(), request.method, request.uri);
        self.1.asked.lock().unwrap().push(asked);
        Some(self.1.answer(self.0, &request).encode())
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
    operator: String,
    customer: String,
    running: Running,
    roles: Arc<Roles>,
    _consumers: Vec<Consumer>,
    _stop: tokio_util::sync::DropGuard,
}

impl App {
    async fn start() -> Self {
        let operator = CustomerId::random();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            operators: vec![operator],
            ..Config::default()
        };
        let bus = Arc::new(InProcess::new());
        let roles = Arc::new(Roles::default());
        let mut consumers = Vec::new();
        for service in [
            Service::CALL,
            Service::FLOW,
            Service::OUTDIAL,
            Service::ROUTE,
        ] {
            let queue = QueueSpec::new(service.request_queue(), 4);
            let role = Arc::new(Role(service, Arc::clone(&roles)));
            consumers.push(bus.serve(queue, role).await.unwrap());
        }
        let db: Arc<dyn Database> = Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
        let tokens = Tokens::new(Arc::clone(&db));
        let deps = Deps {
            bus,
            db,
            readiness: Arc::new(Ready),
            metrics: Metrics::default(),
        };
        let listener = bind(&config).await.unwrap();
        let stop = CancellationToken::new();
        Self {
            http: Client::builder().no_proxy().build().unwrap(),
            operator: tokens.make(operator, "operator").await.unwrap(),
            customer: tokens.make(CustomerId::random(), "customer").await.unwrap(),
            running: start(deps, config, listener, stop.clone()).unwrap(),
            roles,
            _consumers: consumers,
            _stop: stop.drop_guard(),
        }
    }

    async fn send(&self, token: &str, method: Method, path: &str) -> (u16, Value) {
        let url = format!("http://{}{path}", self.running.address());
        let request = self.http.request(method, url).bearer_auth(token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn operate(&self, method: Method, path: &str) -> (u16, Value) {
        self.send(&self.operator, method, path).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.operate(Method::GET, path).await
    }

    fn asked(&self) -> Vec<String> {
        self.roles.asked.lock().unwrap().clone()
    }
}
