//! Filters of lists: a JSON object in a request, conditions in SQL (chapter 01
//! §4.2–4.4, 02 §5.9).
//!
//! Column names come from the resource's own table of keys, values are bound:
//! nothing of a request becomes part of a statement.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::value::Value;

/// What a key is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A UUID column.
    Id,
    /// A text column.
    Text,
    /// A number or flag column.
    Int,
    /// `deleted`: whether `tm_delete` is set.
    Deleted,
}

/// How a service treats what it does not expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// call-manager's: unknown keys are ignored, an empty id is refused,
    /// `deleted` is a JSON bool.
    Lenient,
    /// campaign-manager's: unknown keys are refused, an empty id is nil,
    /// `deleted` may be a text.
    Strict,
}

/// The keys that lists of a resource may be filtered by. A key is the name of
/// its column, `deleted` excepted.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// Each key with its kind.
    pub keys: &'static [(&'static str, Kind)],
    /// What happens with others.
    pub manner: Manner,
}

/// A filter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter `{key}` {detail}")]
pub struct InvalidFilter {
    /// The key in the request.
    pub key: String,
    /// What is wrong with it.
    pub detail: &'static str,
}

/// Conditions with their parameters, joined by `AND`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    sql: String,
    params: Vec<Value>,
}

impl Filter {
    /// No condition.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a condition on a column that holds an id.
    #[must_use]
    pub fn id(self, column: &'static str, id: impl Into<Uuid>) -> Self {
        self.equals(column, Value::uuid(id))
    }

    /// Adds a condition on a column.
    #[must_use]
    pub fn equals(mut self, column: &'static str, value: Value) -> Self {
        self.push(&format!("{column} = ?"));
        self.params.push(value);
        self
    }

    /// Only rows that are not deleted.
    #[must_use]
    pub fn not_deleted(mut self) -> Self {
        self.push("tm_delete IS NULL");
        self
    }

    fn push(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// ` AND …` for each condition, to follow another one, and the parameters.
    pub(crate) fn parts(&self) -> (&str, impl Iterator<Item = Value>) {
        (&self.sql, self.params.iter().cloned())
    }
}

impl Keys {
    /// Reads the filters of a request.
    ///
    /// # Errors
    ///
    /// When an id is not a UUID, a value cannot be compared, or a key is not
    /// known to a strict service.
    pub fn parse(&self, filters: &Map<String, Json>) -> Result<Filter, InvalidFilter> {
        let mut filter = Filter::none();
        for (key, value) in filters {
            let known = self.keys.iter().find(|(name, _)| name == key);
            match (known, self.manner) {
                (Some((column, kind)), _) => {
                    filter = self.condition(filter, column, *kind, value)?
                }
                (None, Manner::Lenient) => {}
                (None, Manner::Strict) => return Err(invalid(key, "is not known")),
            }
        }
        Ok(filter)
    }

    fn condition(
        &self,
        mut filter: Filter,
        column: &'static str,
        kind: Kind,
        value: &Json,
    ) -> Result<Filter, InvalidFilter> {
        if kind == Kind::Deleted {
            let deleted = self
                .deleted(value)
                .ok_or_else(|| invalid(column, "is not a bool"))?;
            filter.push(if deleted {
                "tm_delete IS NOT NULL"
            } else {
                "tm_delete IS NULL"
            });
            return Ok(filter);
        }
        let bound = match (value, kind) {
            (Json::String(text), Kind::Id) => Value::uuid(self.id(column, text)?),
            (Json::String(text), Kind::Text | Kind::Int | Kind::Deleted) => {
                Value::from(text.as_str())
            }
            (Json::Bool(flag), _) => Value::from(*flag),
            (Json::Number(number), Kind::Text) => Value::Text(number.to_string()),
            (Json::Number(number), Kind::Id | Kind::Int | Kind::Deleted) => number
                .as_i64()
                .map(Value::Int)
                .or_else(|| number.as_f64().map(Value::Real))
                .ok_or_else(|| invalid(column, "is too large a number"))?,
            (Json::Null | Json::Array(_) | Json::Object(_), _) => {
                return Err(invalid(column, "is not a text, number or bool"));
            }
        };
        Ok(filter.equals(column, bound))
    }

    fn id(&self, key: &str, text: &str) -> Result<Uuid, InvalidFilter> {
        if text.is_empty() && self.manner == Manner::Strict {
            return Ok(Uuid::nil());
        }
        Uuid::try_parse(text).map_err(|_| invalid(key, "is not a UUID"))
    }

    fn deleted(&self, value: &Json) -> Option<bool> {
        match (value, self.manner) {
            (Json::Bool(deleted), _) => Some(*deleted),
            (Json::String(text), Manner::Strict) => Some(text == "true"),
            (
                Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_),
                _,
            ) => None,
        }
    }
}

fn invalid(key: &str, detail: &'static str) -> InvalidFilter {
    InvalidFilter {
        key: key.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[(&str, Kind)] = &[
        ("flow_id", Kind::Id),
        ("status", Kind::Text),
        ("try_count", Kind::Int),
        ("deleted", Kind::Deleted),
    ];
    const LENIENT: Keys = Keys {
        keys: KEYS,
        manner: Manner::Lenient,
    };
    const STRICT: Keys = Keys {
        keys: KEYS,
        manner: Manner::Strict,
    };

    fn sql(keys: &Keys, json: &str) -> Result<String, String> {
        let filters = serde_json::from_str(json).unwrap();
        keys.parse(&filters)
            .map(|filter| filter.sql)
            .map_err(|invalid| invalid.key)
    }

    #[test]
    fn known_keys_become_conditions_with_bound_values() {
        let id = Uuid::from_u128(7);
        let filters = serde_json::json!({"flow_id": id, "status": "x' OR 1=1 --", "try_count": 3});
        let filter = LENIENT.parse(filters.as_object().unwrap()).unwrap();
        assert_eq!(
            filter.sql,
            " AND flow_id = ? AND status = ? AND try_count = ?"
        );
        assert_eq!(
            filter.params,
            [Value::uuid(id), "x' OR 1=1 --".into(), 3.into()]
        );
    }

    #[test]
    fn deleted_asks_for_the_time_of_deletion() {
        assert_eq!(
            sql(&LENIENT, r#"{"deleted":true}"#).unwrap(),
            " AND tm_delete IS NOT NULL"
        );
        assert_eq!(
            sql(&LENIENT, r#"{"deleted":false}"#).unwrap(),
            " AND tm_delete IS NULL"
        );
        assert_eq!(
            sql(&LENIENT, r#"{"deleted":"false"}"#).unwrap_err(),
            "deleted"
        );
        assert_eq!(
            sql(&STRICT, r#"{"deleted":"false"}"#).unwrap(),
            " AND tm_delete IS NULL"
        );
    }

    #[test]
    fn the_two_managers_differ_in_what_they_refuse() {
        let injected = r#"{"1=1 OR name":"x"}"#;
        assert_eq!(sql(&LENIENT, injected).unwrap(), "");
        assert!(sql(&STRICT, injected).is_err());
        assert_eq!(sql(&LENIENT, r#"{"flow_id":""}"#).unwrap_err(), "flow_id");
        assert_eq!(
            sql(&STRICT, r#"{"flow_id":""}"#).unwrap(),
            " AND flow_id = ?"
        );
        for keys in [LENIENT, STRICT] {
            for wrong in [
                r#"{"flow_id":"x"}"#,
                r#"{"status":null}"#,
                r#"{"status":[]}"#,
                r#"{"flow_id":{}}"#,
            ] {
                assert!(sql(&keys, wrong).is_err(), "{wrong}");
            }
        }
    }
}
