//! Filling variables into texts and options (chapter 05 D.6.3).
//!
//! `${name}` stands for the variable's value; an unknown name for nothing. One
//! pass: what a value contains is not looked at again. The result is bounded,
//! because a loop that doubles a variable would otherwise fill the memory.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::failure::Failure;

/// The one name that is not a stored variable: the webhook JSON of the call
/// that the activeflow belongs to.
pub const REFERENCE_DATA: &str = "voipbin.flow.reference_data";

/// Where values come from, and how many bytes of result are left.
pub struct Substitution<'a> {
    variables: &'a BTreeMap<String, String>,
    reference_data: &'a str,
    limit: usize,
    left: usize,
}

impl<'a> Substitution<'a> {
    /// Fills in at most `limit` bytes in all.
    #[must_use]
    pub fn new(
        variables: &'a BTreeMap<String, String>,
        reference_data: &'a str,
        limit: usize,
    ) -> Self {
        Self {
            variables,
            reference_data,
            limit,
            left: limit,
        }
    }

    /// A text with its variables filled in.
    ///
    /// # Errors
    ///
    /// When the result is too long.
    pub fn text(&mut self, text: &str) -> Result<String, Failure> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = first_name(rest) {
            self.append(&mut out, before)?;
            let value = self.value(name);
            self.append(&mut out, value)?;
            rest = after;
        }
        self.append(&mut out, rest)?;
        Ok(out)
    }

    /// An option with the variables filled into every text, also inside nested
    /// objects and arrays. Keys and other scalars stay as they are.
    ///
    /// # Errors
    ///
    /// When the result is too long.
    pub fn option(&mut self, option: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        option
            .iter()
            .map(|(key, value)| Ok((key.clone(), self.json(value)?)))
            .collect()
    }

    fn json(&mut self, value: &Value) -> Result<Value, Failure> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.json(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(map) => Value::Object(self.option(map)?),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn value(&self, name: &str) -> &'a str {
        if name == REFERENCE_DATA {
            return self.reference_data;
        }
        self.variables.get(name).map_or("", String::as_str)
    }

    fn append(&mut self, out: &mut String, text: &str) -> Result<(), Failure> {
        self.left = self
            .left
            .checked_sub(text.len())
            .ok_or(Failure::TooLarge(self.limit))?;
        out.push_str(text);
        Ok(())
    }
}

/// Whether an option asks for [`REFERENCE_DATA`], which has to be fetched.
#[must_use]
pub fn wants_reference_data(option: &Map<String, Value>) -> bool {
    option.values().any(mentions)
}

fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text_wants_reference_data(text),
        Value::Array(items) => items.iter().any(mentions),
        Value::Object(map) => wants_reference_data(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text asks for [`REFERENCE_DATA`].
#[must_use]
pub fn text_wants_reference_data(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, name, after)) = first_name(rest) {
        if name == REFERENCE_DATA {
            return true;
        }
        rest = after;
    }
    false
}

/// The names of the variables in a text.
pub fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, name, after) = first_name(rest)?;
        rest = after;
        Some(name)
    })
}

/// Text before the first `${name}`, the name, and the text behind it. A name
/// ends at the next brace and does not cross a line.
fn first_name(text: &str) -> Option<(&str, &str, &str)> {
    let mut searched = 0;
    loop {
        let at = searched + text.get(searched..)?.find("${")?;
        let inner = at + 2;
        let end = inner + text[inner..].find(['}', '\n'])?;
        if text[end..].starts_with('}') {
            return Some((&text[..at], &text[inner..end], &text[end + 1..]));
        }
        searched = inner;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> BTreeMap<String, String> {
        [
            ("name", "Ada"),
            ("a.b", "dot"),
            ("self", "${self}"),
            ("big", "0123456789"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn names_are_replaced_once() {
        let cases = [
            ("hello ${name}!", "hello Ada!"),
            ("${name}${a.b}", "Adadot"),
            ("${unknown}", ""),
            ("${}", ""),
            ("${self}", "${self}"),
            ("${${name}}", "}"),
            ("$name {name} ${name", "$name {name} ${name"),
            ("${na\nme} ${name}", "${na\nme} Ada"),
            ("${voipbin.flow.reference_data}", "{\"id\":1}"),
            ("grüße ${name} ü", "grüße Ada ü"),
            ("", ""),
        ];
        let variables = variables();
        for (text, expected) in cases {
            let mut substitution = Substitution::new(&variables, "{\"id\":1}", 100);
            assert_eq!(substitution.text(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn options_keep_their_shape_and_scalars_their_type() {
        let option = json!({
            "text": "${name}", "n": 1, "none": null, "${name}": true,
            "weekdays": [1, 2, true, null, "${name}"], "deep": {"er": [{"x": "${a.b}"}]},
        });
        let filled = Substitution::new(&variables(), "", 100)
            .option(option.as_object().unwrap())
            .unwrap();
        let expected = json!({
            "text": "Ada", "n": 1, "none": null, "${name}": true,
            "weekdays": [1, 2, true, null, "Ada"], "deep": {"er": [{"x": "dot"}]},
        });
        assert_eq!(Value::Object(filled), expected);
    }

    #[test]
    fn the_result_is_bounded_over_the_whole_option() {
        let variables = variables();
        assert_eq!(
            Substitution::new(&variables, "", 9).text("${big}"),
            Err(Failure::TooLarge(9))
        );
        let option = json!({"a": "${big}", "b": ["${big}"]});
        assert!(
            Substitution::new(&variables, "", 19)
                .option(option.as_object().unwrap())
                .is_err()
        );
        assert!(
            Substitution::new(&variables, "", 20)
                .option(option.as_object().unwrap())
                .is_ok()
        );
    }

    #[test]
    fn reference_data_is_noticed_wherever_it_is_asked_for() {
        let asks = |option: Value| wants_reference_data(option.as_object().unwrap());
        assert!(asks(
            json!({"a": [{"b": "x ${voipbin.flow.reference_data}"}]})
        ));
        assert!(!asks(
            json!({"a": "${voipbin.flow.reference} voipbin.flow.reference_data"})
        ));
    }
}
