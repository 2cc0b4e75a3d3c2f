//! Lists are pages.

use super::*;

#[tokio::test]
async fn lists_are_pages_newest_first() {
    let db = memory();
    let customer = CustomerId::random();
    for second in 1..=5 {
        let status = if second == 2 {
            Status::Hangup
        } else {
            Status::Ringing
        };
        let call = Call {
            id: CallId::random(),
            customer_id: customer,
            status,
            tm_create: at(second),
            tm_delete: at(9).filter(|_| second == 4),
            ..Call::default()
        };
        apply(&db, call::insert(&call)).await;
    }
    apply(
        &db,
        call::insert(&Call {
            id: CallId::random(),
            tm_create: at(3),
            ..Call::default()
        }),
    )
    .await;
    let list = async |filters: serde_json::Value, page: Page| {
        let filter = call::FILTERS.parse(filters.as_object().unwrap()).unwrap();
        let calls = call::list(&db, &filter, &page).await.unwrap();
        calls
            .iter()
            .map(|call| call.tm_create.unwrap().as_micros() / 1_000_000)
            .collect::<Vec<_>>()
    };
    let mine = json!({"customer_id": customer, "unknown": 1});
    let page = |limit, token: String| Page { limit, token };
    assert_eq!(list(mine.clone(), all()).await, [5, 4, 3, 2, 1]);
    assert_eq!(
        list(mine.clone(), page(Some(2), time(9).fixed())).await,
        [5, 4]
    );
    for token in [time(4).fixed(), time(4).to_string(), time(4).column()] {
        assert_eq!(list(mine.clone(), page(Some(2), token)).await, [3, 2]);
    }
    assert!(
        list(mine.clone(), page(Some(0), time(9).fixed()))
            .await
            .is_empty()
    );
    assert_eq!(
        list(json!({"customer_id": customer, "deleted": false}), all()).await,
        [5, 3, 2, 1]
    );
    assert_eq!(
        list(json!({"customer_id": customer, "status": "hangup"}), all()).await,
        [2]
    );
    assert_eq!(list(json!({}), all()).await.len(), 6);
}
