//! route-manager.

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Post, Put};
use trunkline_bus::RpcError;
use trunkline_client::RouteClient;
use trunkline_companion::start_route;
use trunkline_model::id::{CustomerId, ProviderId};
use trunkline_model::service::Service;

use crate::world::World;

const ROUTE: Service = Service::ROUTE;

struct Roads {
    world: World,
    client: RouteClient,
}

impl Roads {
    async fn new() -> Self {
        let mut world = World::new();
        world.start(start_route).await;
        Self {
            client: RouteClient(world.rpc.clone()),
            world,
        }
    }

    async fn provider(&self, name: &str) -> ProviderId {
        let body =
            json!({"name": name, "hostname": "sip.example.net", "tech_headers": {"X-A": "b"}});
        let made = self.world.json(ROUTE, Post, "/v1/providers", body).await;
        serde_json::from_value(made["id"].clone()).unwrap()
    }

    async fn route(&self, customer: CustomerId, provider: ProviderId, target: &str) -> Value {
        let body = json!({"customer_id": customer, "provider_id": provider, "target": target});
        self.world.json(ROUTE, Post, "/v1/routes", body).await
    }
}

#[tokio::test]
async fn own_routes_come_first_newest_first_and_no_provider_twice() {
    let roads = Roads::new().await;
    let customer = CustomerId::random();
    let [a, b, c, d] = [
        roads.provider("a").await,
        roads.provider("b").await,
        roads.provider("c").await,
        roads.provider("d").await,
    ];
    roads.route(CustomerId::BASIC_ROUTE, d, "all").await;
    roads.route(CustomerId::BASIC_ROUTE, a, "+82").await;
    roads.route(CustomerId::BASIC_ROUTE, c, "+82").await;
    roads.route(customer, b, "all").await;
    roads.route(customer, a, "+82").await;
    roads.route(customer, b, "+82").await;
    roads.route(customer, c, "+1").await;
    roads.route(CustomerId::random(), c, "+82").await;

    let found = roads
        .client
        .dialroutes(customer, "+82", "", &[])
        .await
        .unwrap();
    let providers: Vec<ProviderId> = found.iter().map(|route| route.provider_id).collect();
    assert_eq!(providers, [b, a, c, d]);
    roads.world.end().await;
}

#[tokio::test]
async fn longer_prefixes_come_first_for_those_who_tell_the_number() {
    let roads = Roads::new().await;
    let customer = CustomerId::random();
    let [country, city, other] = [
        roads.provider("country").await,
        roads.provider("city").await,
        roads.provider("other").await,
    ];
    roads.route(customer, city, "+4930").await;
    roads.route(customer, country, "+49").await;
    roads.route(customer, other, "+4989").await;
    // Whoever has the city has the country, too: once.
    roads.route(customer, city, "+49").await;
    for (number, expected) in [
        ("+4930123456", vec![city, country]),
        ("+49621123456", vec![city, country]),
        ("", vec![city, country]),
        ("+4989123456", vec![other, city, country]),
    ] {
        let found = roads.client.dialroutes(customer, "+49", number, &[]).await;
        let providers: Vec<ProviderId> = found
            .unwrap()
            .iter()
            .map(|route| route.provider_id)
            .collect();
        assert_eq!(providers, expected, "{number}");
    }
    roads.world.end().await;
}

#[tokio::test]
async fn the_smaller_priority_is_tried_first() {
    let roads = Roads::new().await;
    let customer = CustomerId::random();
    let [first, second] = [roads.provider("a").await, roads.provider("b").await];
    for target in ["all", "+82"] {
        for (provider, priority) in [(first, 1), (second, 2)] {
            let route = json!({
                "customer_id": customer, "provider_id": provider, "target": target, "priority": priority,
            });
            roads.world.json(ROUTE, Post, "/v1/routes", route).await;
        }
        let found = roads.client.dialroutes(customer, "+82", "", &[]).await;
        let providers: Vec<ProviderId> = found
            .unwrap()
            .iter()
            .map(|route| route.provider_id)
            .collect();
        assert_eq!(providers, [first, second], "{target}");
    }
    roads.world.end().await;
}

#[tokio::test]
async fn no_route_is_an_error_that_says_what_to_do() {
    let roads = Roads::new().await;
    let refused = roads
        .client
        .dialroutes(CustomerId::random(), "+82", "", &[])
        .await
        .unwrap_err();
    let RpcError::Typed(error) = refused else {
        panic!("{refused}")
    };
    assert_eq!(
        (error.status.code(), error.reason.as_str()),
        (404, "ROUTE_NOT_FOUND")
    );
    assert!(
        error.message.contains("+82") && error.message.contains("POST /v1/routes"),
        "{}",
        error.message
    );
    roads.world.end().await;
}

#[tokio::test]
async fn wanted_providers_become_routes_and_unknown_ones_are_refused() {
    let roads = Roads::new().await;
    let provider = roads.provider("a").await;
    let found = roads
        .client
        .dialroutes(CustomerId::random(), "+82", "", &[provider])
        .await
        .unwrap();
    assert_eq!(
        (found.len(), found[0].id.0, found[0].provider_id),
        (1, provider.0, provider)
    );
    let refused = roads
        .client
        .dialroutes(
            CustomerId::random(),
            "+82",
            "",
            &[provider, ProviderId::random()],
        )
        .await;
    assert!(refused.unwrap_err().is_not_found());
    roads.world.end().await;
}

#[tokio::test]
async fn a_provider_with_a_route_is_kept_and_both_go_in_order() {
    let roads = Roads::new().await;
    let world = &roads.world;
    let provider = roads.provider("a").await;
    let route = roads.route(CustomerId::BASIC_ROUTE, provider, "all").await;
    let of_provider = format!("/v1/providers/{provider}");
    let of_route = format!("/v1/routes/{}", route["id"].as_str().unwrap());

    let refused = world
        .refusal(ROUTE, Delete, &of_provider, Value::Null)
        .await;
    assert_eq!(refused, (409, "PROVIDER_IN_USE".to_owned()));
    let moved = json!({"provider_id": provider, "target": "+44"});
    assert_eq!(
        world.json(ROUTE, Put, &of_route, moved).await["target"],
        json!("+44")
    );
    world.json(ROUTE, Delete, &of_route, Value::Null).await;
    assert!(
        roads
            .client
            .dialroutes(CustomerId::random(), "+44", "", &[])
            .await
            .is_err(),
        "a deleted route is not taken"
    );
    world.json(ROUTE, Delete, &of_provider, Value::Null).await;

    let over_deleted = json!({"provider_id": provider, "target": "+44"});
    let refused = world.refusal(ROUTE, Post, "/v1/routes", over_deleted).await;
    assert_eq!(refused, (404, "PROVIDER_NOT_FOUND".to_owned()));
    roads.world.end().await;
}

#[tokio::test]
async fn a_hostname_holds_nothing_but_a_host() {
    let roads = Roads::new().await;
    for bad in [
        "",
        "user@host",
        "host;transport=tls",
        "host,Dial(x)",
        "host/path",
        "a b",
    ] {
        let refused = roads
            .world
            .refusal(ROUTE, Post, "/v1/providers", json!({"hostname": bad}))
            .await;
        assert_eq!(
            refused,
            (400, "INVALID_PROVIDER_HOSTNAME".to_owned()),
            "{bad}"
        );
    }
    roads.world.end().await;
}
