//! Schemas: of bodies from the tables of fields, of answers from examples.

use serde_json::{Map, Value, json};
use trunkline_model::Timestamp;
use trunkline_model::action::Kind;
use uuid::Uuid;

use super::rows;
use crate::config::Config;
use crate::field::{Field, Shape};
use crate::resources::{Act, ListOf, Resource, Route};

/// The schema of a body.
pub(super) fn of_fields(fields: &[Field], config: &Config) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = of_shape(field.shape, config);
        if field.on_by_default {
            schema["default"] = json!(true);
        }
        if !field.operators_only.is_empty() {
            let keys = field.operators_only.join("`, `");
            schema["description"] = json!(format!("For operators only: `{keys}`."));
        }
        properties.insert(field.name.to_owned(), schema);
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn of_shape(shape: Shape, config: &Config) -> Value {
    let list =
        |items: Value| json!({"type": "array", "items": items, "maxItems": config.json_items});
    let id = json!({"type": "string", "format": "uuid"});
    let text = json!({"type": "string", "maxLength": config.json_text_bytes});
    let address = json!({"$ref": "#/components/schemas/Address"});
    match shape {
        Shape::Text => text,
        Shape::Texts => list(text),
        Shape::Word(words) => json!({"type": "string", "enum": words}),
        Shape::Whole(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        Shape::Positive => json!({"type": "number", "exclusiveMinimum": 0}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Id => id,
        Shape::Ids => list(id),
        Shape::Time => json!({"type": "string", "format": "date-time"}),
        Shape::Address => address,
        Shape::Addresses => list(address),
        Shape::List(fields) => list(of_fields(fields, config)),
        Shape::Actions => list(json!({"$ref": "#/components/schemas/Action"})),
        Shape::Number => {
            json!({"type": "string", "pattern": "^\\+[0-9]{7,15}$", "examples": ["+15551230001"]})
        }
        Shape::Countries => list(
            json!({"type": "string", "description": "ISO 3166-1, two letters.", "examples": ["de"]}),
        ),
        Shape::Codecs => {
            json!({"type": "string", "description": "Names, comma between them, no blanks.", "examples": ["PCMU,PCMA"]})
        }
        Shape::TextMap => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Shape::Object => json!({"type": "object"}),
    }
}

/// What several bodies share, and what every resource is answered as.
pub(super) fn components(examples: &Value) -> Value {
    let kinds: Vec<&str> = Kind::known()
        .iter()
        .map(Kind::as_str)
        .filter(|kind| !kind.is_empty())
        .collect();
    let mut schemas = json!({
        "Address": {
            "type": "object",
            "description": "Who calls or is called. An empty object is nobody.",
            "properties": address_properties(),
            "examples": [{"type": "tel", "target": "+15551230001"}],
        },
        "Action": {
            "type": "object",
            "description": "One step of a flow.",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "next_id": {"type": "string", "format": "uuid"},
                "type": {"type": "string", "enum": kinds},
                "option": {"type": ["object", "null"]},
            },
            "required": ["type"],
            "examples": [{"type": "talk", "option": {"text": "hello", "language": "en-US"}}],
        },
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {
                "type": "object",
                "required": ["code", "message", "docs"],
                "properties": {
                    "code": {"type": "string", "description": "For programs; never changes."},
                    "message": {"type": "string", "description": "For people."},
                    "field": {"type": "string", "description": "The field or parameter that is wrong."},
                    "docs": {"type": "string", "description": "Path of the page that says what to do."},
                },
            }},
        },
    });
    for (path, example) in examples.as_object().into_iter().flatten() {
        schemas[name(path)] = inferred(example);
    }
    for row in rows::all() {
        schemas[name(row.key)] = row.schema();
    }
    schemas
}

/// The list that is put together from what several roles say.
const PARKED: &str = "/v1/parked";

/// The schema of an answer, and an example.
pub(super) fn answer(
    resource: &Resource,
    route: &Route,
    examples: &Value,
) -> (Value, Option<Value>) {
    let method = route.method.as_str();
    let paged = match route.act {
        Act::List { .. } => true,
        Act::Own(own) => method == "GET" && own.query.iter().any(|query| query.name == "page_size"),
        Act::Create(_)
        | Act::Get
        | Act::GetPart
        | Act::Update(_)
        | Act::UpdatePart(_)
        | Act::Do(_)
        | Act::Delete => false,
    };
    // What belongs to a row has a shape of its own, which the row's is not.
    let of_row = match route.act {
        Act::GetPart | Act::UpdatePart(_) | Act::Own(_) => false,
        Act::List { customer, .. } => customer != ListOf::Row,
        Act::Create(_) | Act::Get | Act::Update(_) | Act::Do(_) | Act::Delete => true,
    };
    let of_targets = route.path.ends_with("/targets");
    let mut keys = vec![format!("{method} {}", route.path), route.path.to_owned()];
    if of_targets {
        keys.push("/v1/outdialtargets".to_owned());
    } else if of_row {
        keys.push(resource.path.to_owned());
    }
    let found = keys.iter().find_map(|key| Some((key, examples.get(key)?)));
    let (row, example) = match found {
        Some((key, example)) => (
            json!({"$ref": format!("#/components/schemas/{}", name(key))}),
            Some(example.clone()),
        ),
        None => (json!({"type": ["object", "array", "null"]}), None),
    };
    if !paged {
        return (row, example);
    }
    let mut page = json!({
        "type": "object",
        "required": ["result", "next_page_token"],
        "properties": {
            "result": {"type": "array", "items": row},
            "next_page_token": {"type": "string", "description": "Empty on the last page."},
        },
    });
    if route.path == PARKED {
        page["properties"]["unanswered"] = json!({"type": "array", "items": {"type": "string"}, "description": "Roles that did not say."});
    }
    let example = example.map(|row| json!({"result": [row], "next_page_token": ""}));
    (page, example)
}

/// `/v1/campaigns/{id}/rules` → `CampaignsRules`.
fn name(path: &str) -> String {
    path.replace("/v1", "")
        .split(['/', '_', ' '])
        .filter(|part| !part.is_empty() && *part != "{id}")
        .map(|part| {
            let (first, rest) = part.split_at(1);
            first.to_uppercase() + &rest.to_lowercase()
        })
        .collect()
}

/// Objects whose content belongs to others, or whose keys differ.
const FREE_FORM: &[&str] = &[
    "option",
    "metadata",
    "variables",
    "tech_headers",
    "ended",
    "data",
];

/// Ids of what an Asterisk has.
const TEXT_IDS: &[&str] = &["channel_id", "bridge_id"];

/// The fields of an address.
const ADDRESS: [&str; 5] = ["type", "target", "target_name", "name", "detail"];

/// The schema that an example has.
pub(super) fn inferred(example: &Value) -> Value {
    match example {
        // Nobody can tell what it would be.
        Value::Null => json!({}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_f64() => json!({"type": "number"}),
        Value::Number(_) => json!({"type": "integer"}),
        Value::String(text) if text.len() == 36 && Uuid::try_parse(text).is_ok() => {
            json!({"type": ["string", "null"], "format": "uuid"})
        }
        Value::String(text) if text.len() >= 20 && text.parse::<Timestamp>().is_ok() => {
            json!({"type": ["string", "null"], "format": "date-time"})
        }
        Value::String(_) => json!({"type": "string"}),
        Value::Array(items) => {
            // Of several the one with the most fields: it has those that may be left out.
            let fields = |item: &&Value| item.as_object().map_or(0, Map::len);
            let items = items.iter().max_by_key(fields);
            let items = items.map_or_else(|| json!({}), inferred);
            json!({"type": ["array", "null"], "items": items})
        }
        Value::Object(entries) if entries.keys().any(|key| Uuid::try_parse(key).is_ok()) => {
            let value = entries.values().next().map(inferred);
            json!({"type": ["object", "null"], "additionalProperties": value})
        }
        Value::Object(entries) if is_address(entries) => {
            json!({"type": ["object", "null"], "properties": address_properties()})
        }
        Value::Object(entries) => {
            let properties: Map<String, Value> = entries
                .iter()
                .map(|(name, value)| (name.clone(), of_field(name, value)))
                .collect();
            json!({"type": ["object", "null"], "properties": properties})
        }
    }
}

fn of_field(name: &str, value: &Value) -> Value {
    by_name(name, value).unwrap_or_else(|| inferred(value))
}

/// The schema of a field whose value does not tell it.
pub(super) fn by_name(name: &str, value: &Value) -> Option<Value> {
    if value.is_object() && FREE_FORM.contains(&name) {
        return Some(json!({"type": ["object", "null"]}));
    }
    // Asterisk's ids are texts, though ours look like UUIDs.
    let text = json!({"type": "string"});
    if value.is_array() && name == "channel_ids" {
        return Some(json!({"type": ["array", "null"], "items": text}));
    }
    TEXT_IDS.contains(&name).then_some(text)
}

/// What is left out of an address when it is empty is in the schema.
fn is_address(object: &Map<String, Value>) -> bool {
    object.contains_key("target") && object.keys().all(|key| ADDRESS.contains(&key.as_str()))
}

fn address_properties() -> Value {
    json!({
        "type": {"type": "string", "examples": ["tel", "sip"]},
        "target": {"type": "string", "examples": ["+15551230001", "ann@example.com"]},
        "target_name": {"type": "string"},
        "name": {"type": "string"},
        "detail": {"type": "string"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_a_readable_name() {
        assert_eq!(
            name("/v1/campaigns/{id}/service_level"),
            "CampaignsServiceLevel"
        );
        assert_eq!(name("POST /v1/tokens"), "PostTokens");
    }
}
