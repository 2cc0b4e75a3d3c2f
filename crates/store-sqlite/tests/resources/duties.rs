//! Duties, events, leases and tokens.

use super::*;
use trunkline_model::limits::CustomerLimits;

#[tokio::test]
async fn a_duty_is_claimed_once_and_again_after_its_lease() {
    let db = memory();
    let service = Service::CALL;
    let duty = |key: &str, due: i64| due::Due {
        id: Uuid::new_v4(),
        service: service.name().into(),
        key: key.into(),
        owner: "call:1".into(),
        due_at: at(due),
        queue: service.request_queue(),
        uri: "/v1/calls".into(),
        method: "POST".into(),
        data: Some("{}".into()),
        tm_create: at(1),
        ..due::Due::default()
    };
    let claim = |now| {
        due::claim(
            &db,
            service,
            time(now),
            time(now),
            Duration::from_secs(10),
            10,
        )
    };
    assert_eq!(due::next_due(&db, service).await.unwrap(), None);
    let (a, b) = (duty("a", 5), duty("b", 7));
    apply(&db, due::upsert(Dialect::Sqlite, &duty("a", 2))).await;
    apply(&db, due::upsert(Dialect::Sqlite, &a)).await;
    apply(&db, due::upsert(Dialect::Sqlite, &b)).await;
    assert_eq!(
        due::by_key(&db, service, "a").await.unwrap().unwrap(),
        a,
        "the later one took its place"
    );
    assert_eq!(due::next_due(&db, service).await.unwrap(), at(5));
    assert_eq!(claim(4).await.unwrap(), []);

    let claimed = claim(7).await.unwrap();
    let expected = |due: &due::Due, attempts, until| due::Due {
        attempts,
        lease_until: at(until),
        ..due.clone()
    };
    assert_eq!(claimed, [expected(&a, 1, 17), expected(&b, 1, 17)]);
    assert_eq!(claim(16).await.unwrap(), []);
    assert_eq!(due::next_due(&db, service).await.unwrap(), at(17));
    apply(&db, due::delete(a.id, 1)).await;
    let short = due::claim(&db, service, time(7), time(7), Duration::from_secs(4), 10);
    assert_eq!(
        short.await.unwrap(),
        [expected(&b, 2, 11)],
        "no lease is that long: the clock was set back"
    );
    apply(&db, due::upsert(Dialect::Sqlite, &expected(&b, 1, 17))).await;
    assert_eq!(claim(17).await.unwrap(), [expected(&b, 2, 27)]);
    apply(&db, due::delete(b.id, 1)).await;
    assert!(
        due::by_key(&db, service, "b").await.unwrap().is_some(),
        "the first claim is over"
    );
    apply(&db, due::retry(b.id, 1, time(30))).await;
    assert_eq!(
        due::next_due(&db, service).await.unwrap(),
        at(27),
        "whose claim is over does not free it"
    );
    apply(&db, due::retry(b.id, 2, time(40))).await;
    assert_eq!(due::next_due(&db, service).await.unwrap(), at(40));
    assert_eq!(
        due::claim(&db, Service::FLOW, time(99), time(99), Duration::ZERO, 10)
            .await
            .unwrap(),
        []
    );
    apply(&db, due::delete_by_owner(service, "call:1")).await;
    assert_eq!(due::next_due(&db, service).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_never_hold_the_same_duty() {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Arc::new(SqliteDatabase::open(folder.path().join("data.db"), Config::default()).unwrap());
    let duties = (0..300).map(|number: i64| {
        let due = due::Due {
            id: Uuid::new_v4(),
            service: Service::CALL.name().into(),
            key: number.to_string(),
            due_at: at(1),
            tm_create: at(1),
            ..due::Due::default()
        };
        due::upsert(Dialect::Sqlite, &due)
    });
    db.apply(duties.collect()).await.unwrap();
    let senders = (0..4).map(|_| {
        let db = Arc::clone(&db);
        tokio::spawn(async move {
            let mut keys = Vec::new();
            loop {
                let lease = Duration::from_secs(60);
                let claimed = due::claim(&*db, Service::CALL, time(2), time(2), lease, 7)
                    .await
                    .unwrap();
                if claimed.is_empty() && due::next_due(&*db, Service::CALL).await.unwrap() > at(2) {
                    return keys;
                }
                keys.extend(claimed.into_iter().map(|due| due.key));
            }
        })
    });
    let mut keys = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        keys.extend(sender.await.unwrap());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 300);
    let rows = db
        .query("SELECT max(attempts) AS most FROM trunkline_due", vec![])
        .await
        .unwrap();
    assert_eq!(rows.first().unwrap().int("most").unwrap(), 1);
}

#[tokio::test]
async fn the_outbox_keeps_its_order_and_its_services_apart() {
    let db = memory();
    let event = |service: Service, body: &str| outbox::Entry {
        id: Uuid::new_v4(),
        service: service.name().into(),
        exchange: service.event_exchange(),
        body: body.into(),
        webhook: (body == "b").then(|| "w".into()),
        tm_create: at(1),
        ..outbox::Entry::default()
    };
    let events = [
        event(Service::CALL, "a"),
        event(Service::FLOW, "x"),
        event(Service::CALL, "b"),
    ];
    for event in &events {
        apply(&db, outbox::insert(event)).await;
    }
    let pending = outbox::pending(&db, Service::CALL, 0, 10).await.unwrap();
    let expected = |at: usize| outbox::Entry {
        seq: 1 + at as i64,
        ..events[at].clone()
    };
    assert_eq!(pending, [expected(0), expected(2)]);
    assert_eq!(
        outbox::pending(&db, Service::CALL, 1, 10).await.unwrap(),
        [expected(2)]
    );
    let result = db
        .apply(Batch::new().with(outbox::insert(&events[0])))
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { .. })),
        "an event is appended once"
    );
    let ids = [events[0].id, events[2].id];
    db.apply(outbox::delete(&ids)).await.unwrap();
    assert_eq!(outbox::depth(&db, Service::CALL).await.unwrap(), 0);
    assert_eq!(outbox::depth(&db, Service::FLOW).await.unwrap(), 1);
}

#[tokio::test]
async fn an_event_in_hand_is_taken_over_by_one_when_its_lease_has_run_out() {
    let (db, service) = (memory(), Service::CALL);
    let event = |lease: Option<i64>| outbox::Entry {
        id: Uuid::new_v4(),
        service: service.name().into(),
        exchange: "x".into(),
        body: "b".into(),
        webhook: Some("w".into()),
        tm_create: at(1),
        lease_until: lease.and_then(at),
        ..outbox::Entry::default()
    };
    let written = [event(Some(5)), event(None), event(Some(9))];
    for event in &written {
        let statement = outbox::insert(event);
        assert_eq!(outbox::appended(&statement).as_ref(), Some(event));
        apply(&db, statement).await;
    }
    let abandoned = outbox::abandoned(&db, service, time(5), time(99), 10)
        .await
        .unwrap();
    let ids = |entries: &[outbox::Entry]| entries.iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(&abandoned), ids(&written[..2]));
    db.apply(outbox::take(&abandoned, time(8))).await.unwrap();
    let second = db.apply(outbox::take(&abandoned, time(8))).await;
    assert!(second.unwrap_err().is_conflict(), "somebody has it in hand");

    let set_back = outbox::abandoned(&db, service, time(2), time(8), 10)
        .await
        .unwrap();
    assert_eq!(
        ids(&set_back),
        ids(&written[2..]),
        "no lease is that long: the clock was set back"
    );

    let kept = outbox::keep(&ids(&written), time(20));
    db.apply(kept).await.unwrap();
    assert_eq!(
        outbox::abandoned(&db, service, time(19), time(99), 10)
            .await
            .unwrap(),
        []
    );
    apply(
        &db,
        outbox::published_without_webhook(written[0].id, time(6)),
    )
    .await;
    let left = outbox::abandoned(&db, service, time(6), time(99), 10)
        .await
        .unwrap();
    let (exchange, webhook) = (left[0].exchange.as_str(), left[0].webhook.as_deref());
    assert_eq!((exchange, webhook, left[0].attempts), ("", Some("w"), 1));
}

#[tokio::test]
async fn handled_events_are_noted_once_and_forgotten_by_age() {
    let (db, service) = (memory(), Service::CALL);
    let ids: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
    for (number, second) in [(0..2, 1), (1..4, 2), (4..5, 3)] {
        let noted = inbox::insert(Dialect::Sqlite, service, ids[number].to_vec(), time(second));
        db.apply(noted).await.unwrap();
    }
    let other = inbox::insert(Dialect::Sqlite, Service::FLOW, [ids[0]], time(1));
    db.apply(other).await.unwrap();
    let latest = inbox::latest(&db, service, 3).await.unwrap();
    assert_eq!(latest.last(), Some(&ids[4]));
    assert_eq!(latest.len(), 3);
    assert_eq!(inbox::count(&db, service).await.unwrap(), 5);
    assert!(inbox::contains(&db, service, ids[0]).await.unwrap());
    apply(&db, inbox::prune(service, time(2))).await;
    assert!(!inbox::contains(&db, service, ids[0]).await.unwrap());
    assert_eq!(inbox::count(&db, service).await.unwrap(), 3);
    assert_eq!(inbox::count(&db, Service::FLOW).await.unwrap(), 1);
}

#[tokio::test]
async fn tokens_and_webhook_deliveries() {
    let db = memory();
    let token = token::Token {
        id: Uuid::new_v4(),
        customer_id: CustomerId::random(),
        name: "n".into(),
        hash: "h".into(),
        tm_create: at(1),
        tm_expire: at(9),
        tm_last_used: None,
        tm_delete: None,
    };
    assert!(!token::any(&db, time(1)).await.unwrap());
    apply(&db, token::insert(&token)).await;
    assert_eq!(token::by_hash(&db, "h").await.unwrap().unwrap(), token);
    for (before, found) in [(None, 1), (at(2), 1), (at(1), 0)] {
        let page = token::list(&db, token.customer_id, before, 10).await;
        assert_eq!(page.unwrap().len(), found, "{before:?}");
    }
    for (now, usable) in [(8, true), (9, false)] {
        assert_eq!(token::any(&db, time(now)).await.unwrap(), usable, "{now}");
    }
    apply(&db, token::set_last_used(token.id, time(2))).await;
    assert_eq!(
        token::get(&db, token.id)
            .await
            .unwrap()
            .unwrap()
            .tm_last_used,
        at(2)
    );
    refused(&db, token::delete(token.id, CustomerId::random(), time(2))).await;
    apply(&db, token::delete(token.id, token.customer_id, time(2))).await;
    let revoked = token::by_hash(&db, "h").await.unwrap().unwrap();
    assert_eq!(revoked.tm_delete, at(2));
    assert_eq!(token::count(&db, token.customer_id).await.unwrap(), 0);

    let delivery = webhook_delivery::Delivery {
        id: Uuid::new_v4(),
        customer_id: token.customer_id,
        uri: "http://w".into(),
        method: "POST".into(),
        body: "{}".into(),
        data_type: "text/plain".into(),
        attempts: 0,
        due_at: at(5),
        tm_create: at(1),
    };
    apply(&db, webhook_delivery::insert(&delivery)).await;
    assert_eq!(webhook_delivery::due(&db, time(4), 10).await.unwrap(), []);
    assert_eq!(
        webhook_delivery::due(&db, time(5), 10).await.unwrap(),
        std::slice::from_ref(&delivery)
    );
    apply(&db, webhook_delivery::retry(&delivery, time(8))).await;
    refused(&db, webhook_delivery::retry(&delivery, time(8))).await;
    assert_eq!(webhook_delivery::next_due(&db).await.unwrap(), at(8));
    apply(&db, webhook_delivery::delete(delivery.id)).await;
    assert_eq!(webhook_delivery::next_due(&db).await.unwrap(), None);
}

#[tokio::test]
async fn a_request_with_a_key_is_begun_once_and_its_first_answer_stays() {
    let db = memory();
    let kept = idempotency::Kept {
        customer_id: CustomerId::random(),
        key_hash: "k".into(),
        request_hash: "r".into(),
        holder: Uuid::new_v4(),
        tm_create: at(1),
        ..idempotency::Kept::default()
    };
    let customer = kept.customer_id;
    apply(&db, idempotency::insert(&kept)).await;
    let again = db
        .apply(Batch::new().with(idempotency::insert(&kept)))
        .await;
    assert!(again.unwrap_err().is_conflict());
    apply(
        &db,
        idempotency::set_answer(customer, "k", 200, "{}".into()),
    )
    .await;
    apply(&db, idempotency::set_answer(customer, "k", 500, "x".into())).await;
    apply(&db, idempotency::delete(customer, "k")).await;
    let found = idempotency::get(&db, customer, "k").await.unwrap().unwrap();
    assert_eq!((found.status, found.answer.as_str()), (200, "{}"));
    assert_eq!(idempotency::counts(&db).await.unwrap(), [(customer, 1)]);
    assert_eq!(
        idempotency::get(&db, CustomerId::random(), "k")
            .await
            .unwrap(),
        None
    );
    assert!(!idempotency::any_before(&db, time(1)).await.unwrap());
    assert!(idempotency::any_before(&db, time(2)).await.unwrap());
    apply(&db, idempotency::sweep(time(2), 10)).await;
    assert_eq!(idempotency::get(&db, customer, "k").await.unwrap(), None);
}

#[tokio::test]
async fn a_customers_limits_are_written_and_changed() {
    let db = memory();
    let limits = CustomerLimits {
        customer_id: CustomerId::random(),
        calls_per_second: 5,
        concurrent_calls: 0,
        ..CustomerLimits::default()
    };
    for (second, calls) in [(1, 5), (2, 7)] {
        let limits = CustomerLimits {
            calls_per_second: calls,
            ..limits.clone()
        };
        let batch = customer_limits::set(db.dialect(), &limits, time(second));
        db.apply(batch.into_iter().collect()).await.unwrap();
    }
    let found = customer_limits::get(&db, limits.customer_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.calls_per_second, found.tm_create, found.tm_update),
        (7, at(1), at(2))
    );
}
