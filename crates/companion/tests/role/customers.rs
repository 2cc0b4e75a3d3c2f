//! customer-manager and billing-manager.

use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_client::{BillingClient, CustomerClient};
use trunkline_companion::{
    DEFAULT_ACCOUNT, DEFAULT_CUSTOMER, seed, seed_customer, start_billing, start_customer,
    start_number,
};
use trunkline_model::billing::{BillingType, IsValidBalanceRequest};
use trunkline_model::customer::{IdentityVerificationStatus, Status};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;

use crate::world::World;

const CUSTOMER: Service = Service::CUSTOMER;
const BILLING: Service = Service::BILLING;

async fn world() -> World {
    let mut world = World::new();
    world.start(start_customer).await;
    world.start(start_billing).await;
    world
}

fn balance(customer_id: CustomerId, kind: BillingType) -> IsValidBalanceRequest {
    IsValidBalanceRequest {
        customer_id,
        billing_type: kind,
        country: "us".to_owned(),
        count: 1,
    }
}

#[tokio::test]
async fn the_embedded_shape_begins_with_one_customer_who_may_pay() {
    let world = world().await;
    assert!(seed(&*world.db, world.now()).await.unwrap());
    assert!(
        !seed(&*world.db, world.now()).await.unwrap(),
        "only into an empty table"
    );

    let customer = CustomerClient(world.rpc.clone())
        .get(DEFAULT_CUSTOMER)
        .await
        .unwrap();
    assert_eq!(
        (customer.name.as_str(), customer.status),
        ("default", Status::Active)
    );
    assert_eq!(
        customer.identity_verification_status,
        IdentityVerificationStatus::Verified
    );
    assert_eq!(customer.billing_account_id, DEFAULT_ACCOUNT);
    let (billing, asked) = (
        BillingClient(world.rpc.clone()),
        balance(DEFAULT_CUSTOMER, BillingType::Call),
    );
    assert!(billing.is_valid_balance(&asked).await.unwrap());

    world
        .json(
            CUSTOMER,
            Delete,
            &format!("/v1/customers/{DEFAULT_CUSTOMER}"),
            Value::Null,
        )
        .await;
    assert!(
        !seed(&*world.db, world.now()).await.unwrap(),
        "a deleted customer does not come back"
    );
    world.end().await;
}

#[tokio::test]
async fn a_customer_lives_through_its_statuses_and_each_is_announced() {
    let world = world().await;
    let mut events = world.events(CUSTOMER).await;
    let body =
        json!({"name": "acme", "webhook_uri": "http://127.0.0.1/hook", "webhook_secret": "s3cret"});
    let made = world.json(CUSTOMER, Post, "/v1/customers", body).await;
    assert_eq!(
        (&made["status"], &made["identity_verification_status"]),
        (&json!("active"), &json!("verified"))
    );
    let (kind, data) = events.next().await;
    assert_eq!(
        (kind.as_str(), &data["headless"], &data["id"]),
        ("customer_created", &json!(false), &made["id"])
    );

    let one = format!("/v1/customers/{}", made["id"].as_str().unwrap());
    let renamed = world
        .json(CUSTOMER, Put, &one, json!({"name": "acme 2"}))
        .await;
    assert_eq!(
        (&renamed["name"], &renamed["webhook_secret"]),
        (&json!("acme 2"), &json!("s3cret"))
    );
    assert_eq!(
        renamed.get("webhook_uri"),
        None,
        "the others are written as given"
    );
    for (step, status) in [
        ("freeze", "frozen"),
        ("freeze", "frozen"),
        ("recover", "active"),
        ("recover", "active"),
    ] {
        let row = world
            .json(CUSTOMER, Post, &format!("{one}/{step}"), Value::Null)
            .await;
        assert_eq!(row["status"], json!(status), "{step}");
    }
    let deleted = world.json(CUSTOMER, Delete, &one, Value::Null).await;
    assert_eq!(deleted["status"], json!("deleted"));
    assert_eq!(
        world.json(CUSTOMER, Delete, &one, Value::Null).await,
        deleted
    );
    let refused = world
        .refusal(CUSTOMER, Post, &format!("{one}/recover"), Value::Null)
        .await;
    assert_eq!(refused, (409, "CUSTOMER_DELETED".to_owned()));

    for expected in [
        "customer_updated",
        "customer_frozen",
        "customer_recovered",
        "customer_deleted",
    ] {
        let (kind, data) = events.next().await;
        assert_eq!(
            (kind.as_str(), &data["id"]),
            (expected, &made["id"]),
            "once for each transition"
        );
    }
    let listed = world
        .json(
            CUSTOMER,
            Get,
            "/v1/customers?page_size=10",
            json!({"deleted": false}),
        )
        .await;
    assert_eq!(listed, json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_missing_customer_or_account_is_a_typed_error() {
    let world = world().await;
    let nobody = CustomerId::random();
    let refused = world
        .refusal(
            CUSTOMER,
            Get,
            &format!("/v1/customers/{nobody}"),
            Value::Null,
        )
        .await;
    assert_eq!(refused, (404, "CUSTOMER_NOT_FOUND".to_owned()));
    let ask = "/v1/accounts/is_valid_balance_by_customer_id";
    let refused = world
        .refusal(
            BILLING,
            Post,
            ask,
            json!({"customer_id": nobody, "billing_type": "call"}),
        )
        .await;
    assert_eq!(refused, (404, "ACCOUNT_NOT_FOUND".to_owned()));
    let system = json!({"customer_id": CustomerId::SYSTEM, "billing_type": "call"});
    assert_eq!(
        world.json(BILLING, Post, ask, system).await,
        json!({"valid": true})
    );
    world.end().await;
}

#[tokio::test]
async fn an_operator_sets_plan_and_balance_of_an_account() {
    let world = world().await;
    let customer = world
        .json(CUSTOMER, Post, "/v1/customers", json!({"name": "acme"}))
        .await;
    let filter = json!({"customer_id": customer["id"]});
    let accounts = world
        .json(BILLING, Get, "/v1/accounts?page_size=10", filter)
        .await;
    assert_eq!(
        (
            accounts.as_array().unwrap().len(),
            &accounts[0]["plan_type"]
        ),
        (1, &json!("unlimited"))
    );
    assert_eq!(accounts[0]["id"], customer["billing_account_id"]);

    let one = format!("/v1/accounts/{}", accounts[0]["id"].as_str().unwrap());
    let limited = json!({"plan_type": "free", "balance_credit": 30_000});
    let changed = world.json(BILLING, Put, &one, limited).await;
    assert_eq!(
        (&changed["balance_credit"], &changed["status"]),
        (&json!(30_000), &json!("active"))
    );
    let ask = "/v1/accounts/is_valid_balance_by_customer_id";
    for (kind, count, valid) in [
        ("recording", 1, true),
        ("recording", 2, false),
        ("call", 3, true),
        ("call", 4, false),
    ] {
        let body = json!({"customer_id": customer["id"], "billing_type": kind, "count": count});
        assert_eq!(
            world.json(BILLING, Post, ask, body).await,
            json!({"valid": valid}),
            "{kind} {count}"
        );
    }
    let unknown = json!({"customer_id": customer["id"], "billing_type": "fax"});
    let refused = world.refusal(BILLING, Post, ask, unknown).await;
    assert_eq!(refused, (400, "UNSUPPORTED_BILLING_TYPE".to_owned()));
    let second = world
        .refusal(
            BILLING,
            Post,
            "/v1/accounts",
            json!({"customer_id": customer["id"]}),
        )
        .await;
    assert_eq!(second, (409, "ACCOUNT_ALREADY_EXISTS".to_owned()));

    let limit = "/v1/accounts/is_valid_resource_limit_by_customer_id";
    let body = json!({"customer_id": customer["id"], "resource_type": "queue"});
    assert_eq!(
        world.json(BILLING, Post, limit, body.clone()).await,
        json!({"valid": true})
    );
    world
        .json(BILLING, Put, &one, json!({"status": "frozen"}))
        .await;
    assert_eq!(
        world.json(BILLING, Post, limit, body).await,
        json!({"valid": false})
    );
    world.end().await;
}

/// Each with its own store, as processes have over a broker: none can read what the
/// others keep.
#[tokio::test]
async fn roles_with_stores_of_their_own_know_the_customer_by_asking() {
    let mut world = World::new();
    let customers = world.start_apart(start_customer).await;
    world.start_apart(start_billing).await;
    world.start_apart(start_number).await;
    assert!(seed_customer(&*customers, world.now()).await.unwrap());
    let mut announced = world.events(BILLING).await;

    // The default customer was never announced.
    let ask = "/v1/accounts/is_valid_balance_by_customer_id";
    let asked = json!({"customer_id": DEFAULT_CUSTOMER, "billing_type": "call"});
    let valid = world.json(BILLING, Post, ask, asked.clone()).await;
    assert_eq!(valid, json!({"valid": true}));
    let (kind, account) = announced.next().await;
    let expected = ("account_created", json!(DEFAULT_ACCOUNT));
    assert_eq!((kind.as_str(), account["id"].clone()), expected);
    let body = json!({"customer_id": DEFAULT_CUSTOMER, "number": "+15551234567"});
    world.json(Service::NUMBER, Post, "/v1/numbers", body).await;

    // Who is announced gets his account without being asked about.
    let made = world
        .json(CUSTOMER, Post, "/v1/customers", json!({"name": "acme"}))
        .await;
    let (kind, account) = announced.next().await;
    assert_eq!(kind, "account_created");
    assert_eq!(account["id"], made["billing_account_id"]);

    let one = format!("/v1/customers/{DEFAULT_CUSTOMER}");
    world.json(CUSTOMER, Delete, &one, Value::Null).await;
    let (kind, account) = announced.next().await;
    assert_eq!(kind, "account_deleted");
    assert_eq!(account["id"], json!(DEFAULT_ACCOUNT));
    let valid = world.json(BILLING, Post, ask, asked).await;
    assert_eq!(valid, json!({"valid": false}));
    world.end().await;
}
