//! `webhook_send`: what a walk wants to be sent becomes a duty to
//! webhook-manager, in the batch of the walk.

use serde::Serialize;
use serde_json::value::RawValue;
use trunkline_bus::Method;
use trunkline_delivery::Duty;
use trunkline_domain::flow::action::webhook_send::Sending;
use trunkline_model::activeflow::Activeflow;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, wire};
use uuid::Uuid;

#[derive(Serialize)]
struct Body<'a> {
    /// Ours: the same in every repetition, so that one delivery comes of it.
    id: Uuid,
    customer_id: CustomerId,
    uri: &'a str,
    method: &'a str,
    data_type: &'a str,
    data: Box<RawValue>,
}

/// The duty to hand `sending` to webhook-manager.
pub(super) fn duty(activeflow: &Activeflow, sending: &Sending, now: Timestamp) -> Duty {
    let (activeflow, customer_id) = (activeflow.id, activeflow.customer_id);
    let at = sending.at;
    let body = Body {
        id: Uuid::new_v5(&Uuid::from(activeflow), format!("webhook:{at}").as_bytes()),
        customer_id,
        uri: &sending.uri,
        method: sending.method,
        data_type: &sending.data_type,
        data: data(&sending.data),
    };
    Duty::new(
        format!("webhook:{activeflow}:{at}"),
        activeflow,
        now,
        Service::WEBHOOK.request_queue(),
        Method::Post,
        "/v1/webhook_destinations",
    )
    .json(&body)
}

/// As the reference has it on the wire: JSON as it is. A text that is no object
/// and no array goes as a text, which both webhook-managers send without quotes.
fn data(text: &str) -> Box<RawValue> {
    let composite = text.trim_start().starts_with(['{', '[']);
    let raw = composite.then(|| RawValue::from_string(text.to_owned()));
    match raw {
        Some(Ok(raw)) => raw,
        Some(Err(_)) | None => wire::raw(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_as_it_is_and_anything_else_as_a_text() {
        for (given, on_the_wire) in [
            (r#"{"b":1, "a":2}"#, r#"{"b":1, "a":2}"#),
            ("[1]", "[1]"),
            ("hello", r#""hello""#),
            ("", r#""""#),
            (r#""quoted""#, r#""\"quoted\"""#),
            ("{broken", r#""{broken""#),
        ] {
            assert_eq!(data(given).get(), on_the_wire, "{given}");
        }
    }
}
