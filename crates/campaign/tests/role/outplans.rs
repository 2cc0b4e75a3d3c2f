//! Outplans as a resource.

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Put};
use trunkline_model::outplan::Outplan;

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn outplans_are_written_as_given_and_every_change_is_announced() {
    let (world, _process) = World::running().await;
    let plan = world
        .outplan(json!({"try_interval": 5_000, "max_try_count_3": 2}))
        .await;
    assert_eq!(plan.max_try_counts(), [1, 0, 0, 2, 0]);
    let uri = format!("/v1/outplans/{}", plan.id);
    let named: Outplan = world
        .ask(Put, &uri, json!({"name": "n", "detail": "d"}))
        .await
        .unwrap();
    assert_eq!((named.name.as_str(), named.try_interval), ("n", 5_000));
    // All dials are written: the source is removed.
    let dials = json!({"dial_timeout": 30_000, "max_try_count_0": 4});
    let dialed: Outplan = world
        .ask(Put, &format!("{uri}/dials"), dials)
        .await
        .unwrap();
    assert_eq!(
        (dialed.source.clone(), dialed.max_try_counts()),
        (None, [4, 0, 0, 0, 0])
    );
    assert_eq!(
        world.ask::<Outplan>(Get, &uri, Value::Null).await.unwrap(),
        dialed
    );
    let deleted: Outplan = world.ask(Delete, &uri, Value::Null).await.unwrap();
    assert!(deleted.tm_delete.is_some());
    assert_eq!(
        world
            .ask::<Outplan>(Delete, &uri, Value::Null)
            .await
            .unwrap(),
        deleted
    );
    let events = world.events().await;
    let counts = ["outplan_created", "outplan_updated", "outplan_deleted"].map(|kind| events[kind]);
    assert_eq!(counts, [1, 2, 1]);
    let filter = json!({"customer_id": world.customer, "deleted": false});
    let left: Vec<Outplan> = world
        .ask(Get, "/v1/outplans?page_size=5", filter)
        .await
        .unwrap();
    assert_eq!(left, []);
}
