//! Campaigns as a resource: what requests answer and what follows from them.

use serde_json::{Value, json};
use trunkline_bus::Method::{self, Delete, Get, Post, Put};
use trunkline_bus::RpcError;
use trunkline_model::campaign::{Campaign, Status};
use trunkline_model::outdial::Outdial;

use crate::world::World;

const NOBODY: &str = "183c0d5c-691e-42f3-af2b-9bffc2740f83";

async fn list_of(world: &World, id: impl std::fmt::Display) -> Outdial {
    world
        .ask(Get, &format!("/v1/outdials/{id}"), Value::Null)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn create_answers_with_the_row_and_links_flow_and_outdial() {
    let (world, _process) = World::running().await;
    let (plan, list) = (world.outplan(json!({})).await, world.outdial(1, 0).await);
    let talk = json!({"type": "talk", "option": {"text": "hello"}});
    let campaign = world
        .campaign(json!({"outplan_id": plan.id, "outdial_id": list, "actions": [talk]}))
        .await;
    assert_eq!(campaign.status, Status::Stop);
    assert_eq!(world.get(campaign.id).await, campaign);
    assert_eq!(list_of(&world, list).await.campaign_id, campaign.id);
    assert_eq!(world.flows.rows.lock().unwrap()[&campaign.flow_id].len(), 1);
    let payload = &world.payloads("campaign_created").await[0];
    assert_eq!(payload["id"], json!(campaign.id));
    assert_eq!(payload["execute"], "stop");

    // Lists end before the present moment.
    tokio::time::advance(std::time::Duration::from_millis(1)).await;
    let listed: Vec<Campaign> = world
        .ask(
            Get,
            "/v1/campaigns?page_size=10",
            json!({"customer_id": world.customer, "deleted": false}),
        )
        .await
        .unwrap();
    assert_eq!(listed, [campaign]);
    let none: Vec<Campaign> = world
        .ask(
            Get,
            "/v1/campaigns?page_size=10",
            json!({"customer_id": NOBODY}),
        )
        .await
        .unwrap();
    assert_eq!(none, []);
    let unknown = world
        .send(
            Get,
            "/v1/campaigns?page_size=10",
            Some(json!({"1=1 or x": "y"})),
        )
        .await;
    assert_eq!((unknown.status_code, unknown.data_type.as_str()), (400, ""));
}

#[tokio::test(start_paused = true)]
async fn a_create_that_fails_leaves_nothing_behind() {
    let (world, _process) = World::running().await;
    let list = world.outdial(1, 0).await;
    let user = world.campaign(json!({"outdial_id": list})).await;
    let flows =
        || world.flows.rows.lock().unwrap().len() - world.flows.deleted.lock().unwrap().len();
    let mut body = json!({"customer_id": world.customer, "outdial_id": list});
    // Somebody else's list.
    assert_eq!(
        world
            .send(Post, "/v1/campaigns", Some(body.clone()))
            .await
            .status_code,
        400
    );
    // Another customer's list.
    body["customer_id"] = json!(NOBODY);
    assert_eq!(
        world
            .send(Post, "/v1/campaigns", Some(body))
            .await
            .status_code,
        400
    );
    // An id that exists.
    let body = json!({"id": user.id, "customer_id": world.customer, "outdial_id": list});
    assert_eq!(
        world
            .send(Post, "/v1/campaigns", Some(body))
            .await
            .status_code,
        400
    );
    assert_eq!(list_of(&world, list).await.campaign_id, user.id);
    // A service's typed error is passed on.
    let body = json!({"customer_id": world.customer, "actions": [{"type": "nonsense"}]});
    let refused = world
        .ask::<Value>(Post, "/v1/campaigns", body)
        .await
        .unwrap_err();
    assert!(matches!(refused, RpcError::Typed(error) if error.reason == "INVALID_ACTION_TYPE"));
    assert_eq!(flows(), 1);
    assert_eq!(world.events().await["campaign_created"], 1);
}

#[tokio::test(start_paused = true)]
async fn delete_releases_the_outdial_and_deletes_the_flow_once() {
    let (world, _process) = World::running().await;
    let list = world.outdial(1, 0).await;
    let campaign = world.campaign(json!({"outdial_id": list})).await;
    let uri = format!("/v1/campaigns/{}", campaign.id);
    let deleted: Campaign = world.ask(Delete, &uri, Value::Null).await.unwrap();
    assert!(deleted.tm_delete.is_some());
    world.settle().await;
    assert!(list_of(&world, list).await.campaign_id.is_nil());
    assert_eq!(*world.flows.deleted.lock().unwrap(), [campaign.flow_id]);
    let again: Campaign = world.ask(Delete, &uri, Value::Null).await.unwrap();
    assert_eq!(again, deleted);
    assert_eq!(world.events().await["campaign_deleted"], 1);
    let run = json!({"status": "run"});
    assert_eq!(
        world
            .send(Put, &format!("{uri}/status"), Some(run))
            .await
            .status_code,
        400
    );
}

#[tokio::test(start_paused = true)]
async fn updates_write_what_they_are_given_and_announce_it() {
    let (world, _process) = World::running().await;
    let (plan, first, second) = (
        world.outplan(json!({})).await,
        world.outdial(1, 0).await,
        world.outdial(2, 0).await,
    );
    let campaign = world.campaign(json!({"outdial_id": first})).await;
    let uri = |rest: &str| format!("/v1/campaigns/{}{rest}", campaign.id);

    // Missing fields become empty.
    let new: Campaign = world
        .ask(Put, &uri(""), json!({"name": "new"}))
        .await
        .unwrap();
    assert_eq!(
        (new.name.as_str(), new.kind.as_str(), new.service_level),
        ("new", "", 0)
    );
    let level: Campaign = world
        .ask(Put, &uri("/service_level"), json!({"service_level": 150}))
        .await
        .unwrap();
    assert_eq!(level.service_level, 150);
    let actions = json!({"actions": [{"type": "answer"}, {"type": "hangup"}]});
    let _: Campaign = world.ask(Put, &uri("/actions"), actions).await.unwrap();
    assert_eq!(world.flows.rows.lock().unwrap()[&campaign.flow_id].len(), 2);
    let bad = json!({"actions": [{"type": "nonsense"}]});
    assert!(
        world
            .ask::<Value>(Put, &uri("/actions"), bad)
            .await
            .is_err()
    );

    let resources = json!({"outplan_id": plan.id, "outdial_id": second});
    let _: Campaign = world
        .ask(Put, &uri("/resource_info"), resources)
        .await
        .unwrap();
    world.settle().await;
    assert!(
        list_of(&world, first).await.campaign_id.is_nil(),
        "the former list is free"
    );
    assert_eq!(list_of(&world, second).await.campaign_id, campaign.id);
    let next: Campaign = world
        .ask(
            Put,
            &uri("/next_campaign_id"),
            json!({"next_campaign_id": NOBODY}),
        )
        .await
        .unwrap();
    assert_eq!(next.next_campaign_id.to_string(), NOBODY);

    let row = world.get(campaign.id).await;
    assert_eq!(row, next);
    assert_eq!(
        (
            row.outplan_id,
            row.outdial_id,
            row.actions.as_ref().unwrap().len()
        ),
        (plan.id, second, 2)
    );
    assert_eq!(world.events().await["campaign_updated"], 5);
}

#[tokio::test(start_paused = true)]
async fn statuses_of_errors_are_those_of_the_chapter() {
    let (world, _process) = World::running().await;
    let campaign = world.campaign(json!({})).await;
    let status = format!("/v1/campaigns/{}/status", campaign.id);
    let typed = [
        (
            Get,
            format!("/v1/campaigns/{NOBODY}"),
            Value::Null,
            "CAMPAIGN_NOT_FOUND",
        ),
        (
            Put,
            format!("/v1/campaigns/{NOBODY}/status"),
            json!({"status": "run"}),
            "CAMPAIGN_NOT_FOUND",
        ),
        (
            Put,
            format!("/v1/campaigns/{NOBODY}/actions"),
            json!({}),
            "CAMPAIGN_NOT_FOUND",
        ),
        (
            Put,
            format!("/v1/campaigns/{NOBODY}/resource_info"),
            json!({}),
            "CAMPAIGN_NOT_FOUND",
        ),
        (
            Get,
            format!("/v1/campaigncalls/{NOBODY}"),
            Value::Null,
            "CAMPAIGNCALL_NOT_FOUND",
        ),
        (
            Get,
            format!("/v1/outplans/{NOBODY}"),
            Value::Null,
            "OUTPLAN_NOT_FOUND",
        ),
    ];
    for (method, uri, body, reason) in typed {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = world.send(method, &uri, body).await;
        assert_eq!(
            (answer.status_code, answer.data_type.as_str()),
            (404, "voipbin_error"),
            "{uri}"
        );
        assert!(answer.data.unwrap().get().contains(reason), "{uri}");
    }
    let bare = [
        (Delete, format!("/v1/campaigns/{NOBODY}"), None, 404),
        (Delete, format!("/v1/campaigncalls/{NOBODY}"), None, 404),
        (Put, format!("/v1/campaigns/{NOBODY}"), Some(json!({})), 404),
        (
            Put,
            format!("/v1/campaigns/{NOBODY}/service_level"),
            Some(json!({})),
            404,
        ),
        (
            Put,
            format!("/v1/campaigns/{NOBODY}/next_campaign_id"),
            Some(json!({})),
            404,
        ),
        (
            Put,
            format!("/v1/outplans/{NOBODY}/dials"),
            Some(json!({})),
            404,
        ),
        (Get, "/v1/campaigns".to_owned(), None, 404),
        (Post, format!("/v1/campaigns/{NOBODY}/start"), None, 404),
        (
            Put,
            status.clone(),
            Some(json!({"status": "stopping"})),
            400,
        ),
        (Put, status.clone(), Some(json!({"status": 1})), 400),
        (Put, status, None, 400),
        (Post, format!("/v1/campaigns/{NOBODY}/execute"), None, 200),
    ];
    for (method, uri, body, expected) in bare {
        let answer = world.send(method, &uri, body).await;
        assert_eq!(
            (answer.status_code, answer.data.is_none()),
            (expected, true),
            "{method:?} {uri}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rules_have_defaults_and_limits() {
    let (world, _process) = World::running().await;
    let campaign = world.campaign(json!({})).await;
    let uri = format!("/v1/campaigns/{}/rules", campaign.id);
    let ask = async |method: Method, body| world.ask::<Value>(method, &uri, body).await;
    let pace = |rules: &Value| {
        (
            rules["calls_per_second"].clone(),
            rules["max_concurrent"].clone(),
        )
    };
    let rules = ask(Get, Value::Null).await.unwrap();
    assert_eq!(pace(&rules), (json!(2.0), json!(20)));
    assert_eq!(rules["customer_id"], json!(world.customer));
    let set = ask(Put, json!({"calls_per_second": 7.5, "max_concurrent": 3}))
        .await
        .unwrap();
    assert_eq!(pace(&set), (json!(7.5), json!(3)));
    assert_eq!(ask(Get, Value::Null).await.unwrap(), set);
    for (body, field) in [
        (json!({"calls_per_second": 0}), "calls_per_second"),
        (json!({"calls_per_second": 1001}), "calls_per_second"),
        (json!({"max_concurrent": 0}), "max_concurrent"),
        (json!({"max_concurrent": 10_001}), "max_concurrent"),
    ] {
        let RpcError::Typed(error) = ask(Put, body).await.unwrap_err() else {
            panic!("not typed")
        };
        assert_eq!(
            (error.status.code(), error.domain.as_str()),
            (400, "campaign-manager")
        );
        assert!(error.message.contains(field), "{}", error.message);
    }
    assert_eq!(ask(Get, Value::Null).await.unwrap(), set);
    let missing = world
        .ask::<Value>(Get, &format!("/v1/campaigns/{NOBODY}/rules"), Value::Null)
        .await;
    assert!(missing.unwrap_err().is_not_found());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_deleted_only_when_it_is_done() {
    let (world, _process) = World::running().await;
    world
        .calls
        .script(|_, _| crate::fakes::Script::Answer(2_000));
    let (campaign, _) = world.ready(1, json!({})).await;
    world.set_status(campaign.id, "run").await;
    world
        .until("a call", || async { world.calls.made() == 1 })
        .await;
    let uri = format!("/v1/campaigncalls/{}", world.attempts().await[0].id);
    let refused = world.refusal(Delete, &uri).await;
    assert_eq!(refused, (409, "CAMPAIGNCALL_NOT_DONE".to_owned()));
    world.until_status(campaign.id, Status::Stop).await;
    let deleted: Value = world.ask(Delete, &uri, Value::Null).await.unwrap();
    assert_eq!(deleted["status"], "done");
    assert!(!deleted["tm_delete"].is_null());
    assert_eq!(
        world.ask::<Value>(Delete, &uri, Value::Null).await.unwrap(),
        deleted
    );
    assert_eq!(world.events().await["campaigncall_deleted"], 1);
    let filter = json!({"campaign_id": campaign.id, "deleted": "false"});
    let left: Vec<Value> = world
        .ask(Get, "/v1/campaigncalls?page_size=5", filter)
        .await
        .unwrap();
    assert_eq!(left, Vec::<Value>::new());
}
