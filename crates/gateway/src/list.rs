//! Lists: filters from the query, and pages that lose no row.
//!
//! The roles page by time of creation (`tm_create < token`, chapter 01 §4.1),
//! so rows of the same microsecond must never be parted by the end of a page:
//! one row more than wanted is asked for, and the page ends where the time
//! changes.

use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Value, json};
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::body::Object;
use crate::config::Config;
use crate::resources::{Filter, FilterKind, ListOf};

/// Most rows of one microsecond that one page can hold.
pub(crate) const MOST_ROWS: u32 = 8_192;

/// A list as the caller asked for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) page_size: u32,
    /// Rows older than this; empty for the newest.
    pub(crate) page_token: String,
    /// For the role, the customer included.
    pub(crate) filters: Object,
}

/// Reads the query of a list.
pub(crate) fn read(
    uri: &Uri,
    filters: &'static [Filter],
    of: ListOf,
    caller: CustomerId,
    config: &Config,
) -> Result<Asked, ApiError> {
    let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(pairs) = query.map_err(|error| ApiError::field("query", error.to_string()))?;
    let (paged, deletable) = (of.is_paged(), of.knows_deleted());
    let mut asked = Asked {
        page_size: config.page_size,
        page_token: String::new(),
        filters: Object::new(),
    };
    if deletable {
        asked
            .filters
            .insert("deleted".to_owned(), Value::Bool(false));
    }
    for (name, value) in pairs {
        match name.as_str() {
            "page_size" if paged => asked.page_size = page_size(&value, config.page_size_max)?,
            "page_token" if paged => asked.page_token = page_token(&value)?,
            "deleted" if deletable => {
                asked.filters.insert(name, Value::Bool(deleted(&value)?));
            }
            _ => {
                let Some(filter) = filters.iter().find(|filter| filter.name == name) else {
                    return Err(unknown(&name, filters, paged, deletable));
                };
                asked.filters.insert(name, filter_value(*filter, &value)?);
            }
        }
    }
    if of == ListOf::Customer {
        // Last, so that nothing in the query can replace it.
        asked
            .filters
            .insert("customer_id".to_owned(), json!(caller));
    }
    Ok(asked)
}

impl Asked {
    /// The query part of the request for `rows` rows.
    pub(crate) fn query(&self, rows: u32) -> String {
        format!(
            "page_size={rows}&page_token={}",
            self.page_token.replace(':', "%3A")
        )
    }
}

/// What of `rows` makes the page, and the token of the next one. `None`: the
/// page would be empty because too many rows are of one moment; ask for more.
pub(crate) fn cut(
    mut rows: Vec<Value>,
    page_size: u32,
    asked_for: u32,
) -> Option<(Vec<Value>, String)> {
    if rows.len() < asked_for as usize {
        return Some((rows, String::new()));
    }
    // The last row only tells whether its neighbour's moment goes on.
    let next = rows.pop()?;
    let mut keep = rows.len();
    while keep > 0 && created(&rows[keep - 1]) == created(&next) {
        keep -= 1;
    }
    if keep == 0 && asked_for < MOST_ROWS {
        return None;
    }
    if keep == 0 {
        tracing::warn!(
            rows = rows.len(),
            page_size,
            "more rows of one moment than a page can hold"
        );
        keep = rows.len();
    }
    rows.truncate(keep);
    let token = rows.last().and_then(created).unwrap_or_default();
    Some((rows, token))
}

/// When a row was made, in a form whose order as text is the order in time.
pub(crate) fn created(row: &Value) -> Option<String> {
    let at: Timestamp = row.get("tm_create")?.as_str()?.parse().ok()?;
    Some(at.fixed())
}

fn page_size(value: &str, most: u32) -> Result<u32, ApiError> {
    let size = value
        .parse::<u32>()
        .ok()
        .filter(|size| (1..=most).contains(size));
    size.ok_or_else(|| {
        ApiError::field(
            "page_size",
            format!("`page_size` is `{value}`; it must be a number from 1 to {most}"),
        )
    })
}

fn page_token(value: &str) -> Result<String, ApiError> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let at = value.parse::<Timestamp>();
    at.map(Timestamp::fixed).map_err(|_| {
        ApiError::field(
            "page_token",
            format!("`page_token` is `{value}`; take it from `next_page_token` of a reply"),
        )
    })
}

fn deleted(value: &str) -> Result<bool, ApiError> {
    let parsed = value.parse();
    parsed.map_err(|_| {
        ApiError::field(
            "deleted",
            format!("`deleted` is `{value}`; it must be true or false"),
        )
    })
}

fn filter_value(filter: Filter, value: &str) -> Result<Value, ApiError> {
    match filter.kind {
        // Read before it comes to this, where there are pages.
        FilterKind::Text | FilterKind::PageSize | FilterKind::PageToken => {
            Ok(Value::String(value.to_owned()))
        }
        FilterKind::Id => {
            let name = filter.name;
            let id = Uuid::try_parse(value);
            id.map(|id| Value::String(id.hyphenated().to_string()))
                .map_err(|_| {
                    ApiError::field(name, format!("`{name}` is `{value}`, which is no id"))
                })
        }
    }
}

fn unknown(name: &str, filters: &[Filter], paged: bool, deletable: bool) -> ApiError {
    let mut known: Vec<&str> = filters.iter().map(|filter| filter.name).collect();
    if deletable {
        known.push("deleted");
    }
    if paged {
        known.retain(|name| !name.starts_with("page_"));
        known.extend(["page_size", "page_token"]);
    }
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    ApiError::field(
        name,
        format!("there is no parameter `{name}` here; parameters are: {known}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: &[Filter] = &[
        Filter {
            name: "flow_id",
            kind: FilterKind::Id,
        },
        Filter {
            name: "status",
            kind: FilterKind::Text,
        },
    ];

    fn asked(query: &str) -> Result<Asked, Option<String>> {
        let uri: Uri = format!("/v1/calls?{query}").parse().unwrap();
        let caller = CustomerId(Uuid::from_u128(7));
        read(&uri, FILTERS, ListOf::Customer, caller, &Config::default())
            .map_err(|error| error.field)
    }

    #[test]
    fn the_customer_and_only_living_rows_are_asked_for_unless_told_otherwise() {
        let id = Uuid::from_u128(7).to_string();
        let plain = asked("").unwrap();
        assert_eq!(plain.page_size, 100);
        assert_eq!(
            Value::Object(plain.filters),
            json!({"customer_id": id, "deleted": false})
        );
        let full =
            asked("status=run&deleted=true&page_size=5&page_token=2026-01-02T03%3A04%3A05.5Z")
                .unwrap();
        assert_eq!(
            full.query(6),
            "page_size=6&page_token=2026-01-02T03%3A04%3A05.500000Z"
        );
        assert_eq!(
            Value::Object(full.filters),
            json!({"customer_id": id, "deleted": true, "status": "run"})
        );
    }

    #[test]
    fn a_list_of_everybodys_says_nothing_of_a_customer() {
        let uri: Uri = "/v1/providers?deleted=true".parse().unwrap();
        let caller = CustomerId(Uuid::from_u128(7));
        let read = |of| read(&uri, &[], of, caller, &Config::default());
        let living = read(ListOf::EverybodyLiving).unwrap();
        assert_eq!(Value::Object(living.filters), json!({"deleted": true}));
        let refused = read(ListOf::EverybodyPaged).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("deleted"));
    }

    #[test]
    fn a_parameter_that_is_unknown_or_wrong_is_named() {
        for (query, field) in [
            (
                "customer_id=00000000-0000-0000-0000-000000000009",
                "customer_id",
            ),
            ("name=x", "name"),
            ("flow_id=x", "flow_id"),
            ("deleted=1", "deleted"),
            ("page_size=0", "page_size"),
            ("page_size=1001", "page_size"),
            ("page_size=ten", "page_size"),
            ("page_token=yesterday", "page_token"),
        ] {
            assert_eq!(asked(query), Err(Some(field.to_owned())), "{query}");
        }
    }

    #[test]
    fn rows_of_one_moment_are_never_parted() {
        let rows = |seconds: &[i64]| -> Vec<Value> {
            seconds
                .iter()
                .map(|at| json!({"tm_create": Timestamp::from_micros(at * 1_000_000)}))
                .collect()
        };
        let token = |at: i64| Timestamp::from_micros(at * 1_000_000).fixed();
        let cases = [
            (vec![9, 8], Some((2, String::new()))),
            (vec![9, 8, 7], Some((2, token(8)))),
            (vec![9, 8, 8], Some((1, token(9)))),
            (vec![9, 9, 9], None),
            (vec![], Some((0, String::new()))),
        ];
        for (seconds, expected) in cases {
            let page = cut(rows(&seconds), 2, 3);
            assert_eq!(
                page.map(|(rows, token)| (rows.len(), token)),
                expected,
                "{seconds:?}"
            );
        }
    }
}
