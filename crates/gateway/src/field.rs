//! Fields of request bodies: which there are, and what each may hold. Checks
//! one value at a time and names the field that is wrong; knows no rule that
//! needs another row.

use serde_json::Value;
use trunkline_domain::call::outbound_config;
use trunkline_domain::{address, phone};
use trunkline_model::action::Kind;
use trunkline_model::{Address, Timestamp, wire};
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::flow_check;

/// A field of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// Whether leaving it out means true.
    pub(crate) on_by_default: bool,
    /// Keys inside an object that only operators may give.
    pub(crate) operators_only: &'static [&'static str],
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Texts,
    /// One of these texts.
    Word(&'static [&'static str]),
    /// A whole number from … to ….
    Whole(i64, i64),
    /// A number above zero.
    Positive,
    Flag,
    Id,
    Ids,
    /// A moment, as RFC 3339 writes it.
    Time,
    Address,
    Addresses,
    /// A list of objects; their fields are these, checked elsewhere.
    List(&'static [Field]),
    Actions,
    /// A telephone number in E.164 form.
    Number,
    /// Country codes.
    Countries,
    /// Names of codecs, comma between them.
    Codecs,
    /// An object of texts.
    TextMap,
    /// An object that the role checks.
    Object,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            required: false,
            on_by_default: false,
            operators_only: &[],
        }
    }

    /// The same field, which must be given.
    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// The same flag, which is set unless it is given.
    pub(crate) const fn on_by_default(self) -> Self {
        Self {
            on_by_default: true,
            ..self
        }
    }

    /// The same field, of which some keys are for operators.
    pub(crate) const fn operators_only(self, keys: &'static [&'static str]) -> Self {
        Self {
            operators_only: keys,
            ..self
        }
    }

    /// The key of `value` that only operators may give, if there is one.
    pub(crate) fn reserved(&self, value: &Value) -> Option<&'static str> {
        self.operators_only
            .iter()
            .find(|key| value.get(**key).is_some())
            .copied()
    }
}

/// The same fields for a change: none of them must be given. `N` is how many
/// there are.
pub(crate) const fn optional<const N: usize>(fields: &[Field]) -> [Field; N] {
    let mut all = [Field::new("", Shape::Text); N];
    let mut at = 0;
    while at < N {
        all[at] = Field {
            required: false,
            ..fields[at]
        };
        at += 1;
    }
    all
}

impl Shape {
    /// Checks a value that is not null, and brings it into the form in which it
    /// is sent on.
    pub(crate) fn check(self, name: &str, value: &mut Value) -> Result<(), ApiError> {
        match self {
            Self::Text => text(name, value).map(drop),
            Self::Texts => each(name, value, "texts", |name, value| {
                text(name, value).map(drop)
            }),
            Self::Word(words) => word(name, value, words),
            Self::Whole(from, to) => whole(name, value, from, to),
            Self::Positive => positive(name, value),
            Self::Flag => want(name, value.is_boolean(), "must be true or false"),
            Self::Id => id(name, value),
            Self::Ids => each(name, value, "ids", id),
            Self::Time => {
                let good = text(name, value)?.parse::<Timestamp>().is_ok();
                want(name, good, "must be a time such as 2027-01-31T00:00:00Z")
            }
            Self::Address => one_address(name, value),
            Self::Addresses => each(name, value, "addresses", one_address),
            Self::List(fields) => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                let wanted = format!("objects with: {}", names.join(", "));
                each(name, value, &wanted, |name, value| {
                    want(name, value.is_object(), "must be an object")
                })
            }
            Self::Actions => {
                each(name, value, "actions", action)?;
                flow_check::refuse_errors(name, value)
            }
            Self::Number => {
                let good = phone::is_e164(text(name, value)?);
                want(
                    name,
                    good,
                    "must be + and 7 to 15 digits, such as +15551234567",
                )
            }
            Self::Countries => countries(name, value),
            Self::Codecs => {
                let wrong = outbound_config::check_codecs(text(name, value)?).err();
                wrong.map_or(Ok(()), |why| Err(ApiError::field(name, why)))
            }
            Self::TextMap => text_map(name, value),
            Self::Object => want(name, value.is_object(), "must be an object"),
        }
    }
}

fn want(name: &str, good: bool, otherwise: &str) -> Result<(), ApiError> {
    if good {
        Ok(())
    } else {
        Err(ApiError::field(name, format!("`{name}` {otherwise}")))
    }
}

fn text<'v>(name: &str, value: &'v Value) -> Result<&'v str, ApiError> {
    value
        .as_str()
        .ok_or_else(|| ApiError::field(name, format!("`{name}` must be a text")))
}

fn word(name: &str, value: &Value, words: &[&str]) -> Result<(), ApiError> {
    let given = text(name, value)?;
    want(
        name,
        words.contains(&given),
        &format!("is `{given}`; it must be one of: {}", words.join(", ")),
    )
}

fn whole(name: &str, value: &Value, from: i64, to: i64) -> Result<(), ApiError> {
    let good = value
        .as_i64()
        .is_some_and(|number| (from..=to).contains(&number));
    want(
        name,
        good,
        &format!("must be a whole number from {from} to {to}"),
    )
}

fn positive(name: &str, value: &Value) -> Result<(), ApiError> {
    let good = value
        .as_f64()
        .is_some_and(|number| number.is_finite() && number > 0.0);
    want(name, good, "must be a number above 0")
}

/// Upper case is accepted and sent on in lower case: the roles know no other.
fn id(name: &str, value: &mut Value) -> Result<(), ApiError> {
    let parsed = value.as_str().and_then(|text| Uuid::try_parse(text).ok());
    let Some(parsed) = parsed else {
        return Err(ApiError::field(
            name,
            format!("`{name}` must be an id such as {}", Uuid::nil()),
        ));
    };
    *value = Value::String(parsed.hyphenated().to_string());
    Ok(())
}

fn each(
    name: &str,
    value: &mut Value,
    what: &str,
    check: impl Fn(&str, &mut Value) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let Some(items) = value.as_array_mut() else {
        return Err(ApiError::field(
            name,
            format!("`{name}` must be a list of {what}"),
        ));
    };
    for (at, item) in items.iter_mut().enumerate() {
        check(&format!("{name}[{at}]"), item)?;
    }
    Ok(())
}

/// An empty object stands for "no address" (chapter 05 A.8.4).
fn one_address(name: &str, value: &mut Value) -> Result<(), ApiError> {
    want(
        name,
        value.is_object(),
        "must be an address such as {\"type\":\"tel\",\"target\":\"+15551234567\"}",
    )?;
    let parsed: Address = wire::decode(&value.to_string())
        .map_err(|error| ApiError::field(name, format!("`{name}` is not an address: {error}")))?;
    if parsed == Address::default() {
        return Ok(());
    }
    let target = format!("{name}.target");
    want(
        &format!("{name}.type"),
        !parsed.kind.as_str().is_empty(),
        "must be given, such as tel or sip",
    )?;
    let stored = address::normalise(&parsed);
    if let Err(why) = address::validate(&stored) {
        return Err(ApiError::field(
            target,
            format!("`{name}.target` is `{}`: {why}", parsed.target),
        ));
    }
    *value = serde_json::to_value(stored).unwrap_or_default();
    Ok(())
}

fn action(name: &str, value: &mut Value) -> Result<(), ApiError> {
    want(
        name,
        value.is_object(),
        "must be an action such as {\"type\":\"answer\"}",
    )?;
    let field = format!("{name}.type");
    let given = value
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let known = Kind::known()
        .iter()
        .any(|kind| !given.is_empty() && kind.as_str() == given);
    want(
        &field,
        known,
        &format!("is `{given}`, which is no type of action"),
    )?;
    let option = value.get("option");
    let good = option.is_none_or(|option| option.is_object() || option.is_null());
    want(&format!("{name}.option"), good, "must be an object")
}

/// Sent on in lower case: call-manager compares the stored text exactly.
fn countries(name: &str, value: &mut Value) -> Result<(), ApiError> {
    each(name, value, "country codes", |name, value| {
        let code = text(name, value)?.trim().to_lowercase();
        *value = Value::String(code);
        Ok(())
    })?;
    let list: Vec<String> = serde_json::from_value(value.clone()).unwrap_or_default();
    outbound_config::check_whitelist(&list).map_err(|why| ApiError::field(name, why))
}

fn text_map(name: &str, value: &Value) -> Result<(), ApiError> {
    let Some(entries) = value.as_object() else {
        return Err(ApiError::field(
            name,
            format!("`{name}` must be an object of texts"),
        ));
    };
    for (key, inner) in entries {
        text(&format!("{name}.{key}"), inner)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(shape: Shape, mut value: Value) -> Result<Value, String> {
        match shape.check("f", &mut value) {
            Ok(()) => Ok(value),
            Err(error) => Err(error.field.unwrap_or_default()),
        }
    }

    #[test]
    fn a_wrong_value_is_refused_under_its_field_name() {
        let tel = |target: &str| json!({"type": "tel", "target": target});
        let cases = [
            (Shape::Text, json!(1), "f"),
            (Shape::Texts, json!("x"), "f"),
            (Shape::Texts, json!(["x", 1]), "f[1]"),
            (Shape::Word(&["run", "stop"]), json!("stopping"), "f"),
            (Shape::Whole(0, 9), json!(10), "f"),
            (Shape::Whole(0, 9), json!(1.5), "f"),
            (Shape::Positive, json!(0), "f"),
            (Shape::Flag, json!("true"), "f"),
            (Shape::Id, json!("7"), "f"),
            (Shape::Time, json!("tomorrow"), "f"),
            (Shape::Ids, json!(["7"]), "f[0]"),
            (Shape::Address, json!("+15551234567"), "f"),
            (Shape::Address, tel("5551234567"), "f.target"),
            (Shape::Address, json!({"target": "+15551234567"}), "f.type"),
            (
                Shape::Address,
                json!({"type": "sip", "target": "alice"}),
                "f.target",
            ),
            (
                Shape::Addresses,
                json!([tel("+15551234567"), tel("x")]),
                "f[1].target",
            ),
            (
                Shape::Actions,
                json!([{"type": "answer"}, {"type": "answre"}]),
                "f[1].type",
            ),
            (Shape::Actions, json!([{}]), "f[0].type"),
            (
                Shape::Actions,
                json!([{"type": "talk", "option": "hello"}]),
                "f[0].option",
            ),
            (
                Shape::Actions,
                json!([{"type": "answer"}, {"type": "talk", "option": {"txet": "hi"}}]),
                "f[1].option.txet",
            ),
            (
                Shape::Actions,
                json!([{"type": "goto", "option": {"target_id": "nowhere"}}]),
                "f[0].option.target_id",
            ),
            (Shape::TextMap, json!({"order": 7}), "f.order"),
            (Shape::Object, json!([]), "f"),
            (Shape::List(&[]), json!({}), "f"),
            (Shape::List(&[]), json!([{}, ["tel"]]), "f[1]"),
            (Shape::Address, json!(["tel", "+15551234567"]), "f"),
            (Shape::Addresses, json!([["tel", "+15551234567"]]), "f[0]"),
            (Shape::Actions, json!([["answer"]]), "f[0]"),
            (Shape::Countries, json!(["de", "zz"]), "f"),
            (Shape::Countries, json!(["de", 7]), "f[1]"),
            (Shape::Number, json!("5551234567"), "f"),
            (Shape::Codecs, json!("PCMU, PCMA"), "f"),
        ];
        for (shape, value, field) in cases {
            assert_eq!(
                check(shape, value.clone()),
                Err(field.to_owned()),
                "{shape:?} {value}"
            );
        }
    }

    #[test]
    fn ids_addresses_and_countries_are_sent_on_in_their_stored_form() {
        assert_eq!(
            check(Shape::Countries, json!(["DE", " kr"])),
            Ok(json!(["de", "kr"]))
        );
        let id = "0F5E2F1E-6D6C-4B5E-9B1E-2F6A7A1C0001";
        assert_eq!(check(Shape::Id, json!(id)), Ok(json!(id.to_lowercase())));
        let given = json!({"type": "tel", "target": " +1 (555) 123-4567 ", "target_name": "Ann"});
        let stored = json!({"type": "tel", "target": "+15551234567", "target_name": "Ann"});
        assert_eq!(check(Shape::Address, given), Ok(stored));
        assert_eq!(check(Shape::Address, json!({})), Ok(json!({})));
    }
}
