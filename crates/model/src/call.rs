//! Call: one leg between a customer and the platform (chapter 02 §3.1), and the
//! requests that create one (§5.2.1, §5.2.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Action;
use crate::address::Address;
use crate::groupcall::Groupcall;
use crate::id::{
    ActiveflowId, AsteriskId, BridgeId, CallId, ChannelId, ConfbridgeId, CustomerId,
    ExternalMediaId, FlowId, GroupcallId, OwnerId, RecordingId, RouteId,
};
use crate::route::Route;
use crate::time::Timestamp;
use crate::wire::{is_default, is_default_ref};

wire_enum! {
    /// What a call is for; only `flow` is ever stored.
    pub enum Type {
        None = "",
        Flow = "flow",
        Conference = "conference",
        SipService = "sip-service",
    }
    default None
}

wire_enum! {
    /// Where a call is in its life.
    pub enum Status {
        None = "",
        Dialing = "dialing",
        Ringing = "ringing",
        Progressing = "progressing",
        Terminating = "terminating",
        Canceling = "canceling",
        Hangup = "hangup",
    }
    default None
}

wire_enum! {
    /// Who called whom, seen from the platform.
    pub enum Direction {
        None = "",
        Incoming = "incoming",
        Outgoing = "outgoing",
    }
    default None
}

wire_enum! {
    /// Which way is silenced; also the direction of a snoop.
    pub enum MuteDirection {
        None = "",
        Both = "both",
        Out = "out",
        In = "in",
    }
    default None
}

wire_enum! {
    /// Which side ended a call.
    pub enum HangupBy {
        None = "",
        Remote = "remote",
        Local = "local",
    }
    default None
}

wire_enum! {
    /// Why a call ended.
    pub enum HangupReason {
        None = "",
        Normal = "normal",
        Failed = "failed",
        Busy = "busy",
        Cancel = "cancel",
        Timeout = "timeout",
        NoAnswer = "noanswer",
        Dialout = "dialout",
        Amd = "amd",
    }
    default None
}

wire_enum! {
    /// Whether to hide the caller's number; anything unknown is treated as `auto`.
    pub enum Anonymous {
        None = "",
        Yes = "yes",
        No = "no",
        Auto = "auto",
    }
    default None
}

wire_enum! {
    /// What kind of thing owns a call, group call or recording (chapter 02 §2.2).
    pub enum OwnerType {
        None = "",
        Agent = "agent",
    }
    default None
}

/// Keys of [`Call::data`]; the values are the texts `true` and `false`.
pub mod data_key {
    /// Run the flow when the call rings.
    pub const EARLY_EXECUTION: &str = "early_execution";
    /// Stored from `connect`; read nowhere in the reference.
    pub const EXECUTE_NEXT_MASTER_ON_HANGUP: &str = "execute_next_master_on_hangup";
    /// Hide the caller's number.
    pub const ANONYMOUS: &str = "anonymous";
}

/// Keys of [`Call::metadata`]: a closed registry.
pub mod metadata_key {
    /// Bool: capture RTP.
    pub const RTP_DEBUG: &str = "rtp_debug";
    /// Array of provider ids: only these carry the call.
    pub const ROUTE_PROVIDER_IDS: &str = "route_provider_ids";
    /// Bool: use the source as given.
    pub const SKIP_SOURCE_VALIDATION: &str = "skip_source_validation";
    /// Text, comma separated: codecs of the outgoing INVITE.
    pub const CODECS: &str = "codecs";
    /// Every key that a create request may carry.
    pub const ALL: [&str; 4] = [
        RTP_DEBUG,
        ROUTE_PROVIDER_IDS,
        SKIP_SOURCE_VALIDATION,
        CODECS,
    ];
}

/// One leg between a customer and the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Call {
    pub id: CallId,
    pub customer_id: CustomerId,
    pub owner_type: OwnerType,
    pub owner_id: OwnerId,
    #[serde(skip_serializing_if = "is_default")]
    pub channel_id: ChannelId,
    /// The call's own bridge; empty until it exists and again on route failover.
    #[serde(skip_serializing_if = "is_default")]
    pub bridge_id: BridgeId,
    pub flow_id: FlowId,
    pub activeflow_id: ActiveflowId,
    /// The confbridge that the call is in.
    pub confbridge_id: ConfbridgeId,
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: Type,
    /// The call that owns this one.
    pub master_call_id: CallId,
    /// Calls that are hung up with this one.
    #[serde(skip_serializing_if = "is_default")]
    pub chained_call_ids: Vec<CallId>,
    /// The running recording.
    pub recording_id: RecordingId,
    /// All recordings, also ended ones.
    #[serde(skip_serializing_if = "is_default")]
    pub recording_ids: Vec<RecordingId>,
    #[serde(skip_serializing_if = "is_default")]
    pub external_media_ids: Vec<ExternalMediaId>,
    pub groupcall_id: GroupcallId,
    pub source: Address,
    pub destination: Address,
    #[serde(skip_serializing_if = "is_default")]
    pub status: Status,
    /// Internal options: see [`data_key`].
    #[serde(skip_serializing_if = "is_default")]
    pub data: BTreeMap<String, String>,
    /// Options of the customer: see [`metadata_key`].
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, Value>,
    /// The action that runs.
    pub action: Action,
    /// While true, requests for the next action are ignored.
    #[serde(skip_serializing_if = "is_default")]
    pub action_next_hold: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub direction: Direction,
    #[serde(skip_serializing_if = "is_default")]
    pub mute_direction: MuteDirection,
    #[serde(skip_serializing_if = "is_default")]
    pub hangup_by: HangupBy,
    #[serde(skip_serializing_if = "is_default")]
    pub hangup_reason: HangupReason,
    /// The route in use; destinations of type `tel` only.
    pub dialroute_id: RouteId,
    /// Every route that may be tried, in order.
    #[serde(skip_serializing_if = "is_default")]
    pub dialroutes: Vec<Route>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_ringing: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_progressing: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_hangup: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_create: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_update: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    pub tm_delete: Option<Timestamp>,
}

impl Call {
    /// What customers see of it.
    #[must_use]
    pub fn webhook(&self) -> Webhook<'_> {
        Webhook {
            id: self.id,
            customer_id: self.customer_id,
            owner_type: &self.owner_type,
            owner_id: self.owner_id,
            flow_id: self.flow_id,
            activeflow_id: self.activeflow_id,
            kind: &self.kind,
            master_call_id: self.master_call_id,
            chained_call_ids: &self.chained_call_ids,
            recording_id: self.recording_id,
            recording_ids: &self.recording_ids,
            // Compat: the reference never copies it; pinned by
            // `webhook_has_exactly_the_customer_facing_keys`.
            groupcall_id: GroupcallId::NIL,
            source: &self.source,
            destination: &self.destination,
            status: &self.status,
            metadata: &self.metadata,
            action: &self.action,
            direction: &self.direction,
            mute_direction: &self.mute_direction,
            hangup_by: &self.hangup_by,
            hangup_reason: &self.hangup_reason,
            tm_ringing: self.tm_ringing,
            tm_progressing: self.tm_progressing,
            tm_hangup: self.tm_hangup,
            tm_create: self.tm_create,
            tm_update: self.tm_update,
            tm_delete: self.tm_delete,
        }
    }
}

/// The fields that chapter 02 §3.1 marks "W".
#[derive(Debug, Serialize)]
pub struct Webhook<'a> {
    id: CallId,
    customer_id: CustomerId,
    owner_type: &'a OwnerType,
    owner_id: OwnerId,
    flow_id: FlowId,
    activeflow_id: ActiveflowId,
    #[serde(rename = "type", skip_serializing_if = "is_default_ref")]
    kind: &'a Type,
    master_call_id: CallId,
    #[serde(skip_serializing_if = "is_default")]
    chained_call_ids: &'a [CallId],
    recording_id: RecordingId,
    #[serde(skip_serializing_if = "is_default")]
    recording_ids: &'a [RecordingId],
    groupcall_id: GroupcallId,
    source: &'a Address,
    destination: &'a Address,
    #[serde(skip_serializing_if = "is_default_ref")]
    status: &'a Status,
    #[serde(skip_serializing_if = "is_default_ref")]
    metadata: &'a BTreeMap<String, Value>,
    action: &'a Action,
    #[serde(skip_serializing_if = "is_default_ref")]
    direction: &'a Direction,
    #[serde(skip_serializing_if = "is_default_ref")]
    mute_direction: &'a MuteDirection,
    #[serde(skip_serializing_if = "is_default_ref")]
    hangup_by: &'a HangupBy,
    #[serde(skip_serializing_if = "is_default_ref")]
    hangup_reason: &'a HangupReason,
    #[serde(skip_serializing_if = "is_default")]
    tm_ringing: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_progressing: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_hangup: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_create: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_update: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_default")]
    tm_delete: Option<Timestamp>,
}

/// Body of `POST /v1/calls` (chapter 02 §5.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateRequest {
    pub customer_id: CustomerId,
    pub flow_id: FlowId,
    pub master_call_id: CallId,
    pub source: Address,
    #[serde(skip_serializing_if = "is_default")]
    pub destinations: Vec<Address>,
    #[serde(skip_serializing_if = "is_default")]
    pub early_execution: bool,
    /// Stored as [`data_key::EXECUTE_NEXT_MASTER_ON_HANGUP`].
    #[serde(skip_serializing_if = "is_default")]
    pub connect: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub anonymous: Anonymous,
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, Value>,
    /// Initial variables of the new activeflow.
    #[serde(skip_serializing_if = "is_default")]
    pub variables: BTreeMap<String, String>,
}

/// Body of `POST /v1/calls/{id}` (chapter 02 §5.2.2, 01 §9.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateWithIdRequest {
    pub flow_id: FlowId,
    /// Nil: flow-manager chooses.
    pub activeflow_id: ActiveflowId,
    pub customer_id: CustomerId,
    pub master_call_id: CallId,
    pub source: Address,
    /// Of type `sip` or `tel`.
    pub destination: Address,
    pub groupcall_id: GroupcallId,
    #[serde(skip_serializing_if = "is_default")]
    pub early_execution: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub connect: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub anonymous: Anonymous,
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "is_default")]
    pub variables: BTreeMap<String, String>,
}

/// Reply to `POST /v1/calls`: what could be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateReply {
    #[serde(skip_serializing_if = "is_default")]
    pub calls: Vec<Call>,
    #[serde(skip_serializing_if = "is_default")]
    pub groupcalls: Vec<Groupcall>,
}

/// How a call went: Trunkline's own resource beside the call, because a call has
/// no field for the cause that its channel ended with (architecture decision 17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Outcome {
    pub id: CallId,
    pub customer_id: CustomerId,
    pub status: Status,
    pub hangup_by: HangupBy,
    pub hangup_reason: HangupReason,
    /// Q.850 cause of the channel; 0 while it lives.
    pub hangup_cause: i64,
    /// The SIP status that the far end gave; 0 if it gave none.
    pub sip_code: i64,
    pub source: Address,
    pub destination: Address,
    /// Every key that was pressed, in Asterisk's order.
    pub digits: String,
    pub recording_ids: Vec<RecordingId>,
    pub asterisk_id: AsteriskId,
    pub channel_id: ChannelId,
    pub tm_create: Option<Timestamp>,
    pub tm_ringing: Option<Timestamp>,
    /// When it was answered.
    pub tm_progressing: Option<Timestamp>,
    pub tm_hangup: Option<Timestamp>,
}

/// Body of `POST /v1/calls/outcomes`: Trunkline's own, between roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct OutcomesRequest {
    /// At most [`OutcomesRequest::MOST`].
    pub ids: Vec<CallId>,
}

impl OutcomesRequest {
    /// How many calls one request may ask for.
    pub const MOST: usize = 1_000;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::wire::decode;

    /// The example of chapter 02 §3.1.
    const EXAMPLE: &str = r#"{"id":"0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001","customer_id":"5e4a0680-804e-11ec-8477-2fea5968d85b","owner_type":"","owner_id":"00000000-0000-0000-0000-000000000000",
 "channel_id":"7d3a3c0e-52c1-4d55-9f0e-6f3a0c1b0002","bridge_id":"b0a1c2d3-0000-4000-8000-000000000003",
 "flow_id":"a1b2c3d4-0000-4000-8000-000000000004","activeflow_id":"a1b2c3d4-0000-4000-8000-000000000005","confbridge_id":"00000000-0000-0000-0000-000000000000",
 "type":"flow","master_call_id":"00000000-0000-0000-0000-000000000000","recording_id":"00000000-0000-0000-0000-000000000000","groupcall_id":"00000000-0000-0000-0000-000000000000",
 "source":{"type":"tel","target":"+15551230001","target_name":"Office"},"destination":{"type":"tel","target":"+15551230002"},
 "status":"progressing","data":{"anonymous":"false","early_execution":"false","execute_next_master_on_hangup":"false"},"metadata":{"rtp_debug":true},
 "action":{"id":"c9f6f1de-0000-4000-8000-000000000006","next_id":"00000000-0000-0000-0000-000000000000","type":"talk","option":{"text":"hello","language":"en-US"},"tm_execute":"2026-03-01T10:00:07.123456789Z"},
 "direction":"outgoing","dialroute_id":"d0000000-0000-4000-8000-000000000007",
 "dialroutes":[{"id":"d0000000-0000-4000-8000-000000000007","customer_id":"00000000-0000-0000-0000-000000000001","name":"default","detail":"","provider_id":"e0000000-0000-4000-8000-000000000008","priority":1,"target":"all","tm_create":"2025-01-01T00:00:00Z","tm_update":null,"tm_delete":null}],
 "tm_ringing":"2026-03-01T10:00:02.5Z","tm_progressing":"2026-03-01T10:00:06.000001Z","tm_create":"2026-03-01T10:00:00.12Z","tm_update":"2026-03-01T10:00:07.2Z"}"#;

    #[test]
    fn example_round_trips() {
        let call: Call = decode(EXAMPLE).unwrap();
        let mut expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        // Our times end at microseconds (architecture decision 15).
        expected["action"]["tm_execute"] = json!("2026-03-01T10:00:07.123456Z");
        assert_eq!(serde_json::to_value(&call).unwrap(), expected);
    }

    #[test]
    fn zero_call_has_exactly_the_keys_that_are_always_present() {
        let expected = "id customer_id owner_type owner_id flow_id activeflow_id confbridge_id \
            master_call_id recording_id groupcall_id source destination action dialroute_id";
        assert_eq!(
            keys(&Call::default()),
            expected.split_whitespace().map(str::to_owned).collect()
        );
    }

    #[test]
    fn webhook_has_exactly_the_customer_facing_keys() {
        let expected = "id customer_id owner_type owner_id flow_id activeflow_id type \
            master_call_id chained_call_ids recording_id recording_ids groupcall_id source \
            destination status metadata action direction mute_direction hangup_by hangup_reason \
            tm_ringing tm_progressing tm_hangup tm_create tm_update tm_delete";
        let now = Some(Timestamp::from_micros(1));
        let mut call: Call = decode(EXAMPLE).unwrap();
        call.groupcall_id = GroupcallId::random();
        call.chained_call_ids.push(CallId::random());
        call.recording_ids.push(RecordingId::random());
        call.external_media_ids.push(ExternalMediaId::random());
        call.action_next_hold = true;
        call.mute_direction = MuteDirection::In;
        call.hangup_by = HangupBy::Local;
        call.hangup_reason = HangupReason::Amd;
        (call.tm_hangup, call.tm_delete) = (now, now);

        let webhook = call.webhook();
        assert_eq!(
            keys(&webhook),
            expected.split_whitespace().map(str::to_owned).collect()
        );
        let mut webhook = serde_json::to_value(webhook).unwrap();
        assert_eq!(webhook["groupcall_id"], json!(GroupcallId::NIL));
        webhook["groupcall_id"] = json!(call.groupcall_id);
        let internal = serde_json::to_value(&call).unwrap();
        for (key, value) in webhook.as_object().unwrap() {
            assert_eq!(value, &internal[key], "{key}");
        }
        let absent = keys(&Call::default().webhook());
        assert!(absent.is_subset(&keys(&Call::default())), "{absent:?}");
    }

    #[test]
    fn unknown_values_survive_and_nulls_are_the_zero_value() {
        let text = r#"{"status":"parked","source":null,"data":null,"metadata":{"x":null}}"#;
        let call: Call = decode(text).unwrap();
        assert_eq!(call.status, Status::Other("parked".to_owned()));
        assert_eq!(call.metadata.get("x"), Some(&Value::Null));
        assert_eq!(
            serde_json::to_value(&call).unwrap()["status"],
            json!("parked")
        );
        assert!(decode::<Call>(r#"{"flow_id":""}"#).is_err());
    }

    fn keys(value: &impl Serialize) -> BTreeSet<String> {
        let value = serde_json::to_value(value).unwrap();
        value.as_object().unwrap().keys().cloned().collect()
    }
}
