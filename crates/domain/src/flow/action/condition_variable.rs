//! `condition_variable`: goes on if a comparison holds, else jumps.

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::id::ActionId;

use super::super::failure::Failure;
use super::{Turn, holds, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    condition: String,
    /// A value, normally written `${name}` and filled in by now.
    variable: String,
    value_type: String,
    value_string: String,
    value_number: f32,
    value_length: i64,
    false_target_id: ActionId,
}

pub(super) fn run(action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    Ok(if is_true(&options) {
        Turn::Next
    } else {
        Turn::To(options.false_target_id)
    })
}

fn is_true(options: &Options) -> bool {
    let value = options.variable.as_str();
    match options.value_type.as_str() {
        "string" => holds(value, &options.condition, options.value_string.as_str()),
        "number" => value
            .parse::<f32>()
            .is_ok_and(|number| holds(&number, &options.condition, &options.value_number)),
        "length" => {
            let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
            holds(&length, &options.condition, &options.value_length)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_compared_as_its_type_says() {
        let cases = [
            (
                json!({"value_type": "string", "condition": "==", "variable": "a", "value_string": "a"}),
                true,
            ),
            (
                json!({"value_type": "string", "condition": "<", "variable": "10", "value_string": "9"}),
                true,
            ),
            (
                json!({"value_type": "string", "condition": "!=", "variable": "", "value_string": ""}),
                false,
            ),
            (
                json!({"value_type": "number", "condition": "<", "variable": "10", "value_number": 9}),
                false,
            ),
            (
                json!({"value_type": "number", "condition": ">=", "variable": "9.5", "value_number": 9.5}),
                true,
            ),
            (
                json!({"value_type": "number", "condition": "==", "variable": "", "value_number": 0}),
                false,
            ),
            (
                json!({"value_type": "number", "condition": "!=", "variable": "x", "value_number": 0}),
                false,
            ),
            (
                json!({"value_type": "length", "condition": "==", "variable": "ü", "value_length": 2}),
                true,
            ),
            (
                json!({"value_type": "length", "condition": "<=", "variable": "", "value_length": 0}),
                true,
            ),
            (
                json!({"value_type": "string", "condition": "=", "variable": "a", "value_string": "a"}),
                false,
            ),
            (
                json!({"value_type": "", "condition": "==", "variable": "a", "value_string": "a"}),
                false,
            ),
        ];
        for (option, expected) in cases {
            let options: Options = serde_json::from_value(option.clone()).unwrap();
            assert_eq!(is_true(&options), expected, "{option}");
        }
    }
}
