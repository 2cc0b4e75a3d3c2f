//! number-manager.

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_client::NumberClient;
use trunkline_companion::{DEFAULT_CUSTOMER, seed, start_customer, start_number};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;

use crate::world::World;

const NUMBER: Service = Service::NUMBER;

#[tokio::test]
async fn call_manager_finds_the_numbers_of_a_customer_and_no_others() {
    let mut world = World::new();
    seed(&*world.db, world.now()).await.unwrap();
    world.start(start_customer).await;
    world.start(start_number).await;
    let body = json!({"customer_id": DEFAULT_CUSTOMER, "number": "+15551234567", "name": "main"});
    let made = world.json(NUMBER, Post, "/v1/numbers", body.clone()).await;
    assert_eq!(
        (&made["type"], &made["status"]),
        (&json!("normal"), &json!("active"))
    );

    let client = NumberClient(world.rpc.clone());
    let id = serde_json::from_value(made["id"].clone()).unwrap();
    let found = client
        .active_by_number(DEFAULT_CUSTOMER, "+15551234567")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.id, found.name.as_str()), (id, "main"));
    assert_eq!(
        client
            .active_by_id(DEFAULT_CUSTOMER, id)
            .await
            .unwrap()
            .unwrap()
            .id,
        id
    );
    assert!(client.dialed("+15551234567").await.unwrap().is_some());
    assert!(
        client
            .active_by_number(CustomerId::random(), "+15551234567")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        client
            .active_by_number(DEFAULT_CUSTOMER, "+15551234568")
            .await
            .unwrap()
            .is_none()
    );

    let taken = world.refusal(NUMBER, Post, "/v1/numbers", body).await;
    assert_eq!(taken, (409, "NUMBER_ALREADY_EXISTS".to_owned()));
    let one = format!("/v1/numbers/{}", made["id"].as_str().unwrap());
    world
        .json(NUMBER, Put, &one, json!({"name": "other"}))
        .await;
    world.json(NUMBER, Delete, &one, Value::Null).await;
    assert!(
        client.dialed("+15551234567").await.unwrap().is_none(),
        "a deleted number is nobody's"
    );
    let kept = world.json(NUMBER, Get, &one, Value::Null).await;
    assert_eq!(kept["name"], json!("other"));
    world.end().await;
}

#[tokio::test]
async fn a_number_needs_its_form_and_an_owner() {
    let mut world = World::new();
    seed(&*world.db, world.now()).await.unwrap();
    world.start(start_customer).await;
    world.start(start_number).await;
    let virtual_one = json!({"customer_id": DEFAULT_CUSTOMER, "number": "+899123456789"});
    assert_eq!(
        world.json(NUMBER, Post, "/v1/numbers", virtual_one).await["type"],
        json!("virtual")
    );
    let cases = [
        (
            json!({"customer_id": DEFAULT_CUSTOMER, "number": "5551234"}),
            (400, "INVALID_NUMBER"),
        ),
        (
            json!({"customer_id": CustomerId::random(), "number": "+15551234567"}),
            (404, "CUSTOMER_NOT_FOUND"),
        ),
    ];
    for (body, (status, reason)) in cases {
        let refused = world.refusal(NUMBER, Post, "/v1/numbers", body).await;
        assert_eq!(refused, (status, reason.to_owned()));
    }
    let filter = json!({"id": "not an id"});
    let refused = world
        .refusal(NUMBER, Get, "/v1/numbers?page_size=1", filter)
        .await;
    assert_eq!(refused, (400, "INVALID_FILTER".to_owned()));
    world.end().await;
}
