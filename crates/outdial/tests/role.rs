//! The role over the in-process bus and a real store.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of test functions"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Event, EventHandler, InProcess, Message, Method, QueueSpec, Response, Rpc, Subscription,
    Work,
};
use trunkline_client::OutdialClient;
use trunkline_model::id::{CampaigncallId, OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{
    AvailableRequest, ClaimRequest, ClaimsRequest, NewTarget, NewTargets, OutdialTarget, Status,
    StatusReport, TargetReport,
};
use trunkline_model::service::Service;
use trunkline_model::{Address, Timestamp};
use trunkline_outdial::{Config, Deps, Metrics, Running, start};
use trunkline_store_sqlite::SqliteDatabase;

/// The role, and somebody who asks it.
struct House {
    bus: Arc<InProcess>,
    rpc: Rpc,
    client: OutdialClient,
    clock: Arc<AtomicI64>,
    running: Running,
    stop: CancellationToken,
}

impl House {
    async fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(1_767_323_045_000_000));
        let ticking = Arc::clone(&clock);
        let tick = move || Timestamp::from_micros(ticking.fetch_add(10, Ordering::SeqCst));
        let db = Arc::new(SqliteDatabase::in_memory(tick).unwrap());
        let bus = Arc::new(InProcess::new());
        let stop = CancellationToken::new();
        let deps = Deps {
            bus: bus.clone(),
            db,
            metrics: Metrics::default(),
        };
        let running = start(deps, Config::default(), stop.clone()).await.unwrap();
        let rpc = Rpc::new(bus.clone(), Service::CAMPAIGN, ServiceMetrics::default());
        Self {
            bus,
            client: OutdialClient(rpc.clone()),
            rpc,
            clock,
            running,
            stop,
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.stopped().await;
    }

    fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis * 1_000, Ordering::SeqCst);
    }

    async fn ask(&self, method: Method, uri: &str, body: Value) -> Response {
        let mut request = self.rpc.request(method, uri);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.rpc
            .send(
                &Service::OUTDIAL.request_queue(),
                &request,
                "test",
                DEFAULT_TIMEOUT,
            )
            .await
            .unwrap()
    }

    async fn json(&self, method: Method, uri: &str, body: Value) -> Value {
        let response = self.ask(method, uri, body).await;
        assert_eq!(response.status_code, 200, "{uri}: {response:?}");
        serde_json::from_str(response.data.unwrap().get()).unwrap()
    }

    /// A list without anybody on it.
    async fn list(&self) -> OutdialId {
        let made = self
            .json(Method::Post, "/v1/outdials", json!({"name": "list"}))
            .await;
        made["id"].as_str().unwrap().parse().unwrap()
    }

    async fn target(&self, outdial: OutdialId, body: Value) -> OutdialTarget {
        let made = self
            .json(
                Method::Post,
                &format!("/v1/outdials/{outdial}/targets"),
                body,
            )
            .await;
        serde_json::from_value(made).unwrap()
    }

    async fn reread(&self, id: OutdialTargetId) -> OutdialTarget {
        let read = self
            .json(
                Method::Get,
                &format!("/v1/outdialtargets/{id}"),
                Value::Null,
            )
            .await;
        serde_json::from_value(read).unwrap()
    }

    async fn report(&self, id: OutdialTargetId, body: Value) -> OutdialTarget {
        let row = self
            .json(
                Method::Put,
                &format!("/v1/outdialtargets/{id}/status"),
                body,
            )
            .await;
        serde_json::from_value(row).unwrap()
    }

    async fn ids(&self, outdial: OutdialId, asked: &AvailableRequest) -> Vec<OutdialTargetId> {
        self.client
            .available(outdial, asked)
            .await
            .unwrap()
            .iter()
            .map(|target| target.id)
            .collect()
    }
}

fn tel(number: &str) -> Value {
    json!({"name": "ann", "destination_0": {"type": "tel", "target": number}})
}

fn error_of(response: &Response) -> (u16, String) {
    let data = response.data.as_ref().map_or("null", |data| data.get());
    let reason = serde_json::from_str::<Value>(data).unwrap()["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (response.status_code, reason)
}

#[tokio::test]
async fn lists_are_made_changed_filtered_and_deleted() {
    let house = House::new().await;
    let customer = "5e4a0680-804e-11ec-8477-2fea5968d85b";
    let body = json!({"customer_id": customer, "name": "spring", "data": "x"});
    let made = house.json(Method::Post, "/v1/outdials", body).await;
    house
        .json(Method::Post, "/v1/outdials", json!({"name": "other"}))
        .await;
    let one = format!("/v1/outdials/{}", made["id"].as_str().unwrap());
    assert_eq!(
        (&made["tm_update"], &made["campaign_id"]),
        (&Value::Null, &json!(uuid::Uuid::nil()))
    );

    let changed = house
        .json(Method::Put, &one, json!({"name": "summer", "detail": "d"}))
        .await;
    assert_eq!(
        (&changed["name"], &changed["data"]),
        (&json!("summer"), &json!("x"))
    );
    let linked = house
        .json(
            Method::Put,
            &format!("{one}/campaign_id"),
            json!({"campaign_id": customer}),
        )
        .await;
    assert_eq!(linked["campaign_id"], json!(customer));
    house
        .json(Method::Put, &format!("{one}/data"), json!({"data": "y"}))
        .await;

    let filter = json!({"customer_id": customer, "deleted": false});
    let found = house
        .json(Method::Get, "/v1/outdials?page_size=10", filter.clone())
        .await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(
        (&found[0]["data"], &found[0]["name"]),
        (&json!("y"), &json!("summer"))
    );
    assert_eq!(
        house.json(Method::Get, "/v1/outdials", Value::Null).await,
        json!([])
    );

    let deleted = house.json(Method::Delete, &one, Value::Null).await;
    assert_eq!(deleted["tm_delete"], deleted["tm_update"]);
    assert_eq!(
        house.json(Method::Delete, &one, Value::Null).await,
        deleted,
        "deleting again changes nothing"
    );
    assert_eq!(
        house
            .json(Method::Get, "/v1/outdials?page_size=10", filter)
            .await,
        json!([])
    );
    house.end().await;
}

#[tokio::test]
async fn status_codes_are_those_of_the_reference() {
    let house = House::new().await;
    let nobody = "1b3d7a92-7146-466d-90f5-4bc701ada4c0";
    let cases = [
        (
            Method::Get,
            format!("/v1/outdials/{nobody}"),
            Value::Null,
            (404, "OUTDIAL_NOT_FOUND"),
        ),
        (
            Method::Get,
            format!("/v1/outdialtargets/{nobody}"),
            Value::Null,
            (404, "OUTDIAL_TARGET_NOT_FOUND"),
        ),
        (
            Method::Put,
            format!("/v1/outdials/{nobody}"),
            json!({}),
            (404, ""),
        ),
        (
            Method::Delete,
            format!("/v1/outdialtargets/{nobody}"),
            Value::Null,
            (404, ""),
        ),
        (
            Method::Post,
            format!("/v1/outdialtargets/{nobody}/progressing"),
            json!({}),
            (404, ""),
        ),
        (
            Method::Post,
            "/v1/outdials".to_owned(),
            Value::Null,
            (400, ""),
        ),
        (
            Method::Post,
            "/v1/outdials".to_owned(),
            json!({"name": 3}),
            (400, ""),
        ),
        (
            Method::Get,
            "/v1/outdials?page_size=1".to_owned(),
            json!({"1=1 --": 1}),
            (400, ""),
        ),
        (
            Method::Get,
            "/v1/outdialtargets".to_owned(),
            Value::Null,
            (404, ""),
        ),
    ];
    for (method, uri, body, (status, reason)) in cases {
        let response = house.ask(method, &uri, body).await;
        assert_eq!(error_of(&response), (status, reason.to_owned()), "{uri}");
    }
    let target = house.target(OutdialId::random(), tel("+15551234567")).await;
    let uri = format!("/v1/outdialtargets/{}/progressing", target.id);
    let outside = house
        .ask(Method::Post, &uri, json!({"destination_index": 5}))
        .await;
    assert_eq!(error_of(&outside), (400, String::new()));
    house.end().await;
}

#[tokio::test]
async fn available_counts_only_what_may_be_dialed() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let first = house.target(outdial, tel("+15551230001")).await;
    let second = house.target(outdial, tel("+15551230002")).await;
    let absent =
        json!({"destination_0": {}, "destination_1": {"type": "tel"}, "destination_2": null});
    house.target(outdial, absent).await;
    let deleted = house.target(outdial, tel("+15551230003")).await;
    house
        .json(
            Method::Delete,
            &format!("/v1/outdialtargets/{}", deleted.id),
            Value::Null,
        )
        .await;
    house.target(OutdialId::random(), tel("+15551230004")).await;

    let asked = AvailableRequest::new([2, 2, 2, 2, 2], 10, None);
    assert_eq!(
        house.ids(outdial, &asked).await,
        [first.id, second.id],
        "longest untouched first"
    );
    assert_eq!(
        house
            .ids(outdial, &AvailableRequest::new([0; 5], 10, None))
            .await,
        []
    );
    assert_eq!(
        house
            .ids(outdial, &AvailableRequest::new([1, 0, 0, 0, 0], 0, None))
            .await,
        []
    );

    let uri = format!("/v1/outdials/{outdial}/available?try_count_0=1&limit=1");
    let from_query = house.json(Method::Get, &uri, Value::Null).await;
    assert_eq!(
        from_query.as_array().unwrap().len(),
        1,
        "the query alone is enough"
    );
    let body = json!({"try_count_0": 1, "limit": 2});
    let from_body = house
        .json(
            Method::Get,
            &format!("/v1/outdials/{outdial}/available"),
            body,
        )
        .await;
    assert_eq!(
        from_body.as_array().unwrap().len(),
        2,
        "the body alone is enough"
    );
    house.end().await;
}

#[tokio::test]
async fn the_interval_counts_from_the_end_of_the_last_try() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let target = house.target(outdial, tel("+15551230001")).await;
    let asked = AvailableRequest::new([2, 0, 0, 0, 0], 10, Some(60_000));
    assert_eq!(house.ids(outdial, &asked).await, [target.id], "never tried");

    let attempt = CampaigncallId::random();
    house.client.claim(target.id, 0, attempt).await.unwrap();
    let summary = house.client.summary(outdial, &asked).await.unwrap();
    assert!(summary.progressing && !summary.available && !summary.waiting);
    house.pass(120_000);
    let idle = house
        .report(target.id, json!({"status": "idle", "attempt_id": attempt}))
        .await;
    let summary = house.client.summary(outdial, &asked).await.unwrap();
    assert!(summary.waiting && !summary.available && !summary.progressing);
    assert_eq!(
        summary.tm_next_try,
        Some(idle.tm_update.unwrap().plus_millis(60_000))
    );
    assert_eq!(house.ids(outdial, &asked).await, []);

    house.pass(60_000);
    assert_eq!(house.ids(outdial, &asked).await, [target.id]);
    house.end().await;
}

#[tokio::test]
async fn a_target_is_claimed_by_one_attempt_and_counts_one_try() {
    let house = House::new().await;
    let target = house.target(OutdialId::random(), tel("+15551230001")).await;
    let attempts: Vec<CampaigncallId> = (0..8).map(|_| CampaigncallId::random()).collect();
    let claims = attempts
        .iter()
        .map(|attempt| house.client.claim(target.id, 0, *attempt));
    let outcomes = futures_util::future::join_all(claims).await;
    let winners: Vec<usize> = (0..8).filter(|at| outcomes[*at].is_ok()).collect();
    assert_eq!(winners.len(), 1, "of eight attempts one wins");

    let winner = attempts[winners[0]];
    let again = house.client.claim(target.id, 0, winner).await.unwrap();
    assert_eq!(
        (again.status.clone(), again.try_count_0),
        (Status::Progressing, 1),
        "a repetition changes nothing"
    );
    assert_eq!(again, house.reread(target.id).await);

    let uri = format!("/v1/outdialtargets/{}/progressing", target.id);
    for body in [
        json!({"destination_index": 0}),
        json!({"attempt_id": CampaigncallId::random()}),
    ] {
        let refused = house.ask(Method::Post, &uri, body).await;
        assert_eq!(
            error_of(&refused),
            (409, "OUTDIAL_TARGET_NOT_IDLE".to_owned())
        );
    }
    house.end().await;
}

#[tokio::test]
async fn a_claim_without_attempt_is_conditional_as_well() {
    let house = House::new().await;
    let target = house.target(OutdialId::random(), tel("+15551230001")).await;
    let uri = format!("/v1/outdialtargets/{}/progressing", target.id);
    let row = house
        .json(Method::Post, &uri, json!({"destination_index": 0}))
        .await;
    assert_eq!(
        (&row["status"], &row["try_count_0"]),
        (&json!("progressing"), &json!(1))
    );
    assert_ne!(row["tm_update"], row["tm_create"]);
    let refused = house
        .ask(Method::Post, &uri, json!({"destination_index": 0}))
        .await;
    assert_eq!(error_of(&refused).0, 409);
    // The reference's reports name no attempt and are believed.
    assert_eq!(
        house
            .report(target.id, json!({"status": "anything"}))
            .await
            .status
            .as_str(),
        "anything"
    );
    house.end().await;
}

#[tokio::test]
async fn a_late_report_changes_nothing() {
    let house = House::new().await;
    let target = house.target(OutdialId::random(), tel("+15551230001")).await;
    let [first, second] = [CampaigncallId::random(), CampaigncallId::random()];
    house.client.claim(target.id, 0, first).await.unwrap();
    house
        .report(target.id, json!({"status": "idle", "attempt_id": first}))
        .await;
    house.client.claim(target.id, 0, second).await.unwrap();

    let before = house.reread(target.id).await;
    let late = house
        .report(
            target.id,
            json!({"status": "idle", "attempt_id": first, "untried": true}),
        )
        .await;
    assert_eq!(late, before, "the report of the earlier attempt");

    let done = house
        .report(target.id, json!({"status": "done", "attempt_id": second}))
        .await;
    assert_eq!((done.status.clone(), done.try_count_0), (Status::Done, 2));
    let repeated = house
        .report(target.id, json!({"status": "idle", "attempt_id": second}))
        .await;
    assert_eq!(repeated, done, "a report after the end");
    let claimed_again = house.client.claim(target.id, 0, second).await.unwrap();
    assert_eq!(
        claimed_again, done,
        "a repeated claim of an attempt that has ended"
    );
    house.end().await;
}

/// Attempts at these targets, each of the first destination.
fn claims(of: &[(OutdialTargetId, CampaigncallId)], not_after: Option<Timestamp>) -> ClaimsRequest {
    let claim = |(target_id, attempt_id): &(OutdialTargetId, CampaigncallId)| ClaimRequest {
        target_id: *target_id,
        destination_index: 0,
        attempt_id: *attempt_id,
    };
    ClaimsRequest {
        claims: of.iter().map(claim).collect(),
        not_after,
    }
}

#[tokio::test]
async fn many_claims_in_one_request_are_as_conditional_as_one() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let mut made = Vec::new();
    for number in 0..4 {
        let target = house
            .target(outdial, tel(&format!("+1555123000{number}")))
            .await;
        made.push((target.id, CampaigncallId::random()));
    }
    let all = house
        .client
        .claim_all(&claims(&made[..3], None))
        .await
        .unwrap();
    assert_eq!(all.claimed, [made[0].1, made[1].1, made[2].1]);
    let claimed = house.reread(made[0].0).await;
    assert_eq!(
        (claimed.status.clone(), claimed.try_count_0),
        (Status::Progressing, 1)
    );
    assert_eq!(
        claimed.tm_update, claimed.tm_create,
        "until the attempt has ended"
    );

    // The same again, one that another attempt has, one twice, and a free one.
    let other = CampaigncallId::random();
    let mixed = [made[0], (made[1].0, other), made[3], (made[3].0, other)];
    let some = house.client.claim_all(&claims(&mixed, None)).await.unwrap();
    assert_eq!(some.claimed, [made[0].1, made[3].1]);
    assert_eq!(house.reread(made[0].0).await, claimed);

    let late = house.target(outdial, tel("+15551230009")).await;
    let past = Some(Timestamp::from_micros(1_767_323_000_000_000));
    let none = house
        .client
        .claim_all(&claims(&[(late.id, other)], past))
        .await
        .unwrap();
    assert_eq!(
        (none.claimed, house.reread(late.id).await),
        (Vec::new(), late.clone())
    );
    for refused in [
        json!({"claims": [{"target_id": late.id, "attempt_id": CampaigncallId::NIL}]}),
        json!({"claims": vec![json!({"attempt_id": other}); 1_001]}),
        json!({"claims": 7}),
    ] {
        let answer = house
            .ask(Method::Post, "/v1/outdialtargets/claims", refused)
            .await;
        assert_eq!(answer.status_code, 400);
    }
    let nowhere =
        json!({"claims": [{"target_id": late.id, "attempt_id": other, "destination_index": 5}]});
    let answer = house
        .json(Method::Post, "/v1/outdialtargets/claims", nowhere)
        .await;
    assert_eq!(answer, json!({"claimed": []}));
    house.end().await;
}

#[tokio::test]
async fn many_reports_in_one_request_end_what_their_attempts_hold() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let mut held = Vec::new();
    for number in 0..4 {
        let target = house
            .target(outdial, tel(&format!("+1555123000{number}")))
            .await;
        held.push((target.id, CampaigncallId::random()));
    }
    house.client.claim_all(&claims(&held, None)).await.unwrap();
    // The third is held by a claim that names nobody by now.
    house.report(held[2].0, json!({"status": "idle"})).await;
    let uri = format!("/v1/outdialtargets/{}/progressing", held[2].0);
    house
        .json(Method::Post, &uri, json!({"destination_index": 0}))
        .await;

    let mut pages = house
        .client
        .held(outdial, OutdialTargetId::NIL, 3)
        .await
        .unwrap();
    let after = pages.last().unwrap().target_id;
    pages.extend(house.client.held(outdial, after, 3).await.unwrap());
    let mut expected = held.clone();
    expected[2].1 = CampaigncallId::NIL;
    expected.sort_unstable();
    let seen: Vec<_> = pages
        .iter()
        .map(|it| (it.target_id, it.attempt_id))
        .collect();
    assert_eq!(seen, expected);

    house.pass(1_000);
    let report = |(target_id, attempt_id), status, untried| TargetReport {
        target_id,
        report: StatusReport {
            status,
            attempt_id,
            untried,
        },
    };
    let stranger = CampaigncallId::random();
    let reports = vec![
        report(held[0], Status::Done, false),
        report(held[1], Status::Idle, true),
        report(held[2], Status::Idle, false),
        report((held[3].0, stranger), Status::Idle, false),
    ];
    for _ in 0..2 {
        house.client.report_all(reports.clone()).await.unwrap();
    }
    let mut came_to = Vec::new();
    for (target, _) in &held {
        let row = house.reread(*target).await;
        came_to.push((row.status, row.try_count_0, row.tm_update == row.tm_create));
    }
    assert_eq!(
        came_to,
        [
            (Status::Done, 1, false),
            (Status::Idle, 0, true),
            (Status::Idle, 2, false),
            (Status::Progressing, 1, true),
        ]
    );
    house.end().await;
}

#[tokio::test]
async fn nobody_on_a_deleted_list_is_available() {
    let house = House::new().await;
    let made = house
        .json(Method::Post, "/v1/outdials", json!({"name": "list"}))
        .await;
    let outdial: OutdialId = made["id"].as_str().unwrap().parse().unwrap();
    house.target(outdial, tel("+15551230001")).await;
    let asked = AvailableRequest::new([1, 0, 0, 0, 0], 5, None);
    assert_eq!(house.ids(outdial, &asked).await.len(), 1);
    let uri = format!("/v1/outdials/{outdial}");
    house.json(Method::Delete, &uri, Value::Null).await;
    let refused = house.client.available(outdial, &asked).await.unwrap_err();
    assert!(refused.is_not_found());
    house.end().await;
}

#[tokio::test]
async fn an_untried_attempt_leaves_the_target_as_it_was() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let target = house.target(outdial, tel("+15551230001")).await;
    let attempt = CampaigncallId::random();
    house.client.claim(target.id, 0, attempt).await.unwrap();
    let report = json!({"status": "idle", "attempt_id": attempt, "untried": true});
    assert_eq!(
        house.report(target.id, report.clone()).await,
        target,
        "tries, times and status"
    );
    assert_eq!(
        house.report(target.id, report).await,
        target,
        "the try is given back once"
    );
    let asked = AvailableRequest::new([1, 0, 0, 0, 0], 1, Some(60_000));
    assert_eq!(
        house.ids(outdial, &asked).await,
        [target.id],
        "no interval is waited for"
    );
    house.end().await;
}

#[tokio::test]
async fn a_deleted_target_is_neither_claimed_nor_revived() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let target = house.target(outdial, tel("+15551230001")).await;
    let attempt = CampaigncallId::random();
    house.client.claim(target.id, 0, attempt).await.unwrap();
    let one = format!("/v1/outdialtargets/{}", target.id);
    let deleted = house.json(Method::Delete, &one, Value::Null).await;
    assert_eq!(house.json(Method::Delete, &one, Value::Null).await, deleted);

    for report in [
        json!({"status": "idle"}),
        json!({"status": "idle", "attempt_id": attempt}),
    ] {
        let row = house.report(target.id, report).await;
        assert_eq!(serde_json::to_value(row).unwrap(), deleted);
    }
    let refused = house
        .client
        .claim(target.id, 0, CampaigncallId::random())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("OUTDIAL_TARGET_NOT_IDLE"),
        "{refused}"
    );
    let summary = house
        .client
        .summary(outdial, &AvailableRequest::new([9; 5], 1, None))
        .await
        .unwrap();
    assert_eq!(summary, trunkline_model::outdial_target::Summary::default());
    house.end().await;
}

#[tokio::test]
async fn targets_of_a_list_come_in_pages() {
    let house = House::new().await;
    let outdial = OutdialId::random();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, house.target(outdial, tel("+15551230001")).await);
    }
    let uri = format!("/v1/outdials/{outdial}/targets?page_size=3");
    let first: Vec<OutdialTarget> =
        serde_json::from_value(house.json(Method::Get, &uri, Value::Null).await).unwrap();
    assert_eq!(first, made[..3]);
    let uri = format!("{uri}&page_token={}", first[2].tm_create.unwrap());
    let rest: Vec<OutdialTarget> =
        serde_json::from_value(house.json(Method::Get, &uri, Value::Null).await).unwrap();
    assert_eq!(rest, made[3..]);
    house.end().await;
}

#[tokio::test]
async fn every_change_of_a_list_is_announced_and_targets_are_not() {
    struct Kinds(tokio::sync::mpsc::UnboundedSender<String>);
    impl EventHandler for Kinds {
        fn accept(&self, message: Message) -> Work {
            let event: Event = serde_json::from_slice(&message.body).unwrap();
            self.0.send(event.kind).unwrap();
            Work::nothing()
        }
    }
    let house = House::new().await;
    let (sender, mut kinds) = tokio::sync::mpsc::unbounded_channel();
    let queue = Subscription::new(
        QueueSpec::new("test", 1),
        [Service::OUTDIAL.event_exchange()],
    );
    let consumer = house
        .bus
        .subscribe(queue, Arc::new(Kinds(sender)))
        .await
        .unwrap();

    let made = house
        .json(Method::Post, "/v1/outdials", json!({"name": "x"}))
        .await;
    let one = format!("/v1/outdials/{}", made["id"].as_str().unwrap());
    house
        .target(
            serde_json::from_value(made["id"].clone()).unwrap(),
            tel("+15551230001"),
        )
        .await;
    house.json(Method::Put, &one, json!({"name": "y"})).await;
    house.json(Method::Delete, &one, Value::Null).await;
    for expected in ["outdial_created", "outdial_updated", "outdial_deleted"] {
        assert_eq!(kinds.recv().await.unwrap(), expected);
    }
    consumer.stop().await;
    house.end().await;
}

#[tokio::test]
async fn people_who_are_added_twice_are_known() {
    let house = House::new().await;
    let outdial = house.list().await;
    let people = |range: std::ops::Range<u32>| NewTargets {
        targets: range.map(person).collect(),
    };
    let first = house.client.add_all(outdial, &people(0..1_000)).await;
    assert_eq!(first.unwrap().created, 1_000);
    let again = house.client.add_all(outdial, &people(0..1_000)).await;
    let again = again.unwrap();
    assert_eq!((again.created, again.known.len()), (0, 1_000));

    // Some of them, in another form and order, twice in one request, and a new one.
    let mut mixed = people(999..1_002);
    mixed.targets.push(NewTarget {
        name: "the same again".to_owned(),
        destination_0: Some(Address::tel("+49 30 000 1001")),
        ..NewTarget::default()
    });
    let mixed = house.client.add_all(outdial, &mixed).await.unwrap();
    assert_eq!((mixed.created, mixed.known.len()), (2, 2));

    let found = house.client.lookup(again.known.clone()).await.unwrap();
    assert_eq!(found.len(), 1_000);
    let one = found.iter().find(|one| one.name == "person 7").unwrap();
    assert_eq!(one.destination_0, Some(Address::tel("+49300000007")));
    assert_eq!(one.destination_1, None);
    assert_eq!(
        (one.status.clone(), one.outdial_id),
        (Status::Idle, outdial)
    );
    assert_eq!(one.tm_create, one.tm_update, "never tried");
    let single = house.target(outdial, tel("+15551230001")).await;
    let same_shape = OutdialTarget {
        destination_0: single.destination_0.clone(),
        id: single.id,
        name: single.name.clone(),
        tm_create: single.tm_create,
        tm_update: single.tm_update,
        ..one.clone()
    };
    assert_eq!(single, same_shape, "as one that was made alone");

    // The same people on another list are others.
    let other = house.list().await;
    let there = house.client.add_all(other, &people(0..3)).await.unwrap();
    assert_eq!((there.created, there.known), (3, Vec::new()));
    house.end().await;
}

#[tokio::test]
async fn who_was_deleted_from_a_list_is_not_added_again() {
    let house = House::new().await;
    let outdial = house.list().await;
    let one = NewTargets {
        targets: vec![person(1)],
    };
    house.client.add_all(outdial, &one).await.unwrap();
    let asked = AvailableRequest::new([1, 0, 0, 0, 0], 10, None);
    let [id] = house.ids(outdial, &asked).await[..] else {
        panic!("one target")
    };
    let uri = format!("/v1/outdialtargets/{id}");
    house.json(Method::Delete, &uri, Value::Null).await;
    let again = house.client.add_all(outdial, &one).await.unwrap();
    assert_eq!((again.created, again.known), (0, vec![id]));
    assert_eq!(house.ids(outdial, &asked).await, []);
    house.end().await;
}

#[tokio::test]
async fn a_bad_one_refuses_all_and_is_named() {
    let house = House::new().await;
    let outdial = house.list().await;
    let other = house.list().await;
    let elsewhere = NewTarget {
        id: OutdialTargetId::random(),
        ..person(500)
    };
    let there = NewTargets {
        targets: vec![elsewhere.clone()],
    };
    house.client.add_all(other, &there).await.unwrap();

    let nobody = NewTarget::default();
    let short = NewTarget {
        destination_1: Some(Address::tel("12")),
        ..person(17)
    };
    for (bad, field) in [
        (nobody, "targets[17].destination_0"),
        (short, "targets[17].destination_1"),
        (elsewhere, "targets[17].id"),
    ] {
        let mut targets: Vec<NewTarget> = (0..20).map(person).collect();
        targets[17] = bad;
        let body = json!({ "targets": targets });
        let uri = format!("/v1/outdials/{outdial}/targets/bulk");
        let response = house.ask(Method::Post, &uri, body).await;
        let data: Value = serde_json::from_str(response.data.unwrap().get()).unwrap();
        assert_eq!(
            (response.status_code, &data["details"][0]["field"]),
            (400, &json!(field))
        );
    }
    let asked = AvailableRequest::new([1, 0, 0, 0, 0], 100, None);
    assert_eq!(house.ids(outdial, &asked).await, []);

    let many = json!({"targets": vec![person(1); 1_001]});
    let cases = [
        (outdial, many, (400, "INVALID_ARGUMENT")),
        (outdial, json!({"targets": [{"nmae": "x"}]}), (400, "")),
        (
            OutdialId::random(),
            json!({"targets": [person(1)]}),
            (404, "OUTDIAL_NOT_FOUND"),
        ),
    ];
    for (list, body, (status, reason)) in cases {
        let uri = format!("/v1/outdials/{list}/targets/bulk");
        let response = house.ask(Method::Post, &uri, body).await;
        assert_eq!(error_of(&response), (status, reason.to_owned()));
    }
    let ids = json!({"ids": vec![OutdialTargetId::random(); 1_001]});
    let response = house
        .ask(Method::Post, "/v1/outdialtargets/lookup", ids)
        .await;
    assert_eq!(response.status_code, 400);
    house.end().await;
}

#[tokio::test]
async fn the_same_people_in_two_requests_at_once_are_there_once() {
    let house = House::new().await;
    let outdial = house.list().await;
    let halves = (0..8).map(|n| {
        let client = house.client.clone();
        async move {
            let targets = (n * 100..n * 100 + 200).map(person).collect();
            client.add_all(outdial, &NewTargets { targets }).await
        }
    });
    let replies = futures_util::future::join_all(halves).await;
    let created: u64 = replies
        .into_iter()
        .map(|reply| reply.unwrap().created)
        .sum();
    assert_eq!(created, 900);
    house.end().await;
}

fn person(n: u32) -> NewTarget {
    NewTarget {
        name: format!("person {n}"),
        destination_0: Some(Address::tel(&format!("+4930000{n:04}"))),
        ..NewTarget::default()
    }
}
