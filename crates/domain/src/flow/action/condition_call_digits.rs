//! `condition_call_digits`: goes on if the caller has pressed enough digits, or a
//! certain one; else jumps.
//!
//! The digits are those of the activeflow's own variable: what call-manager
//! answers to `GET /v1/calls/<id>/digits` is that variable (chapter 03 §6.2), and
//! what this walk has done to it counts.

use serde::Deserialize;
use trunkline_model::Action;
use trunkline_model::id::ActionId;

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::super::variables::CALL_DIGITS;
use super::{Turn, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    length: i64,
    key: String,
    false_target_id: ActionId,
}

pub(super) fn run(machine: &Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    let digits = machine.variables.get(CALL_DIGITS);
    Ok(if is_true(&options, digits.map_or("", String::as_str)) {
        Turn::Next
    } else {
        Turn::To(options.false_target_id)
    })
}

/// A length of zero and an empty key ask for nothing, and are not fulfilled.
fn is_true(options: &Options, digits: &str) -> bool {
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let is_long = options.length != 0 && length >= options.length;
    is_long || (!options.key.is_empty() && digits.contains(&options.key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn enough_digits_or_the_key_fulfil_it() {
        for (option, digits, expected) in [
            (json!({"length": 2}), "12", true),
            (json!({"length": 2}), "1", false),
            (json!({"length": 2, "key": "#"}), "#", true),
            (json!({"length": 2, "key": "#"}), "1", false),
            (json!({"key": "#"}), "12#", true),
            (json!({"key": "2#"}), "12#", true),
            (json!({"key": "#"}), "", false),
            (json!({}), "123", false),
            (json!({"length": -1}), "", true),
        ] {
            let options: Options = serde_json::from_value(option.clone()).unwrap();
            assert_eq!(is_true(&options, digits), expected, "{option} {digits}");
        }
    }
}
