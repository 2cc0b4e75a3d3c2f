//! A neighbour that is there and cannot answer now.

use serde_json::json;
use trunkline_bus::Method::Post;
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::Manner;
use trunkline_it::{House, SOURCE, event};
use trunkline_model::service::Service;
use uuid::Uuid;

const NEXT: &str = "flow-manager GET /v1/activeflows/{id}/next";

#[tokio::test]
async fn a_call_goes_on_when_flow_manager_was_busy_for_a_moment() {
    let house = House::start().await;
    house.allow_calls().await;
    let sleep = json!({"type": "sleep", "option": {"duration": 1}});
    let flow = house.flow(&json!([sleep, {"type": "hangup"}])).await;
    let _asterisk = house.asterisk(Manner::Lively).await;
    let (_calls, mut of_call) = house.events_of(Service::CALL).await;
    house.bus.busy.set(NEXT, 1);
    let body = json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    let uri = format!("/v1/calls/{}", Uuid::new_v4());
    assert_eq!(house.call(Post, &uri, Some(&body)).await.0, 200);
    event(&mut of_call, "call_hangup").await;
    // Busy once; then the sleep, then the hangup.
    assert_eq!(house.bus.requests.take().get(NEXT), Some(&3));
    house.stop().await;
}
