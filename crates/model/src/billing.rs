//! Billing: the account row and the balance check (chapter 05 E.2).

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, CustomerId};
use crate::time::Timestamp;

wire_enum! {
    /// Whether an account may be charged.
    pub enum Status {
        None = "",
        Active = "active",
        Frozen = "frozen",
        Deleted = "deleted",
    }
    default None
}

wire_enum! {
    /// What an account has bought; only `unlimited` changes the balance check.
    pub enum PlanType {
        None = "",
        Free = "free",
        Unlimited = "unlimited",
    }
    default None
}

wire_enum! {
    /// What is about to be charged.
    pub enum BillingType {
        None = "",
        Call = "call",
        CallExtension = "call_extension",
        Recording = "recording",
        Sms = "sms",
        Email = "email",
        Number = "number",
        NumberRenew = "number_renew",
    }
    default None
}

/// The columns of `billing_accounts` that a balance check needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Account {
    pub id: AccountId,
    pub customer_id: CustomerId,
    pub status: Status,
    pub plan_type: PlanType,
    /// Credit in micro units (millionths).
    pub balance_credit: i64,
    /// Prepaid tokens; any above zero allow calls and recordings.
    pub balance_token: i64,
    pub tm_delete: Option<Timestamp>,
}

/// Body of `POST /v1/accounts/is_valid_balance_by_customer_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct IsValidBalanceRequest {
    pub customer_id: CustomerId,
    pub billing_type: BillingType,
    /// ISO 3166 alpha-2 in lower case, empty = unknown. Ignored by the check.
    pub country: String,
    /// How many; below 1 counts as 1.
    pub count: i64,
}

/// Reply to the balance check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct IsValidBalanceReply {
    pub valid: bool,
}
