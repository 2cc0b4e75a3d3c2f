//! Campaign: walks the targets of an outdial by the rules of an outplan
//! (chapter 05 A.1.1).

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::id::{CampaignId, CustomerId, FlowId, OutdialId, OutplanId, QueueId};
use crate::time::Timestamp;

wire_enum! {
    /// What happens for each target.
    pub enum Type {
        None = "",
        /// An outgoing call.
        Call = "call",
        /// Only the flow runs.
        Flow = "flow",
    }
    default None
}

wire_enum! {
    /// Whether a campaign runs. Requests may only set `run` and `stop`.
    pub enum Status {
        None = "",
        Stop = "stop",
        Stopping = "stopping",
        Run = "run",
    }
    default None
}

wire_enum! {
    /// Whether an execute chain exists (chapter 05 A.6).
    pub enum Execute {
        None = "",
        Run = "run",
        Stop = "stop",
    }
    default None
}

wire_enum! {
    /// What to do when no target is left. Any value but `stop` keeps polling.
    pub enum EndHandle {
        None = "",
        Stop = "stop",
        Continue = "continue",
    }
    default None
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Campaign {
    pub id: CampaignId,
    pub customer_id: CustomerId,
    #[serde(rename = "type")]
    pub kind: Type,
    pub execute: Execute,
    pub name: String,
    pub detail: String,
    pub status: Status,
    /// Percent of the available agents used as dialing slots; only read when
    /// `queue_id` is set.
    pub service_level: i64,
    pub end_handle: EndHandle,
    /// The flow that the campaign owns.
    pub flow_id: FlowId,
    /// As the caller gave them: no generated ids, no added `queue_join`.
    pub actions: Option<Vec<Action>>,
    pub outplan_id: OutplanId,
    pub outdial_id: OutdialId,
    pub queue_id: QueueId,
    pub next_campaign_id: CampaignId,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Campaign {
    /// What customers see of it.
    #[must_use]
    pub fn webhook(&self) -> Webhook<'_> {
        Webhook {
            id: self.id,
            customer_id: self.customer_id,
            kind: &self.kind,
            name: &self.name,
            detail: &self.detail,
            status: &self.status,
            service_level: self.service_level,
            end_handle: &self.end_handle,
            actions: self.actions.as_deref(),
            outplan_id: self.outplan_id,
            outdial_id: self.outdial_id,
            queue_id: self.queue_id,
            next_campaign_id: self.next_campaign_id,
            tm_create: self.tm_create,
            tm_update: self.tm_update,
            tm_delete: self.tm_delete,
        }
    }
}

/// The campaign without `execute` and `flow_id`.
#[derive(Debug, Serialize)]
pub struct Webhook<'a> {
    id: CampaignId,
    customer_id: CustomerId,
    #[serde(rename = "type")]
    kind: &'a Type,
    name: &'a str,
    detail: &'a str,
    status: &'a Status,
    service_level: i64,
    end_handle: &'a EndHandle,
    actions: Option<&'a [Action]>,
    outplan_id: OutplanId,
    outdial_id: OutdialId,
    queue_id: QueueId,
    next_campaign_id: CampaignId,
    tm_create: Option<Timestamp>,
    tm_update: Option<Timestamp>,
    tm_delete: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The reply of chapter 05 H.
    const EXAMPLE: &str = r#"{"id":"183c0d5c-691e-42f3-af2b-9bffc2740f83","customer_id":"5e4a0680-804e-11ec-8477-2fea5968d85b","type":"call","execute":"run","name":"spring","detail":"","status":"run","service_level":100,"end_handle":"stop","flow_id":"6f9c1a1e-0d54-4d1c-8a52-c1f6c9b6f0aa","actions":[{"id":"00000000-0000-0000-0000-000000000000","next_id":"00000000-0000-0000-0000-000000000000","type":"talk","option":{"text":"hello","language":"en-US"},"tm_execute":null}],"outplan_id":"d5fb7357-7ddb-4f2d-87b5-8ccbfd6c039e","outdial_id":"40bea034-1d17-474d-a5de-da00d0861c69","queue_id":"00000000-0000-0000-0000-000000000000","next_campaign_id":"00000000-0000-0000-0000-000000000000","tm_create":"2026-01-02T03:04:05.123456Z","tm_update":"2026-01-02T03:05:00.5Z","tm_delete":null}"#;

    #[test]
    fn example_round_trips_and_its_webhook_drops_two_keys() {
        let campaign: Campaign = crate::wire::decode(EXAMPLE).unwrap();
        let mut expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(&campaign).unwrap(), expected);
        let object = expected.as_object_mut().unwrap();
        assert!(object.remove("execute").is_some() && object.remove("flow_id").is_some());
        assert_eq!(serde_json::to_value(campaign.webhook()).unwrap(), expected);
    }

    #[test]
    fn unknown_type_and_end_handle_are_kept_and_no_actions_is_null() {
        let text = r#"{"type":"fax","end_handle":"pause","actions":null}"#;
        let campaign: Campaign = crate::wire::decode(text).unwrap();
        assert_eq!(campaign.kind, Type::Other("fax".to_owned()));
        let encoded = serde_json::to_value(&campaign).unwrap();
        assert_eq!(encoded["end_handle"], "pause");
        assert_eq!(encoded["actions"], Value::Null);
    }
}
