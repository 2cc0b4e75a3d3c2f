//! Stacks: where an action is, and which one follows (chapter 05 D.5.3).
//!
//! A stack is a list of actions with a return address. The way out of a stack
//! leads from each to the one it returns to; it is at most
//! [`Limits::stacks`] long, so that a circle ends too.

use std::collections::BTreeMap;

use trunkline_model::Action;
use trunkline_model::activeflow::{Activeflow, Stack};
use trunkline_model::id::{ActionId, StackId};

use super::failure::Failure;
use super::limits::Limits;

/// The stacks of an activeflow.
pub type Stacks = BTreeMap<StackId, Stack>;

/// The stacks on the way out, the given one first.
fn outward(stacks: &Stacks, from: StackId, limit: usize) -> impl Iterator<Item = &Stack> {
    let first = stacks.get(&from);
    std::iter::successors(first, |stack| stacks.get(&stack.return_stack_id)).take(limit)
}

/// The action with this id, searched outwards. The nil id is nowhere.
#[must_use]
pub fn find(
    stacks: &Stacks,
    from: StackId,
    id: ActionId,
    limit: usize,
) -> Option<(StackId, &Action)> {
    if id.is_nil() {
        return None;
    }
    outward(stacks, from, limit).find_map(|stack| {
        let action = stack.actions.iter().find(|action| action.id == id)?;
        Some((stack.id, action))
    })
}

/// As [`find`], for changing the stored action.
pub fn find_mut(
    stacks: &mut Stacks,
    from: StackId,
    id: ActionId,
    limit: usize,
) -> Option<&mut Action> {
    let (stack, _) = find(stacks, from, id, limit)?;
    stacks
        .get_mut(&stack)?
        .actions
        .iter_mut()
        .find(|action| action.id == id)
}

/// What follows an action; `None` is the end of the flow.
#[must_use]
pub fn next_of(
    stacks: &Stacks,
    from: StackId,
    after: ActionId,
    limit: usize,
) -> Option<(StackId, &Action)> {
    let mut after = after;
    for stack in outward(stacks, from, limit) {
        let position = if after == ActionId::START {
            0
        } else {
            let at = stack.actions.iter().position(|action| action.id == after)?;
            let explicit = stack.actions[at].next_id;
            if !explicit.is_nil() {
                return find(stacks, stack.id, explicit, limit);
            }
            at + 1
        };
        if let Some(action) = stack.actions.get(position) {
            return Some((stack.id, action));
        }
        after = stack.return_action_id;
    }
    None
}

/// Puts actions on top: they run next, then what follows the current action.
/// No actions change nothing.
///
/// # Errors
///
/// When the id is taken, or there are too many stacks or actions.
pub fn push(
    activeflow: &mut Activeflow,
    id: StackId,
    actions: Vec<Action>,
    limits: &Limits,
) -> Result<(), Failure> {
    let Some(first) = actions.first().map(|action| action.id) else {
        return Ok(());
    };
    if activeflow.stack_map.contains_key(&id) {
        return Err(Failure::StackExists(id));
    }
    if activeflow.stack_map.len() >= limits.stacks {
        return Err(Failure::TooManyStacks(limits.stacks));
    }
    has_room(activeflow, actions.len(), limits)?;
    let stack = Stack {
        id,
        actions,
        return_stack_id: activeflow.current_stack_id,
        return_action_id: activeflow.current_action.id,
    };
    activeflow.stack_map.insert(id, stack);
    set_forward(activeflow, id, first);
    Ok(())
}

/// Leaves the current stack: what follows its return address runs next.
///
/// # Errors
///
/// When it is not the current stack, or the main one.
pub fn pop(activeflow: &mut Activeflow, id: StackId, limits: &Limits) -> Result<(), Failure> {
    let refused = Failure::NotLeavable(id);
    if id != activeflow.current_stack_id || id == StackId::MAIN {
        return Err(refused);
    }
    let stack = activeflow.stack_map.get(&id).ok_or(refused)?;
    let back = next_of(
        &activeflow.stack_map,
        stack.return_stack_id,
        stack.return_action_id,
        limits.stacks,
    );
    let (stack, action) = back.map_or((StackId::MAIN, ActionId::FINISH), |(stack, action)| {
        (stack, action.id)
    });
    set_forward(activeflow, stack, action);
    Ok(())
}

/// Inserts actions directly behind the current one.
///
/// # Errors
///
/// While the main stack is current, or when there are too many actions.
pub fn add(
    activeflow: &mut Activeflow,
    actions: Vec<Action>,
    limits: &Limits,
) -> Result<(), Failure> {
    if activeflow.current_stack_id == StackId::MAIN {
        return Err(Failure::MainStack);
    }
    has_room(activeflow, actions.len(), limits)?;
    let current = activeflow.current_action.id;
    let stack = activeflow.stack_map.get_mut(&activeflow.current_stack_id);
    let stack = stack.ok_or(Failure::NoSuchAction(current))?;
    let at = stack.actions.iter().position(|action| action.id == current);
    let behind = at.ok_or(Failure::NoSuchAction(current))? + 1;
    stack.actions.splice(behind..behind, actions);
    Ok(())
}

/// Lets an action run next, wherever on the way out it is.
///
/// # Errors
///
/// When it is nowhere.
pub fn forward(activeflow: &mut Activeflow, to: ActionId, limits: &Limits) -> Result<(), Failure> {
    let found = find(
        &activeflow.stack_map,
        activeflow.current_stack_id,
        to,
        limits.stacks,
    );
    let (stack, _) = found.ok_or(Failure::NoSuchAction(to))?;
    set_forward(activeflow, stack, to);
    Ok(())
}

/// Forgets the stacks that the current one does not return to: they cannot be
/// reached any more, and the row is written with every move.
pub fn prune(activeflow: &mut Activeflow, limits: &Limits) {
    let stacks = &activeflow.stack_map;
    let kept: Vec<StackId> = outward(stacks, activeflow.current_stack_id, limits.stacks)
        .map(|stack| stack.id)
        .collect();
    activeflow
        .stack_map
        .retain(|id, _| *id == StackId::MAIN || kept.contains(id));
}

fn set_forward(activeflow: &mut Activeflow, stack: StackId, action: ActionId) {
    activeflow.forward_stack_id = stack;
    activeflow.forward_action_id = action;
}

fn has_room(activeflow: &Activeflow, more: usize, limits: &Limits) -> Result<(), Failure> {
    let held: usize = activeflow
        .stack_map
        .values()
        .map(|stack| stack.actions.len())
        .sum();
    if held.saturating_add(more) > limits.actions {
        return Err(Failure::TooManyActions(limits.actions));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ActionId {
        ActionId(Uuid::from_u128(0x100 + n))
    }

    fn stack(n: u128) -> StackId {
        StackId(Uuid::from_u128(0x900 + n))
    }

    fn actions(ids: &[u128]) -> Vec<Action> {
        ids.iter().map(|n| Action::reserved(id(*n))).collect()
    }

    /// Main 1 2 3; on 2 a stack 4 5; on 4 a stack 6.
    fn nested() -> Activeflow {
        let mut activeflow = Activeflow {
            current_stack_id: StackId::MAIN,
            ..Activeflow::default()
        };
        let main = Stack {
            id: StackId::MAIN,
            actions: actions(&[1, 2, 3]),
            ..Stack::default()
        };
        activeflow.stack_map.insert(StackId::MAIN, main);
        activeflow.current_action = Action::reserved(id(2));
        push(
            &mut activeflow,
            stack(1),
            actions(&[4, 5]),
            &Limits::default(),
        )
        .unwrap();
        activeflow.current_stack_id = stack(1);
        activeflow.current_action = Action::reserved(id(4));
        push(&mut activeflow, stack(2), actions(&[6]), &Limits::default()).unwrap();
        activeflow.current_stack_id = stack(2);
        activeflow.current_action = Action::reserved(id(6));
        activeflow
    }

    fn next(
        activeflow: &Activeflow,
        from: StackId,
        after: ActionId,
    ) -> Option<(StackId, ActionId)> {
        next_of(&activeflow.stack_map, from, after, 100).map(|(stack, action)| (stack, action.id))
    }

    #[test]
    fn a_pushed_list_returns_behind_the_action_that_pushed() {
        let activeflow = nested();
        let main = StackId::MAIN;
        assert_eq!(
            next(&activeflow, main, ActionId::START),
            Some((main, id(1)))
        );
        assert_eq!(next(&activeflow, main, id(1)), Some((main, id(2))));
        assert_eq!(next(&activeflow, stack(2), id(6)), Some((stack(1), id(5))));
        assert_eq!(next(&activeflow, stack(1), id(5)), Some((main, id(3))));
        assert_eq!(next(&activeflow, main, id(3)), None);
        assert_eq!(next(&activeflow, main, id(9)), None);
    }

    #[test]
    fn next_id_is_searched_outwards_only() {
        let mut activeflow = nested();
        let mut set = |at: StackId, next| {
            activeflow.stack_map.get_mut(&at).unwrap().actions[0].next_id = next
        };
        set(stack(2), id(1));
        set(StackId::MAIN, id(4));
        assert_eq!(
            next(&activeflow, stack(2), id(6)),
            Some((StackId::MAIN, id(1)))
        );
        assert_eq!(next(&activeflow, StackId::MAIN, id(1)), None);
    }

    #[test]
    fn an_empty_list_ends_the_flow_and_pushing_one_changes_nothing() {
        let mut activeflow = nested();
        let before = activeflow.clone();
        push(&mut activeflow, stack(7), Vec::new(), &Limits::default()).unwrap();
        assert_eq!(activeflow, before);
        activeflow
            .stack_map
            .get_mut(&StackId::MAIN)
            .unwrap()
            .actions
            .clear();
        assert_eq!(next(&activeflow, StackId::MAIN, ActionId::START), None);
    }

    #[test]
    fn only_the_current_stack_can_be_left_and_never_the_main_one() {
        let limits = Limits::default();
        let mut activeflow = nested();
        assert_eq!(
            pop(&mut activeflow, stack(1), &limits),
            Err(Failure::NotLeavable(stack(1)))
        );
        pop(&mut activeflow, stack(2), &limits).unwrap();
        assert_eq!(
            (activeflow.forward_stack_id, activeflow.forward_action_id),
            (stack(1), id(5))
        );
        activeflow.current_stack_id = StackId::MAIN;
        assert!(pop(&mut activeflow, StackId::MAIN, &limits).is_err());
    }

    #[test]
    fn leaving_the_last_stack_ends_the_flow() {
        let limits = Limits::default();
        let mut activeflow = nested();
        activeflow
            .stack_map
            .get_mut(&StackId::MAIN)
            .unwrap()
            .actions
            .pop();
        activeflow
            .stack_map
            .get_mut(&stack(1))
            .unwrap()
            .actions
            .pop();
        pop(&mut activeflow, stack(2), &limits).unwrap();
        assert_eq!(activeflow.forward_action_id, ActionId::FINISH);
    }

    #[test]
    fn actions_are_added_behind_the_current_one_and_none_is_lost() {
        let limits = Limits::default();
        let mut activeflow = nested();
        activeflow.current_stack_id = stack(1);
        activeflow.current_action = Action::reserved(id(4));
        add(&mut activeflow, actions(&[7, 8]), &limits).unwrap();
        let ids: Vec<ActionId> = activeflow.stack_map[&stack(1)]
            .actions
            .iter()
            .map(|action| action.id)
            .collect();
        assert_eq!(ids, [4, 7, 8, 5].map(id));
        activeflow.current_stack_id = StackId::MAIN;
        assert_eq!(
            add(&mut activeflow, actions(&[9]), &limits),
            Err(Failure::MainStack)
        );
    }

    #[test]
    fn stacks_and_actions_are_bounded() {
        let limits = Limits {
            stacks: 3,
            actions: 7,
            ..Limits::default()
        };
        let mut activeflow = nested();
        assert_eq!(
            push(&mut activeflow, stack(3), actions(&[9]), &limits),
            Err(Failure::TooManyStacks(3))
        );
        assert_eq!(
            push(&mut activeflow, stack(2), actions(&[9]), &limits),
            Err(Failure::StackExists(stack(2)))
        );
        assert_eq!(
            add(&mut activeflow, actions(&[9, 10]), &limits),
            Err(Failure::TooManyActions(7))
        );
    }

    #[test]
    fn a_circle_of_stacks_ends_the_flow() {
        let mut activeflow = nested();
        let main = activeflow.stack_map.get_mut(&StackId::MAIN).unwrap();
        (main.return_stack_id, main.return_action_id) = (StackId::MAIN, id(3));
        assert_eq!(next(&activeflow, StackId::MAIN, id(3)), None);
        assert!(find(&activeflow.stack_map, StackId::MAIN, id(9), 100).is_none());
    }

    #[test]
    fn stacks_that_were_left_are_forgotten() {
        let mut activeflow = nested();
        activeflow.current_stack_id = stack(1);
        prune(&mut activeflow, &Limits::default());
        assert_eq!(
            activeflow.stack_map.keys().copied().collect::<Vec<_>>(),
            [StackId::MAIN, stack(1)]
        );
    }
}
