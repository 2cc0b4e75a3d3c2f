//! Bodies of requests, out of what was typed.

use serde_json::{Map, Value, json};
use trunkline_domain::address;
use trunkline_model::Address;
use trunkline_model::address::Kind;
use uuid::Uuid;

use crate::api::Api;
use crate::error::Error;
use crate::name::{self, PHONE};

/// A body in the making: what was not given is not sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// A field, if it was given.
    pub(crate) fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A field with its value.
    pub(crate) fn set(self, name: &str, value: impl Into<Value>) -> Self {
        self.with(name, Some(value))
    }

    /// An address, if one was given.
    pub(crate) fn address(self, name: &str, text: Option<&String>) -> Result<Self, Error> {
        let value = text.map(|text| address_of(text)).transpose()?;
        Ok(self.with(name, value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn json(self) -> Value {
        Value::Object(self.0)
    }

    /// The body of a change, which must change something.
    pub(crate) fn change(self) -> Result<Value, Error> {
        if self.is_empty() {
            return Err(Error::usage("nothing to change was given").then("see --help"));
        }
        Ok(self.json())
    }
}

/// An address as one types it: `+49 30 1234`, `alice@example.com`,
/// `sip:alice@example.com`, `extension:12`, `agent:<id>`.
pub(crate) fn address_of(text: &str) -> Result<Value, Error> {
    let text = text.trim();
    let (kind, target) = match text.split_once(':') {
        Some(("tel", number)) => (Kind::Tel, number),
        Some(("sip" | "sips", target)) => (Kind::Sip, target),
        Some(("extension", target)) => (Kind::Extension, target),
        Some(("agent", target)) => (Kind::Agent, target),
        _ if text.contains('@') => (Kind::Sip, text),
        _ => (Kind::Tel, text),
    };
    if kind == Kind::Extension && Uuid::try_parse(target).is_err() {
        return Ok(json!({"type": "extension", "target_name": target}));
    }
    let written = Address {
        kind,
        target: target.to_owned(),
        ..Address::default()
    };
    let stored = address::normalise(&written);
    address::validate(&stored).map_err(|why| {
        Error::usage(format!("`{text}` cannot be called: {why}"))
            .then("other forms are user@host, extension:12, agent:<id>")
    })?;
    Ok(serde_json::to_value(stored).unwrap_or_default())
}

/// The same, with the phone that an extension is.
pub(crate) async fn somebody(api: &Api, text: &str) -> Result<Value, Error> {
    let address = address_of(text)?;
    match address["target_name"].as_str() {
        Some(extension) => {
            let phone = name::id(api, &PHONE, extension).await?;
            Ok(json!({"type": "extension", "target": phone, "target_name": extension}))
        }
        None => Ok(address),
    }
}

/// `key=value` pairs.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it is written as NAME=VALUE".to_owned()),
    }
}

/// `key=value` pairs as an object.
pub(crate) fn object(pairs: &[(String, String)]) -> Option<Value> {
    let object: Map<String, Value> = pairs
        .iter()
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .collect();
    (!object.is_empty()).then_some(Value::Object(object))
}

/// Milliseconds of a time such as `90`, `30s`, `5m`, `2h`, `500ms`; a bare number
/// is seconds.
pub(crate) fn millis(text: &str) -> Result<i64, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "ms" => 1.0,
        "" | "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return Err("it is written as 30s, 5m or 2h".to_owned()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "it is written as 30s, 5m or 2h".to_owned())?;
    let millis = number * factor;
    if millis > 2_592_000_000.0 {
        return Err("it is at most 30 days".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 30 days")]
    let millis = millis.round() as i64;
    Ok(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_it_looks_like() {
        let id = "5e4a0680-804e-11ec-8477-2fea5968d85b";
        let agent = format!("agent:{id}");
        let cases = [
            (
                "+49 (30) 1234-567",
                json!({"type": "tel", "target": "+49301234567"}),
            ),
            (
                "tel:+49301234567",
                json!({"type": "tel", "target": "+49301234567"}),
            ),
            (
                "alice@pbx:5070",
                json!({"type": "sip", "target": "alice@pbx:5070"}),
            ),
            (
                "sip:alice@pbx",
                json!({"type": "sip", "target": "alice@pbx"}),
            ),
            (
                "extension:12",
                json!({"type": "extension", "target_name": "12"}),
            ),
            (agent.as_str(), json!({"type": "agent", "target": id})),
        ];
        for (text, expected) in cases {
            assert_eq!(address_of(text).unwrap(), expected, "{text}");
        }
        for text in ["030 1234", "", "agent:bob", "alice"] {
            assert_eq!(address_of(text).unwrap_err().exit_status(), 2, "{text}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let cases = [
            ("30", 30_000),
            ("1.5m", 90_000),
            ("250ms", 250),
            ("2h", 7_200_000),
        ];
        for (text, expected) in cases {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "5 m", "-1s", "31d", "1.2.3s"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }
}
