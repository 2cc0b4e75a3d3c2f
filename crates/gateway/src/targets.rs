//! Reading the body of a bulk request: up to a thousand people, fast when all is
//! well, and exact about the field when it is not.

use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::Value;
use trunkline_model::id::CustomerId;
use trunkline_model::outdial_target::{MOST_AT_ONCE, NewTargets};
use trunkline_model::wire;

use crate::api_error::ApiError;
use crate::body;
use crate::config::Config;
use crate::dispatch::Matched;
use crate::field::{Field, Shape};

/// The fields of one target.
pub(crate) const TARGET: &[Field] = &[
    Field::new("id", Shape::Id),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("data", Shape::Text),
    Field::new("destination_0", Shape::Object),
    Field::new("destination_1", Shape::Object),
    Field::new("destination_2", Shape::Object),
    Field::new("destination_3", Shape::Object),
    Field::new("destination_4", Shape::Object),
];

/// The fields of the body.
pub(crate) const BODY: &[Field] = &[Field::new("targets", Shape::List(TARGET)).required()];

/// Adds them to the list in the path.
pub(crate) fn add(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        matched.refuse_query()?;
        let config = &matched.gateway.config;
        let targets = read(&matched.body, matched.caller.0, config)?;
        matched.row().await?;
        matched.send(matched.request()?.json(&targets)).await
    })
}

/// What a bulk request has to add. Whether the addresses are good is for
/// outdial-manager to say: it names the field as well.
fn read(bytes: &[u8], caller: CustomerId, config: &Config) -> Result<NewTargets, ApiError> {
    // Good bodies are read once, straight into their shape.
    match serde_json::from_slice::<NewTargets>(bytes) {
        Ok(read) if !read.targets.is_empty() && has_one_list(bytes) => Ok(read),
        Ok(_) | Err(_) => explain(bytes, caller, config),
    }
}

/// Whether `targets` is the only list. Serde reads a list in an object's place as
/// the object's fields in their order, which nobody means: a good body has none.
fn has_one_list(json: &[u8]) -> bool {
    let (mut lists, mut in_text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            b'[' if !in_text => lists += 1,
            _ => {}
        }
    }
    json.trim_ascii_start().starts_with(b"{") && lists == 1
}

/// Reads it field by field: what is wrong has a name then, and `null` is as good
/// as nothing.
fn explain(bytes: &[u8], caller: CustomerId, config: &Config) -> Result<NewTargets, ApiError> {
    let mut given = body::read(bytes, BODY, caller, config)?;
    let targets = given.get_mut("targets").and_then(Value::as_array_mut);
    let targets = targets.ok_or_else(|| ApiError::field("targets", "`targets` must be a list"))?;
    if targets.len() > MOST_AT_ONCE {
        let message = format!("`targets` may have at most {MOST_AT_ONCE} elements");
        return Err(ApiError::field("targets", message));
    }
    for (at, target) in targets.iter_mut().enumerate() {
        one(&format!("targets[{at}]"), target)?;
    }
    wire::decode(&Value::Object(given).to_string())
        .map_err(|error| ApiError::field("targets", format!("`targets` cannot be read: {error}")))
}

fn one(name: &str, target: &mut Value) -> Result<(), ApiError> {
    let Some(target) = target.as_object_mut() else {
        return Err(ApiError::field(name, format!("`{name}` must be an object")));
    };
    target.retain(|_, value| !value.is_null());
    for (key, value) in target {
        let place = format!("{name}.{key}");
        let Some(field) = TARGET.iter().find(|field| field.name == key) else {
            let message = format!("there is no field `{place}`");
            return Err(ApiError::field(place, message));
        };
        field.shape.check(&place, value)?;
        if matches!(field.shape, Shape::Object) {
            wire::decode::<trunkline_model::Address>(&value.to_string()).map_err(|error| {
                ApiError::field(&place, format!("`{place}` is not an address: {error}"))
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use trunkline_model::Address;

    use super::*;

    fn field_of(body: &str) -> String {
        let error = read(body.as_bytes(), CustomerId::random(), &Config::default()).unwrap_err();
        error.field.unwrap_or(error.code)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = format!("{{\"targets\":[{}{{}}],\"x\":1}}", "{},".repeat(1_000));
        let cases = [
            ("{", "INVALID_JSON"),
            ("[]", "INVALID_JSON"),
            ("{}", "targets"),
            ("", "targets"),
            (r#"{"targets":{}}"#, "targets"),
            (r#"{"targets":[],"more":1}"#, "more"),
            (r#"{"targets":[{},7]}"#, "targets[1]"),
            (r#"[[{"name":"Ann"}]]"#, "INVALID_JSON"),
            (
                r#"{"targets":[["00000000-0000-0000-0000-000000000000","Ann"]]}"#,
                "targets[0]",
            ),
            (r#"{"targets":[{"name":"a\"["},[]]}"#, "targets[1]"),
            (
                r#"{"targets":[{"destination_0":["tel","+15551230001"]}]}"#,
                "targets[0].destination_0",
            ),
            (r#"{"targets":[{"nmae":"x"}]}"#, "targets[0].nmae"),
            (r#"{"targets":[{},{"name":1}]}"#, "targets[1].name"),
            (r#"{"targets":[{"id":"7"}]}"#, "targets[0].id"),
            (
                r#"{"targets":[{"destination_4":"+1"}]}"#,
                "targets[0].destination_4",
            ),
            (
                r#"{"targets":[{"destination_4":{"target":1}}]}"#,
                "targets[0].destination_4",
            ),
            (&many, "x"),
        ];
        for (body, field) in cases {
            assert_eq!(field_of(body), field, "{body:.60}");
        }
        let many = format!("{{\"targets\":[{}{{\"a\":1}}]}}", "{},".repeat(1_000));
        assert_eq!(field_of(&many), "targets");
    }

    #[test]
    fn null_is_nothing_and_the_rest_is_taken_as_it_is() {
        let body = r#"{"customer_id":null,"targets":[{"id":null,"name":"Ann","data":null,"detail":"[\"",
            "destination_0":{"type":"tel","target":"+15551230001","name":null}}]}"#;
        let read = read(body.as_bytes(), CustomerId::random(), &Config::default()).unwrap();
        let [one] = read.targets.as_slice() else {
            panic!("one target")
        };
        assert_eq!((one.name.as_str(), one.id.is_nil()), ("Ann", true));
        assert_eq!(one.destination_0, Some(Address::tel("+15551230001")));
    }
}
