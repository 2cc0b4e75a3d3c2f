//! Every role that takes events parks what it cannot read, shows it on its own
//! queue, and nobody else's.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Method};
use trunkline_it::House;
use trunkline_model::service::Service;

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
        let put = house.bus.redeliver(&queue, None, garbage).await.unwrap();
        put.await.unwrap();
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

async fn ask(house: &House, service: Service, method: Method, uri: &str) -> Value {
    let reply = house.ask(service, method, uri, None).await;
    assert_eq!(reply.status_code, 200, "{} {uri}", service.name());
    let data = reply.data.as_deref().map_or("null", |data| data.get());
    serde_json::from_str(data).expect("JSON")
}
