//! The request that hands a webhook to webhook-manager (chapter 01 §3.3).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::CustomerId;

/// Body of `POST /v1/webhooks`. `T` is the webhook shape of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, bound(deserialize = "T: Deserialize<'de> + Default"))]
pub struct SendRequest<T = Value> {
    /// Whose webhook: never nil.
    pub customer_id: CustomerId,
    /// Type of `data`: `application/json`.
    pub data_type: String,
    pub data: Message<T>,
}

/// What the customer's server receives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, bound(deserialize = "T: Deserialize<'de> + Default"))]
pub struct Message<T = Value> {
    /// Event type such as `call_hangup`.
    #[serde(rename = "type")]
    pub kind: String,
    pub data: T,
}

impl<T> SendRequest<T> {
    /// The webhook of event `kind` about `data`.
    #[must_use]
    pub fn new(customer_id: CustomerId, kind: &str, data: T) -> Self {
        Self {
            customer_id,
            data_type: "application/json".to_owned(),
            data: Message {
                kind: kind.to_owned(),
                data,
            },
        }
    }
}

/// What Trunkline's webhook-manager answers when a customer wants no webhooks.
/// Others answer nothing, which reads as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Taken {
    /// For how long nobody needs to ask again, milliseconds.
    pub unwanted_for_ms: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::{Call, Status};

    #[test]
    fn carries_the_webhook_shape_of_a_resource() {
        let call = Call {
            status: Status::Hangup,
            ..Call::default()
        };
        let request = SendRequest::new(CustomerId::BASIC_ROUTE, "call_hangup", call.webhook());
        let expected = json!({
            "customer_id": "00000000-0000-0000-0000-000000000001",
            "data_type": "application/json",
            "data": {"type": "call_hangup", "data": call.webhook()},
        });
        assert_eq!(serde_json::to_value(&request).unwrap(), expected);
        let read: SendRequest = crate::wire::decode(&expected.to_string()).unwrap();
        assert_eq!(read.data.data["status"], "hangup");
    }
}
