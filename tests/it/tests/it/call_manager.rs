//! call-manager over the bus: what it answers, by chapter 02.

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::Manner;
use trunkline_it::{House, SOURCE, event};
use trunkline_model::service::Service;
use uuid::Uuid;

fn request(flow: &str, destination: &Value) -> Value {
    json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": destination,
    })
}

fn tel(number: &str) -> Value {
    json!({"type": "tel", "target": number})
}

async fn create(house: &House, body: &Value) -> (u16, Value) {
    house
        .call(Post, &format!("/v1/calls/{}", Uuid::new_v4()), Some(body))
        .await
}

async fn calls(house: &House) -> usize {
    let (status, calls) = house.call(Get, "/v1/calls?page_size=100", None).await;
    assert_eq!(status, 200);
    calls.as_array().expect("a list").len()
}

#[tokio::test]
async fn refusals_are_answered_as_the_chapter_says_and_store_nothing() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let good = request(&flow, &tel("+493012345620"));
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let rows = [
        (
            with("destination", json!({"type": "conference", "target": flow})),
            500,
            "its type",
        ),
        (with("destination", json!({})), 500, "no destination"),
        (
            with("destination", tel("+15551230001")),
            500,
            "a country that is not allowed",
        ),
        (with("destination", tel("garbage")), 500, "no number"),
        (
            with("destination", tel("+33140000020")),
            404,
            "no route: the typed error of route-manager",
        ),
        (
            with("source", tel("+493099999999")),
            500,
            "somebody else's source",
        ),
        (with("source", json!({})), 500, "no source"),
        (
            with("metadata", json!({"unheard": 1})),
            400,
            "an unknown metadata key",
        ),
        (
            with("metadata", json!({"route_provider_ids": "x"})),
            500,
            "no array",
        ),
        (
            with("customer_id", json!(Uuid::new_v4())),
            404,
            "an unknown customer",
        ),
        (
            with("flow_id", json!(Uuid::new_v4())),
            404,
            "an unknown flow",
        ),
        (with("flow_id", json!("")), 400, "an empty id"),
        (with("destination", json!("text")), 400, "a wrong type"),
    ];
    for (body, status, what) in rows {
        assert_eq!(create(&house, &body).await.0, status, "{what}");
    }
    assert_eq!(
        house
            .call(Post, &format!("/v1/calls/{}", Uuid::new_v4()), None)
            .await
            .0,
        400,
        "no body"
    );
    assert_eq!(calls(&house).await, 0, "nothing was stored");
    house.stop().await;
}

#[tokio::test]
async fn a_customer_has_no_more_calls_than_his_limits_allow() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let _asterisk = house.asterisk(Manner::Still).await;
    let limits = format!("/v1/customers/{DEFAULT_CUSTOMER}/limits");
    let (_, everybody) = house.call(Get, &limits, None).await;
    assert_eq!(everybody["tm_create"], Value::Null);
    let set = async |per_second: u32, concurrent: u32| {
        let body = json!({"calls_per_second": per_second, "concurrent_calls": concurrent});
        let (status, _) = house.call(Put, &limits, Some(&body)).await;
        assert_eq!(status, 200);
    };
    let body = request(&flow, &tel("+493012345620"));
    let reason = |answer: &Value| answer["reason"].as_str().unwrap_or_default().to_owned();
    set(0, 1).await;
    assert_eq!(create(&house, &body).await.0, 200);
    let (status, refused) = create(&house, &body).await;
    assert_eq!(
        (status, reason(&refused)),
        (429, "TOO_MANY_CALLS".to_owned())
    );
    set(0, 2).await;
    assert_eq!(create(&house, &body).await.0, 200);
    assert_eq!(create(&house, &body).await.0, 429);
    // A second gives one, and nobody waits for one here.
    set(1, 0).await;
    let told = [create(&house, &body).await, create(&house, &body).await];
    let refused = told.iter().find(|(status, _)| *status == 429);
    assert!(told.iter().any(|(status, _)| *status == 200));
    if let Some((_, refused)) = refused {
        assert_eq!(reason(refused), "CALL_RATE_EXCEEDED");
    }
    assert!(calls(&house).await >= 3);
    house.stop().await;
}

#[tokio::test]
async fn an_outbound_config_that_cannot_be_read_refuses_the_call_and_is_counted() {
    const FAILED: &str = "outbound_config_fetch_error_total{error_type=\"db_error\"}";
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let _asterisk = house.asterisk(Manner::Still).await;
    let body = request(&flow, &tel("+493012345620"));
    assert_eq!(create(&house, &body).await.0, 200);
    assert_eq!(house.counted(FAILED), None);
    house.db.failing.set("select call_outbound_configs", 1);
    assert_eq!(create(&house, &body).await.0, 500);
    assert_eq!(house.counted(FAILED), Some(1.0));
    assert_eq!(calls(&house).await, 1, "nothing was stored");
    house.stop().await;
}

/// Chapter 01 §7.1 and §7.2: publishing is timed, and so is every event that means
/// something, under the names of its envelope.
#[tokio::test]
async fn events_are_timed_on_their_way_out_and_in() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let (_consumer, mut events) = house.events_of(Service::CALL).await;
    let _asterisk = house.asterisk(Manner::Lively).await;
    let body = request(&flow, &tel("+493012345620"));
    assert_eq!(create(&house, &body).await.0, 200);
    event(&mut events, "call_hangup").await;
    for times in [
        "notify_process_time_count{type=\"call_created\"}",
        "subscribe_event_process_time_count{publisher=\"asterisk-proxy\",type=\"ari_event\"}",
    ] {
        assert!(house.counted(times) >= Some(1.0), "{times}");
    }
    house.stop().await;
}

#[tokio::test]
async fn refused_country_is_announced() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let (_consumer, mut events) = house.events_of(Service::CALL).await;
    let id = Uuid::new_v4();
    let body = request(&flow, &tel("+821012345678"));
    assert_eq!(
        house
            .call(Post, &format!("/v1/calls/{id}"), Some(&body))
            .await
            .0,
        500
    );
    let rejected = event(&mut events, "call.outbound_whitelist_rejected").await;
    let expected =
        json!({"customer_id": DEFAULT_CUSTOMER, "call_id": id, "destination_country": "kr"});
    assert_eq!(rejected["data"], expected);
    house.stop().await;
}

#[tokio::test]
async fn call_that_no_asterisk_can_take_ends_and_says_so() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let (_consumer, mut events) = house.events_of(Service::CALL).await;
    let id = Uuid::new_v4();
    let body = request(&flow, &tel("+49 (30) 123456-20"));
    let (status, _) = house
        .call(Post, &format!("/v1/calls/{id}"), Some(&body))
        .await;
    assert_eq!(status, 500);
    let created = event(&mut events, "call_created").await;
    assert_eq!(created["data"]["status"], "dialing");
    assert_eq!(
        created["data"]["destination"]["target"], "+493012345620",
        "stored in canonical form"
    );
    let keys = created["data"]["data"]
        .as_object()
        .expect("options")
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(
        keys,
        [
            "anonymous",
            "early_execution",
            "execute_next_master_on_hangup"
        ]
    );
    let ended = event(&mut events, "call_hangup").await;
    assert_eq!(
        (&ended["data"]["id"], &ended["data"]["hangup_reason"]),
        (&json!(id), &json!("failed"))
    );
    let (_, call) = house.call(Get, &format!("/v1/calls/{id}"), None).await;
    assert_eq!(call["status"], "hangup");
    assert!(call["tm_hangup"].is_string());
    let counts = async |flow: &str| {
        let of = json!({"flow_id": flow});
        house.call(Get, "/v1/calls/counts", Some(&of)).await.1
    };
    let counted = counts(&flow).await;
    assert_eq!(
        (&counted["ended"], &counted["ringing"]),
        (&json!({"failed": 1}), &json!(0))
    );
    assert_eq!(counts(&Uuid::nil().to_string()).await["ended"], json!({}));
    house.stop().await;
}

#[tokio::test]
async fn repeated_create_changes_nothing() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let uri = format!("/v1/calls/{}", Uuid::new_v4());
    let body = request(&flow, &tel("+493012345620"));
    house.call(Post, &uri, Some(&body)).await;
    let (_, first) = house.call(Get, &uri, None).await;
    assert_eq!(house.call(Post, &uri, Some(&body)).await.0, 500);
    assert_eq!(house.call(Get, &uri, None).await.1, first);
    assert_eq!(calls(&house).await, 1);
    house.stop().await;
}

/// The process died in the middle of it, and the carrier delivers it again.
#[tokio::test]
async fn a_create_that_is_delivered_again_calls_nobody_twice() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let _asterisk = house.asterisk(Manner::Still).await;
    let mut asked = request(&flow, &tel("+493012345620"));
    asked["destinations"] = json!([tel("+493012345620"), tel("+493012345620")]);
    let ids = |reply: &Value| {
        let calls = reply["calls"].as_array().cloned().unwrap_or_default();
        calls
            .iter()
            .map(|call| call["id"].clone())
            .collect::<Vec<_>>()
    };
    let identity = Uuid::new_v4();
    let (status, first) = house.deliver(identity, Post, "/v1/calls", &asked).await;
    assert_eq!((status, ids(&first).len()), (200, 2));
    assert_ne!(ids(&first)[0], ids(&first)[1], "each destination is called");
    let (status, again) = house.deliver(identity, Post, "/v1/calls", &asked).await;
    assert_eq!((status, ids(&again)), (200, ids(&first)));
    assert_eq!(calls(&house).await, 2);

    // Who says the same once more means it.
    let (_, other) = house
        .deliver(Uuid::new_v4(), Post, "/v1/calls", &asked)
        .await;
    assert_ne!(ids(&other), ids(&first));
    assert_eq!(calls(&house).await, 4);
    house.stop().await;
}

/// Both copies have it at once.
#[tokio::test]
async fn a_create_that_two_have_at_once_calls_nobody_twice() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let _asterisk = house.asterisk(Manner::Still).await;
    let mut asked = request(&flow, &tel("+493012345620"));
    asked["destinations"] = json!([tel("+493012345620")]);
    let identity = Uuid::new_v4();
    let (one, other) = tokio::join!(
        house.deliver(identity, Post, "/v1/calls", &asked),
        house.deliver(identity, Post, "/v1/calls", &asked)
    );
    assert_eq!((one.0, other.0), (200, 200));
    assert_eq!(one.1["calls"][0]["id"], other.1["calls"][0]["id"]);
    assert_eq!(calls(&house).await, 1);
    house.stop().await;
}

#[tokio::test]
async fn unknown_calls_and_routes_are_404_and_lists_need_a_size() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    create(&house, &request(&flow, &tel("+493012345620"))).await;
    let unknown = format!("/v1/calls/{}", Uuid::new_v4());
    let (status, error) = house.call(Get, &unknown, None).await;
    assert_eq!(status, 404);
    let expected = json!({"status": "NOT_FOUND", "reason": "CALL_NOT_FOUND", "domain": "call-manager", "message": "The call was not found."});
    assert_eq!(error, expected);
    for (method, uri) in [
        (Delete, unknown.clone()),
        (Post, format!("{unknown}/hangup")),
    ] {
        assert_eq!(
            house.call(method, &uri, None).await,
            (404, expected.clone()),
            "{uri}"
        );
    }
    let timeout = json!({"action_id": Uuid::new_v4(), "action_type": "sleep"});
    let bare = house
        .call(Post, &format!("{unknown}/action-timeout"), Some(&timeout))
        .await;
    assert_eq!(bare, (404, Value::Null), "a bare 404");
    assert_eq!(
        house.call(Get, "/v1/calls", None).await.0,
        404,
        "a list without a query is no route"
    );
    assert_eq!(
        house.call(Get, "/v1/calls?page_token=", None).await.1,
        json!([]),
        "no size is LIMIT 0"
    );
    assert_eq!(
        house
            .call(Get, "/v1/calls?page_size=-1", None)
            .await
            .1
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let filtered = |filter: Value| {
        let house = &house;
        async move {
            house
                .call(Get, "/v1/calls?page_size=10", Some(&filter))
                .await
        }
    };
    assert_eq!(filtered(json!({"status": "dialing"})).await.1, json!([]));
    assert_eq!(
        filtered(json!({"unheard": 1}))
            .await
            .1
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(filtered(json!({"flow_id": ""})).await.0, 400);
    assert_eq!(filtered(json!([])).await.0, 400);
    house.stop().await;
}

#[tokio::test]
async fn ended_call_is_deleted_once_and_stale_time_outs_do_nothing() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let (_consumer, mut events) = house.events_of(Service::CALL).await;
    let id = Uuid::new_v4();
    let uri = format!("/v1/calls/{id}");
    house
        .call(Post, &uri, Some(&request(&flow, &tel("+493012345620"))))
        .await;
    let stale = json!({"action_id": Uuid::new_v4(), "tm_execute": "2026-01-02T03:04:05.000000Z"});
    assert_eq!(
        house
            .call(Post, &format!("{uri}/action-timeout"), Some(&stale))
            .await
            .0,
        500
    );
    let (status, hung_up) = house.call(Post, &format!("{uri}/hangup"), None).await;
    assert_eq!(
        (status, &hung_up["status"]),
        (200, &json!("hangup")),
        "hanging up an ended call changes nothing"
    );
    let (_, deleted) = house.call(Delete, &uri, None).await;
    assert!(deleted["tm_delete"].is_string());
    event(&mut events, "call_deleted").await;
    assert_eq!(
        house.call(Delete, &uri, None).await,
        (200, deleted),
        "a second time changes nothing"
    );
    house.stop().await;
}

#[tokio::test]
async fn outbound_config_has_one_row_per_customer_and_its_rules() {
    let house = House::start().await;
    let body = json!({"customer_id": DEFAULT_CUSTOMER, "destination_whitelist": ["de"], "codecs": "PCMU,PCMA"});
    let (status, config) = house.call(Post, "/v1/outbound_configs", Some(&body)).await;
    assert_eq!(status, 200);
    assert_eq!(
        house.call(Post, "/v1/outbound_configs", Some(&body)).await,
        (409, Value::Null)
    );
    let uri = format!(
        "/v1/outbound_configs/{}",
        config["id"].as_str().expect("an id")
    );
    let (_, updated) = house
        .call(Put, &uri, Some(&json!({"name": "new", "codecs": null})))
        .await;
    assert_eq!(
        (&updated["name"], &updated["codecs"]),
        (&json!("new"), &json!("PCMU,PCMA")),
        "null is unchanged"
    );
    for bad in [
        json!({"destination_whitelist": ["xx"]}),
        json!({"destination_whitelist": ["de", "DE"]}),
        json!({"codecs": "a,,b"}),
    ] {
        assert_eq!(
            house.call(Put, &uri, Some(&bad)).await,
            (500, Value::Null),
            "{bad}"
        );
    }
    let query = format!("/v1/outbound_configs?customer_id={DEFAULT_CUSTOMER}&page_size=10");
    assert_eq!(
        house
            .call(Get, &query, None)
            .await
            .1
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(house.call(Delete, &uri, None).await.0, 200);
    let (status, error) = house.call(Get, &uri, None).await;
    assert_eq!(
        (status, &error["reason"]),
        (404, &json!("OUTBOUND_CONFIG_NOT_FOUND"))
    );
    assert_eq!(house.call(Get, &query, None).await.1, json!([]));
    house.stop().await;
}

#[tokio::test]
async fn frozen_customers_calls_are_refused() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let freeze = format!("/v1/customers/{DEFAULT_CUSTOMER}/freeze");
    assert_eq!(
        house
            .ask(Service::CUSTOMER, Post, &freeze, None)
            .await
            .status_code,
        200
    );
    assert_eq!(
        create(&house, &request(&flow, &tel("+493012345620")))
            .await
            .0,
        500
    );
    assert_eq!(calls(&house).await, 0);
    house.stop().await;
}
