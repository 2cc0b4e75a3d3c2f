use serde_json::{Value, json};
use trunkline_model::activeflow::{CreateRequest, ReferenceType};
use trunkline_model::flow::Flow;
use trunkline_model::id::ActiveflowId;
use uuid::Uuid;

use super::super::creation;
use super::*;

fn id(n: u128) -> ActionId {
    ActionId(Uuid::from_u128(0x100 + n))
}

fn action(n: u128, kind: &str, option: Value) -> Action {
    Action {
        id: id(n),
        kind: Kind::from(kind),
        option: option.as_object().cloned(),
        ..Action::default()
    }
}

fn plain(n: u128, kind: &str) -> Action {
    action(n, kind, Value::Null)
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn machine(reference_type: ReferenceType, actions: Vec<Action>) -> Machine {
    let asked = CreateRequest {
        reference_type,
        ..CreateRequest::default()
    };
    let flow = Flow {
        actions,
        ..Flow::default()
    };
    let activeflow = creation::create(&asked, Some(&flow), ActiveflowId::random(), now()).unwrap();
    Machine::new(activeflow, Variables::new(), Limits::default(), now())
}

fn call(actions: Vec<Action>) -> Machine {
    machine(ReferenceType::Call, actions)
}

fn handed_over(machine: &mut Machine) -> ActionId {
    match machine.walk() {
        Pause::HandOver(action) => action.id,
        pause @ (Pause::Blocked
        | Pause::Fetches
        | Pause::Wants(_)
        | Pause::Finished
        | Pause::Failed(_)) => {
            panic!("expected an action, got {pause:?}")
        }
    }
}

/// call-manager has done what it was given; a new request comes.
fn come_back(machine: Machine) -> Machine {
    Machine::new(
        machine.activeflow,
        machine.variables,
        machine.limits,
        machine.now,
    )
}

fn position(machine: &Machine) -> (StackId, ActionId) {
    (
        machine.activeflow.current_stack_id,
        machine.activeflow.current_action.id,
    )
}

#[test]
fn actions_are_handed_over_one_by_one_and_then_the_flow_ends() {
    let mut machine = call(vec![plain(1, "answer"), plain(2, "hangup")]);
    assert_eq!(handed_over(&mut machine), id(1));
    assert_eq!(
        (machine.moves.len(), machine.activeflow.execute_count),
        (1, 1)
    );
    let mut machine = come_back(machine);
    assert_eq!(handed_over(&mut machine), id(2));
    let mut machine = come_back(machine);
    assert_eq!(machine.walk(), Pause::Finished);
    assert_eq!(machine.activeflow.status, Status::Ended);
    assert_eq!(position(&machine), (StackId::MAIN, ActionId::FINISH));
    let statuses: Vec<Status> = machine
        .moves
        .iter()
        .map(|moved| moved.status.clone())
        .collect();
    assert_eq!(statuses, [Status::Running, Status::Ended]);
}

#[test]
fn an_empty_flow_ends_at_once() {
    assert_eq!(call(Vec::new()).walk(), Pause::Finished);
}

#[test]
fn a_loop_runs_as_often_as_it_says() {
    let goto = json!({"target_id": id(1).to_string(), "loop_count": 2});
    let mut machine = call(vec![
        plain(1, "beep"),
        action(2, "goto", goto),
        plain(3, "hangup"),
    ]);
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(handed_over(&mut machine));
        machine = come_back(machine);
    }
    assert_eq!(order, [id(1), id(1), id(1), id(3)]);
    let stored = machine.activeflow.stack_map[&StackId::MAIN].actions[1]
        .option
        .clone()
        .unwrap();
    assert_eq!(stored["loop_count"], json!(0));
}

#[test]
fn an_endless_flow_ends_after_101_actions() {
    let mut jump = plain(2, "variable_set");
    jump.next_id = id(1);
    let mut machine = call(vec![plain(1, "variable_set"), jump]);
    assert_eq!(machine.walk(), Pause::Failed(Failure::TooManyExecuted(100)));
    assert_eq!(machine.activeflow.status, Status::Ended);
    assert_eq!(machine.activeflow.execute_count, 101);
    assert_eq!(machine.activeflow.executed_actions.len(), 101);
}

#[test]
fn options_are_filled_in_when_the_action_becomes_current_and_the_template_stays() {
    let talk = json!({"text": "you pressed ${d}"});
    let set = json!({"key": "d", "value": "${d}1"});
    let mut machine = call(vec![
        action(1, "variable_set", set),
        action(2, "talk", talk.clone()),
    ]);
    machine.variables.insert("d".to_owned(), "7".to_owned());
    let Pause::HandOver(given) = machine.walk() else {
        panic!("an action is handed over")
    };
    assert_eq!(given.option.unwrap()["text"], "you pressed 71");
    assert_eq!(
        machine.activeflow.stack_map[&StackId::MAIN].actions[1].option,
        talk.as_object().cloned()
    );
    assert_eq!(machine.changed_variables().unwrap()["d"], "71");
}

#[test]
fn the_history_keeps_ids_and_types_but_no_options() {
    let mut machine = call(vec![
        action(1, "talk", json!({"text": "long"})),
        plain(2, "hangup"),
    ]);
    handed_over(&mut machine);
    let mut machine = come_back(machine);
    handed_over(&mut machine);
    let kept: Vec<_> = machine
        .activeflow
        .executed_actions
        .iter()
        .map(|a| (a.id, a.kind.as_str(), a.option.is_some()))
        .collect();
    assert_eq!(kept, [(ActionId::START, "", false), (id(1), "talk", false)]);
}

#[test]
fn a_branch_follows_the_digit_and_forgets_it() {
    let options =
        json!({"default_target_id": id(3).to_string(), "target_ids": {"1": id(4).to_string()}});
    for (digits, target) in [("1", 4), ("9", 3), ("", 3)] {
        let actions = vec![
            action(1, "branch", options.clone()),
            plain(2, "beep"),
            plain(3, "play"),
            plain(4, "talk"),
        ];
        let mut machine = call(actions);
        machine
            .variables
            .insert(variables::CALL_DIGITS.to_owned(), digits.to_owned());
        assert_eq!(handed_over(&mut machine), id(target), "{digits}");
        assert_eq!(
            machine.changed_variables().unwrap()[variables::CALL_DIGITS],
            ""
        );
    }
}

#[test]
fn a_target_that_does_not_exist_ends_the_flow() {
    let missing = id(9).to_string();
    let cases = [
        ("branch", json!({"default_target_id": missing})),
        ("branch", json!({})),
        ("goto", json!({"target_id": missing, "loop_count": 1})),
        (
            "condition_variable",
            json!({"condition": "==", "value_type": "string", "variable": "x"}),
        ),
        ("condition_variable", json!({"false_target_id": missing})),
        ("condition_datetime", json!({"condition": "never"})),
        ("goto", json!({"target_id": missing, "loop_count": "twice"})),
    ];
    for (kind, option) in cases {
        let mut machine = call(vec![action(1, kind, option.clone()), plain(2, "hangup")]);
        assert!(
            matches!(machine.walk(), Pause::Failed(_)),
            "{kind} {option}"
        );
        assert_eq!(machine.activeflow.status, Status::Ended);
    }
}

#[test]
fn a_soft_failure_lets_the_flow_go_on() {
    let mut machine = call(vec![
        action(1, "variable_set", json!({"key": 5})),
        plain(2, "hangup"),
    ]);
    assert_eq!(handed_over(&mut machine), id(2));
    assert!(matches!(
        machine.notes()[0],
        Note::Soft(Kind::VariableSet, Failure::Option(_))
    ));
}

#[test]
fn what_is_not_built_or_not_for_this_media_is_skipped() {
    let actions = vec![
        plain(1, "connect"),
        plain(2, "block"),
        plain(3, "gather"),
        plain(4, "hangup"),
    ];
    let mut machine = call(actions);
    assert_eq!(handed_over(&mut machine), id(4));
    let notes = [
        Note::NotBuilt(Kind::Connect),
        Note::Skipped(Kind::Block),
        Note::Skipped(Kind::from("gather")),
    ];
    assert_eq!(machine.notes(), notes);
    assert_eq!(machine.activeflow.execute_count, 4);
}

#[test]
fn a_campaign_runs_through_until_it_blocks_or_ends() {
    let actions = vec![plain(1, "answer"), plain(2, "block"), plain(3, "talk")];
    let mut machine = machine(ReferenceType::Campaign, actions);
    assert_eq!(machine.walk(), Pause::Blocked);
    assert_eq!(position(&machine), (StackId::MAIN, id(2)));
    assert_eq!(come_back(machine).walk(), Pause::Finished);
}

#[test]
fn stop_ends_the_flow_whatever_follows() {
    assert_eq!(
        call(vec![plain(1, "stop"), plain(2, "hangup")]).walk(),
        Pause::Finished
    );
}

#[test]
fn the_actions_of_another_flow_run_in_between() {
    let flow = FlowId::random();
    let fetch = json!({"flow_id": flow.to_string()});
    let mut machine = call(vec![action(1, "fetch_flow", fetch), plain(2, "hangup")]);
    assert_eq!(machine.walk(), Pause::Wants(Want::Actions(flow)));
    let stack = StackId::random();
    machine
        .supply_actions(stack, vec![plain(7, "beep")])
        .unwrap();
    assert_eq!(handed_over(&mut machine), id(7));
    assert_eq!(position(&machine), (stack, id(7)));
    let mut machine = come_back(machine);
    assert_eq!(handed_over(&mut machine), id(2));
    assert_eq!(machine.activeflow.stack_map.len(), 1);
}

#[test]
fn reference_data_is_fetched_before_the_move_that_needs_it() {
    let talk = json!({"text": "${voipbin.flow.reference_data}"});
    let mut machine = call(vec![plain(1, "answer"), action(2, "talk", talk)]);
    handed_over(&mut machine);
    let mut machine = come_back(machine);
    assert_eq!(machine.walk(), Pause::Wants(Want::ReferenceData));
    assert_eq!(position(&machine), (StackId::MAIN, id(1)));
    machine.supply_reference_data("{}".to_owned());
    let Pause::HandOver(given) = machine.walk() else {
        panic!("an action is handed over")
    };
    assert_eq!(given.option.unwrap()["text"], "{}");
}

#[test]
fn a_forward_goes_before_what_follows_and_is_used_once() {
    let mut machine = call(vec![plain(1, "play"), plain(2, "beep"), plain(3, "hangup")]);
    handed_over(&mut machine);
    let mut machine = come_back(machine);
    stacks::forward(&mut machine.activeflow, id(3), &Limits::default()).unwrap();
    assert_eq!(handed_over(&mut machine), id(3));
    assert!(
        machine.activeflow.forward_action_id.is_nil()
            && machine.activeflow.forward_stack_id.is_nil()
    );
}

#[test]
fn a_doubling_variable_cannot_fill_the_memory() {
    let set = json!({"key": "a", "value": "${a}${a}"});
    let mut again = plain(2, "empty");
    again.next_id = id(1);
    let mut machine = call(vec![action(1, "variable_set", set), again]);
    machine.variables.insert("a".to_owned(), "x".repeat(1_000));
    assert!(matches!(machine.walk(), Pause::Failed(_)));
    assert!(machine.variables["a"].len() <= Limits::default().variables_bytes);
}

#[test]
fn a_fetch_ends_the_walk_and_its_actions_run_before_what_follows() {
    let fetch = action(2, "fetch", json!({"event_url": "http://a/${x}"}));
    let mut machine = call(vec![plain(1, "answer"), fetch, plain(3, "hangup")]);
    machine.variables.insert("x".to_owned(), "b".to_owned());
    handed_over(&mut machine);
    let mut machine = come_back(machine);
    assert_eq!(machine.walk(), Pause::Fetches);
    assert_eq!(position(&machine), (StackId::MAIN, id(2)));
    let option = machine.activeflow.current_action.option.clone().unwrap();
    assert_eq!(option["event_url"], "http://a/b");
    assert!(action::fetch::is_pending(&machine.activeflow));

    let mut machine = come_back(machine);
    let stack = StackId::random();
    machine
        .supply_actions(stack, vec![plain(7, "beep")])
        .unwrap();
    assert_eq!(handed_over(&mut machine), id(7));
    assert_eq!(position(&machine).0, stack);
    let mut machine = come_back(machine);
    assert_eq!(handed_over(&mut machine), id(3));
}

#[test]
fn a_fetch_of_nothing_goes_on_and_one_without_a_server_ends_the_flow() {
    let fetch = |option| {
        let mut machine = call(vec![action(1, "fetch", option), plain(2, "beep")]);
        (machine.walk(), machine)
    };
    let (pause, machine) = fetch(json!({"event_url": "http://a"}));
    assert_eq!(pause, Pause::Fetches);
    let mut machine = come_back(machine);
    machine
        .supply_actions(StackId::random(), Vec::new())
        .unwrap();
    assert_eq!(handed_over(&mut machine), id(2));

    let (pause, machine) = fetch(json!({}));
    assert!(matches!(pause, Pause::Failed(Failure::Option(_))));
    assert_eq!(machine.activeflow.status, Status::Ended);
}

#[test]
fn webhooks_are_collected_and_a_wrong_one_lets_the_flow_go_on() {
    let send = |n, uri: &str| {
        let option =
            json!({"uri": uri, "method": "put", "data_type": "text/plain", "data": "${x}"});
        action(n, "webhook_send", option)
    };
    let mut machine = call(vec![
        send(1, "http://a"),
        send(2, "nowhere"),
        plain(3, "beep"),
    ]);
    machine.variables.insert("x".to_owned(), "hello".to_owned());
    assert_eq!(handed_over(&mut machine), id(3));
    let expected = action::webhook_send::Sending {
        uri: "http://a".to_owned(),
        method: "PUT",
        data_type: "text/plain".to_owned(),
        data: "hello".to_owned(),
        at: 1,
    };
    assert_eq!(machine.sendings(), [expected]);
    assert!(matches!(
        machine.notes()[1],
        Note::Soft(Kind::WebhookSend, _)
    ));
}

#[test]
fn the_status_of_the_call_is_read_for_each_condition_anew() {
    let condition = |n, to: u128| {
        let option = json!({"status": "progressing", "false_target_id": id(to).to_string()});
        action(n, "condition_call_status", option)
    };
    let mut machine = call(vec![
        condition(1, 9),
        condition(2, 4),
        plain(3, "beep"),
        plain(4, "hangup"),
    ]);
    assert_eq!(machine.walk(), Pause::Wants(Want::CallStatus));
    machine.supply_call_status("progressing".to_owned());
    assert_eq!(machine.walk(), Pause::Wants(Want::CallStatus));
    assert_eq!(position(&machine).1, id(2));
    machine.supply_call_status("terminating".to_owned());
    assert_eq!(handed_over(&mut machine), id(4));
    assert_eq!(machine.activeflow.execute_count, 3);
}

#[test]
fn digits_that_were_pressed_decide_and_those_that_branch_has_emptied_do_not() {
    let digits = |n, to: u128| {
        let option = json!({"length": 1, "false_target_id": id(to).to_string()});
        action(n, "condition_call_digits", option)
    };
    let branch = json!({"default_target_id": id(3).to_string()});
    let mut machine = call(vec![
        digits(1, 5),
        action(2, "branch", branch),
        digits(3, 5),
        plain(4, "beep"),
        plain(5, "hangup"),
    ]);
    let key = super::super::variables::CALL_DIGITS;
    machine.variables.insert(key.to_owned(), "7".to_owned());
    assert_eq!(handed_over(&mut machine), id(5));
    let executed: Vec<ActionId> = machine
        .activeflow
        .executed_actions
        .iter()
        .map(|action| action.id)
        .collect();
    assert_eq!(executed, [ActionId::START, id(1), id(2), id(3)]);
}
