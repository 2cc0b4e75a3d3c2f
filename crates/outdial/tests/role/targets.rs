//! Targets: who may be dialed, who claims one, and what a report does.

use serde_json::{Value, json};
use trunkline_bus::Method;
use trunkline_model::id::{CampaigncallId, OutdialId};
use trunkline_model::outdial_target::{AvailableRequest, OutdialTarget, Status};

use crate::world::{House, error_of, tel};

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
