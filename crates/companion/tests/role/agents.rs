//! agent-manager.

use serde_json::{Value, json};
use trunkline_bus::Bus;
use trunkline_bus::Event;
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_client::AgentClient;
use trunkline_companion::start_agent;
use trunkline_model::Address;
use trunkline_model::address::Kind;
use trunkline_model::groupcall::Groupcall;
use trunkline_model::id::{CallId, CustomerId, GroupcallId, TagId};
use trunkline_model::service::Service;

use crate::world::World;

const AGENT: Service = Service::AGENT;

async fn world() -> World {
    let mut world = World::new();
    world.start(start_agent).await;
    world
}

async fn agent(world: &World, customer: CustomerId, name: &str, more: Value) -> Value {
    let mut body =
        json!({"customer_id": customer, "username": name, "password": "x", "name": name});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap_or_default());
    world.json(AGENT, Post, "/v1/agents", body).await
}

#[tokio::test]
async fn an_agent_is_found_by_an_address_in_any_spelling() {
    let world = world().await;
    let customer = CustomerId::random();
    let addresses = json!({"addresses": [{"type": "tel", "target": "+1 (555) 123-4567"}]});
    let made = agent(&world, customer, "ann", addresses.clone()).await;
    assert_eq!(
        made["addresses"],
        json!([{"type": "tel", "target": "+15551234567"}])
    );
    assert_eq!(
        (&made["status"], made.get("password")),
        (&json!("offline"), None)
    );

    let client = AgentClient(world.rpc.clone());
    for spelling in ["+15551234567", "+1-555-123-4567"] {
        let found = client
            .by_address(customer, &Address::tel(spelling))
            .await
            .unwrap();
        assert_eq!(found.name, "ann", "{spelling}");
    }
    let strangers = client
        .by_address(CustomerId::random(), &Address::tel("+15551234567"))
        .await;
    assert!(strangers.unwrap_err().is_not_found());

    let second =
        json!({"customer_id": customer, "username": "bob", "addresses": addresses["addresses"]});
    let refused = world.refusal(AGENT, Post, "/v1/agents", second).await;
    assert_eq!(refused, (409, "AGENT_ADDRESS_TAKEN".to_owned()));
    let namesake = world
        .refusal(AGENT, Post, "/v1/agents", json!({"username": "ann"}))
        .await;
    assert_eq!(namesake, (409, "AGENT_USERNAME_TAKEN".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn agents_are_listed_by_status_and_by_any_of_their_tags() {
    let world = world().await;
    let customer = CustomerId::random();
    let [sales, support, nobodys] = [TagId::random(), TagId::random(), TagId::random()];
    let ann = agent(&world, customer, "ann", json!({"tag_ids": [sales]})).await;
    agent(&world, customer, "bob", json!({"tag_ids": [support]})).await;
    agent(&world, customer, "eve", Value::Null).await;
    agent(
        &world,
        CustomerId::random(),
        "mallory",
        json!({"tag_ids": [sales]}),
    )
    .await;

    let names = async |size: u32, mut filter: Value| {
        filter["customer_id"] = json!(customer);
        let uri = format!("/v1/agents?page_size={size}");
        let found = world.json(AGENT, Get, &uri, filter).await;
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|agent| agent["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(10, json!({})).await, ["eve", "bob", "ann"]);
    assert_eq!(
        names(
            10,
            json!({"tag_ids": format!("{nobodys},{sales},{support}")})
        )
        .await,
        ["bob", "ann"]
    );
    assert_eq!(
        names(1, json!({"tag_ids": sales.to_string()})).await,
        ["ann"],
        "behind agents without the tag"
    );
    let one = format!("/v1/agents/{}/status", ann["id"].as_str().unwrap());
    world
        .json(AGENT, Put, &one, json!({"status": "available"}))
        .await;
    assert_eq!(names(10, json!({"status": "available"})).await, ["ann"]);
    let refused = world
        .refusal(AGENT, Put, &one, json!({"status": "lunch"}))
        .await;
    assert_eq!(refused, (400, "INVALID_AGENT_STATUS".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_deleted_agent_frees_its_address_and_is_not_changed_any_more() {
    let world = world().await;
    let customer = CustomerId::random();
    let address = json!({"addresses": [{"type": "sip", "target": "ann@Example.NET"}]});
    let made = agent(&world, customer, "ann", address.clone()).await;
    let one = format!("/v1/agents/{}", made["id"].as_str().unwrap());
    world.json(AGENT, Delete, &one, Value::Null).await;
    let again = world.json(AGENT, Get, &one, Value::Null).await;
    assert_ne!(again["tm_delete"], Value::Null);
    let refused = world
        .refusal(
            AGENT,
            Put,
            &format!("{one}/status"),
            json!({"status": "away"}),
        )
        .await;
    assert_eq!(refused, (409, "AGENT_DELETED".to_owned()));
    agent(&world, customer, "ann", address).await;
    world.end().await;
}

#[tokio::test]
async fn group_calls_move_the_agents_that_they_ring() {
    let world = world().await;
    let customer = CustomerId::random();
    let mut events = world.events(AGENT).await;
    let free = agent(&world, customer, "free", Value::Null).await;
    let away = agent(&world, customer, "away", Value::Null).await;
    let foreign = agent(&world, CustomerId::random(), "foreign", Value::Null).await;
    for (agent, status) in [
        (&free, "available"),
        (&away, "away"),
        (&foreign, "available"),
    ] {
        let uri = format!("/v1/agents/{}/status", agent["id"].as_str().unwrap());
        world
            .json(AGENT, Put, &uri, json!({"status": status}))
            .await;
    }
    for _ in 0..6 {
        events.next().await;
    }

    let destination = |agent: &Value| Address {
        kind: Kind::Agent,
        target: agent["id"].as_str().unwrap().to_owned(),
        ..Address::default()
    };
    let destinations = [&away, &foreign, &free].map(destination).to_vec();
    let mut groupcall = Groupcall {
        id: GroupcallId::random(),
        customer_id: customer,
        destinations,
        ..Groupcall::default()
    };
    for (kind, expected) in [
        ("groupcall_created", "ringing"),
        ("groupcall_progressing", "busy"),
        ("groupcall_hangup", "available"),
    ] {
        if kind == "groupcall_progressing" {
            groupcall.answer_call_id = CallId::random();
        }
        let event = Event::new(Service::CALL, kind, &groupcall).encode();
        let handled = world
            .bus
            .publish(&Service::CALL.event_exchange(), None, event)
            .await
            .unwrap();
        handled.await.unwrap();
        let (event, data) = events.next().await;
        assert_eq!(
            (event.as_str(), &data["status"]),
            ("agent_status_updated", &json!(expected))
        );
        assert_eq!(
            data["id"], free["id"],
            "neither who is away nor somebody else's agent"
        );
    }
    world.end().await;
}
