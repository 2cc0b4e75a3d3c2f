//! The HTTP API over a real store and bus, with roles that answer what the test
//! says and remember what they were asked.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod events;
mod idempotency;

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{InProcess, QueueSpec, Request, RequestHandler, Response};
use trunkline_gateway::{
    Config, Deps, Metrics, Readiness, Report, Running, Standing, Tokens, bind, start,
};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Database, Statement};
use trunkline_store_sqlite::{SqliteDatabase, SystemClock};
use uuid::Uuid;

const ID: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001";
const LIST: &str = "0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0002";

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let app = App::start(|_, _| Some(Response::json(&json!([])))).await;
    for path in ["/v1/campaigns", "/v1/unheard-of", "/v1"] {
        for header in [
            "",
            "Bearer ",
            "Bearer tl_wrong",
            &format!("Basic {}", app.token),
        ] {
            let request = app.http.get(app.url(path)).header("authorization", header);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{path} {header}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["error"]["code"], "UNAUTHENTICATED");
        }
    }
    let response = app
        .http
        .patch(app.url("/v1/campaigns"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(app.asked(), []);
    assert_eq!(app.get("/v1/campaigns").await.0, 200);
}

#[tokio::test]
async fn health_needs_no_token() {
    let app = App::start(|_, _| None).await;
    for (path, status) in [("/healthz", 200), ("/readyz", 503)] {
        let response = app.http.get(app.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_flow_is_checked_and_nothing_stored() {
    let app = App::start(|_, _| Some(Response::json(&json!({})))).await;
    let check = async |body: Value| app.send(Method::POST, "/v1/flows/check", &body).await;
    let text = "steps:\n- tlak: hello\n- sleep: 1s\n";
    let (status, told) = check(json!({ "text": text })).await;
    assert_eq!((status, &told["ok"]), (200, &json!(false)));
    assert_eq!(
        told["findings"][0],
        json!({
            "severity": "error", "rule": "unknown_type", "index": 0, "line": 2, "field": "type",
            "message": "`tlak` is no type of action", "help": "did you mean `talk`?",
        })
    );
    assert_eq!(told["findings"][1]["rule"], "no_end");
    assert_eq!(told["findings"][1]["severity"], "warning");
    let good = json!([{"type": "talk", "option": {"text": "hi ${name}"}}, {"type": "hangup"}]);
    let (_, told) = check(json!({ "actions": good })).await;
    assert_eq!(told["ok"], true);
    assert_eq!(told["findings"][0]["rule"], "unset_variable");
    for (body, field) in [
        (json!({}), "text"),
        (json!({"text": "", "actions": []}), "actions"),
        (json!({"text": 7}), "text"),
        (json!({"flow": ""}), "flow"),
    ] {
        let (status, refused) = check(body).await;
        assert_eq!((status, &refused["error"]["field"]), (400, &json!(field)));
    }
    assert_eq!(app.asked(), []);
}

#[tokio::test]
async fn actions_that_cannot_work_are_refused_where_flows_and_campaigns_are_made() {
    let app = App::start(|_, request| Some(Response::json(&json!({"got": request.data})))).await;
    let campaign = |actions: &Value| json!({"type": "call", "name": "x", "end_handle": "stop", "actions": actions});
    for (action, field) in [
        (
            json!({"type": "talk", "option": {"text": ""}}),
            "option.text",
        ),
        (
            json!({"type": "sleep", "option": {"duration": "1s"}}),
            "option.duration",
        ),
        (json!({"type": "beep", "next_id": ID}), "next_id"),
    ] {
        let actions = json!([{"type": "answer"}, action]);
        for (path, body) in [
            ("/v1/flows", json!({"name": "x", "actions": actions})),
            ("/v1/campaigns", campaign(&actions)),
        ] {
            let (status, refused) = app.send(Method::POST, path, &body).await;
            let field = json!(format!("actions[1].{field}"));
            assert_eq!(
                (status, &refused["error"]["field"]),
                (400, &field),
                "{path}"
            );
        }
    }
    assert_eq!(app.asked(), []);
    // What is only odd passes: a variable that nobody sets, an end without a word.
    let odd = json!([{"type": "talk", "option": {"text": "hi ${name}"}}, {"type": "amd"}]);
    assert_eq!(
        app.send(Method::POST, "/v1/campaigns", &campaign(&odd))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn what_is_not_in_the_table_does_not_exist() {
    let app = App::start(|_, _| Some(Response::json(&json!({})))).await;
    for path in [
        "/v1/unheard-of",
        "/v1/calls/",
        &format!("/v1/calls/{ID}/health-check"),
        "/v1/campaigns/x/execute",
    ] {
        assert_eq!(app.get(path).await.0, 404, "{path}");
    }
    let response = app
        .request(Method::PATCH, "/v1/campaigns")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 405);
    let allow = response.headers()["allow"].to_str().unwrap().to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "METHOD_NOT_ALLOWED");
    assert_eq!(app.asked(), []);
}

#[tokio::test]
async fn a_create_carries_the_customer_of_the_token_and_checked_fields() {
    let app = App::start(|_, request| Some(Response::json(&json!({"got": request.data})))).await;
    let outplan = json!({"name": "spring", "source": {"type": "tel", "target": "+1 555 123 4567"}});
    let (status, body) = app.send(Method::POST, "/v1/outplans", &outplan).await;
    assert_eq!(status, 200);
    let expected = json!({
        "name": "spring",
        "source": {"type": "tel", "target": "+15551234567"},
        "customer_id": app.customer,
    });
    assert_eq!(body["got"], expected);
    assert_eq!(app.asked()[0].publisher, "api-manager");

    for (path, body, field) in [
        (
            "/v1/outplans",
            json!({"source": {"type": "tel", "target": "1234"}}),
            "source.target",
        ),
        ("/v1/outplans", json!({"nmae": "spring"}), "nmae"),
        (
            "/v1/outplans",
            json!({"try_interval": "60"}),
            "try_interval",
        ),
        ("/v1/outplans", json!({"customer_id": ID}), "customer_id"),
        ("/v1/campaigns", json!({"end_handle": "stop"}), "type"),
        (
            "/v1/calls",
            json!({"destinations": [{"type": "sip", "target": "ann"}]}),
            "destinations[0].target",
        ),
        (
            "/v1/flows",
            json!({"actions": [{"type": "tlak"}]}),
            "actions[0].type",
        ),
    ] {
        let (status, reply) = app.send(Method::POST, path, &body).await;
        assert_eq!(status, 400, "{path} {body}");
        assert_eq!(reply["error"]["field"], field, "{path} {body}");
    }
    assert_eq!(app.asked().len(), 1);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_its_position() {
    let app = App::start(|_, _| None).await;
    let request = app
        .request(Method::POST, "/v1/outplans")
        .body("{\"name\": \"spring\",\n  oops}");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "INVALID_JSON");
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("line 2 column 3"),
        "{body}"
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_announced_or_not() {
    let app = App::start(|_, _| None).await;
    let large = vec![b' '; Config::default().body_limit_bytes + 1];
    let announced = app
        .request(Method::POST, "/v1/outplans")
        .body(large.clone());
    assert_eq!(announced.send().await.unwrap().status(), 413);
    let chunked = app.chunked("/v1/outplans", &large).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
}

#[tokio::test]
async fn a_row_of_another_customer_is_no_row() {
    let other = Uuid::new_v4();
    let app =
        App::start(move |_, _| Some(Response::json(&json!({"id": ID, "customer_id": other}))))
            .await;
    let body = json!({"status": "run"});
    for (method, path) in [
        (Method::GET, format!("/v1/campaigns/{ID}")),
        (Method::PUT, format!("/v1/campaigns/{ID}/status")),
        (Method::DELETE, format!("/v1/campaigns/{ID}")),
        (Method::GET, format!("/v1/campaigns/{ID}/rules")),
        (Method::POST, format!("/v1/calls/{ID}/hangup")),
        (Method::GET, format!("/v1/customers/{other}")),
        (Method::GET, format!("/v1/outdials/{ID}/targets")),
    ] {
        let request = app.request(method.clone(), &path);
        let request = if method == Method::PUT {
            request.json(&body)
        } else {
            request
        };
        assert_eq!(
            request.send().await.unwrap().status(),
            404,
            "{method} {path}"
        );
    }
    assert!(
        app.asked().iter().all(|request| request.method == "GET"),
        "nothing was changed"
    );
}

#[tokio::test]
async fn a_row_that_has_no_customer_is_judged_by_what_it_belongs_to() {
    let app = App::start(|customer, request| {
        let row = if request.uri.starts_with("/v1/outdials/") {
            json!({"id": LIST, "customer_id": customer})
        } else {
            json!({"id": ID, "outdial_id": LIST, "name": "ann"})
        };
        Some(Response::json(&row))
    })
    .await;
    let (status, body) = app.get(&format!("/v1/outdialtargets/{ID}")).await;
    assert_eq!((status, &body["name"]), (200, &json!("ann")));

    let app = App::start(|_, request| {
        let row = if request.uri.starts_with("/v1/outdials/") {
            json!({"id": LIST, "customer_id": Uuid::new_v4()})
        } else {
            json!({"id": ID, "outdial_id": LIST, "name": "ann"})
        };
        Some(Response::json(&row))
    })
    .await;
    assert_eq!(app.get(&format!("/v1/outdialtargets/{ID}")).await.0, 404);
}

#[tokio::test]
async fn a_page_ends_where_the_time_changes_and_tells_the_next_token() {
    let app = App::start(|_, request| {
        let size = request.uri.split_once("page_size=").unwrap().1.split_once('&').unwrap().0;
        let size: i64 = size.parse().unwrap();
        let row = |n: i64| json!({"id": Uuid::new_v4(), "tm_create": format!("2026-01-02T03:04:{:02}Z", 59 - n)});
        Some(Response::json(&(0..size).map(row).collect::<Vec<_>>()))
    })
    .await;
    let (status, body) = app.get("/v1/campaigns?page_size=2&status=run").await;
    assert_eq!((status, body["result"].as_array().unwrap().len()), (200, 2));
    assert_eq!(body["next_page_token"], "2026-01-02T03:04:58.000000Z");
    let asked = &app.asked()[0];
    assert_eq!(asked.uri, "/v1/campaigns?page_size=3&page_token=");
    let filters: Value = serde_json::from_str(asked.data.as_deref().unwrap().get()).unwrap();
    assert_eq!(
        filters,
        json!({"customer_id": app.customer, "deleted": false, "status": "run"})
    );

    let (status, body) = app.get("/v1/campaigns?colour=red").await;
    assert_eq!((status, &body["error"]["field"]), (400, &json!("colour")));
    let (_, _) = app.get("/v1/outbound_configs").await;
    assert!(
        app.asked()[1]
            .uri
            .contains(&format!("customer_id={}", app.customer))
    );
}

#[tokio::test]
async fn fields_left_out_of_an_update_keep_their_value() {
    let app = App::start(|customer, request| {
        let row = json!({"id": ID, "customer_id": customer, "name": "spring", "detail": "d", "service_level": 100,
            "type": "call", "end_handle": "stop", "status": "stop"});
        let answer = if request.method == "GET" { row } else { json!({"got": request.data}) };
        Some(Response::json(&answer))
    })
    .await;
    let path = format!("/v1/campaigns/{}", ID.to_uppercase());
    let (_, body) = app
        .send(Method::PUT, &path, &json!({"name": "summer"}))
        .await;
    let expected = json!({"name": "summer", "detail": "d", "service_level": 100, "type": "call", "end_handle": "stop"});
    assert_eq!(body["got"], expected);
    assert_eq!(app.asked()[1].uri, format!("/v1/campaigns/{ID}"));
}

#[tokio::test]
async fn a_refusal_that_looks_like_success_is_a_conflict() {
    let app = App::start(|customer, request| {
        let row = json!({"id": ID, "customer_id": customer});
        Some(Response::json(&if request.method == "GET" {
            row
        } else {
            Value::Null
        }))
    })
    .await;
    let (status, body) = app
        .send(Method::DELETE, &format!("/v1/campaigns/{ID}"), &Value::Null)
        .await;
    assert_eq!(status, 409);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("stop it first"),
        "{body}"
    );
}

#[tokio::test]
async fn failures_of_roles_keep_their_meaning() {
    let app = App::start(|_, request| match request.uri.as_str() {
        uri if uri.starts_with("/v1/outplans") => None,
        uri if uri.starts_with("/v1/campaigns/") => {
            let error = TypedError::new(
                Status::NotFound,
                "CAMPAIGN_NOT_FOUND",
                "campaign-manager",
                "Not found.",
            );
            Some(Response::typed(&error))
        }
        _ => Some(Response::bare(400)),
    })
    .await;
    let (status, body) = app.get(&format!("/v1/campaigns/{ID}")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (404, &json!("NOT_FOUND")),
        "in the same words as another customer's"
    );
    assert_eq!(body["error"].get("domain"), None);
    assert_eq!(app.get("/v1/campaigncalls").await.0, 400);
    assert_eq!(app.get("/v1/outplans").await.0, 504);
    assert_eq!(app.get("/v1/agents").await.0, 503);
    assert_eq!(app.get("/v1/campaigns/not-an-id").await.0, 404);
}

#[tokio::test]
async fn what_everybody_shares_is_changed_by_operators_only() {
    let answer =
        |customer, _: &Request| Some(Response::json(&json!({"id": ID, "customer_id": customer})));
    let provider = json!({"hostname": "sip.example.com"});
    let spoofed = json!({
        "destinations": [{"type": "tel", "target": "+15551234567"}],
        "metadata": {"skip_source_validation": true},
    });
    let app = App::start(answer).await;
    assert_eq!(
        app.send(Method::POST, "/v1/providers", &provider).await.0,
        403
    );
    let (status, body) = app.send(Method::POST, "/v1/calls", &spoofed).await;
    assert_eq!(
        (status, &body["error"]["field"]),
        (403, &json!("metadata.skip_source_validation"))
    );
    assert_eq!(app.get(&format!("/v1/providers/{ID}")).await.0, 403);
    assert_eq!(app.asked(), []);

    let customer = CustomerId::random();
    let app = App::start_with(
        customer,
        Config {
            operators: vec![customer],
            ..config()
        },
        answer,
    )
    .await;
    assert_eq!(
        app.send(Method::POST, "/v1/providers", &provider).await.0,
        200
    );
    assert_eq!(app.send(Method::POST, "/v1/calls", &spoofed).await.0, 200);
    let body: Value = serde_json::from_str(app.asked()[0].data.as_deref().unwrap().get()).unwrap();
    assert_eq!(body, provider, "a shared row has no customer");
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let app = App::start(|customer, _| {
        Some(Response::json(
            &json!({"id": customer, "name": "Ann", "webhook_secret": "hidden"}),
        ))
    })
    .await;
    let (status, body) = app.get(&format!("/v1/customers/{}", app.customer)).await;
    assert_eq!(
        (status, body),
        (200, json!({"id": app.customer, "name": "Ann"}))
    );
}

#[tokio::test]
async fn the_first_token_is_made_once_and_only_its_hash_is_kept() {
    let db: Arc<dyn Database> = Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
    let tokens = Tokens::new(Arc::clone(&db));
    let customer = CustomerId::random();
    let text = tokens.first(customer).await.unwrap().unwrap();
    assert_eq!(tokens.first(customer).await.unwrap(), None);
    let standing = tokens.standing_of(&text).await.unwrap();
    assert!(matches!(standing, Standing::Good { customer: found, .. } if found == customer));
    let wrong = tokens.standing_of(&text[..text.len() - 1]).await.unwrap();
    assert_eq!(wrong, Standing::Unknown);
    let rows = db
        .query("SELECT * FROM trunkline_tokens", vec![])
        .await
        .unwrap();
    assert!(!format!("{rows:?}").contains(&text));
}

#[tokio::test]
async fn a_token_is_made_shown_once_listed_and_revoked() {
    let app = App::start(|_, _| Some(Response::json(&json!([])))).await;
    let asked = json!({"name": " ci ", "tm_expire": "2999-01-01T00:00:00Z"});
    let (status, made) = app.send(Method::POST, "/v1/tokens", &asked).await;
    assert_eq!((status, &made["name"]), (200, &json!("ci")), "{made}");
    let text = made["token"].as_str().unwrap().to_owned();
    let one = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    let (_, shown) = app.get(&one).await;
    assert_eq!((shown.get("token"), shown.get("hash")), (None, None));
    assert_eq!(shown["tm_expire"], made["tm_expire"]);
    let (_, page) = app.get("/v1/tokens?page_size=1").await;
    assert_eq!(page["result"], json!([shown]));
    let (_, rest) = app
        .get(&format!(
            "/v1/tokens?page_token={}",
            page["next_page_token"].as_str().unwrap()
        ))
        .await;
    assert_eq!(rest["result"][0]["name"], "first");

    let with = async |path: &str| {
        let request = app.http.get(app.url(path)).bearer_auth(&text);
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.json::<Value>().await.unwrap(),
        )
    };
    assert_eq!(with("/v1/campaigns").await.0, 200);
    assert_eq!(app.send(Method::DELETE, &one, &Value::Null).await.0, 200);
    let (status, refused) = with("/v1/campaigns").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("TOKEN_REVOKED"))
    );
    assert_eq!(app.send(Method::DELETE, &one, &Value::Null).await.0, 404);

    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "  "}), "name"),
        (
            json!({"name": "x", "tm_expire": "2001-01-01T00:00:00Z"}),
            "tm_expire",
        ),
        (json!({"name": "x", "tm_expire": "soon"}), "tm_expire"),
        (json!({"name": "x", "customer_id": 7}), "customer_id"),
    ] {
        let (status, refused) = app.send(Method::POST, "/v1/tokens", &body).await;
        assert_eq!(
            (status, &refused["error"]["field"]),
            (400, &json!(field)),
            "{body}"
        );
    }
    let other = json!({"name": "x", "customer_id": ID});
    assert_eq!(app.send(Method::POST, "/v1/tokens", &other).await.0, 403);
    let listed = app.get(&format!("/v1/tokens?customer_id={ID}")).await;
    assert_eq!(listed.0, 403);
}

#[tokio::test]
async fn an_expired_token_is_refused_and_says_so() {
    let db: Arc<dyn Database> = Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
    let app = App::start_on(Arc::clone(&db), CustomerId::random(), config(), |_, _| None).await;
    let sql = "UPDATE trunkline_tokens SET tm_expire = '2001-01-01 00:00:00.000000'";
    let batch = Batch::new().with(Statement::one(sql, vec![]));
    db.apply(batch).await.unwrap();
    let (status, refused) = app.get("/v1/campaigns").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("TOKEN_EXPIRED"))
    );
    assert_eq!(refused["error"]["docs"], "/docs/errors/TOKEN_EXPIRED");
    let page = app.http.get(app.url("/docs/errors/TOKEN_EXPIRED"));
    assert_eq!(page.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_store_is_not_read_for_every_request_and_uses_are_written_later() {
    let db: Arc<dyn Database> = Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
    let tokens = Tokens::new(Arc::clone(&db));
    let customer = CustomerId::random();
    let text = tokens.make(customer, "t").await.unwrap();
    tokens.standing_of(&text).await.unwrap();
    let sql = "DELETE FROM trunkline_tokens WHERE tm_last_used IS NULL";
    tokens.write_uses().await.unwrap();
    db.apply(Batch::new().with(Statement::any(sql, vec![])))
        .await
        .unwrap();
    let kept = db
        .query("SELECT 1 FROM trunkline_tokens", vec![])
        .await
        .unwrap();
    assert_eq!(kept.len(), 1, "its use was written");
    let sql = "DELETE FROM trunkline_tokens";
    db.apply(Batch::new().with(Statement::one(sql, vec![])))
        .await
        .unwrap();
    let standing = tokens.standing_of(&text).await.unwrap();
    assert!(matches!(standing, Standing::Good { .. }), "remembered");
    let forgetful = Tokens::new(db).remembering(std::time::Duration::ZERO);
    assert_eq!(
        forgetful.standing_of(&text).await.unwrap(),
        Standing::Unknown
    );
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_it_may_ask_again() {
    let config = Config {
        requests_per_second: 0.001,
        burst: 2,
        ..config()
    };
    let app = App::start_with(CustomerId::random(), config, |_, _| {
        Some(Response::json(&json!([])))
    })
    .await;
    assert_eq!(app.get("/v1/campaigns").await.0, 200);
    assert_eq!(app.get("/v1/campaigns").await.0, 200);
    let response = app
        .request(Method::GET, "/v1/campaigns")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1000");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "RATE_LIMITED");
    assert_eq!(app.asked().len(), 2);
}

#[tokio::test]
async fn a_body_must_be_json_and_not_larger_than_anybody_needs() {
    let app = App::start(|_, _| Some(Response::json(&json!({})))).await;
    let deep = |depth: usize| format!("{{\"data\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(300_000));
    let wide = format!("{{\"data\":[{}0]}}", "0,".repeat(10_000));
    for (body, kind, status, code) in [
        ("{}".to_owned(), "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "{}".to_owned(),
            "application/x-www-form-urlencoded",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("[]".to_owned(), "application/json", 400, "INVALID_JSON"),
        (deep(40), "application/json", 400, "JSON_LIMIT"),
        (deep(4_000), "application/json", 400, "JSON_LIMIT"),
        (deep(20), "application/json", 400, "INVALID_ARGUMENT"),
        (long, "application/json", 400, "JSON_LIMIT"),
        (wide, "application/json", 400, "JSON_LIMIT"),
        ("{}".to_owned(), "application/json; charset=utf-8", 200, ""),
    ] {
        let request = app.request(Method::POST, "/v1/outdials");
        let request = request.header("content-type", kind).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{kind} {code}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"].as_str().unwrap_or_default(), code);
    }
    let request = app.request(Method::GET, "/v1/outdials");
    let request = request.header("cookie", "x".repeat(20_000));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 431);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "HEADERS_TOO_LARGE");
}

#[tokio::test]
async fn a_taken_port_is_refused_with_the_option_to_change() {
    let app = App::start(|_, _| None).await;
    let taken = app.running.as_ref().unwrap().address();
    let config = Config {
        listen: taken,
        ..Config::default()
    };
    let error = bind(&config).await.unwrap_err().to_string();
    assert!(
        error.contains(&taken.to_string()) && error.contains("gateway.listen"),
        "{error}"
    );
    assert!(error.contains("another program uses the port"), "{error}");
}

#[tokio::test]
async fn a_stop_waits_for_the_answer_in_progress() {
    let stop = Arc::new(OnceLock::<CancellationToken>::new());
    let told = Arc::clone(&stop);
    let mut app = App::start(move |_, _| {
        told.get().unwrap().cancel();
        Some(Response::json(&json!([])))
    })
    .await;
    stop.set(app.stop.clone()).unwrap();
    let url = app.url("/healthz");
    assert_eq!(app.get("/v1/campaigns").await.0, 200);
    app.running.take().unwrap().stopped().await;
    assert!(app.http.get(url).send().await.is_err());
}

#[tokio::test]
async fn many_targets_are_read_at_once_with_a_limit_of_their_own() {
    let small = Config {
        body_limit_bytes: 1_000,
        bulk_body_limit_bytes: 5_000,
        ..config()
    };
    let app = App::start_with(CustomerId::random(), small, |customer, request| {
        Some(match request.method.as_str() {
            "GET" => Response::json(&json!({"id": LIST, "customer_id": customer})),
            _ => Response::json(&json!({"created": 1, "known": []})),
        })
    })
    .await;
    let bulk = format!("/v1/outdials/{LIST}/targets/bulk");
    let person = json!({"name": "x".repeat(2_000), "destination_0": {"type": "tel", "target": "+1 555 123 4567"}});
    let (status, reply) = app
        .send(Method::POST, &bulk, &json!({"targets": [person]}))
        .await;
    assert_eq!((status, &reply), (200, &json!({"created": 1, "known": []})));
    let asked = app.asked();
    assert_eq!(asked[1].uri, bulk);
    let body: Value = serde_json::from_str(asked[1].data.as_ref().unwrap().get()).unwrap();
    assert_eq!(body, json!({"targets": [person]}));

    let (status, reply) = app
        .send(
            Method::POST,
            &bulk,
            &json!({"targets": [person, person, person]}),
        )
        .await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (413, &json!("BODY_TOO_LARGE"))
    );
    let (status, reply) = app
        .send(Method::POST, &bulk, &json!({"targets": [{"nmae": "Ann"}]}))
        .await;
    assert_eq!(
        (status, &reply["error"]["field"]),
        (400, &json!("targets[0].nmae"))
    );
    let (status, _) = app
        .send(
            Method::POST,
            "/v1/outdialtargets/lookup",
            &json!({"ids": []}),
        )
        .await;
    assert_eq!(status, 405, "internal");
    assert_eq!(app.asked().len(), 2);
}

// === the app ===

type Answer = dyn Fn(CustomerId, &Request) -> Option<Response> + Send + Sync;

struct App {
    http: Client,
    token: String,
    customer: CustomerId,
    running: Option<Running>,
    roles: Arc<Roles>,
    stop: CancellationToken,
    _consumers: Vec<trunkline_bus::Consumer>,
}

struct Roles {
    customer: CustomerId,
    answer: Box<Answer>,
    asked: Mutex<Vec<Request>>,
}

#[async_trait]
impl RequestHandler for Roles {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).unwrap();
        let answer = (self.answer)(self.customer, &request);
        self.asked.lock().unwrap().push(request);
        answer.map(|answer| answer.encode())
    }
}

struct NotReady;

#[async_trait]
impl Readiness for NotReady {
    async fn report(&self) -> Report {
        Report {
            ready: false,
            parts: json!({}),
        }
    }
}

fn config() -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        request_timeout_ms: 500,
        ..Config::default()
    }
}

fn deps() -> Deps {
    Deps {
        bus: Arc::new(InProcess::new()),
        db: Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap()),
        readiness: Arc::new(NotReady),
        metrics: Metrics::default(),
    }
}

impl App {
    async fn start(
        answer: impl Fn(CustomerId, &Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(CustomerId::random(), config(), answer).await
    }

    async fn start_with(
        customer: CustomerId,
        config: Config,
        answer: impl Fn(CustomerId, &Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(deps().db, customer, config, answer).await
    }

    async fn start_on(
        db: Arc<dyn Database>,
        customer: CustomerId,
        config: Config,
        answer: impl Fn(CustomerId, &Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::start_in(Deps { db, ..deps() }, customer, config, answer).await
    }

    async fn start_with_bus(bus: Arc<dyn trunkline_bus::Bus>, config: Config) -> Self {
        let deps = Deps { bus, ..deps() };
        let app = Self::start_in(deps, CustomerId::random(), config, |_, _| None);
        app.await
    }

    async fn start_in(
        deps: Deps,
        customer: CustomerId,
        config: Config,
        answer: impl Fn(CustomerId, &Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let roles = Arc::new(Roles {
            customer,
            answer: Box::new(answer),
            asked: Mutex::default(),
        });
        let mut consumers = Vec::new();
        for service in [
            Service::CAMPAIGN,
            Service::OUTDIAL,
            Service::FLOW,
            Service::CALL,
            Service::CUSTOMER,
            Service::ROUTE,
        ] {
            let queue = QueueSpec::new(service.request_queue(), 4);
            // A test may serve one itself.
            let serving = deps.bus.serve(queue, Arc::clone(&roles) as _).await;
            consumers.extend(serving.ok());
        }
        let token = Tokens::new(Arc::clone(&deps.db))
            .make(customer, "first")
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let listener = bind(&config).await.unwrap();
        let running = start(deps, config, listener, stop.clone()).unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        Self {
            http,
            token,
            customer,
            running: Some(running),
            roles,
            stop,
            _consumers: consumers,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    fn address(&self) -> std::net::SocketAddr {
        self.running
            .as_ref()
            .map_or(([127, 0, 0, 1], 1).into(), Running::address)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, self.url(path))
            .bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        (
            response.status().as_u16(),
            response.json().await.unwrap_or_default(),
        )
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = self.request(method, path);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.json().await.unwrap_or_default(),
        )
    }

    /// Sends a body without saying how long it is.
    async fn chunked(&self, path: &str, body: &[u8]) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address())
            .await
            .unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
            self.token,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The answer may come before everything was sent.
        let _ = stream.write_all(body).await;
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    }

    fn asked(&self) -> Vec<Asked> {
        self.roles
            .asked
            .lock()
            .unwrap()
            .iter()
            .cloned()
            .map(Asked)
            .collect()
    }
}

/// A request that can be compared and printed.
#[derive(Clone, Debug)]
struct Asked(Request);

impl std::ops::Deref for Asked {
    type Target = Request;
    fn deref(&self) -> &Request {
        &self.0
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        (&self.uri, &self.method) == (&other.uri, &other.method)
    }
}
