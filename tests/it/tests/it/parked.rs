//! Every role that takes events parks what it cannot read, shows it on its own
//! queue, and nobody else's.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Event, Method};
use trunkline_it::House;
use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use trunkline_store::parked::{self, Parked};
use trunkline_store::{Batch, Database as _};
use uuid::Uuid;

/// Who consumes events.
const CONSUMERS: [Service; 5] = [
    Service::AGENT,
    Service::CALL,
    Service::CAMPAIGN,
    Service::FLOW,
    Service::WEBHOOK,
];

#[tokio::test]
async fn every_role_parks_what_it_cannot_read() {
    let house = House::start().await;
    let stop = CancellationToken::new();
    let campaign = trunkline_campaign::start(
        trunkline_campaign::Deps {
            bus: Arc::new(house.bus.clone()),
            db: Arc::new(house.db.clone()),
            metrics: trunkline_campaign::Metrics::default(),
        },
        trunkline_campaign::Config::default(),
        stop.clone(),
    )
    .await
    .unwrap();

    for service in CONSUMERS {
        let queue = service.subscribe_queue();
        let garbage = Bytes::from(format!("garbage for {}", service.name()));
        house.bus.tell_queue(&queue, garbage).await;
    }
    for service in CONSUMERS {
        let uri = "/v1/parked?page_size=10&page_token=";
        let rows = ask(&house, service, Method::Get, uri).await;
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 1, "{}", service.name());
        let row = &rows[0];
        assert_eq!(row["queue"], json!(service.subscribe_queue()));
        assert_eq!(row["retries"], 0);
        let one = format!("/v1/parked/{}", row["id"].as_str().unwrap());
        let shown = ask(&house, service, Method::Get, &one).await;
        let expected = format!("garbage for {}", service.name());
        assert_eq!(shown["body"], json!(expected));

        let released = format!("{one}/release");
        let again = ask(&house, service, Method::Post, &released).await;
        assert_eq!(again["outcome"], "parked_again", "{}", service.name());
        ask(&house, service, Method::Delete, &one).await;
        let rows = ask(&house, service, Method::Get, uri).await;
        assert_eq!(rows, json!([]));
    }
    stop.cancel();
    campaign.stopped().await;
    house.stop().await;
}

/// Its row goes when the role has handled it, not when the carrier has taken it over.
#[tokio::test]
async fn what_is_released_and_handled_is_parked_no_more() {
    let house = House::start().await;
    let ended =
        json!({"status": "ended", "reference_type": "call", "reference_id": Uuid::new_v4()});
    let event = |kind: &str| Event::new(Service::FLOW, kind, &ended).encode();
    let now = Some(Timestamp::system_now());
    // The second means nothing to call-manager.
    for (message_id, kind) in [(Some(Uuid::new_v4()), "activeflow_updated"), (None, "else")] {
        let body = event(kind).to_vec();
        let row = Parked {
            id: Uuid::new_v4(),
            service: Service::CALL.name().to_owned(),
            queue: Service::CALL.subscribe_queue(),
            message_id,
            body_bytes: i64::try_from(body.len()).unwrap(),
            body,
            times: 1,
            tm_create: now,
            tm_update: now,
            ..Parked::default()
        };
        let insert = Batch::new().with(parked::insert(&row, 10));
        house.db.apply(insert).await.unwrap();
        let release = format!("/v1/parked/{}/release", row.id);
        let released = ask(&house, Service::CALL, Method::Post, &release).await;
        assert_eq!(released["outcome"], "handled", "{kind}");
        let list = "/v1/parked?page_size=10&page_token=";
        let rows = ask(&house, Service::CALL, Method::Get, list).await;
        assert_eq!(rows, json!([]), "{kind}");
    }
    house.stop().await;
}

async fn ask(house: &House, service: Service, method: Method, uri: &str) -> Value {
    let reply = house.ask(service, method, uri, None).await;
    assert_eq!(reply.status_code, 200, "{} {uri}", service.name());
    let data = reply.data.as_deref().map_or("null", |data| data.get());
    serde_json::from_str(data).expect("JSON")
}
