//! An event as a reader gets it: in its webhook's shape where there is one, else
//! as the resource is shown, without secrets.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use trunkline_model::activeflow::Activeflow;
use trunkline_model::call::Call;
use trunkline_model::campaign::Campaign;
use trunkline_model::flow::Flow;
use trunkline_model::groupcall::Groupcall;
use trunkline_model::id::CustomerId;
use trunkline_model::webhook::Message;
use trunkline_model::wire;
use uuid::Uuid;

use crate::respond::hide_secrets;

/// What is shown, and to whom.
pub(super) struct Shown {
    pub(super) customer: CustomerId,
    pub(super) kind: String,
    /// One line of JSON: `{"type","data"}`.
    pub(super) text: String,
}

/// Whose event it is.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Ids {
    customer_id: Option<Uuid>,
    id: Option<Uuid>,
}

#[derive(Deserialize)]
struct Envelope<'e> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: &'e RawValue,
}

impl Shown {
    /// Reads an event; none if it cannot be read or is no customer's.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let Envelope { kind, data } = serde_json::from_slice(body).ok()?;
        let Ids { customer_id, id } = serde_json::from_str(data.get()).ok()?;
        let customer = if kind.starts_with("customer_") {
            id
        } else {
            customer_id
        };
        let customer = customer.filter(|customer| !customer.is_nil())?;
        let text = text(&kind, data.get())?;
        Some(Self {
            customer: CustomerId(customer),
            kind,
            text,
        })
    }
}

fn text(kind: &str, data: &str) -> Option<String> {
    let resource = kind.split_once('_').map_or(kind, |(resource, _)| resource);
    match resource {
        "call" => Some(message(kind, wire::decode::<Call>(data).ok()?.webhook())),
        "campaign" => Some(message(
            kind,
            wire::decode::<Campaign>(data).ok()?.webhook(),
        )),
        "flow" => Some(message(kind, wire::decode::<Flow>(data).ok()?.webhook())),
        "activeflow" => Some(message(
            kind,
            wire::decode::<Activeflow>(data).ok()?.webhook(),
        )),
        "groupcall" => Some(message(
            kind,
            wire::decode::<Groupcall>(data).ok()?.webhook(),
        )),
        _ => {
            let mut data: Value = serde_json::from_str(data).ok()?;
            hide_secrets(&mut data);
            Some(message(kind, data))
        }
    }
}

fn message<T: Serialize>(kind: &str, data: T) -> String {
    wire::text(&Message {
        kind: kind.to_owned(),
        data,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trunkline_bus::Event;
    use trunkline_model::service::Service;

    use super::*;

    fn shown(kind: &str, data: &Value) -> Option<Value> {
        let body = Event::new(Service::CALL, kind, data).encode();
        let shown = Shown::read(&body)?;
        assert!(!shown.text.contains('\n'));
        serde_json::from_str(&shown.text).ok()
    }

    #[test]
    fn a_resource_has_its_webhooks_shape_and_no_secret_is_shown() {
        let customer = Uuid::from_u128(7);
        let call = json!({"customer_id": customer, "id": Uuid::from_u128(1), "bridge_id": "b", "status": "ringing"});
        let seen = shown("call_updated", &call).unwrap();
        assert_eq!(
            (&seen["type"], &seen["data"]["status"]),
            (&json!("call_updated"), &json!("ringing"))
        );
        assert_eq!(seen["data"].get("bridge_id"), None, "internal");
        let other = json!({"customer_id": customer, "name": "a\\nb", "password_hash": "x"});
        let seen = shown("agent_updated", &other).unwrap();
        assert_eq!(
            seen["data"],
            json!({"customer_id": customer, "name": "a\\nb"})
        );
        let own = json!({"id": customer, "webhook_secret": "x"});
        assert_eq!(
            shown("customer_updated", &own).unwrap()["data"],
            json!({"id": customer})
        );
    }

    #[test]
    fn what_is_nobodys_is_not_shown() {
        for data in [
            json!({}),
            json!({"customer_id": Uuid::nil()}),
            json!({"customer_id": "x"}),
            json!(null),
            json!([]),
        ] {
            assert_eq!(shown("provider_created", &data), None, "{data}");
        }
        assert!(Shown::read(b"nonsense").is_none());
    }
}
