//! Requests with an idempotency key.

use super::*;

fn keyed(app: &App, path: &str, key: &str, body: &Value) -> reqwest::RequestBuilder {
    let request = app.request(Method::POST, path).json(body);
    request.header("idempotency-key", key)
}

async fn told(request: reqwest::RequestBuilder) -> (u16, bool, Value) {
    let response = request.send().await.unwrap();
    let replayed = response.headers().contains_key("idempotency-replayed");
    let status = response.status().as_u16();
    (status, replayed, response.json().await.unwrap())
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_another_body_is_refused() {
    let db: Arc<dyn Database> = Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
    let customer = CustomerId::random();
    let answer = |_, _: &Request| Some(Response::json(&json!({"id": Uuid::new_v4()})));
    let app = App::start_on(Arc::clone(&db), customer, config(), answer).await;
    let (one, other) = (json!({"name": "a"}), json!({"name": "b"}));
    let first = told(keyed(&app, "/v1/outdials", "k", &one)).await;
    assert_eq!((first.0, first.1), (200, false));
    let again = told(keyed(&app, "/v1/outdials", "k", &one)).await;
    assert_eq!(again, (200, true, first.2.clone()));
    let (status, _, refused) = told(keyed(&app, "/v1/outdials", "k", &other)).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("IDEMPOTENCY_KEY_REUSED"))
    );
    let (status, replayed, _) = told(keyed(&app, "/v1/outplans", "k", &one)).await;
    assert_eq!(
        (status, replayed),
        (200, false),
        "each route has its own keys"
    );
    assert_eq!(app.asked().len(), 2);
    let (status, _, refused) = told(keyed(&app, "/v1/outdials", &"x".repeat(256), &one)).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (400, &json!("IDEMPOTENCY_KEY_INVALID"))
    );

    // Another process on the same store, with a token of its own.
    let text = Tokens::new(Arc::clone(&db))
        .make(customer, "2")
        .await
        .unwrap();
    let later = App {
        token: text,
        ..App::start_on(db, customer, config(), answer).await
    };
    let again = told(keyed(&later, "/v1/outdials", "k", &one)).await;
    assert_eq!(again, (200, true, first.2));
    assert_eq!(later.asked().len(), 0);
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again_and_what_was_not_is() {
    let app = App::start(|_, request| match request.uri.as_str() {
        "/v1/outplans" => None,
        "/v1/outdials" => Some(Response::bare(503)),
        _ => Some(Response::bare(400)),
    })
    .await;
    let body = json!({});
    let first = told(keyed(&app, "/v1/outplans", "k", &body)).await;
    assert_eq!(first.0, 504);
    let (status, _, again) = told(keyed(&app, "/v1/outplans", "k", &body)).await;
    assert_eq!(
        (status, &again["error"]["code"]),
        (409, &json!("IDEMPOTENCY_OUTCOME_UNKNOWN"))
    );
    assert_eq!(app.asked().len(), 1);
    for _ in 0..2 {
        assert_eq!(told(keyed(&app, "/v1/outdials", "k", &body)).await.0, 503);
    }
    assert_eq!(
        app.asked().len(),
        3,
        "it was not carried out, so it is tried again"
    );
    let campaign = json!({"type": "call", "end_handle": "stop"});
    for replayed in [false, true] {
        let refused = told(keyed(&app, "/v1/campaigns", "k", &campaign)).await;
        assert_eq!((refused.0, refused.1), (400, replayed));
    }
}

#[tokio::test]
async fn a_request_goes_on_when_its_caller_goes_away_and_meanwhile_says_so() {
    let (begun, go_on) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Notify::new()),
    );
    let bus: Arc<dyn trunkline_bus::Bus> = Arc::new(InProcess::new());
    struct Slow(Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>);
    #[async_trait]
    impl RequestHandler for Slow {
        async fn handle(&self, _: Bytes) -> Option<Bytes> {
            self.0.notify_one();
            self.1.notified().await;
            Some(Response::json(&json!({"id": ID})).encode())
        }
    }
    let slow = Slow(Arc::clone(&begun), Arc::clone(&go_on));
    let queue = QueueSpec::new(Service::FLOW.request_queue(), 4);
    let _serving = bus.serve(queue, Arc::new(slow)).await.unwrap();
    let long = Config {
        request_timeout_ms: 60_000,
        ..config()
    };
    let app = App::start_with_bus(bus, long).await;
    let flow = json!({"actions": []});
    let first = keyed(&app, "/v1/flows", "k", &flow).send();
    let first = tokio::spawn(first);
    begun.notified().await;
    let (status, _, refused) = told(keyed(&app, "/v1/flows", "k", &flow)).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("IDEMPOTENCY_IN_PROGRESS"))
    );
    first.abort();
    let _ = first.await;
    go_on.notify_one();
    loop {
        let (status, replayed, body) = told(keyed(&app, "/v1/flows", "k", &flow)).await;
        if status == 200 {
            assert_eq!((replayed, &body["id"]), (true, &json!(ID)));
            break;
        }
        assert_eq!(body["error"]["code"], "IDEMPOTENCY_IN_PROGRESS");
        tokio::task::yield_now().await;
    }
}
