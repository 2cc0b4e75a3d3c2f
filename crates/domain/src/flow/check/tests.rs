use serde_json::{Value, json};
use trunkline_model::id::ActionId;
use uuid::Uuid;

use super::*;

fn id(n: u128) -> String {
    Uuid::from_u128(0x100 + n).to_string()
}

/// Steps 1, 2, … of type and option.
fn steps(steps: &[(&str, Value)]) -> Vec<Action> {
    let step = |(at, (kind, option)): (usize, &(&str, Value))| Action {
        id: ActionId(Uuid::from_u128(0x101 + at as u128)),
        kind: Kind::from(*kind),
        option: option.as_object().cloned(),
        ..Action::default()
    };
    steps.iter().enumerate().map(step).collect()
}

fn found(actions: &[Action]) -> Vec<(Severity, &'static str, usize)> {
    let findings = check(actions, &[], &Given::default());
    findings
        .iter()
        .map(|finding| {
            (
                finding.severity,
                finding.rule,
                finding.index.map_or(0, |at| at + 1),
            )
        })
        .collect()
}

/// What is found in one step, which is followed by a good end.
fn in_step(kind: &str, option: Value) -> Vec<(Severity, &'static str)> {
    let actions = steps(&[(kind, option), ("hangup", json!({}))]);
    let first = found(&actions)
        .into_iter()
        .filter(|(_, rule, at)| *at == 1 && *rule != "unreachable_step");
    first.map(|(severity, rule, _)| (severity, rule)).collect()
}

use Severity::{Error, Warning};

#[test]
fn a_good_flow_has_nothing_to_be_told() {
    let actions = steps(&[
        ("answer", json!({})),
        (
            "talk",
            json!({"text": "hello ${voipbin.call.source.target}", "language": "en-US"}),
        ),
        ("digits_receive", json!({"duration": 5000, "length": 1})),
        (
            "branch",
            json!({"default_target_id": id(2), "target_ids": {"1": id(5)}}),
        ),
        ("variable_set", json!({"key": "answer", "value": "1"})),
        (
            "webhook_send",
            json!({"uri": "https://a.example/x", "method": "POST", "data": "${answer}"}),
        ),
        ("hangup", json!({"reason": "busy"})),
    ]);
    assert_eq!(found(&actions), []);
}

#[test]
fn every_type_and_option_is_judged() {
    let cases = [
        ("tlak", json!({}), vec![(Error, "unknown_type")]),
        ("", json!({}), vec![(Error, "unknown_type")]),
        ("empty", json!({}), vec![(Error, "unknown_type")]),
        ("amd", json!({}), vec![(Warning, "skipped_type")]),
        ("queue_join", json!({}), vec![(Warning, "skipped_type")]),
        ("mute", json!({}), vec![(Warning, "skipped_type")]),
        ("block", json!({}), vec![]),
        (
            "talk",
            json!({"text": "hi", "langauge": "en"}),
            vec![(Error, "unknown_option")],
        ),
        ("talk", json!({"text": 7}), vec![(Error, "wrong_option")]),
        (
            "talk",
            json!({"text": "hi", "async": "yes"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "talk",
            json!({"text": "hi", "digits_handle": "stop"}),
            vec![(Error, "wrong_option")],
        ),
        ("talk", json!({"text": "hi", "language": null}), vec![]),
        ("talk", json!({"text": "  "}), vec![(Error, "no_text")]),
        ("talk", json!({}), vec![(Error, "no_text")]),
        (
            "play",
            json!({"stream_urls": []}),
            vec![(Error, "not_playable")],
        ),
        (
            "play",
            json!({"stream_urls": ["ftp://a/b.wav"]}),
            vec![(Error, "not_playable")],
        ),
        (
            "play",
            json!({"stream_urls": ["https://a/b.wav", "/b/c.wav", "tt-weasels"]}),
            vec![],
        ),
        (
            "play",
            json!({"stream_urls": "a"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "play",
            json!({"stream_urls": ["https://a/b.mp3?x=1"]}),
            vec![(Warning, "not_playable")],
        ),
        (
            "digits_receive",
            json!({"length": 1}),
            vec![(Error, "no_limit")],
        ),
        (
            "digits_receive",
            json!({"duration": 100}),
            vec![(Warning, "no_limit")],
        ),
        (
            "digits_receive",
            json!({"duration": 100, "key": "#"}),
            vec![],
        ),
        (
            "digits_receive",
            json!({"duration": "5s"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "digits_receive",
            json!({"duration": 1.5}),
            vec![(Error, "wrong_option")],
        ),
        (
            "digits_receive",
            json!({"duration": -1}),
            vec![(Error, "wrong_option")],
        ),
        ("digits_send", json!({"digits": "12#a"}), vec![]),
        (
            "digits_send",
            json!({"digits": "12x"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "digits_send",
            json!({"digits": "1", "duration": 50}),
            vec![(Error, "wrong_option")],
        ),
        ("sleep", json!({}), vec![(Warning, "no_duration")]),
        (
            "recording_start",
            json!({"format": "mp3"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "recording_start",
            json!({"duration": 60, "beep_start": true}),
            vec![],
        ),
        (
            "hangup",
            json!({"reason": "bored"}),
            vec![(Error, "wrong_option")],
        ),
        ("fetch", json!({}), vec![(Error, "no_address")]),
        (
            "fetch",
            json!({"event_url": "ftp://a"}),
            vec![(Error, "no_address")],
        ),
        (
            "fetch",
            json!({"event_url": "${where}"}),
            vec![(Warning, "unset_variable")],
        ),
        (
            "fetch",
            json!({"event_url": "http://a", "event_method": "FLY"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "webhook_send",
            json!({"uri": "mailto:x"}),
            vec![(Error, "no_address")],
        ),
        (
            "fetch_flow",
            json!({"flow_id": "seven"}),
            vec![(Error, "wrong_option")],
        ),
        ("fetch_flow", json!({}), vec![(Error, "no_flow")]),
        (
            "variable_set",
            json!({"value": "x"}),
            vec![(Error, "no_name")],
        ),
        ("goto", json!({}), vec![(Error, "no_target")]),
        (
            "goto",
            json!({"target_id": id(2)}),
            vec![(Warning, "never_jumps")],
        ),
        (
            "goto",
            json!({"target_id": id(2), "loop_count": 100}),
            vec![(Warning, "too_many_rounds")],
        ),
        (
            "branch",
            json!({"target_ids": {"1": id(2)}}),
            vec![(Warning, "no_default")],
        ),
        (
            "branch",
            json!({"target_ids": {"1": 2}}),
            vec![(Error, "wrong_option"), (Warning, "no_default")][..1].to_vec(),
        ),
        (
            "condition_call_digits",
            json!({"false_target_id": id(2)}),
            vec![(Error, "no_condition")],
        ),
        (
            "condition_call_status",
            json!({"status": "sleeping"}),
            vec![(Error, "wrong_option")],
        ),
        (
            "condition_call_status",
            json!({"status": "progressing"}),
            vec![(Warning, "no_else")],
        ),
        (
            "condition_variable",
            json!({"variable": "name", "condition": "==", "value_type": "string", "false_target_id": id(2)}),
            vec![(Warning, "constant_condition")],
        ),
        (
            "condition_variable",
            json!({"condition": "=", "value_type": "string", "false_target_id": id(2)}),
            vec![(Error, "wrong_option")],
        ),
        (
            "condition_variable",
            json!({"false_target_id": id(2)}),
            vec![(Error, "no_condition"); 2],
        ),
        (
            "condition_datetime",
            json!({"condition": "==", "weekdays": [7]}),
            vec![(Error, "wrong_option")],
        ),
        (
            "connect",
            json!({"destinations": ["+49"]}),
            vec![(Warning, "skipped_type"), (Error, "wrong_option")],
        ),
        (
            "answer",
            json!({"delay": 1}),
            vec![(Error, "unknown_option")],
        ),
    ];
    for (kind, option, expected) in cases {
        assert_eq!(in_step(kind, option.clone()), expected, "{kind} {option}");
    }
}

#[test]
fn a_slip_of_the_pen_is_told_what_was_meant() {
    let help = |kind: &str, option: Value| {
        let actions = steps(&[(kind, option), ("hangup", json!({}))]);
        check(&actions, &[], &Given::default()).remove(0).help
    };
    assert_eq!(help("tlak", json!({})), "did you mean `talk`?");
    assert_eq!(
        help("talk", json!({"text": "x", "langauge": "en"})),
        "did you mean `language`?"
    );
    assert_eq!(help("sleep", json!({"seconds": 1})), "it has: duration");
    assert_eq!(help("answer", json!({"delay": 1})), "it has none");
    assert_eq!(help("teleport", json!({})), "");
}

#[test]
fn steps_that_are_missing_double_or_lost_are_found() {
    let mut actions = steps(&[
        (
            "branch",
            json!({"default_target_id": id(9), "target_ids": {"1": "nowhere"}}),
        ),
        ("hangup", json!({})),
    ]);
    assert_eq!(
        found(&actions),
        [(Error, "unknown_step", 1), (Error, "unknown_step", 1)]
    );

    actions = steps(&[
        ("beep", json!({})),
        ("beep", json!({})),
        ("hangup", json!({})),
    ]);
    actions[1].id = actions[0].id;
    assert_eq!(found(&actions), [(Error, "double_step", 2)]);
    actions[1].id = ActionId(Uuid::from_u128(0x102));
    actions[0].next_id = ActionId(Uuid::from_u128(0x103));
    assert_eq!(found(&actions), [(Warning, "unreachable_step", 2)]);
    actions[0].next_id = ActionId(Uuid::from_u128(0x777));
    assert_eq!(found(&actions), [(Error, "unknown_step", 1)]);

    actions = steps(&[
        ("hangup", json!({})),
        ("talk", json!({"text": "never"})),
        ("stop", json!({})),
    ]);
    assert_eq!(
        found(&actions),
        [
            (Warning, "unreachable_step", 2),
            (Warning, "unreachable_step", 3)
        ]
    );
    // Where a jump leads is only known when it runs.
    actions = steps(&[
        ("variable_set", json!({"key": "to", "value": id(3)})),
        ("branch", json!({"default_target_id": "${to}"})),
        ("hangup", json!({})),
    ]);
    assert_eq!(found(&actions), []);
}

#[test]
fn rounds_without_an_end_are_found_and_those_that_wait_are_not() {
    let no_digits = json!({"length": 1, "false_target_id": id(1)});
    let cases = [
        // A step that leads to itself.
        (
            steps(&[("branch", json!({"default_target_id": id(1)}))]),
            true,
        ),
        (
            steps(&[
                (
                    "condition_call_digits",
                    json!({"length": 1, "false_target_id": id(1)}),
                ),
                ("hangup", json!({})),
            ]),
            true,
        ),
        // Over two steps.
        (
            steps(&[
                ("answer", json!({})),
                ("condition_call_digits", no_digits.clone()),
                ("hangup", json!({})),
            ]),
            true,
        ),
        // It waits.
        (
            steps(&[
                ("sleep", json!({"duration": 1000})),
                ("condition_call_digits", no_digits.clone()),
                ("hangup", json!({})),
            ]),
            false,
        ),
        // Speech that is not waited for does not wait.
        (
            steps(&[
                ("talk", json!({"text": "x", "async": true})),
                ("condition_call_digits", no_digits),
                ("hangup", json!({})),
            ]),
            true,
        ),
        // It counts.
        (
            steps(&[
                ("answer", json!({})),
                ("goto", json!({"target_id": id(1), "loop_count": 3})),
                ("hangup", json!({})),
            ]),
            false,
        ),
    ];
    for (actions, expected) in cases {
        let endless = found(&actions)
            .iter()
            .any(|(_, rule, _)| *rule == "endless_loop");
        assert_eq!(endless, expected, "{actions:?}");
    }
    let mut always = steps(&[
        ("answer", json!({})),
        ("goto", json!({"target_id": id(1), "loop_count": 0})),
    ]);
    always[1].next_id = always[0].id;
    assert_eq!(found(&always), [(Error, "endless_loop", 1)]);
}

#[test]
fn an_end_without_a_word_is_told() {
    assert_eq!(
        found(&steps(&[("answer", json!({}))])),
        [(Warning, "no_end", 1)]
    );
    assert_eq!(found(&steps(&[("stop", json!({}))])), []);
    assert_eq!(found(&[]), [(Warning, "no_steps", 0)]);
}

/// Steps, and those where a variable is missing.
type Case<'a> = (&'a [(&'a str, Value)], Vec<usize>);

#[test]
fn variables_that_nothing_sets_are_found() {
    let talk = |text: &str| ("talk", json!({"text": text}));
    let set = |key: &str, value: &str| ("variable_set", json!({"key": key, "value": value}));
    let end = ("hangup", json!({}));
    let unset = |list: &[(&str, Value)], given: Option<&[&str]>| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let given = Given {
            variables: given.map(names),
        };
        let findings = check(&steps(list), &[], &given);
        let found = findings
            .iter()
            .filter(|finding| finding.rule == "unset_variable");
        found
            .map(|finding| (finding.severity, finding.index.unwrap() + 1))
            .collect::<Vec<_>>()
    };
    let cases: [Case<'_>; 9] = [
        (&[set("a", "1"), talk("${a}"), end.clone()], vec![]),
        (&[talk("${a}"), set("a", "1"), end.clone()], vec![1]),
        (&[talk("${b}"), end.clone()], vec![1]),
        (
            &[
                talk("${voipbin.call.id} ${voipbin.call.digits}"),
                end.clone(),
            ],
            vec![],
        ),
        (&[talk("${voipbin.call.ip}"), end.clone()], vec![1]),
        // Adding to a variable begins it.
        (&[set("a", "${a}x"), talk("${a}"), end.clone()], vec![]),
        // What is set in the first round is there in the second.
        (
            &[
                talk("${a}"),
                set("a", "1"),
                ("goto", json!({"target_id": id(1), "loop_count": 1})),
                end.clone(),
            ],
            vec![],
        ),
        // A server may set anything.
        (
            &[
                ("fetch", json!({"event_url": "http://a"})),
                talk("${a}"),
                end.clone(),
            ],
            vec![],
        ),
        (
            &[
                (
                    "branch",
                    json!({"variable": "a", "default_target_id": id(2)}),
                ),
                end.clone(),
            ],
            vec![1],
        ),
    ];
    for (list, expected) in cases {
        let warned: Vec<_> = expected.iter().map(|at| (Warning, *at)).collect();
        assert_eq!(unset(list, None), warned, "{list:?}");
        let refused: Vec<_> = expected.iter().map(|at| (Error, *at)).collect();
        assert_eq!(unset(list, Some(&[])), refused, "{list:?}");
    }
    assert_eq!(unset(&[talk("${order}"), end], Some(&["order"])), []);
}

#[test]
fn a_large_flow_is_checked_in_no_time() {
    let mut list: Vec<Action> = Vec::new();
    for n in 0..10_000_u128 {
        let option = json!({
            "default_target_id": id(n + 1), "target_ids": {"1": id(n / 2), "2": id(0)},
            "variable": format!("v{n}"),
        });
        list.push(Action {
            id: ActionId(Uuid::from_u128(0x100 + n)),
            kind: Kind::Branch,
            option: option.as_object().cloned(),
            ..Action::default()
        });
    }
    let findings = check(&list, &[], &Given::default());
    assert!(
        findings
            .iter()
            .any(|finding| finding.rule == "endless_loop")
    );
    let unset = findings
        .iter()
        .filter(|finding| finding.rule == "unset_variable");
    assert_eq!(unset.count(), 100);
}
