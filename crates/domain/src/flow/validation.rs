//! Which actions a flow may hold (chapter 05 D.1). Option contents beyond the
//! caller's anonymity, target ids and duplicates are the flow's own business.

use serde_json::Value;
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::id::ActionId;

/// What is wrong with a list of actions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No such type, or one that flows may not use.
    #[error("unknown action type `{0}`")]
    Type(Kind),
    /// The caller's number can be hidden in four ways only.
    #[error("`anonymous` of `{0}` is not one of \"\", yes, no and auto")]
    Anonymous(Kind),
}

/// Who brings the actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A flow, as its author wrote it.
    Flow,
    /// A service, which may use `empty` as well.
    Service,
}

/// Checks actions and gives an id to those that have none.
///
/// # Errors
///
/// The first action that cannot be taken.
pub fn accept(
    actions: Vec<Action>,
    origin: Origin,
    mut new_id: impl FnMut() -> ActionId,
) -> Result<Vec<Action>, Invalid> {
    let check = |mut action: Action| {
        if !is_known(&action.kind, origin) {
            return Err(Invalid::Type(action.kind));
        }
        if matches!(action.kind, Kind::Call | Kind::Connect) && !anonymity_is_valid(&action) {
            return Err(Invalid::Anonymous(action.kind));
        }
        if action.id.is_nil() {
            action.id = new_id();
        }
        Ok(action)
    };
    actions.into_iter().map(check).collect()
}

fn is_known(kind: &Kind, origin: Origin) -> bool {
    if *kind == Kind::Empty {
        return origin == Origin::Service;
    }
    *kind != Kind::None && Kind::known().contains(kind)
}

fn anonymity_is_valid(action: &Action) -> bool {
    match action
        .option
        .as_ref()
        .and_then(|option| option.get("anonymous"))
    {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => ["", "yes", "no", "auto"].contains(&text.as_str()),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action(kind: &str, option: Value) -> Action {
        Action {
            kind: Kind::from(kind),
            option: option.as_object().cloned(),
            ..Action::default()
        }
    }

    fn check(action: Action, origin: Origin) -> Result<Vec<Action>, Invalid> {
        accept(vec![action], origin, || ActionId::FINISH)
    }

    #[test]
    fn a_flow_may_use_43_types_and_a_service_one_more() {
        let accepted = |origin| {
            let known = Kind::known().iter();
            known
                .filter(|kind| check(action(kind.as_str(), Value::Null), origin).is_ok())
                .count()
        };
        assert_eq!(accepted(Origin::Flow), 43);
        assert_eq!(accepted(Origin::Service), 44);
        for unknown in ["", "gather", "Answer"] {
            assert_eq!(
                check(action(unknown, Value::Null), Origin::Service),
                Err(Invalid::Type(Kind::from(unknown)))
            );
        }
    }

    #[test]
    fn anonymity_is_checked_where_calls_are_made() {
        let anonymous =
            |kind, value| check(action(kind, json!({"anonymous": value})), Origin::Flow).is_ok();
        for good in [
            json!(""),
            json!("yes"),
            json!("no"),
            json!("auto"),
            Value::Null,
        ] {
            assert!(anonymous("call", good.clone()) && anonymous("connect", good));
        }
        for bad in [json!("YES"), json!("maybe"), json!(true)] {
            assert!(!anonymous("call", bad.clone()) && !anonymous("connect", bad.clone()));
            assert!(anonymous("talk", bad));
        }
    }

    #[test]
    fn only_a_missing_id_is_replaced() {
        let mut given = action("answer", Value::Null);
        assert_eq!(
            check(given.clone(), Origin::Flow).unwrap()[0].id,
            ActionId::FINISH
        );
        given.id = ActionId::START;
        assert_eq!(check(given, Origin::Flow).unwrap()[0].id, ActionId::START);
    }
}
