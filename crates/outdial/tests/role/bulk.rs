//! Many in one request: people who are added, claims, reports.

use serde_json::{Value, json};
use trunkline_bus::Method;
use trunkline_model::id::{CampaigncallId, OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{
    AvailableRequest, ClaimRequest, ClaimsRequest, NewTarget, NewTargets, OutdialTarget, Status,
    StatusReport, TargetReport,
};
use trunkline_model::{Address, Timestamp};

use crate::world::{House, error_of, tel};

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
