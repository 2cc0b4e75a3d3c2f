//! What could not be handled: kept whole, found again, never more than allowed.

use trunkline_store::parked::{Kind, Parked};

use super::*;

fn poison(service: Service, n: u128, created: i64) -> Parked {
    Parked {
        id: Uuid::from_u128(n),
        service: service.name().into(),
        kind: Kind::Event,
        queue: service.subscribe_queue(),
        publisher: "call-manager".into(),
        name: "call_hangup".into(),
        message_id: Some(Uuid::from_u128(1_000 + n)),
        body: vec![0, 159, b'{'],
        body_bytes: 3,
        reason: "an event envelope cannot be read".into(),
        retries: 3,
        times: 1,
        tm_create: at(created),
        tm_update: at(created),
    }
}

#[tokio::test]
async fn what_is_parked_is_kept_whole_and_listed_newest_first() {
    let (db, service) = (memory(), Service::CAMPAIGN);
    let (old, new) = (poison(service, 1, 5), poison(service, 2, 9));
    let nameless = Parked {
        message_id: None,
        ..poison(service, 3, 7)
    };
    for row in [&old, &new, &nameless] {
        apply(&db, parked::insert(row, 10)).await;
    }
    apply(&db, parked::insert(&poison(Service::FLOW, 4, 8), 10)).await;

    let found = parked::by_id(&db, service, new.id).await.unwrap().unwrap();
    assert_eq!(found, new);
    assert!(found.is_complete());
    assert_eq!(
        parked::by_id(&db, Service::FLOW, new.id).await.unwrap(),
        None,
        "every role has its own"
    );
    let page = |limit, token: i64| Page {
        limit: Some(limit),
        token: time(token).fixed(),
    };
    let listed = parked::list(&db, service, &page(2, 100)).await.unwrap();
    let brief = |row: &Parked| Parked {
        body: Vec::new(),
        ..row.clone()
    };
    assert_eq!(listed, [brief(&new), brief(&nameless)]);
    let rest = parked::list(&db, service, &page(2, 7)).await.unwrap();
    assert_eq!(rest, [brief(&old)]);
    assert_eq!(parked::count(&db, service).await.unwrap(), 3);
}

#[tokio::test]
async fn a_message_is_parked_once_and_no_service_parks_more_than_allowed() {
    let (db, service) = (memory(), Service::CAMPAIGN);
    let first = poison(service, 1, 5);
    apply(&db, parked::insert(&first, 2)).await;
    let twice = Parked {
        id: Uuid::from_u128(2),
        ..first.clone()
    };
    let refused = db.apply(Batch::new().with(parked::insert(&twice, 2))).await;
    assert!(
        matches!(refused, Err(Error::Duplicate { .. })),
        "{refused:?}"
    );

    let queue = service.subscribe_queue();
    for id in [first.message_id.unwrap(), first.id] {
        let known = parked::of_message(&db, service, &queue, id).await.unwrap();
        assert_eq!(known.unwrap().id, first.id);
    }
    assert_eq!(
        parked::of_message(&db, service, "another", first.id)
            .await
            .unwrap(),
        None
    );

    apply(&db, parked::insert(&poison(service, 3, 6), 2)).await;
    let full = db
        .apply(Batch::new().with(parked::insert(&poison(service, 4, 7), 2)))
        .await;
    assert!(matches!(full, Err(Error::Precondition { .. })), "{full:?}");
    apply(&db, parked::insert(&poison(Service::FLOW, 5, 7), 2)).await;
}

#[tokio::test]
async fn a_release_ends_what_it_saw_and_nothing_newer() {
    let (db, service) = (memory(), Service::CAMPAIGN);
    let row = poison(service, 1, 5);
    apply(&db, parked::insert(&row, 10)).await;
    apply(&db, parked::again(row.id, "still wrong", 0, time(8))).await;
    let again = parked::by_id(&db, service, row.id).await.unwrap().unwrap();
    let expected = Parked {
        reason: "still wrong".into(),
        retries: 0,
        times: 2,
        tm_update: at(8),
        ..row.clone()
    };
    assert_eq!(again, expected);

    apply(&db, parked::handled(row.id, 1)).await;
    assert_eq!(parked::count(&db, service).await.unwrap(), 1);
    apply(&db, parked::handled(row.id, 2)).await;
    assert_eq!(parked::count(&db, service).await.unwrap(), 0);
    let gone = db
        .apply(Batch::new().with(parked::discard(service, row.id)))
        .await;
    assert!(gone.unwrap_err().is_conflict());
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_found_among_those_that_can() {
    let (db, service) = (memory(), Service::CALL);
    for key in ["a", "b", "c"] {
        let duty = due::Due {
            id: Uuid::new_v4(),
            service: service.name().into(),
            key: key.into(),
            due_at: at(5),
            tm_create: at(1),
            ..due::Due::default()
        };
        apply(&db, due::upsert(Dialect::Sqlite, &duty)).await;
        let event = outbox::Entry {
            id: Uuid::new_v4(),
            service: service.name().into(),
            body: key.into(),
            tm_create: at(1),
            ..outbox::Entry::default()
        };
        apply(&db, outbox::insert(&event)).await;
    }
    for damage in [
        "UPDATE trunkline_due SET due_at = 'soon' WHERE due_key = 'b'",
        "UPDATE trunkline_outbox SET id = x'0102' WHERE body = 'b'",
    ] {
        apply(&db, Statement::one(damage, vec![])).await;
    }
    let duties = broken::duties(&db, service).await.unwrap();
    let events = broken::events(&db, service).await.unwrap();
    for (found, column, cell) in [(&duties, "due_at", "soon"), (&events, "id", "0102")] {
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].cells[column], json!(cell));
        assert!(found[0].why.contains(column), "{}", found[0].why);
        apply(&db, found[0].delete.clone()).await;
    }
    assert_eq!(broken::duties(&db, service).await.unwrap(), []);
    assert_eq!(broken::events(&db, service).await.unwrap(), []);
    let left = outbox::pending(&db, service, 0, 10).await.unwrap();
    assert_eq!(left.len(), 2, "the others can be worked off");
}
