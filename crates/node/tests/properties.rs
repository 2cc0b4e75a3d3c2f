//! Random requests to every route that the API describes, from a seed: nothing
//! makes a 500, and nothing of another customer is ever shown or touched.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::BTreeSet;

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use trunkline_gateway::Tokens;
use trunkline_model::id::CustomerId;
use trunkline_node::{Config, Environment, Flags, Node};

/// In every name and text of the first customer, and in no one else's.
const MARK: &str = "only-mine-4711";

/// Random requests to each route.
const TRIES: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_makes_a_500_and_nobody_sees_anothers_rows() {
    let app = App::start().await;
    let (mine, ids) = app.fill().await;
    let before = app.everything(&app.mine).await;
    let document = app.get(&app.mine, "/openapi.json").await.1;
    let mut random = Random(0x5eed_1234);
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
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
    assert!(routes > 80, "{routes} routes");
    // What the first customer has is as it was.
    assert_eq!(app.everything(&app.mine).await, before);
    assert!(mine > 0);
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_and_anothers_id_get_the_same_answer() {
    let app = App::start().await;
    let (_, ids) = app.fill().await;
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
    assert!(compared > 12, "{compared}");
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

    /// Rows of the first customer; how many, and the id of each by its path.
    async fn fill(&self) -> (usize, Vec<(String, String)>) {
        let make = async |path: &str, body: Value| {
            let (status, made) = self
                .send(&self.mine, Method::POST, path, Some(&body.to_string()))
                .await;
            assert_eq!(status, 200, "{path}: {made}");
            made["id"].as_str().unwrap_or_default().to_owned()
        };
        let mut ids = Vec::new();
        let outplan = make("/v1/outplans", json!({"name": MARK, "max_try_count_0": 1})).await;
        let outdial = make("/v1/outdials", json!({"name": MARK, "data": MARK})).await;
        let target =
            json!({"name": MARK, "destination_0": {"type": "tel", "target": "+15551231000"}});
        let target = make(&format!("/v1/outdials/{outdial}/targets"), target).await;
        let actions = json!([{"type": "talk", "option": {"text": MARK, "language": "en-US"}}]);
        let flow = make("/v1/flows", json!({"name": MARK, "actions": actions})).await;
        let campaign = json!({"type": "call", "name": MARK, "end_handle": "stop", "actions": actions, "outplan_id": outplan, "outdial_id": outdial});
        let campaign = make("/v1/campaigns", campaign).await;
        let provider = json!({"hostname": "sip.example.com"});
        let provider = make("/v1/providers", provider).await;
        let route = make(
            "/v1/routes",
            json!({"name": MARK, "provider_id": provider, "target": "all"}),
        )
        .await;
        let number = make(
            "/v1/numbers",
            json!({"name": MARK, "number": "+15551230001"}),
        )
        .await;
        let config = make("/v1/outbound_configs", json!({"name": MARK})).await;
        let agent = make("/v1/agents", json!({"name": MARK, "username": "ann"})).await;
        let token = make("/v1/tokens", json!({"name": MARK})).await;
        let customer = trunkline_companion::DEFAULT_CUSTOMER.to_string();
        for (path, id) in [
            ("/v1/outplans", outplan),
            ("/v1/outdials", outdial),
            ("/v1/outdialtargets", target),
            ("/v1/flows", flow),
            ("/v1/campaigns", campaign),
            ("/v1/routes", route),
            ("/v1/numbers", number),
            ("/v1/outbound_configs", config),
            ("/v1/agents", agent),
            ("/v1/tokens", token),
            ("/v1/customers", customer),
        ] {
            ids.push((path.to_owned(), id));
        }
        (ids.len(), ids)
    }

    /// Every row that a customer can list, but for when his tokens were used.
    async fn everything(&self, token: &str) -> BTreeSet<String> {
        let mut rows = BTreeSet::new();
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
        ] {
            let (status, page) = self.get(token, &format!("/v1/{path}?page_size=1000")).await;
            assert_eq!(status, 200, "{path}: {page}");
            rows.extend(
                page["result"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(Value::to_string),
            );
        }
        rows
    }
}
