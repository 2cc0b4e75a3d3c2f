//! OutdialTarget: one person on an outdial (chapter 05 B.1.2).

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{CampaigncallId, OutdialId, OutdialTargetId};
use crate::time::Timestamp;
use crate::wire::is_default;

/// How many destinations a target has, and an outplan limits.
pub const DESTINATION_COUNT: usize = 5;

wire_enum! {
    /// Whether a target waits, is being called, or needs no more calls.
    pub enum Status {
        None = "",
        Idle = "idle",
        Progressing = "progressing",
        Done = "done",
    }
    default None
}

/// One person on an outdial. Every key is always present.
///
/// An absent destination is written as `null` here and as `{}` by the
/// reference; readers treat both, and an empty target, as absent: use
/// [`OutdialTarget::destinations`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct OutdialTarget {
    pub id: OutdialTargetId,
    pub outdial_id: OutdialId,
    pub name: String,
    pub detail: String,
    /// Free text of the customer.
    pub data: String,
    pub status: Status,
    pub destination_0: Option<Address>,
    pub destination_1: Option<Address>,
    pub destination_2: Option<Address>,
    pub destination_3: Option<Address>,
    pub destination_4: Option<Address>,
    pub try_count_0: i64,
    pub try_count_1: i64,
    pub try_count_2: i64,
    pub try_count_3: i64,
    pub try_count_4: i64,
    pub tm_create: Option<Timestamp>,
    /// Equal to `tm_create` while the target was never tried.
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl OutdialTarget {
    /// The destinations by index; absent ones, however written, are `None`.
    #[must_use]
    pub fn destinations(&self) -> [Option<&Address>; DESTINATION_COUNT] {
        [
            &self.destination_0,
            &self.destination_1,
            &self.destination_2,
            &self.destination_3,
            &self.destination_4,
        ]
        .map(|destination| destination.as_ref().filter(|address| !address.is_absent()))
    }

    /// Attempts made so far, by destination index.
    #[must_use]
    pub fn try_counts(&self) -> [i64; DESTINATION_COUNT] {
        [
            self.try_count_0,
            self.try_count_1,
            self.try_count_2,
            self.try_count_3,
            self.try_count_4,
        ]
    }

    /// What customers see of it: all.
    #[must_use]
    pub fn webhook(&self) -> &Self {
        self
    }
}

/// Parameters of `GET /v1/outdials/<id>/available` and of Trunkline's own
/// `…/summary`: highest try counts by destination (chapter 05 A.8.1, B.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct AvailableRequest {
    pub try_count_0: i64,
    pub try_count_1: i64,
    pub try_count_2: i64,
    pub try_count_3: i64,
    pub try_count_4: i64,
    /// Targets wanted.
    pub limit: i64,
    /// Milliseconds that must have passed since the last attempt; the reference
    /// does not know it and ignores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_interval: Option<i64>,
}

impl AvailableRequest {
    /// For these highest try counts.
    #[must_use]
    pub fn new(maxima: [i64; DESTINATION_COUNT], limit: i64, try_interval: Option<i64>) -> Self {
        let [
            try_count_0,
            try_count_1,
            try_count_2,
            try_count_3,
            try_count_4,
        ] = maxima;
        Self {
            try_count_0,
            try_count_1,
            try_count_2,
            try_count_3,
            try_count_4,
            limit,
            try_interval,
        }
    }

    /// The highest try counts by destination.
    #[must_use]
    pub fn maxima(&self) -> [i64; DESTINATION_COUNT] {
        [
            self.try_count_0,
            self.try_count_1,
            self.try_count_2,
            self.try_count_3,
            self.try_count_4,
        ]
    }
}

/// What is left to do on an outdial: Trunkline's own resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Summary {
    /// Some target may be dialed now.
    pub available: bool,
    /// Some target has tries left and waits for its interval.
    pub waiting: bool,
    /// When the first of the waiting may be dialed.
    pub tm_next_try: Option<Timestamp>,
    /// Some target is being called.
    pub progressing: bool,
}

/// Body of `PUT /v1/outdialtargets/<id>/status`. Trunkline adds the attempt that
/// ends, so that a late report of an earlier attempt changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct StatusReport {
    /// `done` or `idle`.
    pub status: Status,
    /// The attempt that ends; nil in the reference's reports.
    pub attempt_id: CampaigncallId,
    /// The attempt dialed nobody: its try does not count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub untried: bool,
}

/// Body of `POST /v1/outdialtargets/claims`, Trunkline's own: many claims in one
/// request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ClaimsRequest {
    pub claims: Vec<ClaimRequest>,
    /// Later than this nobody waits for the targets any more: none is claimed.
    pub not_after: Option<Timestamp>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ClaimRequest {
    pub target_id: OutdialTargetId,
    /// 0 to 4.
    pub destination_index: i64,
    /// The attempt that claims it; never nil.
    pub attempt_id: CampaigncallId,
}

/// Which attempts have got their targets; the others have not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ClaimsReply {
    pub claimed: Vec<CampaigncallId>,
}

/// Body of `PUT /v1/outdialtargets/reports`, Trunkline's own: many reports in
/// one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ReportsRequest {
    pub reports: Vec<TargetReport>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct TargetReport {
    pub target_id: OutdialTargetId,
    #[serde(flatten)]
    pub report: StatusReport,
}

/// Element of the reply to `GET /v1/outdials/<id>/held`, Trunkline's own: a
/// target that is being called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct HeldTarget {
    pub target_id: OutdialTargetId,
    /// Nil: whoever claimed it gave no name, as the reference.
    pub attempt_id: CampaigncallId,
    pub tm_claim: Option<Timestamp>,
}

/// Most targets of one bulk request, and most ids of one look-up.
pub const MOST_AT_ONCE: usize = 1_000;

/// Body of `POST /v1/outdials/<id>/targets/bulk`, Trunkline's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct NewTargets {
    pub targets: Vec<NewTarget>,
}

/// One of them. A misspelt key would lose a number, so unknown ones are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct NewTarget {
    /// Nil: it follows from the outdial and the destinations.
    #[serde(skip_serializing_if = "is_default")]
    pub id: OutdialTargetId,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_default")]
    pub detail: String,
    #[serde(skip_serializing_if = "is_default")]
    pub data: String,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_0: Option<Address>,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_1: Option<Address>,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_2: Option<Address>,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_3: Option<Address>,
    #[serde(skip_serializing_if = "is_default")]
    pub destination_4: Option<Address>,
}

impl NewTarget {
    /// The destinations by index; absent ones, however written, are `None`.
    #[must_use]
    pub fn destinations(&self) -> [Option<&Address>; DESTINATION_COUNT] {
        [
            &self.destination_0,
            &self.destination_1,
            &self.destination_2,
            &self.destination_3,
            &self.destination_4,
        ]
        .map(|destination| destination.as_ref().filter(|address| !address.is_absent()))
    }

    /// The places of the destinations by index, as they are.
    pub fn slots(&mut self) -> [&mut Option<Address>; DESTINATION_COUNT] {
        [
            &mut self.destination_0,
            &mut self.destination_1,
            &mut self.destination_2,
            &mut self.destination_3,
            &mut self.destination_4,
        ]
    }
}

/// Reply to it. Each target of the request is counted as created, or is among
/// the known ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct NewTargetsReply {
    pub created: u64,
    /// Those that were on the outdial already, deleted or not.
    pub known: Vec<OutdialTargetId>,
}

/// Body of `POST /v1/outdialtargets/lookup`, Trunkline's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct LookupRequest {
    pub ids: Vec<OutdialTargetId>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The reply element of chapter 05 H.
    const EXAMPLE: &str = r#"{"id":"1b3d7a92-7146-466d-90f5-4bc701ada4c0","outdial_id":"40bea034-1d17-474d-a5de-da00d0861c69","name":"ann","detail":"","data":"{\"order\":7}","status":"idle","destination_0":{"type":"tel","target":"+821100000001"},"destination_1":{},"destination_2":{},"destination_3":{},"destination_4":{},"try_count_0":0,"try_count_1":0,"try_count_2":0,"try_count_3":0,"try_count_4":0,"tm_create":"2026-01-02T03:00:00.1Z","tm_update":"2026-01-02T03:00:00.1Z","tm_delete":null}"#;

    #[test]
    fn example_round_trips() {
        let target: OutdialTarget = crate::wire::decode(EXAMPLE).unwrap();
        let expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(&target).unwrap(), expected);
        assert_eq!(target.tm_create, target.tm_update);
    }

    #[test]
    fn null_empty_object_and_empty_target_are_absent_destinations() {
        let text = r#"{"destination_0":null,"destination_1":{},"destination_2":{"type":"tel"},
            "destination_4":{"type":"tel","target":"+1"},"try_count_4":2}"#;
        let target: OutdialTarget = crate::wire::decode(text).unwrap();
        assert_eq!(
            target.destinations(),
            [None, None, None, None, Some(&Address::tel("+1"))]
        );
        assert_eq!(target.try_counts(), [0, 0, 0, 0, 2]);
        assert_eq!(
            serde_json::to_value(&target).unwrap()["destination_3"],
            json!(null)
        );
    }
}
