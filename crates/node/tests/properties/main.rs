//! Random requests to every route that the API describes, from a seed: nothing
//! makes a 500, nothing of another customer is ever shown or touched, and what is
//! answered is as it is described.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod described;

use std::collections::BTreeSet;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use trunkline_gateway::Tokens;
use trunkline_model::activeflow::{self, Activeflow, Stack};
use trunkline_model::call::{self, Call};
use trunkline_model::campaigncall::{self, Campaigncall};
use trunkline_model::id::{AsteriskId, CustomerId, StackId};
use trunkline_model::recording::{self, Recording};
use trunkline_model::{Action, Address, Timestamp};
use trunkline_node::{Config, Environment, Flags, Node};
use trunkline_store::Batch;

/// In every name and text of the first customer, and in no one else's.
const MARK: &str = "only-mine-4711";

/// Random requests to each route.
const TRIES: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_makes_a_500_and_nobody_sees_anothers_rows() {
    let app = App::start().await;
    let ids = app.fill().await;
    let before = app.everything(&app.mine, &ids).await;
    let document = app.get(&app.mine, "/openapi.json").await.1;
    let mut random = Random(0x5eed_1234);
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // A stream has no end: it has a test of its own.
        if !path.starts_with("/v1/") || path == "/v1/events" {
            continue;
        }
        for (method, operation) in methods.as_object().unwrap() {
            routes += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            for turn in 0..TRIES {
                let path = random.path(path, &ids);
                let query = random.query(operation, &ids);
                let body = random.body(&document, operation, &ids);
                let url = format!("{path}{query}");
                let (status, answer) = app
                    .send(&app.other, method.clone(), &url, body.as_deref())
                    .await;
                let what = format!(
                    "{method} {url} {}: {status} {answer}",
                    body.as_deref()
                        .map_or("", |body| &body[..body.len().min(300)])
                );
                assert!(status != 500 && status != 502, "turn {turn}: {what}");
                let text = answer.to_string();
                assert!(!text.contains(MARK), "another's row: {what}");
                if status == 200 {
                    app.check_answer(&document, operation, &answer, &what);
                }
                if status >= 400 {
                    let error = &answer["error"];
                    assert!(
                        error["code"].is_string() && error["message"].is_string(),
                        "{what}"
                    );
                    assert!(
                        error["docs"].as_str().unwrap().starts_with("/docs/errors/"),
                        "{what}"
                    );
                }
            }
        }
    }
    assert!(routes > 100, "{routes} routes");
    // What the first customer has is as it was.
    let after = app.everything(&app.mine, &ids).await;
    let changed: Vec<&String> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "{changed:#?}");
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_with_rows_in_them_are_as_described() {
    let app = App::start().await;
    let ids = app.fill().await;
    let document = app.get(&app.mine, "/openapi.json").await.1;
    let mut rows = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let operation = &methods["get"];
        if !path.starts_with("/v1/") || described::of_answer(operation).is_none() {
            continue;
        }
        let of = |(of, _): &&(String, String)| path.starts_with(&format!("{of}/{{id}}"));
        let id = match ids.iter().find(of) {
            Some((_, id)) => id.clone(),
            None if path.starts_with("/v1/variables/") => continue,
            None => String::new(),
        };
        let (status, answer) = app.get(&app.mine, &path.replace("{id}", &id)).await;
        let what = format!("{path}: {status} {answer}");
        // Nothing is parked.
        if status == 404 && path.starts_with("/v1/parked/") {
            continue;
        }
        assert_eq!(status, 200, "{what}");
        app.check_answer(&document, operation, &answer, &what);
        rows += 1;
    }
    assert!(rows > 40, "{rows}");
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_is_asked_for_with_anything() {
    let app = App::start().await;
    let document = app.get(&app.mine, "/openapi.json").await.1;
    let operation = &document["paths"]["/v1/events"]["get"];
    let mut random = Random(0x5eed_5678);
    let ids = [("".to_owned(), "x".to_owned())];
    for _ in 0..TRIES {
        let url = format!("{}/v1/events{}", app.base, random.query(operation, &ids));
        let last = ["", "x", "0-0", "18446744073709551616-1", "%00"];
        let request = app.http.get(&url).bearer_auth(&app.other);
        let request = request.header("Last-Event-ID", *random.one(&last));
        // Its head is enough: a stream goes on.
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert!(matches!(status, 200 | 400), "{url}: {status}");
    }
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_and_anothers_id_get_the_same_answer() {
    let app = App::start().await;
    let ids = app.fill().await;
    let document = app.get(&app.mine, "/openapi.json").await.1;
    let unknown = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
    let mut compared = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(id) = ids
            .iter()
            .find(|(of, _)| path.starts_with(&format!("{of}/{{id}}")))
        else {
            continue;
        };
        for method in ["get", "delete"] {
            if methods.get(method).is_none() {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let mut told = Vec::new();
            for id in [unknown, &id.1] {
                let (status, answer) = app
                    .send(&app.other, method.clone(), &path.replace("{id}", id), None)
                    .await;
                told.push((status, answer.to_string().replace(id, "<id>")));
            }
            assert_eq!(told[0], told[1], "{method} {path}");
            assert!(
                matches!(told[0].0, 403 | 404),
                "{method} {path}: {}",
                told[0].1
            );
            compared += 1;
        }
    }
    assert!(compared > 25, "{compared}");
    app.node.stop().await;
}

// === random requests ===

/// SplitMix64: the same requests in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len());
        &of[at]
    }

    fn id(&mut self, ids: &[(String, String)]) -> String {
        let known: Vec<&str> = ids.iter().map(|(_, id)| id.as_str()).collect();
        match self.below(4) {
            0 => "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001".to_owned(),
            1 => "00000000-0000-0000-0000-000000000000".to_owned(),
            _ => (*self.one(&known)).to_owned(),
        }
    }

    fn path(&mut self, template: &str, ids: &[(String, String)]) -> String {
        let wrong = ["x", "%00", "..%2f..", "%F0%9F%A6%80", "0"];
        let id = if self.below(6) == 0 {
            (*self.one(&wrong)).to_owned()
        } else {
            self.id(ids)
        };
        template.replace("{id}", &id)
    }

    fn query(&mut self, operation: &Value, ids: &[(String, String)]) -> String {
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "query" || self.below(3) == 0 {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            let id = self.id(ids);
            let values = [
                id.as_str(),
                "",
                "7",
                "true",
                "-1",
                "99999999999999999999",
                "%27%20OR%201%3D1",
                "%00",
                "2026-01-02T03:04:05Z",
                "%F0%9F%A6%80",
            ];
            query.push(format!("{name}={}", self.one(&values)));
        }
        if self.below(8) == 0 {
            query.push("customer_id=7472756e-6b6c-4000-8000-64656661756c".to_owned());
        }
        if query.is_empty() {
            return String::new();
        }
        format!("?{}", query.join("&"))
    }

    fn body(
        &mut self,
        document: &Value,
        operation: &Value,
        ids: &[(String, String)],
    ) -> Option<String> {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        match self.below(12) {
            0 => Some("[1,2".to_owned()),
            1 => Some(format!("{}{}", "[".repeat(500), "]".repeat(500))),
            2 => Some("\"text\"".to_owned()),
            3 => Some("{\"name\": 1e999}".to_owned()),
            _ if schema.is_null() => None,
            4 => Some("{}".to_owned()),
            _ => Some(self.value(document, schema, ids, 0).to_string()),
        }
    }

    /// A value that may fit the schema, or not.
    fn value(
        &mut self,
        document: &Value,
        schema: &Value,
        ids: &[(String, String)],
        depth: usize,
    ) -> Value {
        if self.below(9) == 0 {
            return self.anything(depth);
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let found = document.pointer(reference.trim_start_matches('#')).unwrap();
            if let (Some(example), true) = (found["examples"].get(0), self.below(2) == 0) {
                return example.clone();
            }
            return self.value(document, found, ids, depth + 1);
        }
        if let Some(words) = schema["enum"].as_array() {
            return self.one(words).clone();
        }
        let kind = schema["type"]
            .as_str()
            .or(schema["type"][0].as_str())
            .unwrap_or("object");
        match kind {
            "string" if schema["format"] == "uuid" => json!(self.id(ids)),
            "string" if schema["format"] == "date-time" => json!("2030-01-02T03:04:05Z"),
            "string" => match schema["examples"].as_array() {
                Some(examples) if self.below(3) > 0 => self.one(examples).clone(),
                _ => self.text(),
            },
            "integer" => {
                let numbers = [
                    schema["minimum"].clone(),
                    schema["maximum"].clone(),
                    json!(1),
                    json!(i64::MAX),
                    json!(-1),
                ];
                self.one(&numbers).clone()
            }
            "number" => self
                .one(&[json!(0.5), json!(1e300), json!(-1), json!(7)])
                .clone(),
            "boolean" => json!(self.below(2) == 0),
            "array" => {
                let count = self.below(3);
                let items =
                    (0..count).map(|_| self.value(document, &schema["items"], ids, depth + 1));
                Value::Array(items.collect())
            }
            _ => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let mut object = Map::new();
                for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                    let must = required.iter().any(|one| one == name);
                    if self.below(if must { 10 } else { 2 }) > 0 || (must && self.below(2) == 0) {
                        object.insert(name.clone(), self.value(document, field, ids, depth + 1));
                    }
                }
                if self.below(12) == 0 {
                    object.insert("unheard-of".to_owned(), json!(1));
                }
                Value::Object(object)
            }
        }
    }

    fn text(&mut self) -> Value {
        let long = "long ".repeat(2_000);
        let texts = [
            "",
            "a",
            "\u{0}",
            "🦀 ünïcödé \u{202e}",
            "'; DROP TABLE call_calls; --",
            "${voipbin.call.id}",
            "<script>",
            &long,
        ];
        json!(self.one(&texts))
    }

    fn anything(&mut self, depth: usize) -> Value {
        if depth < 3 && self.below(4) == 0 {
            return json!({"a": [self.anything(depth + 1)]});
        }
        let values = [
            json!(null),
            json!(true),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!("x"),
            json!([]),
            json!({}),
            json!([[[[null]]]]),
        ];
        self.one(&values).clone()
    }
}

// === the app ===

struct App {
    node: Node,
    http: Client,
    base: String,
    mine: String,
    other: String,
    _folder: TempDir,
}

impl App {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::load(&Flags::default(), &Environment::default()).unwrap();
        config.data_dir = folder.path().join("data");
        config.gateway.listen = ([127, 0, 0, 1], 0).into();
        config.gateway.requests_per_second = 0.0;
        config.metrics.listen = ([127, 0, 0, 1], 0).into();
        config.asterisk.clear();
        let roles = config.roles.iter().copied();
        config.roles = roles
            .filter(|role| *role != trunkline_node::Role::AsteriskProxy)
            .collect();
        let mut node = Node::start(config).await.unwrap();
        let mine = node.take_first_token().unwrap();
        let tokens = Tokens::new(node.db());
        let other = tokens.make(CustomerId::random(), "other").await.unwrap();
        Self {
            base: format!("http://{}", node.gateway_address().unwrap()),
            http: Client::builder().no_proxy().build().unwrap(),
            node,
            mine,
            other,
            _folder: folder,
        }
    }

    async fn send(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> (u16, Value) {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(token);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_owned()),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        self.send(token, Method::GET, path, None).await
    }

    /// Panics if an answer with 200 is not as it is described.
    fn check_answer(&self, document: &Value, operation: &Value, answer: &Value, what: &str) {
        let Some(schema) = described::of_answer(operation) else {
            return;
        };
        let found = described::check(document, schema, answer, "answer");
        assert!(found.is_ok(), "{}\n{what:.2000}", found.unwrap_err());
    }

    async fn make(&self, path: &str, body: Value) -> String {
        let (status, made) = self
            .send(&self.mine, Method::POST, path, Some(&body.to_string()))
            .await;
        assert_eq!(status, 200, "{path}: {made}");
        made["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Rows of the first customer: the id of one by the path of each resource.
    async fn fill(&self) -> Vec<(String, String)> {
        let actions = json!([{"type": "talk", "option": {"text": MARK, "language": "en-US"}}]);
        let outplan = self.make("/v1/outplans", json!({"name": MARK, "max_try_count_0": 1}));
        let outplan = outplan.await;
        let outdial = json!({"name": MARK, "data": MARK});
        let outdial = self.make("/v1/outdials", outdial).await;
        let target =
            json!({"name": MARK, "destination_0": {"type": "tel", "target": "+15551231000"}});
        let targets = format!("/v1/outdials/{outdial}/targets");
        let target = self.make(&targets, target).await;
        let campaign = json!({"type": "call", "name": MARK, "end_handle": "stop", "actions": actions, "outplan_id": outplan, "outdial_id": outdial});
        let provider = json!({"hostname": "sip.example.com"});
        let provider = self.make("/v1/providers", provider).await;
        let trunk = json!({"name": MARK, "host": "sip.example.com", "username": "me", "password": "only-here-4711"});
        let mut ids = vec![
            ("/v1/outplans", outplan),
            ("/v1/outdials", outdial),
            ("/v1/outdialtargets", target),
            ("/v1/providers", provider.clone()),
        ];
        for (path, body) in [
            ("/v1/campaigns", campaign),
            ("/v1/flows", json!({"name": MARK, "actions": actions})),
            (
                "/v1/routes",
                json!({"name": MARK, "provider_id": provider, "target": "all"}),
            ),
            (
                "/v1/numbers",
                json!({"name": MARK, "number": "+15551230001"}),
            ),
            ("/v1/outbound_configs", json!({"name": MARK})),
            ("/v1/agents", json!({"name": MARK, "username": "ann"})),
            ("/v1/tokens", json!({"name": MARK})),
            ("/v1/trunks", trunk),
            ("/v1/phones", json!({"name": MARK, "extension": "4711"})),
        ] {
            ids.push((path, self.make(path, body).await));
        }
        ids.extend(self.fill_with_a_call().await);
        let customer = trunkline_companion::DEFAULT_CUSTOMER;
        let (_, customer_row) = self
            .get(&self.mine, &format!("/v1/customers/{customer}"))
            .await;
        let account = customer_row["billing_account_id"].as_str().unwrap();
        ids.push(("/v1/accounts", account.to_owned()));
        ids.push(("/v1/customers", customer.to_string()));
        ids.into_iter()
            .map(|(path, id)| (path.to_owned(), id))
            .collect()
    }

    /// What only calls leave behind: straight into the store, for nobody can be
    /// called here.
    async fn fill_with_a_call(&self) -> Vec<(&'static str, String)> {
        let now: Option<Timestamp> = "2026-03-01T10:00:00.5Z".parse().ok();
        let mine = trunkline_companion::DEFAULT_CUSTOMER;
        let mark = Address {
            name: MARK.to_owned(),
            ..Address::tel("+15551231000")
        };
        let option = json!({"text": MARK}).as_object().cloned();
        let action = Action {
            kind: "talk".into(),
            option,
            ..Action::default()
        };
        let stack = Stack {
            id: StackId::MAIN,
            actions: vec![action.clone()],
            ..Stack::default()
        };
        let activeflow = Activeflow {
            id: uuid::Uuid::from_u128(0xa1).into(),
            customer_id: mine,
            status: activeflow::Status::Ended,
            reference_type: activeflow::ReferenceType::Call,
            stack_map: [(StackId::MAIN, stack)].into(),
            current_action: action.clone(),
            executed_actions: vec![action.clone()],
            execute_count: 1,
            tm_create: now,
            tm_update: now,
            ..Activeflow::default()
        };
        let recording = Recording {
            id: uuid::Uuid::from_u128(0xa2).into(),
            customer_id: mine,
            reference_type: recording::ReferenceType::Call,
            reference_id: uuid::Uuid::from_u128(0xa3).into(),
            status: recording::Status::Ended,
            format: recording::WAV.to_owned(),
            recording_name: MARK.to_owned(),
            filenames: vec![format!("{MARK}_in.wav")],
            asterisk_id: AsteriskId("00:11:22:33:44:55".to_owned()),
            tm_start: now,
            tm_end: now,
            tm_create: now,
            tm_update: now,
            ..Recording::default()
        };
        let call = Call {
            id: uuid::Uuid::from_u128(0xa3).into(),
            customer_id: mine,
            activeflow_id: activeflow.id,
            kind: call::Type::Flow,
            source: mark.clone(),
            destination: mark.clone(),
            recording_ids: vec![recording.id],
            status: call::Status::Hangup,
            hangup_by: call::HangupBy::Remote,
            hangup_reason: call::HangupReason::Normal,
            direction: call::Direction::Outgoing,
            action,
            tm_ringing: now,
            tm_progressing: now,
            tm_hangup: now,
            tm_create: now,
            tm_update: now,
            ..Call::default()
        };
        let campaigncall = Campaigncall {
            id: uuid::Uuid::from_u128(0xa4).into(),
            customer_id: mine,
            reference_type: campaigncall::ReferenceType::Call,
            reference_id: uuid::Uuid::from_u128(0xa3).into(),
            status: campaigncall::Status::Done,
            result: campaigncall::Outcome::Success,
            source: Some(mark.clone()),
            destination: Some(mark),
            try_count: 1,
            tm_create: now,
            tm_update: now,
            ..Campaigncall::default()
        };
        let rows = Batch::new()
            .with(trunkline_store::activeflow::insert(&activeflow))
            .with(trunkline_store::recording::insert(&recording))
            .with(trunkline_store::call::insert(&call))
            .with(trunkline_store::campaigncall::insert(&campaigncall));
        self.node.db().apply(rows).await.unwrap();
        vec![
            ("/v1/activeflows", activeflow.id.to_string()),
            ("/v1/recordings", recording.id.to_string()),
            ("/v1/calls", call.id.to_string()),
            ("/v1/campaigncalls", campaigncall.id.to_string()),
        ]
    }

    /// Every row that a customer can list or ask for.
    async fn everything(&self, token: &str, ids: &[(String, String)]) -> BTreeSet<String> {
        let mut rows = BTreeSet::new();
        for (path, id) in ids {
            let path = format!("{path}/{id}");
            let (status, mut row) = self.get(token, &path).await;
            assert_eq!(status, 200, "{path}: {row}");
            rows.insert(settled(&mut row));
        }
        let customer = trunkline_companion::DEFAULT_CUSTOMER;
        let limits = format!("/v1/customers/{customer}/limits");
        rows.insert(self.get(token, &limits).await.1.to_string());
        for path in [
            "campaigns",
            "outplans",
            "outdials",
            "flows",
            "calls",
            "numbers",
            "routes",
            "agents",
            "outbound_configs",
            "activeflows",
            "campaigncalls",
            "recordings",
            "trunks",
            "phones",
            "tokens",
        ] {
            let (status, page) = self.get(token, &format!("/v1/{path}?page_size=1000")).await;
            assert_eq!(status, 200, "{path}: {page}");
            let listed = page["result"].as_array().unwrap();
            assert!(!listed.is_empty(), "{path}");
            rows.extend(listed.iter().map(|row| settled(&mut row.clone())));
        }
        rows
    }
}

/// A row without what changes by itself: when a token was used, and what is known
/// of a trunk's registration.
fn settled(row: &mut Value) -> String {
    let fields = row.as_object_mut().unwrap();
    fields.retain(|name, _| !matches!(name.as_str(), "tm_last_used" | "registration"));
    row.to_string()
}
