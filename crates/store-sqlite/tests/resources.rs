//! The resources of the store on a real engine: round trips, conditional
//! writes, claims, and the plans of the queries that must stay fast.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of test functions"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::json;
use trunkline_model::activeflow::{self as flow_run, Activeflow, Stack};
use trunkline_model::agent::{Agent, Permission};
use trunkline_model::billing::Account;
use trunkline_model::bridge::Bridge;
use trunkline_model::call::{Call, Direction, HangupBy, HangupReason, Status};
use trunkline_model::campaign::{self as campaigns, Campaign, Execute};
use trunkline_model::campaigncall::{self as attempts, Campaigncall, Outcome};
use trunkline_model::channel::{Channel, State};
use trunkline_model::customer::{Customer, Metadata, Secret};
use trunkline_model::flow::Flow;
use trunkline_model::id::*;
use trunkline_model::number::Number;
use trunkline_model::outbound_config::OutboundConfig;
use trunkline_model::outdial::Outdial;
use trunkline_model::outdial_target::{OutdialTarget, Status as TargetStatus};
use trunkline_model::outplan::Outplan;
use trunkline_model::page::Page;
use trunkline_model::route::{Provider, Route};
use trunkline_model::rules::CampaignRules;
use trunkline_model::service::Service;
use trunkline_model::variable::Variable;
use trunkline_model::{Action, Address, Timestamp, action};
use trunkline_store::available::{Counts, Rules};
use trunkline_store::*;
use trunkline_store_sqlite::{Config, SqliteDatabase};
use uuid::Uuid;

// ── Round trips ──────────────────────────────────────────────────────────────

#[tokio::test]
async fn every_field_of_call_resources_comes_back() {
    let db = memory();
    let call = full_call();
    apply(&db, call::insert(&call)).await;
    assert_eq!(call::get(&db, call.id).await.unwrap().unwrap(), call);
    assert_eq!(
        call::by_channel(&db, &call.channel_id)
            .await
            .unwrap()
            .unwrap(),
        call
    );
    let rows = db
        .query(
            "SELECT source_target, destination_target FROM call_calls",
            vec![],
        )
        .await
        .unwrap();
    assert_eq!(
        rows.first().unwrap().text("destination_target").unwrap(),
        call.destination.target
    );
    let empty = Call {
        id: CallId::random(),
        ..Call::default()
    };
    apply(&db, call::insert(&empty)).await;
    assert_eq!(call::get(&db, empty.id).await.unwrap().unwrap(), empty);

    let channel = full_channel();
    apply(&db, channel::insert(&channel)).await;
    assert_eq!(
        channel::get(&db, &channel.id).await.unwrap().unwrap(),
        channel
    );
    let unknown = Channel {
        id: ChannelId::random(),
        sip_data: None,
        ..channel
    };
    apply(&db, channel::insert(&unknown)).await;
    assert_eq!(
        channel::get(&db, &unknown.id).await.unwrap().unwrap(),
        unknown
    );

    let bridge = Bridge {
        asterisk_id: "a".into(),
        id: BridgeId::random(),
        name: "reference_type=call".into(),
        kind: "mixing".into(),
        tech: "softmix".into(),
        class: "stasis".into(),
        creator: "Stasis".into(),
        video_mode: "sfu".into(),
        video_source_id: "v".into(),
        channel_ids: vec!["c1".into()],
        reference_type: "call".into(),
        reference_id: call.id.0.into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, bridge::insert(&bridge)).await;
    assert_eq!(bridge::get(&db, &bridge.id).await.unwrap().unwrap(), bridge);

    let config = OutboundConfig {
        id: OutboundConfigId::random(),
        customer_id: CustomerId::random(),
        name: "main".into(),
        detail: "d".into(),
        destination_whitelist: Some(vec!["us".into(), "kr".into()]),
        codecs: "PCMU".into(),
        default_outgoing_source_number_id: NumberId::random(),
        tm_create: at(1),
        tm_update: at(1),
        tm_delete: None,
    };
    apply(&db, outbound_config::insert(&config)).await;
    assert_eq!(
        outbound_config::by_customer(&db, config.customer_id)
            .await
            .unwrap()
            .unwrap(),
        config
    );
    let second = OutboundConfig {
        id: OutboundConfigId::random(),
        ..config.clone()
    };
    let result = db
        .apply(Batch::new().with(outbound_config::insert(&second)))
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { statement: 0, .. })),
        "one row per customer"
    );
    let changed = OutboundConfig {
        destination_whitelist: None,
        tm_update: at(5),
        ..config.clone()
    };
    apply(&db, outbound_config::update(&changed, time(5))).await;
    assert_eq!(
        outbound_config::get(&db, config.id).await.unwrap().unwrap(),
        changed
    );
    apply(&db, outbound_config::delete(config.id, time(6))).await;
    assert_eq!(outbound_config::get(&db, config.id).await.unwrap(), None);
}

#[tokio::test]
async fn every_field_of_campaign_resources_comes_back() {
    let db = memory();
    let campaign = full_campaign();
    apply(&db, campaign::insert(&campaign)).await;
    assert_eq!(
        campaign::get(&db, campaign.id).await.unwrap().unwrap(),
        campaign
    );
    apply(&db, campaign::set_actions(campaign.id, None, time(9))).await;
    let read = campaign::get(&db, campaign.id).await.unwrap().unwrap();
    assert_eq!(
        (read.actions, read.tm_update),
        (None, at(9)),
        "JSON null is no list"
    );

    let attempt = full_attempt(campaign.id);
    apply(&db, campaigncall::insert(&attempt)).await;
    assert_eq!(
        campaigncall::get(&db, attempt.id).await.unwrap().unwrap(),
        attempt
    );
    assert_eq!(
        campaigncall::by_reference(&db, attempt.reference_id)
            .await
            .unwrap()
            .unwrap(),
        attempt
    );
    assert_eq!(
        campaigncall::by_activeflow(&db, attempt.activeflow_id)
            .await
            .unwrap()
            .unwrap(),
        attempt
    );
    assert_eq!(
        campaigncall::by_reference(&db, ReferenceId::NIL)
            .await
            .unwrap(),
        None
    );

    let mut outplan = Outplan {
        id: OutplanId::random(),
        customer_id: CustomerId::random(),
        name: "n".into(),
        detail: "d".into(),
        source: Some(tel("+1")),
        dial_timeout: 30_000,
        try_interval: 60_000,
        max_try_count_0: 1,
        max_try_count_1: 2,
        max_try_count_2: 3,
        max_try_count_3: 4,
        max_try_count_4: 5,
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, outplan::insert(&outplan)).await;
    assert_eq!(
        outplan::get(&db, outplan.id).await.unwrap().unwrap(),
        outplan
    );
    (outplan.source, outplan.max_try_count_4, outplan.tm_update) = (None, 9, at(7));
    apply(&db, outplan::set_dials(&outplan, time(7))).await;
    assert_eq!(
        outplan::get(&db, outplan.id).await.unwrap().unwrap(),
        outplan
    );

    let outdial = Outdial {
        id: OutdialId::random(),
        customer_id: CustomerId::random(),
        campaign_id: campaign.id,
        name: "n".into(),
        detail: "d".into(),
        data: "{}".into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, outdial::insert(&outdial)).await;
    assert_eq!(
        outdial::get(&db, outdial.id).await.unwrap().unwrap(),
        outdial
    );

    let mut target = new_target(outdial.id, 1);
    target.destination_2 = Some(Address::sip("a@b"));
    (target.try_count_0, target.try_count_1, target.try_count_2) = (1, 2, 3);
    (target.try_count_3, target.try_count_4) = (4, 5);
    (target.name, target.detail, target.data) = ("n".into(), "d".into(), "x".into());
    apply(&db, outdial_target::insert(&target)).await;
    assert_eq!(
        outdial_target::get(&db, target.id).await.unwrap().unwrap(),
        target
    );

    let mut rules = CampaignRules {
        campaign_id: campaign.id,
        customer_id: campaign.customer_id,
        calls_per_second: 12.5,
        max_concurrent: 40,
        tm_create: None,
        tm_update: None,
    };
    for (now, rate) in [(1, 12.5), (2, 3.0)] {
        rules.calls_per_second = rate;
        db.apply(
            campaign_rules::set(Dialect::Sqlite, &rules, time(now))
                .into_iter()
                .collect(),
        )
        .await
        .unwrap();
    }
    (rules.tm_create, rules.tm_update) = (at(1), at(2));
    assert_eq!(
        campaign_rules::get(&db, campaign.id)
            .await
            .unwrap()
            .unwrap(),
        rules
    );
}

#[tokio::test]
async fn every_field_of_flow_resources_comes_back() {
    let db = memory();
    let flow = Flow {
        id: FlowId::random(),
        customer_id: CustomerId::random(),
        kind: "campaign".into(),
        name: "n".into(),
        detail: "d".into(),
        persist: true,
        actions: vec![talk()],
        direct_id: DirectId::random(),
        direct_hash: "h".into(),
        on_complete_flow_id: FlowId::random(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, flow::insert(&flow)).await;
    assert_eq!(
        flow::get(&db, flow.id, time(1)).await.unwrap().unwrap(),
        flow
    );
    let temporary = Flow {
        id: FlowId::random(),
        persist: false,
        ..flow.clone()
    };
    apply(&db, flow::insert_temporary(&temporary, time(100))).await;
    assert_eq!(
        flow::get(&db, temporary.id, time(99))
            .await
            .unwrap()
            .unwrap(),
        temporary
    );
    assert_eq!(flow::get(&db, temporary.id, time(100)).await.unwrap(), None);
    apply(&db, flow::purge_temporary(time(100))).await;
    assert_eq!(flow::get(&db, temporary.id, time(99)).await.unwrap(), None);

    let stack = Stack {
        id: StackId::MAIN,
        actions: vec![talk()],
        ..Stack::default()
    };
    let activeflow = Activeflow {
        id: ActiveflowId::random(),
        customer_id: flow.customer_id,
        flow_id: flow.id,
        status: flow_run::Status::Running,
        reference_type: "call".into(),
        reference_id: ReferenceId::random(),
        reference_activeflow_id: ActiveflowId::random(),
        on_complete_flow_id: FlowId::random(),
        webhook_uri: "http://w".into(),
        webhook_method: "POST".into(),
        stack_map: BTreeMap::from([(StackId::MAIN, stack)]),
        current_stack_id: StackId::MAIN,
        current_action: talk(),
        forward_stack_id: StackId::MAIN,
        forward_action_id: ActionId::random(),
        execute_count: 3,
        executed_actions: vec![talk()],
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, activeflow::insert(&activeflow)).await;
    assert_eq!(
        activeflow::get(&db, activeflow.id).await.unwrap().unwrap(),
        activeflow
    );

    let id = activeflow.id;
    let variable = Variable {
        id,
        variables: BTreeMap::from([("k".into(), "v".into())]),
    };
    for now in [1, 2] {
        apply(&db, variable::set(Dialect::Sqlite, &variable, time(now))).await;
    }
    assert_eq!(
        variable::get(&db, id).await.unwrap().unwrap(),
        (variable.clone(), at(2))
    );
    apply(&db, variable::save(id, &BTreeMap::new(), time(2), time(3))).await;
    refused(
        &db,
        variable::save(id, &variable.variables, time(2), time(4)),
    )
    .await;
}

#[tokio::test]
async fn every_field_of_the_companions_comes_back() {
    let db = memory();
    let customer = Customer {
        id: CustomerId::random(),
        name: "n".into(),
        detail: "d".into(),
        email: "e".into(),
        phone_number: "+1".into(),
        address: "a".into(),
        webhook_method: "POST".into(),
        webhook_uri: "http://w".into(),
        webhook_secret: Secret("s".into()),
        billing_account_id: AccountId::random(),
        email_verified: true,
        status: "frozen".into(),
        identity_verification_status: "verified".into(),
        terms_agreed_version: "1".into(),
        terms_agreed_ip: "::1".into(),
        metadata: Metadata { rtp_debug: true },
        tm_deletion_scheduled: at(4),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, customer::insert(&customer)).await;
    assert_eq!(
        customer::get(&db, customer.id).await.unwrap().unwrap(),
        customer
    );

    let account = Account {
        id: AccountId::random(),
        customer_id: customer.id,
        status: "active".into(),
        plan_type: "unlimited".into(),
        balance_credit: i64::MAX,
        balance_token: -1,
        tm_delete: None,
    };
    let closed = Account {
        id: AccountId::random(),
        tm_delete: at(1),
        ..account.clone()
    };
    apply(&db, account::insert(&closed)).await;
    apply(&db, account::insert(&account)).await;
    assert_eq!(
        account::by_customer(&db, customer.id)
            .await
            .unwrap()
            .unwrap(),
        account
    );
    assert_eq!(account::get(&db, closed.id).await.unwrap().unwrap(), closed);

    let route = Route {
        id: RouteId::random(),
        customer_id: customer.id,
        name: "n".into(),
        detail: "d".into(),
        provider_id: ProviderId::random(),
        priority: 7,
        target: "+82".into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: None,
    };
    let newer = Route {
        id: RouteId::random(),
        tm_create: at(5),
        ..route.clone()
    };
    apply(&db, route::insert(&route)).await;
    apply(&db, route::insert(&newer)).await;
    assert_eq!(route::get(&db, route.id).await.unwrap().unwrap(), route);
    assert_eq!(
        route::for_target(&db, customer.id, "+82").await.unwrap(),
        [newer, route]
    );

    let provider = Provider {
        id: ProviderId::random(),
        kind: "sip".into(),
        hostname: "h".into(),
        tech_prefix: "1".into(),
        tech_postfix: "2".into(),
        tech_headers: BTreeMap::from([("X-A".into(), "b".into())]),
        name: "n".into(),
        detail: "d".into(),
        metadata: Some(BTreeMap::from([("k".into(), json!([1, null]))])),
        codecs: "PCMU".into(),
        health_status: "unknown".into(),
        health_checked_at: at(4),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, provider::insert(&provider)).await;
    assert_eq!(
        provider::get(&db, provider.id).await.unwrap().unwrap(),
        provider
    );

    let number = Number {
        id: NumberId::random(),
        customer_id: customer.id,
        number: "+821100000001".into(),
        kind: "normal".into(),
        call_flow_id: FlowId::random(),
        message_flow_id: FlowId::random(),
        name: "n".into(),
        detail: "d".into(),
        provider_name: "p".into(),
        provider_reference_id: "r".into(),
        status: "active".into(),
        t38_enabled: true,
        emergency_enabled: true,
        metadata: Metadata { rtp_debug: true },
        tm_purchase: at(4),
        tm_renew: at(5),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: None,
    };
    apply(&db, number::insert(&number)).await;
    assert_eq!(number::get(&db, number.id).await.unwrap().unwrap(), number);
    assert_eq!(
        number::by_number(&db, &number.number)
            .await
            .unwrap()
            .unwrap(),
        number
    );

    let mut agent = Agent {
        id: AgentId::random(),
        customer_id: customer.id,
        username: "u".into(),
        name: "n".into(),
        detail: "d".into(),
        ring_method: "ringall".into(),
        status: "available".into(),
        permission: Permission::CUSTOMER_AGENT,
        tag_ids: Some(vec![TagId::random()]),
        addresses: vec![tel("+1"), tel("+2"), Address::sip("a@b")],
        direct_id: DirectId::random(),
        direct_hash: "h".into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: None,
    };
    db.apply(agent::insert(&agent, time(1)).into_iter().collect())
        .await
        .unwrap();
    assert_eq!(agent::get(&db, agent.id).await.unwrap().unwrap(), agent);
    assert_eq!(
        agent::by_address(&db, customer.id, &tel("+2"))
            .await
            .unwrap()
            .unwrap(),
        agent
    );
    let rival = Agent {
        id: AgentId::random(),
        addresses: vec![tel("+2")],
        ..agent.clone()
    };
    let result = db
        .apply(agent::insert(&rival, time(1)).into_iter().collect())
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { statement: 1, .. })),
        "{result:?}"
    );
    agent.addresses = vec![tel("+9"), tel("+1")];
    agent.tm_update = at(6);
    let others = agent::set_addresses(agent.id, customer.id, &agent.addresses, time(6));
    db.apply(others.into_iter().collect()).await.unwrap();
    let filter = Filter::none().id("customer_id", customer.id).not_deleted();
    assert_eq!(agent::list(&db, &filter, &all()).await.unwrap(), [agent]);
}

// ── Conditional writes ───────────────────────────────────────────────────────

type Step = fn(CallId, Timestamp) -> Statement;

#[tokio::test]
async fn a_call_only_moves_forward() {
    // Old statuses down, new ones across, as the table of chapter 02 §4.2; what
    // may be reached by a request only is the same.
    let db = memory();
    let steps: [(&str, Step); 5] = [
        ("ringing", call::set_ringing),
        ("progressing", call::set_progressing),
        ("terminating", call::set_terminating),
        ("canceling", call::set_canceling),
        ("hangup", |id, now| {
            call::set_hangup(id, &HangupBy::Local, &HangupReason::Busy, now)
        }),
    ];
    let table = [
        ("dialing", [true, true, true, true, true]),
        ("ringing", [false, true, true, true, true]),
        ("progressing", [false, false, true, false, true]),
        ("terminating", [false, false, false, false, true]),
        ("canceling", [false, false, false, false, true]),
        ("hangup", [false, false, false, false, false]),
    ];
    for (old, allowed) in table {
        for ((new, step), allowed) in steps.iter().zip(allowed) {
            let call = Call {
                id: CallId::random(),
                status: old.into(),
                ..Call::default()
            };
            apply(&db, call::insert(&call)).await;
            let result = db.apply(Batch::new().with(step(call.id, time(5)))).await;
            assert_eq!(result.is_ok(), allowed, "{old} to {new}: {result:?}");
            let read = call::get(&db, call.id).await.unwrap().unwrap();
            assert_eq!(read.status.as_str(), if allowed { new } else { old });
        }
    }
}

#[tokio::test]
async fn call_writes_refuse_what_is_no_longer_so() {
    let db = memory();
    let call = Call {
        tm_delete: None,
        status: Status::Dialing,
        ..full_call()
    };
    let (id, first, now) = (call.id, call.action.id, time(9));
    apply(&db, call::insert(&call)).await;

    let next = Action {
        id: ActionId::random(),
        ..talk()
    };
    refused(&db, call::set_action(id, &next, first, false, now)).await;
    refused(
        &db,
        call::set_action(id, &next, ActionId::FINISH, true, now),
    )
    .await;
    apply(&db, call::set_action(id, &next, first, true, now)).await;
    refused(&db, call::set_action(id, &next, first, false, now)).await;
    let read = call::get(&db, id).await.unwrap().unwrap();
    assert_eq!((read.action, read.action_next_hold), (next.clone(), false));
    refused(&db, call::set_hold(id, true, false, now)).await;
    apply(&db, call::set_hold(id, false, true, now)).await;

    let (old, new, route) = (&call.channel_id, ChannelId::random(), RouteId::random());
    apply(&db, call::set_failover(id, old, &new, route, now)).await;
    refused(&db, call::set_failover(id, old, &new, route, now)).await;
    let read = call::get(&db, id).await.unwrap().unwrap();
    assert_eq!(
        (read.channel_id, read.bridge_id, read.dialroute_id),
        (new.clone(), "".into(), route)
    );
    apply(&db, call::set_progressing(id, now)).await;
    refused(&db, call::set_failover(id, &new, old, route, now)).await;

    apply(&db, call::delete(id, now)).await;
    refused(&db, call::delete(id, now)).await;
    apply(
        &db,
        call::set_hangup(id, &HangupBy::Remote, &HangupReason::Normal, now),
    )
    .await;
    refused(
        &db,
        call::set_hangup(id, &HangupBy::Local, &HangupReason::Failed, now),
    )
    .await;
    refused(&db, call::set_action(id, &next, next.id, true, now)).await;
    let read = call::get(&db, id).await.unwrap().unwrap();
    assert_eq!(
        (read.hangup_reason, read.tm_hangup),
        (HangupReason::Normal, at(9))
    );
    assert_eq!(call::live(&db, 10).await.unwrap(), []);
}

#[tokio::test]
async fn json_arrays_grow_and_shrink() {
    let db = memory();
    let call = Call {
        id: CallId::random(),
        status: Status::Ringing,
        ..Call::default()
    };
    apply(&db, call::insert(&call)).await;
    let others = [CallId::random(), CallId::random()];
    for other in others {
        apply(
            &db,
            call::add_chained(Dialect::Sqlite, call.id, other, time(1)),
        )
        .await;
    }
    let chained = async || {
        call::get(&db, call.id)
            .await
            .unwrap()
            .unwrap()
            .chained_call_ids
    };
    assert_eq!(chained().await, others);
    for gone in [CallId::random(), others[0]] {
        apply(
            &db,
            call::remove_chained(Dialect::Sqlite, call.id, gone, time(1)),
        )
        .await;
    }
    assert_eq!(
        chained().await,
        [others[1]],
        "an absent one changes nothing"
    );
}

#[tokio::test]
async fn an_ended_channel_takes_no_further_write() {
    let db = memory();
    let id: ChannelId = "1700000000.1".into();
    let channel = Channel {
        id: id.clone(),
        asterisk_id: "a".into(),
        tm_create: at(1),
        ..Channel::default()
    };
    apply(&db, channel::insert(&channel)).await;
    let (key, value) = ("CHANNEL(pjsip,call-id)", "a\"b\\c");
    apply(&db, channel::set_variable(&id, key, value, time(2))).await;
    apply(&db, channel::set_variable(&id, "B", "2", time(2))).await;
    apply(
        &db,
        channel::set_ringing(&id, &State::Ringing, time(2), time(3)),
    )
    .await;
    refused(
        &db,
        channel::set_ringing(&id, &State::Ringing, time(2), time(3)),
    )
    .await;
    apply(
        &db,
        channel::set_answered(&id, &State::Up, time(3), time(4)),
    )
    .await;
    refused(
        &db,
        channel::set_answered(&id, &State::Up, time(3), time(4)),
    )
    .await;
    let read = channel::get(&db, &id).await.unwrap().unwrap();
    assert_eq!(
        read.data,
        BTreeMap::from([(key.into(), json!(value)), ("B".into(), json!("2"))])
    );
    assert_eq!(
        (read.state, read.tm_ringing, read.tm_answer),
        (State::Up, at(2), at(3))
    );

    assert_eq!(channel::live(&db, &"a".into(), 10).await.unwrap().len(), 1);
    apply(&db, channel::set_ended(&id, 16, time(8), time(9))).await;
    refused(&db, channel::set_ended(&id, 17, time(8), time(9))).await;
    refused(&db, channel::set_variable(&id, "B", "3", time(9))).await;
    assert_eq!(
        channel::get(&db, &id).await.unwrap().unwrap().hangup_cause,
        16
    );
    assert_eq!(channel::live(&db, &"a".into(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn an_attempt_needs_a_running_campaign_its_lease_and_a_free_target() {
    let db = memory();
    let mut campaign = full_campaign();
    (campaign.status, campaign.execute, campaign.tm_delete) =
        (campaigns::Status::Stop, Execute::Stop, None);
    let id = campaign.id;
    apply(&db, campaign::insert(&campaign)).await;
    let runner = Uuid::new_v4();
    let lease = campaign_lease::take(&db, id, runner, time(1), time(9))
        .await
        .unwrap()
        .unwrap();
    let attempt = || Campaigncall {
        status: attempts::Status::Dialing,
        tm_delete: None,
        ..full_attempt(id)
    };
    let first = attempt();
    let second = Campaigncall {
        outdial_target_id: first.outdial_target_id,
        ..attempt()
    };

    refused(
        &db,
        campaigncall::insert_claimed(&first, runner, lease.fence),
    )
    .await;
    apply(&db, campaign::set_run(id, time(1))).await;
    refused(&db, campaign::set_run(id, time(1))).await;
    refused(
        &db,
        campaigncall::insert_claimed(&first, Uuid::new_v4(), lease.fence),
    )
    .await;
    refused(
        &db,
        campaigncall::insert_claimed(&first, runner, lease.fence - 1),
    )
    .await;
    apply(
        &db,
        campaigncall::insert_claimed(&first, runner, lease.fence),
    )
    .await;
    assert_eq!(
        campaigncall::get(&db, first.id).await.unwrap().unwrap(),
        first
    );
    refused(
        &db,
        campaigncall::insert_claimed(&second, runner, lease.fence),
    )
    .await;

    assert_eq!(campaigncall::live_count(&db, id).await.unwrap(), 1);
    refused(&db, campaign::set_stopped(id, time(2))).await;
    refused(&db, campaigncall::delete(first.id, time(2))).await;
    apply(&db, campaigncall::set_progressing(first.id, time(2))).await;
    apply(
        &db,
        campaigncall::set_done(first.id, &Outcome::Fail, time(2)),
    )
    .await;
    refused(
        &db,
        campaigncall::set_done(first.id, &Outcome::Success, time(3)),
    )
    .await;
    refused(&db, campaigncall::set_progressing(first.id, time(3))).await;
    apply(
        &db,
        campaigncall::insert_claimed(&second, runner, lease.fence),
    )
    .await;
    let counts = campaigncall::counts(&db, id).await.unwrap();
    assert_eq!((counts.dialing, counts.progressing, counts.done), (1, 0, 1));
    assert_eq!(
        campaigncall::live(&db, id, 10).await.unwrap(),
        std::slice::from_ref(&second)
    );

    apply(
        &db,
        campaigncall::set_done(second.id, &Outcome::Success, time(3)),
    )
    .await;
    refused(&db, campaign::delete(id, time(4))).await;
    apply(&db, campaign::set_stopped(id, time(4))).await;
    apply(&db, campaign::delete(id, time(5))).await;
    refused(&db, campaign::delete(id, time(5))).await;
    refused(&db, campaign::set_run(id, time(6))).await;
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_growing_fence() {
    let db = memory();
    let (campaign, one, two) = (CampaignId::random(), Uuid::new_v4(), Uuid::new_v4());
    let take =
        |holder, now, until| campaign_lease::take(&db, campaign, holder, time(now), time(until));
    let first = take(one, 1, 10).await.unwrap().unwrap();
    assert_eq!(first.fence, 1);
    assert_eq!(take(two, 9, 20).await.unwrap(), None);
    apply(&db, campaign_lease::renew(&first, time(15))).await;
    assert_eq!(take(two, 14, 20).await.unwrap(), None);
    let second = take(two, 15, 30).await.unwrap().unwrap();
    assert_eq!(second.fence, 2);
    refused(&db, campaign_lease::renew(&first, time(99))).await;
    apply(&db, campaign_lease::release(&first)).await;
    assert_eq!(
        campaign_lease::get(&db, campaign).await.unwrap(),
        Some(second),
        "not the former holder's"
    );
    apply(&db, campaign_lease::release(&second)).await;
    assert_eq!(take(one, 16, 20).await.unwrap().unwrap().fence, 3);
}

#[tokio::test]
async fn an_activeflow_is_saved_only_as_it_was_read() {
    let db = memory();
    let start = Activeflow {
        id: ActiveflowId::random(),
        status: flow_run::Status::Running,
        tm_create: at(1),
        ..Activeflow::default()
    };
    apply(&db, activeflow::insert(&start)).await;
    let step = |from: &Activeflow, action: Action, now| Activeflow {
        current_action: action,
        execute_count: from.execute_count + 1,
        tm_update: Some(activeflow::next_version(from, now)),
        ..from.clone()
    };
    let second = step(&start, talk(), time(2));
    apply(&db, activeflow::save(&second, &start)).await;
    refused(
        &db,
        activeflow::save(&step(&start, talk(), time(3)), &start),
    )
    .await;
    // A write that executes nothing is seen as well, also when the clock stands still.
    let forward = Activeflow {
        forward_action_id: ActionId::FINISH,
        tm_update: Some(activeflow::next_version(&second, time(2))),
        ..second.clone()
    };
    apply(&db, activeflow::save(&forward, &second)).await;
    refused(
        &db,
        activeflow::save(&step(&second, talk(), time(4)), &second),
    )
    .await;
    assert_eq!(
        activeflow::get(&db, start.id).await.unwrap().unwrap(),
        forward
    );
    apply(&db, activeflow::set_ended(start.id, time(5))).await;
    refused(&db, activeflow::set_ended(start.id, time(5))).await;
    refused(&db, activeflow::save(&forward, &forward)).await;
    assert_eq!(activeflow::running(&db, 10).await.unwrap(), []);
}

// ── Duties and events ────────────────────────────────────────────────────────

#[tokio::test]
async fn a_duty_is_claimed_once_and_again_after_its_lease() {
    let db = memory();
    let service = Service::CALL;
    let duty = |key: &str, due: i64| due::Due {
        id: Uuid::new_v4(),
        service: service.name().into(),
        key: key.into(),
        owner: "call:1".into(),
        due_at: at(due),
        queue: service.request_queue(),
        uri: "/v1/calls".into(),
        method: "POST".into(),
        data: Some("{}".into()),
        tm_create: at(1),
        ..due::Due::default()
    };
    let claim = |now| due::claim(&db, service, time(now), Duration::from_secs(10), 10);
    assert_eq!(due::next_due(&db, service).await.unwrap(), None);
    let (a, b) = (duty("a", 5), duty("b", 7));
    apply(&db, due::upsert(Dialect::Sqlite, &duty("a", 2))).await;
    apply(&db, due::upsert(Dialect::Sqlite, &a)).await;
    apply(&db, due::upsert(Dialect::Sqlite, &b)).await;
    assert_eq!(
        due::by_key(&db, service, "a").await.unwrap().unwrap(),
        a,
        "the later one took its place"
    );
    assert_eq!(due::next_due(&db, service).await.unwrap(), at(5));
    assert_eq!(claim(4).await.unwrap(), []);

    let claimed = claim(7).await.unwrap();
    let expected = |due: &due::Due, attempts, until| due::Due {
        attempts,
        lease_until: at(until),
        ..due.clone()
    };
    assert_eq!(claimed, [expected(&a, 1, 17), expected(&b, 1, 17)]);
    assert_eq!(claim(16).await.unwrap(), []);
    assert_eq!(due::next_due(&db, service).await.unwrap(), at(17));
    apply(&db, due::delete(a.id, 1)).await;
    assert_eq!(claim(17).await.unwrap(), [expected(&b, 2, 27)]);
    apply(&db, due::delete(b.id, 1)).await;
    assert!(
        due::by_key(&db, service, "b").await.unwrap().is_some(),
        "the first claim is over"
    );
    apply(&db, due::retry(b.id, time(40))).await;
    assert_eq!(due::next_due(&db, service).await.unwrap(), at(40));
    assert_eq!(
        due::claim(&db, Service::FLOW, time(99), Duration::ZERO, 10)
            .await
            .unwrap(),
        []
    );
    apply(&db, due::delete_by_owner(service, "call:1")).await;
    assert_eq!(due::next_due(&db, service).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_never_hold_the_same_duty() {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Arc::new(SqliteDatabase::open(folder.path().join("data.db"), Config::default()).unwrap());
    let duties = (0..300).map(|number: i64| {
        let due = due::Due {
            id: Uuid::new_v4(),
            service: Service::CALL.name().into(),
            key: number.to_string(),
            due_at: at(1),
            tm_create: at(1),
            ..due::Due::default()
        };
        due::upsert(Dialect::Sqlite, &due)
    });
    db.apply(duties.collect()).await.unwrap();
    let senders = (0..4).map(|_| {
        let db = Arc::clone(&db);
        tokio::spawn(async move {
            let mut keys = Vec::new();
            loop {
                let lease = Duration::from_secs(60);
                let claimed = due::claim(&*db, Service::CALL, time(2), lease, 7)
                    .await
                    .unwrap();
                if claimed.is_empty() && due::next_due(&*db, Service::CALL).await.unwrap() > at(2) {
                    return keys;
                }
                keys.extend(claimed.into_iter().map(|due| due.key));
            }
        })
    });
    let mut keys = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        keys.extend(sender.await.unwrap());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 300);
    let rows = db
        .query("SELECT max(attempts) AS most FROM trunkline_due", vec![])
        .await
        .unwrap();
    assert_eq!(rows.first().unwrap().int("most").unwrap(), 1);
}

#[tokio::test]
async fn the_outbox_keeps_its_order_and_its_services_apart() {
    let db = memory();
    let event = |service: Service, body: &str| outbox::Entry {
        id: Uuid::new_v4(),
        service: service.name().into(),
        exchange: service.event_exchange(),
        body: body.into(),
        webhook: (body == "b").then(|| "w".into()),
        tm_create: at(1),
        ..outbox::Entry::default()
    };
    let events = [
        event(Service::CALL, "a"),
        event(Service::FLOW, "x"),
        event(Service::CALL, "b"),
    ];
    for event in &events {
        apply(&db, outbox::insert(event)).await;
    }
    let pending = outbox::pending(&db, Service::CALL, 0, 10).await.unwrap();
    let expected = |at: usize| outbox::Entry {
        seq: 1 + at as i64,
        ..events[at].clone()
    };
    assert_eq!(pending, [expected(0), expected(2)]);
    assert_eq!(
        outbox::pending(&db, Service::CALL, 1, 10).await.unwrap(),
        [expected(2)]
    );
    let result = db
        .apply(Batch::new().with(outbox::insert(&events[0])))
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { .. })),
        "an event is appended once"
    );
    apply(&db, outbox::delete(1)).await;
    apply(&db, outbox::delete(3)).await;
    assert_eq!(outbox::depth(&db, Service::CALL).await.unwrap(), 0);
    assert_eq!(outbox::depth(&db, Service::FLOW).await.unwrap(), 1);
}

#[tokio::test]
async fn tokens_and_webhook_deliveries() {
    let db = memory();
    let token = token::Token {
        id: Uuid::new_v4(),
        customer_id: CustomerId::random(),
        name: "n".into(),
        hash: "h".into(),
        tm_create: at(1),
        tm_delete: None,
    };
    assert!(!token::any(&db).await.unwrap());
    apply(&db, token::insert(&token)).await;
    assert_eq!(token::by_hash(&db, "h").await.unwrap().unwrap(), token);
    assert_eq!(
        token::list(&db, token.customer_id).await.unwrap(),
        std::slice::from_ref(&token)
    );
    refused(&db, token::delete(token.id, CustomerId::random(), time(2))).await;
    apply(&db, token::delete(token.id, token.customer_id, time(2))).await;
    assert_eq!(token::by_hash(&db, "h").await.unwrap(), None);

    let delivery = webhook_delivery::Delivery {
        id: Uuid::new_v4(),
        customer_id: token.customer_id,
        uri: "http://w".into(),
        method: "POST".into(),
        body: "{}".into(),
        attempts: 0,
        due_at: at(5),
        tm_create: at(1),
    };
    apply(&db, webhook_delivery::insert(&delivery)).await;
    assert_eq!(webhook_delivery::due(&db, time(4), 10).await.unwrap(), []);
    assert_eq!(
        webhook_delivery::due(&db, time(5), 10).await.unwrap(),
        std::slice::from_ref(&delivery)
    );
    apply(&db, webhook_delivery::retry(&delivery, time(8))).await;
    refused(&db, webhook_delivery::retry(&delivery, time(8))).await;
    assert_eq!(webhook_delivery::next_due(&db).await.unwrap(), at(8));
    apply(&db, webhook_delivery::delete(delivery.id)).await;
    assert_eq!(webhook_delivery::next_due(&db).await.unwrap(), None);
}

// ── Lists ────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn lists_are_pages_newest_first() {
    let db = memory();
    let customer = CustomerId::random();
    for second in 1..=5 {
        let status = if second == 2 {
            Status::Hangup
        } else {
            Status::Ringing
        };
        let call = Call {
            id: CallId::random(),
            customer_id: customer,
            status,
            tm_create: at(second),
            tm_delete: at(9).filter(|_| second == 4),
            ..Call::default()
        };
        apply(&db, call::insert(&call)).await;
    }
    apply(
        &db,
        call::insert(&Call {
            id: CallId::random(),
            tm_create: at(3),
            ..Call::default()
        }),
    )
    .await;
    let list = async |filters: serde_json::Value, page: Page| {
        let filter = call::FILTERS.parse(filters.as_object().unwrap()).unwrap();
        let calls = call::list(&db, &filter, &page).await.unwrap();
        calls
            .iter()
            .map(|call| call.tm_create.unwrap().as_micros() / 1_000_000)
            .collect::<Vec<_>>()
    };
    let mine = json!({"customer_id": customer, "unknown": 1});
    let page = |limit, token: String| Page { limit, token };
    assert_eq!(list(mine.clone(), all()).await, [5, 4, 3, 2, 1]);
    assert_eq!(
        list(mine.clone(), page(Some(2), time(9).fixed())).await,
        [5, 4]
    );
    for token in [time(4).fixed(), time(4).to_string(), time(4).column()] {
        assert_eq!(list(mine.clone(), page(Some(2), token)).await, [3, 2]);
    }
    assert!(
        list(mine.clone(), page(Some(0), time(9).fixed()))
            .await
            .is_empty()
    );
    assert_eq!(
        list(json!({"customer_id": customer, "deleted": false}), all()).await,
        [5, 3, 2, 1]
    );
    assert_eq!(
        list(json!({"customer_id": customer, "status": "hangup"}), all()).await,
        [2]
    );
    assert_eq!(list(json!({}), all()).await.len(), 6);
}

// ── Targets ──────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_claims_of_a_target_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Arc::new(SqliteDatabase::open(folder.path().join("data.db"), Config::default()).unwrap());
    let targets: Vec<_> = (0..200)
        .map(|_| new_target(OutdialId::random(), 1))
        .collect();
    db.apply(targets.iter().map(outdial_target::insert).collect())
        .await
        .unwrap();
    let claimers = (0..2).map(|_| {
        let (db, ids) = (
            Arc::clone(&db),
            targets.iter().map(|target| target.id).collect::<Vec<_>>(),
        );
        tokio::spawn(async move {
            let mut won = 0;
            for id in ids {
                let claim = outdial_target::claim(id, 0, time(2)).unwrap();
                won += i32::from(db.apply(Batch::new().with(claim)).await.is_ok());
            }
            won
        })
    });
    let mut won = 0;
    for claimer in claimers.collect::<Vec<_>>() {
        won += claimer.await.unwrap();
    }
    assert_eq!(won, 200);
    for target in &targets {
        let read = outdial_target::get(&*db, target.id).await.unwrap().unwrap();
        assert_eq!(
            (read.status, read.try_count_0),
            (TargetStatus::Progressing, 1)
        );
    }
}

#[tokio::test]
async fn claims_and_ends_of_targets_refuse_what_is_no_longer_so() {
    let db = memory();
    let target = new_target(OutdialId::random(), 1);
    let id = target.id;
    apply(&db, outdial_target::insert(&target)).await;
    assert_eq!(outdial_target::claim(id, 5, time(2)), None);
    refused(
        &db,
        outdial_target::finish(id, &TargetStatus::Done, time(2)),
    )
    .await;
    apply(&db, outdial_target::claim(id, 3, time(2)).unwrap()).await;
    refused(&db, outdial_target::claim(id, 3, time(2)).unwrap()).await;
    apply(
        &db,
        outdial_target::finish(id, &TargetStatus::Idle, time(3)),
    )
    .await;
    apply(&db, outdial_target::delete(id, time(4))).await;
    refused(&db, outdial_target::delete(id, time(4))).await;
    refused(&db, outdial_target::claim(id, 0, time(5)).unwrap()).await;
    let read = outdial_target::get(&db, id).await.unwrap().unwrap();
    assert_eq!(
        (read.status, read.try_count_3, read.tm_update),
        (TargetStatus::Idle, 1, at(4))
    );

    let claim = outdial_target::Claim {
        target: id,
        attempt: CampaigncallId::random(),
        index: 3,
    };
    apply(&db, outdial_target::insert_claim(claim, time(5))).await;
    assert_eq!(
        outdial_target::claim_of(&db, id).await.unwrap(),
        Some(claim)
    );
    let rival = outdial_target::Claim {
        attempt: CampaigncallId::random(),
        ..claim
    };
    let result = db
        .apply(Batch::new().with(outdial_target::insert_claim(rival, time(5))))
        .await;
    assert!(matches!(result, Err(Error::Duplicate { .. })));
    apply(&db, outdial_target::delete_claim(id, rival.attempt)).await;
    assert!(outdial_target::claim_of(&db, id).await.unwrap().is_some());
    apply(&db, outdial_target::delete_claim(id, claim.attempt)).await;
    assert_eq!(outdial_target::claim_of(&db, id).await.unwrap(), None);
}

/// The same database under MySQL's name: the text for engines without the
/// index of tries must find the same targets.
struct WithoutIndex(SqliteDatabase);

#[async_trait]
impl Database for WithoutIndex {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.0.query(sql, params).await
    }
    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.0.apply(batch).await
    }
    async fn now(&self) -> Result<Timestamp, Error> {
        self.0.now().await
    }
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }
}

#[tokio::test]
async fn available_targets_are_those_that_can_be_called() {
    for_both(async |db| {
        let outdial = OutdialId::random();
        let put = async |second: i64, change: &dyn Fn(&mut OutdialTarget)| {
            let mut target = new_target(outdial, second);
            change(&mut target);
            apply(db, outdial_target::insert(&target)).await;
            target.id
        };
        let absent = async |id: OutdialTargetId, json: Option<&str>| {
            let value = json.map_or(Value::Null, Value::from);
            let sql = "UPDATE outdial_outdialtargets SET destination_0 = ? WHERE id = ?";
            apply(db, Statement::one(sql, vec![value, Value::uuid(id)])).await;
        };
        let untried = put(50, &|_| {}).await;
        let waited = put(10, &|target| {
            (target.try_count_0, target.tm_update) = (1, at(60))
        })
        .await;
        put(11, &|target| {
            (target.try_count_0, target.tm_update) = (1, at(75))
        })
        .await;
        put(12, &|target| {
            (target.try_count_0, target.tm_update) = (2, at(20))
        })
        .await;
        let second_slot = put(13, &|target| {
            (target.try_count_0, target.tm_update) = (2, at(40));
            target.destination_1 = Some(tel("+2"));
        })
        .await;
        put(14, &|target| {
            (target.tm_delete, target.tm_update) = (at(15), at(15))
        })
        .await;
        put(15, &|target| target.status = TargetStatus::Done).await;
        for json in [
            None,
            Some("null"),
            Some("{}"),
            Some(r#"{"type":"tel","target":""}"#),
        ] {
            let id = put(16, &|_| {}).await;
            absent(id, json).await;
        }
        apply(
            db,
            outdial_target::insert(&new_target(OutdialId::random(), 1)),
        )
        .await;

        let mut rules = Rules {
            outdial,
            maxima: [2, 1, 0, 0, 0],
            try_interval_ms: Some(20_000),
        };
        let ids = async |rules: &Rules, now, limit| {
            let found = available::available(db, rules, time(now), limit)
                .await
                .unwrap();
            found.iter().map(|target| target.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&rules, 80, 10).await, [second_slot, untried, waited]);
        assert_eq!(ids(&rules, 80, 2).await, [second_slot, untried]);
        assert_eq!(
            ids(&rules, 79, 10).await,
            [second_slot, untried],
            "one second too early"
        );
        assert_eq!(
            ids(&rules, 0, 10).await,
            [untried],
            "no interval before the first try"
        );
        let summary = available::summary(db, &rules, time(80)).await.unwrap();
        assert!(summary.available && summary.waiting && summary.done && summary.exhausted);
        assert_eq!((summary.next_try, summary.progressing), (at(95), false));
        let counts = Counts {
            callable: 4,
            exhausted: 5,
            progressing: 0,
            done: 1,
        };
        assert_eq!(available::counts(db, &rules).await.unwrap(), counts);

        rules.try_interval_ms = None;
        assert_eq!(ids(&rules, 0, 10).await.len(), 4);
        assert_eq!(
            available::summary(db, &rules, time(80))
                .await
                .unwrap()
                .next_try,
            None
        );
        rules.maxima = [0; 5];
        assert_eq!(ids(&rules, 80, 10).await, []);
        rules.maxima = [100, 0, 0, 0, 0];
        assert_eq!(
            ids(&rules, 80, 10).await.len(),
            5,
            "raised limits make them callable again"
        );
    })
    .await;
}

#[tokio::test]
async fn more_tries_than_the_index_can_hold_are_still_counted() {
    for_both(async |db| {
        let mut target = new_target(OutdialId::random(), 1);
        (target.try_count_0, target.tm_update) = (70, at(2));
        apply(db, outdial_target::insert(&target)).await;
        for (most, callable) in [(62, 0), (63, 0), (70, 0), (71, 1)] {
            let rules = Rules {
                outdial: target.outdial_id,
                maxima: [most, 0, 0, 0, 0],
                try_interval_ms: None,
            };
            let found = available::available(db, &rules, time(9), 10).await.unwrap();
            assert_eq!(found.len(), callable, "{most}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_list_is_never_scanned() {
    const LONG: i64 = 50_000;
    let db = memory();
    let outdial = OutdialId::random();
    let mut batch = Batch::new();
    for number in 0..LONG {
        let mut target = new_target(outdial, 1_000 + number);
        // All but a few have used up their tries, and were touched before the others.
        let tries = if number % 10_000 == 0 { number % 3 } else { 3 };
        target.try_count_0 = tries;
        target.tm_update = at(if tries == 3 { 1 } else { 200_000 + number });
        if number % 2 == 0 {
            target.destination_1 = Some(tel("+2"));
            target.try_count_1 = i64::from(tries == 3);
        }
        batch.push(outdial_target::insert(&target));
    }
    db.apply(batch).await.unwrap();
    let watched = Watched {
        db,
        queries: std::sync::Mutex::default(),
    };
    let rules = Rules {
        outdial,
        maxima: [3, 1, 0, 0, 0],
        try_interval_ms: Some(1_000),
    };

    let started = Instant::now();
    for _ in 0..100 {
        let found = available::available(&watched, &rules, time(400_000), 1)
            .await
            .unwrap();
        assert_eq!(found[0].tm_update, at(200_000));
    }
    assert_eq!(
        available::available(&watched, &rules, time(400_000), 100)
            .await
            .unwrap()
            .len(),
        5
    );
    for _ in 0..100 {
        let summary = available::summary(&watched, &rules, time(200_000))
            .await
            .unwrap();
        assert!(summary.waiting && summary.exhausted && !summary.progressing);
    }
    let took = started.elapsed();
    // A scan of the list takes some 50 ms each time; this is some 0.2 ms.
    assert!(took < Duration::from_secs(2), "{took:?}");

    let queries = std::mem::take(&mut *watched.queries.lock().unwrap());
    assert!(queries.len() > 3);
    for sql in queries {
        for step in plan(&watched.db, &sql).await {
            let fine = !step.contains("outdial_outdialtargets")
                || step.contains("idx_trunkline_targets_idle (outdial_id=? AND <expr>")
                || step.contains("idx_trunkline_targets_idle (outdial_id=?)")
                || step.contains("idx_trunkline_targets_status (outdial_id=? AND status=?)");
            assert!(fine, "{step}\n{sql}");
            assert!(!step.contains("TEMP B-TREE"), "{step}\n{sql}");
        }
    }
    let counts = available::counts(&watched, &rules).await.unwrap();
    assert_eq!(
        counts,
        Counts {
            callable: 5,
            exhausted: LONG - 5,
            progressing: 0,
            done: 0
        }
    );
}

#[tokio::test]
async fn what_runs_often_uses_an_index() {
    let watched = Watched {
        db: memory(),
        queries: std::sync::Mutex::default(),
    };
    let campaign = CampaignId::random();
    call::live(&watched, 10).await.unwrap();
    call::by_channel(&watched, &"c".into()).await.unwrap();
    channel::live(&watched, &"a".into(), 10).await.unwrap();
    bridge::live(&watched, &"a".into(), 10).await.unwrap();
    campaign::active(&watched, 10).await.unwrap();
    campaigncall::live_count(&watched, campaign).await.unwrap();
    campaigncall::live(&watched, campaign, 10).await.unwrap();
    campaigncall::live_of_target(&watched, OutdialTargetId::random())
        .await
        .unwrap();
    campaigncall::by_reference(&watched, ReferenceId::random())
        .await
        .unwrap();
    activeflow::running(&watched, 10).await.unwrap();
    due::claim(&watched, Service::CALL, time(1), Duration::ZERO, 10)
        .await
        .unwrap();
    due::next_due(&watched, Service::CALL).await.unwrap();
    outbox::pending(&watched, Service::CALL, 0, 10)
        .await
        .unwrap();
    webhook_delivery::due(&watched, time(1), 10).await.unwrap();
    token::by_hash(&watched, "h").await.unwrap();
    let queries = std::mem::take(&mut *watched.queries.lock().unwrap());
    assert_eq!(queries.len(), 15);
    for sql in queries {
        for step in plan(&watched.db, &sql).await {
            assert!(
                !step.starts_with("SCAN ")
                    || step == "SCAN CONSTANT ROW"
                    || step.contains("USING INDEX idx_trunkline"),
                "{step}\n{sql}"
            );
            assert!(!step.contains("TEMP B-TREE"), "{step}\n{sql}");
        }
    }
}

/// Remembers the queries that pass.
struct Watched {
    db: SqliteDatabase,
    queries: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

#[async_trait]
impl Database for Watched {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.queries.lock().unwrap().insert(sql.to_owned());
        self.db.query(sql, params).await
    }
    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.db.apply(batch).await
    }
    async fn now(&self) -> Result<Timestamp, Error> {
        self.db.now().await
    }
    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }
}

async fn plan(db: &SqliteDatabase, sql: &str) -> Vec<String> {
    let params = vec![Value::Null; sql.matches('?').count()];
    let rows = db
        .query(&format!("EXPLAIN QUERY PLAN {sql}"), params)
        .await
        .unwrap();
    rows.map(|row| row.text("detail")).unwrap()
}

async fn for_both(check: impl AsyncFn(&dyn Database)) {
    check(&memory()).await;
    check(&WithoutIndex(memory())).await;
}

// ── Rows with every field set ────────────────────────────────────────────────

fn full_call() -> Call {
    Call {
        id: CallId::random(),
        customer_id: CustomerId::random(),
        owner_type: "agent".into(),
        owner_id: OwnerId::random(),
        channel_id: ChannelId::random(),
        bridge_id: BridgeId::random(),
        flow_id: FlowId::random(),
        activeflow_id: ActiveflowId::random(),
        confbridge_id: ConfbridgeId::random(),
        kind: "flow".into(),
        master_call_id: CallId::random(),
        chained_call_ids: vec![CallId::random()],
        recording_id: RecordingId::random(),
        recording_ids: vec![RecordingId::random(), RecordingId::random()],
        external_media_ids: vec![ExternalMediaId::random()],
        groupcall_id: GroupcallId::random(),
        source: tel("+1"),
        destination: tel("+2"),
        status: Status::Ringing,
        data: BTreeMap::from([("anonymous".into(), "true".into())]),
        metadata: BTreeMap::from([("rtp_debug".into(), json!(true))]),
        action: talk(),
        action_next_hold: true,
        direction: Direction::Outgoing,
        mute_direction: "in".into(),
        hangup_by: HangupBy::Local,
        hangup_reason: HangupReason::Amd,
        dialroute_id: RouteId::random(),
        dialroutes: vec![Route {
            id: RouteId::random(),
            target: "all".into(),
            ..Route::default()
        }],
        tm_ringing: at(1),
        tm_progressing: at(2),
        tm_hangup: at(3),
        tm_create: at(4),
        tm_update: at(5),
        tm_delete: at(6),
    }
}

fn full_channel() -> Channel {
    Channel {
        id: ChannelId::random(),
        asterisk_id: "a".into(),
        name: "PJSIP/x-1".into(),
        kind: "call".into(),
        tech: "pjsip".into(),
        sip_call_id: "s".into(),
        sip_transport: "udp".into(),
        sip_data: Some(BTreeMap::from([("call_id".into(), "x".into())])),
        source_name: "sn".into(),
        source_number: "+1".into(),
        destination_name: "dn".into(),
        destination_number: "+2".into(),
        state: State::Up,
        data: BTreeMap::from([("A".into(), json!("1"))]),
        stasis_name: "voipbin".into(),
        stasis_data: BTreeMap::from([("context".into(), "call-in".into())]),
        bridge_id: "b".into(),
        playback_id: "p".into(),
        dial_result: "r".into(),
        hangup_cause: 16,
        direction: Direction::Incoming,
        mute_direction: "out".into(),
        tm_answer: at(1),
        tm_ringing: at(2),
        tm_end: at(3),
        tm_create: at(4),
        tm_update: at(5),
        tm_delete: at(6),
    }
}

fn full_campaign() -> Campaign {
    Campaign {
        id: CampaignId::random(),
        customer_id: CustomerId::random(),
        kind: "call".into(),
        execute: Execute::Run,
        name: "n".into(),
        detail: "d".into(),
        status: campaigns::Status::Stopping,
        service_level: 150,
        end_handle: "continue".into(),
        flow_id: FlowId::random(),
        actions: Some(vec![talk()]),
        outplan_id: OutplanId::random(),
        outdial_id: OutdialId::random(),
        queue_id: QueueId::random(),
        next_campaign_id: CampaignId::random(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    }
}

fn full_attempt(campaign: CampaignId) -> Campaigncall {
    Campaigncall {
        id: CampaigncallId::random(),
        customer_id: CustomerId::random(),
        campaign_id: campaign,
        outplan_id: OutplanId::random(),
        outdial_id: OutdialId::random(),
        outdial_target_id: OutdialTargetId::random(),
        queue_id: QueueId::random(),
        activeflow_id: ActiveflowId::random(),
        flow_id: FlowId::random(),
        reference_type: "call".into(),
        reference_id: ReferenceId::random(),
        status: attempts::Status::Done,
        result: Outcome::Success,
        source: Some(tel("+1")),
        destination: Some(tel("+2")),
        destination_index: 4,
        try_count: 2,
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    }
}

fn new_target(outdial: OutdialId, second: i64) -> OutdialTarget {
    OutdialTarget {
        id: OutdialTargetId::random(),
        outdial_id: outdial,
        status: TargetStatus::Idle,
        destination_0: Some(tel("+1")),
        tm_create: at(second),
        tm_update: at(second),
        ..OutdialTarget::default()
    }
}

fn talk() -> Action {
    let option = json!({"text": "hello <&> \u{1F642}", "async": false});
    Action {
        id: ActionId::random(),
        kind: action::Kind::Talk,
        option: option.as_object().cloned(),
        tm_execute: at(1),
        ..Action::default()
    }
}

fn tel(number: &str) -> Address {
    Address {
        name: "name".into(),
        ..Address::tel(number)
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

fn at(second: i64) -> Option<Timestamp> {
    Some(time(second))
}

fn all() -> Page {
    Page {
        limit: None,
        token: time(1_000_000).fixed(),
    }
}

fn memory() -> SqliteDatabase {
    SqliteDatabase::in_memory(|| time(0)).unwrap()
}

async fn apply(db: &dyn Database, statement: Statement) {
    let sql = statement.sql.clone();
    if let Err(error) = db.apply(Batch::new().with(statement)).await {
        panic!("{error}\n{sql}");
    }
}

async fn refused(db: &dyn Database, statement: Statement) {
    let sql = statement.sql.clone();
    let result = db.apply(Batch::new().with(statement)).await;
    assert!(
        matches!(result, Err(Error::Precondition { changed: 0, .. })),
        "{result:?}\n{sql}"
    );
}

// ── A summary while the list changes ─────────────────────────────────────────

/// Applies a batch right before the query with this number.
struct Meddler {
    db: SqliteDatabase,
    queries: std::sync::atomic::AtomicUsize,
    at: usize,
    batch: Batch,
}

#[async_trait]
impl Database for Meddler {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        let number = self
            .queries
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if number == self.at {
            self.db.apply(self.batch.clone()).await?;
        }
        self.db.query(sql, params).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.db.apply(batch).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.db.now().await
    }

    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }
}

#[tokio::test]
async fn target_that_comes_back_while_the_list_is_summed_up_is_not_missed() {
    let mut queries = 1;
    let mut at = 0;
    while at < queries {
        let db = memory();
        let target = new_target(OutdialId::random(), 1);
        apply(&db, outdial_target::insert(&target)).await;
        apply(&db, outdial_target::claim(target.id, 0, time(2)).unwrap()).await;
        let back = outdial_target::finish(target.id, &TargetStatus::Idle, time(3));
        let meddler = Meddler {
            db,
            queries: 0.into(),
            at,
            batch: Batch::new().with(back),
        };
        let rules = Rules {
            outdial: target.outdial_id,
            maxima: [2, 0, 0, 0, 0],
            try_interval_ms: Some(60_000),
        };
        let summary = available::summary(&meddler, &rules, time(3)).await.unwrap();
        assert!(
            summary.available || summary.waiting || summary.progressing,
            "missed when it came back before query {at}: {summary:?}"
        );
        queries = meddler.queries.into_inner();
        at += 1;
    }
    assert!(at > 3, "every moment of the summary was tried");
}
