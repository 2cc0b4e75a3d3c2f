//! Holds an answer against the description of the API: of JSON Schema what the
//! description uses, and stricter, for a field that is not described is wrong.

use serde_json::Value;
use trunkline_model::Timestamp;
use uuid::Uuid;

/// What an answer with 200 is described as.
pub(crate) fn of_answer(operation: &Value) -> Option<&Value> {
    operation.pointer("/responses/200/content/application~1json/schema")
}

/// The first place where `value` is not as `schema` says.
pub(crate) fn check(
    document: &Value,
    schema: &Value,
    value: &Value,
    place: &str,
) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = document.pointer(reference.trim_start_matches('#'));
        return check(document, found.ok_or(reference)?, value, place);
    }
    let wrong = || format!("{place}: {value} is not {schema}");
    if !is_of_type(&schema["type"], value) || !is_of_words(schema, value) {
        return Err(wrong());
    }
    match value {
        Value::String(text) if !is_of_format(schema, text) => Err(wrong()),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| {
            check(document, &schema["items"], item, &format!("{place}[{at}]"))
        }),
        Value::Object(_) => check_fields(document, schema, value, place),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn check_fields(
    document: &Value,
    schema: &Value,
    value: &Value,
    place: &str,
) -> Result<(), String> {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if value.get(name).is_none() {
            return Err(format!("{place}: `{name}` is missing"));
        }
    }
    let other = &schema["additionalProperties"];
    if schema.get("properties").is_none() && other.is_null() {
        // Free-form.
        return Ok(());
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let described = schema["properties"].get(name).unwrap_or(other);
        let place = format!("{place}.{name}");
        if described.is_null() {
            return Err(format!("{place} is not described"));
        }
        check(document, described, value, &place)?;
    }
    Ok(())
}

fn is_of_type(kinds: &Value, value: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    };
    match kinds.as_array() {
        Some(kinds) => kinds.iter().any(is),
        // Without a type it may be anything.
        None => kinds.is_null() || is(kinds),
    }
}

fn is_of_words(schema: &Value, value: &Value) -> bool {
    let words = schema["enum"].as_array();
    words.is_none_or(|words| words.contains(value))
}

fn is_of_format(schema: &Value, text: &str) -> bool {
    match schema["format"].as_str() {
        Some("uuid") => text.len() == 36 && Uuid::try_parse(text).is_ok(),
        Some("date-time") => text.parse::<Timestamp>().is_ok(),
        _ => true,
    }
}
