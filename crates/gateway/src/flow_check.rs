//! Checking flows: what a body with actions is refused for, and the route that
//! says everything there is to say and stores nothing.

use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use trunkline_flow_file::{Finding, Given, Report};
use trunkline_model::{Action, wire};

use crate::api_error::ApiError;
use crate::dispatch::Matched;
use crate::field::{Field, Shape};
use crate::respond;

/// The fields of one action.
const ACTION: &[Field] = &[
    Field::new("id", Shape::Id),
    Field::new("next_id", Shape::Id),
    Field::new("type", Shape::Text).required(),
    Field::new("option", Shape::Object),
];

/// The fields of the body: one of them.
pub(crate) const BODY: &[Field] = &[
    Field::new("text", Shape::Text),
    Field::new("actions", Shape::List(ACTION)),
];

/// Checks a flow file, or a list of actions.
pub(crate) fn check(matched: Matched<'_>) -> BoxFuture<'_, Result<Response, ApiError>> {
    Box::pin(async move {
        matched.refuse_query()?;
        let given = matched.read(BODY)?;
        let report = match (given.get("text"), given.get("actions")) {
            (Some(text), None) => trunkline_flow_file::report(text.as_str().unwrap_or_default()),
            (None, Some(actions)) => {
                trunkline_flow_file::report(&json!({"actions": actions}).to_string())
            }
            (None, None) => {
                let message = "give the flow file as `text`, or a list as `actions`";
                return Err(ApiError::field("text", message));
            }
            (Some(_), Some(_)) => {
                let message = "give either `text` or `actions`";
                return Err(ApiError::field("actions", message));
            }
        };
        Ok(respond::one(told(&report)))
    })
}

fn told(report: &Report) -> Value {
    json!({"ok": !report.has_errors(), "findings": report.findings})
}

/// Refuses actions of the field `name` that cannot work. What is only odd passes.
pub(crate) fn refuse_errors(name: &str, value: &Value) -> Result<(), ApiError> {
    let actions: Vec<Action> = wire::decode(&value.to_string())
        .map_err(|error| ApiError::field(name, format!("`{name}` cannot be read: {error}")))?;
    let findings = trunkline_flow_file::check(&actions, &[], &Given::default());
    match findings.iter().find(|finding| finding.is_error()) {
        None => Ok(()),
        Some(finding) => Err(refusal(name, finding)),
    }
}

fn refusal(name: &str, finding: &Finding) -> ApiError {
    let place = match finding.index {
        None => name.to_owned(),
        Some(index) if finding.field.is_empty() => format!("{name}[{index}]"),
        Some(index) => format!("{name}[{index}].{}", finding.field),
    };
    let help = if finding.help.is_empty() {
        String::new()
    } else {
        format!(" ({})", finding.help)
    };
    ApiError::field(&place, format!("`{place}`: {}{help}", finding.message))
}
