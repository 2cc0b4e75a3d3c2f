//! The flow that a campaign owns: its actions, and `queue_join` at the end when
//! it has a queue (chapter 05 A.6.2).

use serde_json::{Map, Value};
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::id::QueueId;

/// The actions of the flow; `None` when there are none at all.
#[must_use]
pub fn actions(given: Option<&[Action]>, queue_id: QueueId) -> Option<Vec<Action>> {
    if queue_id.is_nil() {
        return given.map(<[Action]>::to_vec);
    }
    let mut actions = given.unwrap_or_default().to_vec();
    actions.push(queue_join(queue_id));
    Some(actions)
}

fn queue_join(queue_id: QueueId) -> Action {
    let mut option = Map::new();
    option.insert("queue_id".to_owned(), Value::String(queue_id.to_string()));
    Action {
        kind: Kind::QueueJoin,
        option: Some(option),
        ..Action::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_queue_is_joined_after_everything_else() {
        let talk = Action {
            kind: Kind::Talk,
            ..Action::default()
        };
        let queue: QueueId = "40bea034-1d17-474d-a5de-da00d0861c69".parse().unwrap();
        let join = json!({
            "id": "00000000-0000-0000-0000-000000000000",
            "next_id": "00000000-0000-0000-0000-000000000000",
            "type": "queue_join",
            "option": {"queue_id": "40bea034-1d17-474d-a5de-da00d0861c69"},
            "tm_execute": null,
        });
        assert_eq!(actions(None, QueueId::NIL), None);
        assert_eq!(actions(Some(&[]), QueueId::NIL), Some(Vec::new()));
        assert_eq!(
            serde_json::to_value(actions(None, queue)).unwrap(),
            json!([join])
        );
        let both = actions(Some(std::slice::from_ref(&talk)), queue).unwrap();
        assert_eq!((both.len(), &both[0]), (2, &talk));
        assert_eq!(serde_json::to_value(&both[1]).unwrap(), join);
    }
}
