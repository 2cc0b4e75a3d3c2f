//! Requests and answers of ARI's HTTP side, without HTTP.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Path and query, beginning with `/ari/`.
    pub uri: String,
    /// JSON.
    pub body: Option<String>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// JSON, or nothing.
    pub body: String,
    /// A file instead of JSON: the sound of a recording.
    pub file: Option<Vec<u8>>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            file: None,
        }
    }

    pub(crate) fn ok(body: String) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn done() -> Self {
        Self::json(204, String::new())
    }

    pub(crate) fn refused(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "message": message });
        Self::json(status, body.to_string())
    }

    /// Asterisk says this under `error`, unlike everything else.
    pub(crate) fn allocation_failed() -> Self {
        Self::json(500, r#"{"error":"Allocation failed"}"#.to_owned())
    }

    pub(crate) fn duplicate_channel() -> Self {
        Self::refused(409, "Channel with given unique ID already exists")
    }

    pub(crate) fn is_duplicate_channel(&self) -> bool {
        *self == Self::duplicate_channel()
    }

    pub(crate) fn no_channel() -> Self {
        Self::refused(404, "Channel not found")
    }

    pub(crate) fn no_bridge() -> Self {
        Self::refused(404, "Bridge not found")
    }

    pub(crate) fn not_in_stasis(status: u16) -> Self {
        Self::refused(status, "Channel not in Stasis application")
    }
}

/// Parameters of a request, from the query or the body, whichever has them.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    query: Vec<(String, String)>,
    body: Option<Value>,
    /// `variables` of the body, in the order in which they were written.
    pub(crate) variables: Vec<(String, String)>,
}

impl Parameters {
    /// # Errors
    ///
    /// When the body is not JSON.
    pub(crate) fn parse(query: &str, body: Option<&str>) -> Result<Self, Answer> {
        let unreadable = |_| Answer::refused(400, "Error parsing request body");
        let text = body.filter(|text| !text.trim().is_empty());
        let body: Option<Value> = text
            .map(serde_json::from_str)
            .transpose()
            .map_err(unreadable)?;
        let variables = match (text, &body) {
            (Some(text), Some(Value::Object(map))) if map.contains_key("variables") => {
                ordered_variables(text)
            }
            _ => Vec::new(),
        };
        Ok(Self {
            query: pairs(query),
            body,
            variables,
        })
    }

    pub(crate) fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// A text, or a number as text.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        if let Some((_, value)) = self.query.iter().find(|(name, _)| name == key) {
            return Some(value.clone());
        }
        match self.body.as_ref()?.get(key)? {
            Value::String(text) => Some(text.clone()),
            number @ Value::Number(_) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// A text that is not empty.
    pub(crate) fn filled(&self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }

    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        self.text(key)?.parse().ok()
    }

    /// Several texts: a list, or one text with commas.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        if let Some(Value::Array(items)) = self.body.as_ref().and_then(|body| body.get(key)) {
            let texts = items.iter().filter_map(Value::as_str);
            return texts.map(str::to_owned).collect();
        }
        let text = self.text(key).unwrap_or_default();
        let pieces = text.split(',').filter(|piece| !piece.is_empty());
        pieces.map(str::to_owned).collect()
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// Asterisk sets variables in the order of the body.
fn ordered_variables(body: &str) -> Vec<(String, String)> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        variables: Ordered,
    }
    let body: Body = serde_json::from_str(body).unwrap_or_default();
    body.variables.0
}

#[derive(Default)]
struct Ordered(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Ordered;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, String>()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
