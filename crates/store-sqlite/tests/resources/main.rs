//! The resources of the store on a real engine: round trips, conditional
//! writes, claims, and the plans of the queries that must stay fast.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of test functions"
)]

mod duties;
mod lists;
mod parking;
mod recordings;
mod round_trips;
mod summary;
mod targets;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
