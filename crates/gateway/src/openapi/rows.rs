//! What is answered, told by the models that the roles answer with: an example
//! with every field filled, beside the same with none. The first has the names,
//! types and formats; the second says what is always there and what may be null.
//! A field that the model gains does not compile until it is here.

use std::fmt::Display;

use serde::Serialize;
use serde_json::{Map, Value, json};
use trunkline_model::activeflow::{self, Activeflow, Stack};
use trunkline_model::asterisk::Asterisk;
use trunkline_model::campaigncall::{self, Campaigncall};
use trunkline_model::customer::Secret;
use trunkline_model::id::{AsteriskId, ChannelId, StackId};
use trunkline_model::phone::{self, Phone};
use trunkline_model::recording::{self, Recording};
use trunkline_model::trunk::{self, Placement, Registration, Trunk};
use trunkline_model::{Action, Address, Timestamp, action, call};
use uuid::Uuid;

use super::schema::{by_name, inferred};

/// Whether an Asterisk has it; `disabled` is said of the whole only.
const PLACED: &[&str] = &["pushed", "failed", "waiting"];
const STATES: &[&str] = &["pushed", "failed", "waiting", "disabled"];
const REGISTERED: &[&str] = &["registered", "rejected", "unregistered", "none", "unknown"];
const ANSWERS: &[&str] = &["yes", "no", "unknown"];

/// What one path answers.
pub(super) struct Row {
    /// As in `examples.json`: a path, or a method and a path.
    pub(super) key: &'static str,
    pub(super) example: Value,
    /// The same shape with nothing in it.
    least: Value,
    /// Which words a text may be, by its place in the schema.
    words: Vec<(&'static str, Vec<String>)>,
}

impl Row {
    fn of<T: Serialize + Default>(key: &'static str, filled: &T) -> Self {
        Self {
            key,
            example: json!(filled),
            least: json!(T::default()),
            words: Vec::new(),
        }
    }

    fn words<T: Display>(mut self, place: &'static str, known: &[T]) -> Self {
        let known = known.iter().map(ToString::to_string).collect();
        self.words.push((place, known));
        self
    }

    /// Its schema.
    pub(super) fn schema(&self) -> Value {
        let mut schema = exact(&self.example, &self.least);
        for (place, words) in &self.words {
            let Some(text) = schema.pointer_mut(place) else {
                debug_assert!(false, "{}: there is no {place}", self.key);
                continue;
            };
            // Who leaves it out when it is empty never says the empty text.
            let name = place.rsplit('/').next().unwrap_or_default();
            let may_be_empty = self.least.get(name) == Some(&json!(""));
            let words = words.iter().filter(|word| may_be_empty || !word.is_empty());
            text["enum"] = words.cloned().collect();
        }
        schema
    }
}

/// The schema of a value that is `least` when there is nothing in it.
fn exact(filled: &Value, least: &Value) -> Value {
    let (Some(fields), Some(always)) = (filled.as_object(), least.as_object()) else {
        return null_or_not(inferred(filled), least.is_null());
    };
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, value)| (name.clone(), of_field(name, value, always.get(name))))
        .collect();
    let required: Vec<&String> = always.keys().collect();
    json!({"type": "object", "required": required, "properties": properties})
}

/// A field that is left out when there is nothing in it (no `least`) is never null.
fn of_field(name: &str, value: &Value, least: Option<&Value>) -> Value {
    match (by_name(name, value), least) {
        (Some(schema), least) => null_or_not(schema, least.is_some_and(Value::is_null)),
        (None, Some(least)) => exact(value, least),
        (None, None) => null_or_not(inferred(value), false),
    }
}

/// The same schema, with `null` besides or without.
fn null_or_not(mut schema: Value, or_null: bool) -> Value {
    let kinds = &schema["type"];
    let kind = kinds.get(0).unwrap_or(kinds).clone();
    schema["type"] = if or_null { json!([kind, "null"]) } else { kind };
    schema
}

/// All of them.
pub(super) fn all() -> Vec<Row> {
    let password = phone::View {
        generated_password: Some("<24 characters, shown this once>".to_owned()),
        ..phone_view()
    };
    vec![
        trunk_row(),
        Row::of("/v1/trunks/{id}/test", &test_report()),
        phone_row("/v1/phones", &phone_view()),
        phone_row("POST /v1/phones", &password),
        phone_row("POST /v1/phones/{id}/password", &password),
        recording_row(),
        campaigncall_row(),
        activeflow_row(),
        Row::of("/v1/asterisks", &asterisk()),
    ]
}

fn trunk_row() -> Row {
    Row::of("/v1/trunks", &trunk_view())
        .words("/properties/transport", trunk::Transport::known())
        .words("/properties/mode", trunk::Mode::known())
        .words("/properties/identity", trunk::Identity::known())
        .words("/properties/state", STATES)
        .words("/properties/reachable", ANSWERS)
        .words("/properties/registration/properties/state", REGISTERED)
        .words("/properties/asterisks/items/properties/state", PLACED)
}

fn phone_row(key: &'static str, view: &phone::View) -> Row {
    Row::of(key, view)
        .words("/properties/state", STATES)
        .words("/properties/registered", ANSWERS)
        .words("/properties/asterisks/items/properties/state", PLACED)
}

fn recording_row() -> Row {
    Row::of("/v1/recordings", &recording())
        .words("/properties/owner_type", call::OwnerType::known())
        .words(
            "/properties/reference_type",
            recording::ReferenceType::known(),
        )
        .words("/properties/status", recording::Status::known())
}

fn campaigncall_row() -> Row {
    Row::of("/v1/campaigncalls", &campaigncall())
        .words(
            "/properties/reference_type",
            campaigncall::ReferenceType::known(),
        )
        .words("/properties/status", campaigncall::Status::known())
        .words("/properties/result", campaigncall::Outcome::known())
}

fn activeflow_row() -> Row {
    Row::of("/v1/activeflows", &activeflow())
        .words(
            "/properties/reference_type",
            activeflow::ReferenceType::known(),
        )
        .words("/properties/status", activeflow::Status::known())
        .words(
            "/properties/webhook_method",
            activeflow::WebhookMethod::known(),
        )
}

// === the examples ===

/// One of a few ids that are told apart by their end.
fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_a000_0000_7000_8000_0000_0000_0000 + number)
}

fn customer() -> Uuid {
    Uuid::from_u128(0x7472_756e_6b6c_4000_8000_6465_6661_756c)
}

fn time(second: &str) -> Option<Timestamp> {
    format!("2026-03-01T10:00:{second}Z").parse().ok()
}

fn asterisk_id() -> AsteriskId {
    AsteriskId("00:11:22:33:44:55".to_owned())
}

fn asterisk() -> Asterisk {
    Asterisk {
        id: asterisk_id(),
        connected: true,
        tm_update: time("00"),
    }
}

fn placements() -> Vec<Placement> {
    vec![Placement {
        asterisk_id: asterisk_id(),
        state: "pushed".to_owned(),
        detail: String::new(),
        tm_update: time("01"),
    }]
}

fn trunk_view() -> trunk::View {
    trunk::View {
        trunk: Trunk {
            id: id(0x20).into(),
            customer_id: customer().into(),
            name: "carrier".to_owned(),
            detail: String::new(),
            host: "sip.example.com".to_owned(),
            port: 5060,
            transport: trunk::Transport::Udp,
            mode: trunk::Mode::Registration,
            username: "4930123".to_owned(),
            auth_username: String::new(),
            password: Secret::default(),
            expiration: 300,
            qualify: 30,
            codecs: "PCMA,PCMU".to_owned(),
            caller_id: "+493023125000".to_owned(),
            from_user: String::new(),
            from_domain: String::new(),
            identity: trunk::Identity::Pai,
            tech_prefix: String::new(),
            country: "de".to_owned(),
            matches: vec!["203.0.113.0/28".to_owned()],
            enabled: true,
            provider_id: id(0x21).into(),
            tm_create: time("00.12"),
            tm_update: time("30"),
            tm_delete: time("50"),
        },
        has_password: true,
        state: "pushed".to_owned(),
        asterisks: placements(),
        registration: Registration {
            state: "registered".to_owned(),
            detail: String::new(),
            tm_checked: time("40"),
        },
        reachable: "yes".to_owned(),
    }
}

fn test_report() -> trunk::TestReport {
    trunk::TestReport {
        ok: true,
        result: "answered".to_owned(),
        detail: "The call was answered.".to_owned(),
        hint: String::new(),
        sip_code: 200,
        call_id: Some(id(0x22).into()),
    }
}

fn phone_view() -> phone::View {
    phone::View {
        phone: Phone {
            id: id(0x23).into(),
            customer_id: customer().into(),
            extension: "100".to_owned(),
            name: "reception".to_owned(),
            detail: String::new(),
            username: "100".to_owned(),
            password: Secret::default(),
            codecs: "OPUS,PCMA,PCMU".to_owned(),
            max_contacts: 1,
            country: "de".to_owned(),
            enabled: true,
            tm_create: time("00.12"),
            tm_update: time("30"),
            tm_delete: time("50"),
        },
        state: "pushed".to_owned(),
        asterisks: placements(),
        registered: "yes".to_owned(),
        generated_password: None,
    }
}

fn recording() -> Recording {
    let name = format!("call_{}_2026-03-01T10:00:10Z", id(0x25));
    Recording {
        id: id(0x24).into(),
        customer_id: customer().into(),
        owner_type: call::OwnerType::None,
        owner_id: Uuid::nil().into(),
        activeflow_id: id(0x26).into(),
        reference_type: recording::ReferenceType::Call,
        reference_id: id(0x25).into(),
        status: recording::Status::Ended,
        format: recording::WAV.to_owned(),
        on_end_flow_id: Uuid::nil().into(),
        filenames: vec![format!("{name}_in.wav"), format!("{name}_out.wav")],
        recording_name: name,
        asterisk_id: asterisk_id(),
        channel_ids: vec![
            ChannelId(id(0x27).to_string()),
            ChannelId(id(0x28).to_string()),
        ],
        tm_start: time("11"),
        tm_end: time("40"),
        tm_create: time("10"),
        tm_update: time("40"),
        tm_delete: time("50"),
    }
}

fn campaigncall() -> Campaigncall {
    Campaigncall {
        id: id(0x29).into(),
        customer_id: customer().into(),
        campaign_id: id(8).into(),
        outplan_id: id(1).into(),
        outdial_id: id(2).into(),
        outdial_target_id: id(3).into(),
        queue_id: Uuid::nil().into(),
        activeflow_id: id(0x26).into(),
        flow_id: id(7).into(),
        reference_type: campaigncall::ReferenceType::Call,
        reference_id: id(0x25).into(),
        status: campaigncall::Status::Done,
        result: campaigncall::Outcome::Success,
        source: Some(Address::tel("+15551230001")),
        destination: Some(Address::tel("+15551231000")),
        destination_index: 0,
        try_count: 1,
        tm_create: time("00.12"),
        tm_update: time("40"),
        tm_delete: time("50"),
    }
}

fn talk() -> Action {
    let option = json!({"text": "hello", "language": "en-US"});
    Action {
        id: id(5).into(),
        next_id: Uuid::nil().into(),
        kind: action::Kind::Talk,
        option: option.as_object().cloned(),
        tm_execute: time("07.123456"),
    }
}

fn activeflow() -> Activeflow {
    let main = Stack {
        id: StackId::MAIN,
        actions: vec![talk()],
        return_stack_id: StackId::NIL,
        return_action_id: Uuid::nil().into(),
    };
    Activeflow {
        id: id(0x26).into(),
        customer_id: customer().into(),
        flow_id: id(7).into(),
        status: activeflow::Status::Running,
        reference_type: activeflow::ReferenceType::Call,
        reference_id: id(0x25).into(),
        reference_activeflow_id: Uuid::nil().into(),
        on_complete_flow_id: Uuid::nil().into(),
        webhook_uri: "https://example.com/told".to_owned(),
        webhook_method: activeflow::WebhookMethod::Post,
        stack_map: [(StackId::MAIN, main)].into(),
        current_stack_id: StackId::MAIN,
        current_action: talk(),
        forward_stack_id: StackId::NIL,
        forward_action_id: Uuid::nil().into(),
        execute_count: 1,
        executed_actions: vec![talk()],
        tm_create: time("00.12"),
        tm_update: time("07.2"),
        tm_delete: time("50"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_model_is_filled_in_its_example() {
        for row in all() {
            let (example, least) = (row.example.as_object().unwrap(), row.least.as_object());
            for name in least.unwrap().keys() {
                assert!(example.contains_key(name), "{}: {name}", row.key);
            }
            let null = example.iter().find(|(_, value)| value.is_null());
            assert_eq!(null, None, "{}", row.key);
        }
    }

    #[test]
    fn a_schema_says_what_is_always_there_and_what_may_be_null() {
        let schema = campaigncall_row().schema();
        let property = |name: &str| schema["properties"][name].clone();
        assert_eq!(property("id"), json!({"type": "string", "format": "uuid"}));
        let null = json!({"type": ["string", "null"], "format": "date-time"});
        assert_eq!(property("tm_delete"), null);
        assert_eq!(property("source")["type"], json!(["object", "null"]));
        let words = json!(["", "dialing", "progressing", "done"]);
        assert_eq!(property("status")["enum"], words);
        assert_eq!(schema["required"].as_array().unwrap().len(), 20);

        // Left out when empty: never null, never the empty text.
        let schema = recording_row().schema();
        let property = |name: &str| schema["properties"][name].clone();
        let time = json!({"type": "string", "format": "date-time"});
        assert_eq!(property("tm_end"), time);
        let words = json!(["initiating", "recording", "stopping", "ended"]);
        assert_eq!(property("status")["enum"], words);
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("id")) && !required.contains(&json!("tm_end")));
    }

    #[test]
    fn what_is_keyed_by_ids_names_none_of_them() {
        let schema = activeflow_row().schema();
        let stacks = &schema["properties"]["stack_map"];
        assert!(stacks.get("properties").is_none(), "{stacks}");
        let actions = "/additionalProperties/properties/actions/items/properties/next_id";
        assert!(stacks.pointer(actions).is_some(), "{stacks}");
        let option = &schema["properties"]["current_action"]["properties"]["option"];
        assert!(option.get("properties").is_none(), "{option}");
    }
}
