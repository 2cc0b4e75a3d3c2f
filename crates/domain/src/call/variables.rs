//! The activeflow variables that call-manager sets for a call (chapter 01 §9.3,
//! 05 D.6.4).

use std::collections::BTreeMap;

use trunkline_model::Address;
use trunkline_model::call::Call;

/// Name of the variable that collects the digits.
pub const DIGITS: &str = "voipbin.call.digits";

/// Every variable of a new call, by name.
#[must_use]
pub fn of_call(call: &Call) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("voipbin.call.id".to_owned(), call.id.to_string()),
        (
            "voipbin.call.direction".to_owned(),
            call.direction.to_string(),
        ),
        (
            "voipbin.call.master_call_id".to_owned(),
            call.master_call_id.to_string(),
        ),
        (DIGITS.to_owned(), String::new()),
    ]);
    add_address(&mut variables, "source", &call.source);
    add_address(&mut variables, "destination", &call.destination);
    variables
}

fn add_address(variables: &mut BTreeMap<String, String>, side: &str, address: &Address) {
    for (field, value) in [
        ("name", address.name.as_str()),
        ("detail", &address.detail),
        ("target", &address.target),
        ("target_name", &address.target_name),
        ("type", address.kind.as_str()),
    ] {
        variables.insert(format!("voipbin.call.{side}.{field}"), value.to_owned());
    }
}
