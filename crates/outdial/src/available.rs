//! Reading the parameters of `available` and `summary` (chapter 05 B.4, G.1
//! row 1): from the body first, otherwise from the query.

use serde_json::{Map, Value};
use trunkline_bus::{Refusal, Routed};
use trunkline_model::outdial_target::AvailableRequest;

/// What is asked for. The reference's client sends the query, its server reads
/// the body; both are understood. A missing or odd value is 0.
///
/// # Errors
///
/// A bare 400 when the body is not an object.
pub fn parameters(routed: &Routed) -> Result<AvailableRequest, Refusal> {
    let body: Map<String, Value> = routed.body_or_default()?;
    Ok(read(&body, |name| routed.query(name)))
}

fn read(body: &Map<String, Value>, query: impl Fn(&str) -> String) -> AvailableRequest {
    let given = |name: &str| match body.get(name) {
        Some(value) => Some(number(value)),
        None => query(name).parse().ok(),
    };
    let maximum = |index: usize| given(&format!("try_count_{index}")).unwrap_or(0);
    AvailableRequest::new(
        std::array::from_fn(maximum),
        given("limit").unwrap_or(0),
        given("try_interval"),
    )
}

/// JSON numbers, fractions cut off; anything else is 0.
fn number(value: &Value) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and Go's decoder cuts off as well"
    )]
    let cut = |number: f64| number as i64;
    value
        .as_i64()
        .or_else(|| value.as_f64().map(cut))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(body: &str, query: &str) -> AvailableRequest {
        let body = serde_json::from_str(body).unwrap();
        read(&body, |name| {
            trunkline_model::page::parameter(query, name).unwrap_or_default()
        })
    }

    #[test]
    fn the_body_comes_before_the_query() {
        let asked = read_from(
            r#"{"try_count_0":3,"limit":1}"#,
            "try_count_0=9&try_count_1=2&limit=7",
        );
        assert_eq!(asked, AvailableRequest::new([3, 2, 0, 0, 0], 1, None));
        let asked = read_from(
            "{}",
            "try_count_0=1&try_count_4=2&limit=5&try_interval=60000",
        );
        assert_eq!(
            asked,
            AvailableRequest::new([1, 0, 0, 0, 2], 5, Some(60_000))
        );
    }

    #[test]
    fn odd_values_are_zero() {
        let asked = read_from(
            r#"{"try_count_0":"3","try_count_1":null,"try_count_2":2.9}"#,
            "limit=x",
        );
        assert_eq!(asked, AvailableRequest::new([0, 0, 2, 0, 0], 0, None));
    }
}
