//! Campaigncall: one attempt of a campaign (chapter 05 A.1.2).

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{
    ActiveflowId, CampaignId, CampaigncallId, CustomerId, FlowId, OutdialId, OutdialTargetId,
    OutplanId, QueueId, ReferenceId,
};
use crate::time::Timestamp;

wire_enum! {
    /// What kind of thing the attempt started.
    pub enum ReferenceType {
        Unset = "",
        /// Declared by the reference, never written.
        None = "none",
        Call = "call",
        Flow = "flow",
    }
    default Unset
}

wire_enum! {
    /// Where an attempt is in its life.
    pub enum Status {
        None = "",
        Dialing = "dialing",
        Progressing = "progressing",
        Done = "done",
    }
    default None
}

wire_enum! {
    /// How an attempt ended; the field `result`.
    pub enum Outcome {
        /// Not ended.
        None = "",
        Success = "success",
        Fail = "fail",
    }
    default None
}

/// One attempt of a campaign: one destination of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Campaigncall {
    pub id: CampaigncallId,
    pub customer_id: CustomerId,
    pub campaign_id: CampaignId,
    pub outplan_id: OutplanId,
    pub outdial_id: OutdialId,
    pub outdial_target_id: OutdialTargetId,
    pub queue_id: QueueId,
    /// Chosen before the call or activeflow is created.
    pub activeflow_id: ActiveflowId,
    pub flow_id: FlowId,
    pub reference_type: ReferenceType,
    /// The call's id for `call`, nil for `flow`.
    pub reference_id: ReferenceId,
    pub status: Status,
    pub result: Outcome,
    pub source: Option<Address>,
    pub destination: Option<Address>,
    /// Which of the target's destinations: 0 to 4.
    pub destination_index: i64,
    /// Attempts at that destination, this one included.
    pub try_count: i64,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl Campaigncall {
    /// What customers see of it: all.
    #[must_use]
    pub fn webhook(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The event data of chapter 05 H.
    const EXAMPLE: &str = r#"{"id":"9a3d2b44-ad6d-4b6f-8f6c-0f1d4be1a001","customer_id":"5e4a0680-804e-11ec-8477-2fea5968d85b","campaign_id":"183c0d5c-691e-42f3-af2b-9bffc2740f83","outplan_id":"d5fb7357-7ddb-4f2d-87b5-8ccbfd6c039e","outdial_id":"40bea034-1d17-474d-a5de-da00d0861c69","outdial_target_id":"1b3d7a92-7146-466d-90f5-4bc701ada4c0","queue_id":"00000000-0000-0000-0000-000000000000","activeflow_id":"c1d1c9a0-b9a6-4d0d-9c55-2f9b0d1f6001","flow_id":"6f9c1a1e-0d54-4d1c-8a52-c1f6c9b6f0aa","reference_type":"call","reference_id":"5b4f1d3e-6b1e-4a3e-9f52-90a3b2d7e001","status":"done","result":"success","source":{"type":"tel","target":"+821100000009"},"destination":{"type":"tel","target":"+821100000001"},"destination_index":0,"try_count":1,"tm_create":"2026-01-02T03:05:01.2Z","tm_update":"2026-01-02T03:06:10.75Z","tm_delete":null}"#;

    #[test]
    fn example_round_trips() {
        let campaigncall: Campaigncall = crate::wire::decode(EXAMPLE).unwrap();
        let expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(
            serde_json::to_value(campaigncall.webhook()).unwrap(),
            expected
        );
        assert_eq!(
            (campaigncall.status, campaigncall.result),
            (Status::Done, Outcome::Success)
        );
    }
}
