//! The HTTP API before the real roles.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_gateway::Tokens;
use trunkline_model::Timestamp;
use trunkline_model::call::{Call, Status};
use trunkline_model::id::{CallId, CustomerId};
use trunkline_node::{Config, Environment, Flags, Node};
use trunkline_store::{Batch, call as calls};

const LISTS: &[&str] = &[
    "/v1/campaigns",
    "/v1/campaigncalls",
    "/v1/outplans",
    "/v1/outdials",
    "/v1/flows",
    "/v1/activeflows",
    "/v1/calls",
    "/v1/outbound_configs",
    "/v1/numbers",
    "/v1/routes",
    "/v1/providers",
    "/v1/agents",
    "/v1/trunks",
    "/v1/phones",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_list_and_filter_of_the_api_is_known_to_its_role() {
    let app = App::start().await;
    let me = app.caller(&app.token);
    for path in LISTS {
        let (_, refused) = me.get(&format!("{path}?unheard-of=1")).await;
        let message = refused["error"]["message"].as_str().unwrap().to_owned();
        let known = message.split_once("parameters are: ").unwrap().1;
        for name in known.split(", ") {
            let value = match name {
                "page_size" => "7",
                "page_token" => "2026-01-02T03:04:05Z",
                "deleted" => "true",
                _ => "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001",
            };
            let (status, body) = me.get(&format!("{path}?{name}={value}")).await;
            assert_eq!(
                (status, &body["result"]),
                (200, &json!([])),
                "{path} {name}: {body}"
            );
        }
    }
    assert_eq!(me.get("/v1/asterisks").await.0, 200);
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_made_changed_run_and_seen_by_its_customer_only() {
    let app = App::start().await;
    let (me, other) = (app.caller(&app.token), app.caller(&app.other_token().await));

    let outplan = json!({"name": "plan", "source": tel("+15551230001"), "max_try_count_0": 3, "try_interval": 60_000});
    let outplan = me.make("/v1/outplans", &outplan).await;
    let outdial = me.make("/v1/outdials", &json!({"name": "people"})).await;
    let targets = format!("/v1/outdials/{}/targets", id(&outdial));
    for n in 0..3 {
        let destination = tel(&format!("+1555123100{n}"));
        me.make(
            &targets,
            &json!({"name": format!("person {n}"), "destination_0": destination}),
        )
        .await;
    }
    let campaign = json!({
        "type": "call", "name": "spring", "end_handle": "stop", "service_level": 100,
        "actions": [{"type": "talk", "option": {"text": "hello", "language": "en-US"}}],
        "outplan_id": outplan["id"], "outdial_id": outdial["id"],
    });
    let campaign = me.make("/v1/campaigns", &campaign).await;
    let one = format!("/v1/campaigns/{}", id(&campaign));

    // Pages.
    let mut seen = 0;
    let mut token = String::new();
    loop {
        let (status, page) = me
            .get(&format!("{targets}?page_size=2&page_token={token}"))
            .await;
        assert_eq!(status, 200, "{page}");
        seen += page["result"].as_array().unwrap().len();
        token = page["next_page_token"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 3);

    // Changes of a part.
    let (status, changed) = me.send(Method::PUT, &one, &json!({"name": "summer"})).await;
    assert_eq!(
        (status, &changed["name"], &changed["service_level"]),
        (200, &json!("summer"), &json!(100))
    );
    let (status, rules) = me
        .send(
            Method::PUT,
            &format!("{one}/rules"),
            &json!({"calls_per_second": 5.0}),
        )
        .await;
    assert_eq!(
        (status, &rules["calls_per_second"], &rules["max_concurrent"]),
        (200, &json!(5.0), &json!(20))
    );
    let (_, rules) = me
        .send(
            Method::PUT,
            &format!("{one}/rules"),
            &json!({"max_concurrent": 3}),
        )
        .await;
    assert_eq!(
        (&rules["calls_per_second"], &rules["max_concurrent"]),
        (&json!(5.0), &json!(3))
    );
    let (status, running) = me
        .send(
            Method::PUT,
            &format!("{one}/status"),
            &json!({"status": "run"}),
        )
        .await;
    assert_eq!(
        (status, &running["status"]),
        (200, &json!("run")),
        "{running}"
    );
    let (status, refused) = me.send(Method::DELETE, &one, &Value::Null).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("CAMPAIGN_NOT_STOPPED"))
    );

    // Nobody else sees or touches any of it.
    for path in [
        &one,
        &format!("/v1/outplans/{}", id(&outplan)),
        &format!("/v1/outdials/{}", id(&outdial)),
        &targets,
    ] {
        assert_eq!(me.get(path).await.0, 200, "{path}");
        assert_eq!(other.get(path).await.0, 404, "{path}");
    }
    assert_eq!(
        other
            .send(
                Method::PUT,
                &format!("{one}/status"),
                &json!({"status": "stop"})
            )
            .await
            .0,
        404
    );
    assert_eq!(other.send(Method::DELETE, &one, &Value::Null).await.0, 404);
    for path in ["/v1/campaigns", "/v1/outplans", "/v1/outdials", "/v1/flows"] {
        assert_eq!(other.get(path).await.1["result"], json!([]), "{path}");
    }
    assert_eq!(me.get(&one).await.1["status"], json!("run"));
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_enters_who_carries_calls_and_others_may_not() {
    let app = App::start().await;
    let (me, other) = (app.caller(&app.token), app.caller(&app.other_token().await));
    let provider = me
        .make(
            "/v1/providers",
            &json!({"hostname": "127.0.0.1:5070", "name": "trunk"}),
        )
        .await;
    let route = json!({"provider_id": provider["id"], "target": "all"});
    let route = me.make("/v1/routes", &route).await;
    let number = me
        .make("/v1/numbers", &json!({"number": "+15551230001"}))
        .await;
    let config = json!({"destination_whitelist": ["US"], "codecs": "PCMU"});
    let config = me.make("/v1/outbound_configs", &config).await;
    assert_eq!(config["destination_whitelist"], json!(["us"]));
    assert_eq!(
        me.send(Method::POST, "/v1/outbound_configs", &json!({}))
            .await
            .0,
        409
    );

    for (path, body) in [
        ("/v1/providers", json!({"hostname": "x"})),
        (
            "/v1/routes",
            json!({"provider_id": provider["id"], "target": "all"}),
        ),
        ("/v1/numbers", json!({"number": "+15551230002"})),
    ] {
        assert_eq!(other.send(Method::POST, path, &body).await.0, 403, "{path}");
    }
    for (path, row) in [
        ("/v1/routes", &route),
        ("/v1/numbers", &number),
        ("/v1/outbound_configs", &config),
    ] {
        let one = format!("{path}/{}", id(row));
        assert_eq!(
            (me.get(&one).await.0, other.get(&one).await.0),
            (200, 404),
            "{path}"
        );
    }
    let spare = me
        .make("/v1/providers", &json!({"hostname": "127.0.0.1:5071"}))
        .await;
    let one = format!("/v1/providers/{}", id(&spare));
    assert_eq!(me.send(Method::DELETE, &one, &Value::Null).await.0, 200);
    for (query, left) in [
        ("", &provider),
        ("?deleted=false", &provider),
        ("?deleted=true", &spare),
    ] {
        let list = format!("/v1/providers{query}");
        assert_eq!(other.get(&list).await.0, 403, "a trunk's has its number");
        let (_, list) = me.get(&list).await;
        let ids: Vec<&str> = list["result"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids, [id(left)], "{query}");
    }
    let customer = format!("/v1/customers/{}", trunkline_companion::DEFAULT_CUSTOMER);
    let (status, row) = me.get(&customer).await;
    assert_eq!((status, row.get("webhook_secret")), (200, None));
    assert_eq!(other.get(&customer).await.0, 404);
    let account = format!("/v1/accounts/{}", trunkline_companion::DEFAULT_ACCOUNT);
    assert_eq!(
        (me.get(&account).await.0, other.get(&account).await.0),
        (200, 404)
    );
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_have_trunks_and_everybody_has_phones() {
    let app = App::start().await;
    let (me, other) = (app.caller(&app.token), app.caller(&app.other_token().await));
    let wanted =
        json!({"name": "carrier", "host": "127.0.0.1", "username": "u", "password": "hidden-1"});
    let (status, refused) = other.send(Method::POST, "/v1/trunks", &wanted).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("PERMISSION_DENIED"))
    );
    let trunk = me.make("/v1/trunks", &wanted).await;
    let one = format!("/v1/trunks/{}", id(&trunk));
    assert_eq!(trunk["has_password"], true);
    // A password that is left out stays, and no answer shows it.
    let (status, changed) = me.send(Method::PUT, &one, &json!({"port": 5070})).await;
    assert_eq!(
        (status, &changed["port"], &changed["has_password"]),
        (200, &json!(5070), &json!(true))
    );
    let (_, list) = me.get("/v1/trunks").await;
    let (_, shown) = me.get(&one).await;
    for answer in [&trunk, &changed, &list, &shown] {
        assert!(!answer.to_string().contains("hidden"), "{answer}");
    }
    let (status, wrong) = me.send(Method::PUT, &one, &json!({"host": "a;b"})).await;
    assert_eq!((status, &wrong["error"]["field"]), (400, &json!("host")));
    assert_eq!(other.get(&one).await.0, 404);
    let (status, report) = me
        .send(Method::POST, &format!("{one}/test"), &json!({}))
        .await;
    assert_eq!((status, &report["result"]), (200, &json!("no_asterisk")));

    let phone = other
        .make("/v1/phones", &json!({"extension": "1001"}))
        .await;
    assert!(phone["generated_password"].is_string(), "{phone}");
    let path = format!("/v1/phones/{}", id(&phone));
    let (status, shown) = other.get(&path).await;
    assert_eq!((status, shown.get("generated_password")), (200, None));
    assert_eq!(me.get(&path).await.0, 404);
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_kept_and_checked() {
    let app = App::start().await;
    let me = app.caller(&app.token);
    let flow = me
        .make(
            "/v1/flows",
            &json!({"name": "f", "actions": [{"type": "answer"}]}),
        )
        .await;
    assert_eq!(flow["persist"], json!(true));
    let one = format!("/v1/flows/{}", id(&flow));
    let (status, changed) = me.send(Method::PUT, &one, &json!({"detail": "d"})).await;
    assert_eq!(
        (status, &changed["name"], &changed["actions"][0]["type"]),
        (200, &json!("f"), &json!("answer"))
    );
    let (status, refused) = me
        .send(
            Method::PUT,
            &format!("{one}/actions"),
            &json!({"actions": [{"type": "x"}]}),
        )
        .await;
    assert_eq!(
        (status, &refused["error"]["field"]),
        (400, &json!("actions[0].type"))
    );
    assert_eq!(me.send(Method::DELETE, &one, &Value::Null).await.0, 200);
    assert_eq!(me.get("/v1/flows").await.1["result"], json!([]));
    let unknown = "/v1/variables/0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
    assert_eq!(me.get(unknown).await.0, 404);
    app.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_what_is_not_recorded_is_refused_with_its_reason() {
    let app = App::start().await;
    let me = app.caller(&app.token);
    let call = Call {
        id: CallId::random(),
        customer_id: DEFAULT_CUSTOMER,
        status: Status::Progressing,
        tm_create: Some(Timestamp::system_now()),
        ..Call::default()
    };
    let batch = Batch::new().with(calls::insert(&call));
    app.node.db().apply(batch).await.unwrap();
    let path = format!("/v1/calls/{}/recording_stop", call.id);
    let (status, told) = me.send(Method::POST, &path, &Value::Null).await;
    let error = &told["error"];
    assert_eq!((status, &error["code"]), (409, &json!("CALL_NOT_RECORDED")));
    assert_eq!(error["docs"], "/docs/errors/CALL_NOT_RECORDED");
    let page = me
        .http
        .get(format!("{}/docs/errors/CALL_NOT_RECORDED", me.base));
    assert_eq!(page.send().await.unwrap().status(), 200);
    app.node.stop().await;
}

struct App {
    node: Node,
    token: String,
    _folder: TempDir,
}

struct Caller {
    http: Client,
    base: String,
    token: String,
}

impl App {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let flags = Flags {
            data_dir: Some(folder.path().to_owned()),
            listen: Some("127.0.0.1:0".to_owned()),
            metrics_listen: Some("127.0.0.1:0".to_owned()),
            // Nobody listens there.
            asterisk: vec!["http://127.0.0.1:1".to_owned()],
            ..Flags::default()
        };
        let mut node = Node::start(Config::load(&flags, &Environment::default()).unwrap())
            .await
            .unwrap();
        let token = node.take_first_token().unwrap();
        Self {
            node,
            token,
            _folder: folder,
        }
    }

    /// A token of a customer who has nothing.
    async fn other_token(&self) -> String {
        Tokens::new(self.node.db())
            .make(CustomerId::random(), "other")
            .await
            .unwrap()
    }

    fn caller(&self, token: &str) -> Caller {
        let base = format!("http://{}", self.node.gateway_address().unwrap());
        Caller {
            http: Client::builder().no_proxy().build().unwrap(),
            base,
            token: token.to_owned(),
        }
    }
}

impl Caller {
    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, &Value::Null).await
    }

    async fn make(&self, path: &str, body: &Value) -> Value {
        let (status, made) = self.send(Method::POST, path, body).await;
        assert_eq!(status, 200, "{path} {body}: {made}");
        made
    }
}

fn tel(number: &str) -> Value {
    json!({"type": "tel", "target": number})
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}
