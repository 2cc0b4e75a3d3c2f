//! Lists: made, changed, deleted, announced; and what is refused.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline_bus::{Bus, Event, EventHandler, Message, Method, QueueSpec, Subscription, Work};
use trunkline_model::id::OutdialId;
use trunkline_model::service::Service;

use crate::world::{House, error_of, tel};

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
