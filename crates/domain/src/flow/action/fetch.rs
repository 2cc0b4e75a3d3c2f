//! `fetch`: asks a server of the customer for actions, runs them, then goes on.
//!
//! The request leaves after the walk that led here is written: the activeflow
//! stands at this action meanwhile, and does not while anything else is its
//! current one. So the request is made again after a crash, and may reach the
//! server twice (`flow::repeat`).

use serde::Deserialize;
use serde_json::Value;
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::activeflow::{Activeflow, Status};
use trunkline_model::id::ActionId;

use super::super::failure::Failure;
use super::super::validation::{self, Origin};
use super::{Turn, http_method, is_http, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    event_url: String,
    event_method: String,
}

/// A request to the customer's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub url: String,
    /// One of HTTP's, in capital letters.
    pub method: &'static str,
}

pub(super) fn run(action: &Action) -> Result<Turn, Failure> {
    asked(action).map(|_| Turn::Ask)
}

/// What a `fetch` asks for.
///
/// # Errors
///
/// When it names no server, or no method of HTTP.
pub fn asked(action: &Action) -> Result<Asked, Failure> {
    let options: Options = option(action)?;
    if !is_http(&options.event_url) {
        return Err(Failure::Option(
            "`event_url` is not an http or https address".to_owned(),
        ));
    }
    Ok(Asked {
        url: options.event_url,
        method: http_method(&options.event_method)
            .ok_or_else(|| Failure::Option("`event_method` is no method of HTTP".to_owned()))?,
    })
}

/// Whether an activeflow waits for the answer of a server.
#[must_use]
pub fn is_pending(activeflow: &Activeflow) -> bool {
    activeflow.status == Status::Running && activeflow.current_action.kind == Kind::Fetch
}

/// The actions in an answer: those of a service, so ids may be missing.
///
/// # Errors
///
/// When it is not a list of actions, is too long, or holds an action that flows
/// may not use.
pub fn actions(
    status: u16,
    body: &[u8],
    most: usize,
    new_id: impl FnMut() -> ActionId,
) -> Result<Vec<Action>, Failure> {
    let wrong = |why: String| Failure::Fetch(why);
    if status != 200 {
        return Err(wrong(format!("the server answered with status {status}")));
    }
    // Nested deeper than the parser allows is an error as well.
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| wrong(format!("the answer is not JSON: {error}")))?;
    let Value::Array(items) = answer else {
        return Err(wrong("the answer is not a list of actions".to_owned()));
    };
    if items.len() > most {
        return Err(wrong(format!("the answer has more than {most} actions")));
    }
    let read = |(at, item): (usize, Value)| {
        let number = at + 1;
        if !item.is_object() {
            return Err(wrong(format!("item {number} of the answer is no action")));
        }
        serde_json::from_value(item)
            .map_err(|error| wrong(format!("action {number} of the answer: {error}")))
    };
    let actions = items
        .into_iter()
        .enumerate()
        .map(read)
        .collect::<Result<Vec<Action>, _>>()?;
    validation::accept(actions, Origin::Service, new_id).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action(option: Value) -> Action {
        Action {
            kind: Kind::Fetch,
            option: option.as_object().cloned(),
            ..Action::default()
        }
    }

    #[test]
    fn a_fetch_names_a_server_and_a_method() {
        for (option, expected) in [
            (json!({"event_url": "https://a/b"}), Some("POST")),
            (
                json!({"event_url": "HTTP://a", "event_method": "get"}),
                Some("GET"),
            ),
            (
                json!({"event_url": "http://a", "event_method": "PUT"}),
                Some("PUT"),
            ),
            (
                json!({"event_url": "http://a", "event_method": "FLY"}),
                None,
            ),
            (json!({"event_url": "ftp://a"}), None),
            (json!({"event_url": ""}), None),
            (json!({"event_url": 7}), None),
            (json!({}), None),
        ] {
            let method = asked(&action(option.clone()))
                .ok()
                .map(|asked| asked.method);
            assert_eq!(method, expected, "{option}");
        }
    }

    fn read(status: u16, body: &Value) -> Result<Vec<Action>, Failure> {
        actions(status, body.to_string().as_bytes(), 2, || ActionId::FINISH)
    }

    #[test]
    fn an_answer_is_a_list_of_actions_whose_ids_may_be_missing() {
        let given = ActionId::START;
        let answer =
            json!([{"type": "talk", "option": {"text": "hi"}}, {"id": given, "type": "empty"}]);
        let actions = read(200, &answer).unwrap();
        assert_eq!(actions[0].option.as_ref().unwrap()["text"], "hi");
        assert_eq!([actions[0].id, actions[1].id], [ActionId::FINISH, given]);
        assert_eq!(read(200, &json!([])), Ok(vec![]));
    }

    #[test]
    fn any_other_answer_is_refused() {
        for (status, answer) in [
            (201, json!([])),
            (302, json!([])),
            (500, json!([])),
            (200, json!({"actions": []})),
            (200, json!(null)),
            (200, json!("[]")),
            (200, json!([7])),
            (200, json!([null])),
            (200, json!([{"type": "unheard"}])),
            (200, json!([{}])),
            (200, json!([{"type": "talk", "option": "hi"}])),
            (200, json!([{"type": "talk", "id": "seven"}])),
            (
                200,
                json!([{"type": "beep"}, {"type": "beep"}, {"type": "beep"}]),
            ),
        ] {
            let outcome = read(status, &answer);
            assert!(
                matches!(outcome, Err(Failure::Fetch(_))),
                "{status} {answer}"
            );
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for body in [&b""[..], b"[", b"\xff", deep.as_bytes()] {
            let outcome = actions(200, body, 2, || ActionId::FINISH);
            assert!(matches!(outcome, Err(Failure::Fetch(_))));
        }
    }
}
