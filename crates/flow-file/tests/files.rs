//! Files as people write them, and as they do not mean them.

use serde_json::{Value, json};
use trunkline_flow_file::{Report, Severity, report};

fn actions(text: &str) -> Vec<Value> {
    let report = report(text);
    let errors: Vec<_> = report
        .findings
        .iter()
        .filter(|found| found.is_error())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let flow = report.flow.expect("a flow");
    flow.actions
        .iter()
        .map(|action| serde_json::to_value(action).expect("JSON"))
        .collect()
}

/// Rule, line and step of everything that is found.
fn found(text: &str) -> Vec<(Severity, &'static str, Option<usize>, String)> {
    found_in(&report(text))
}

fn found_in(report: &Report) -> Vec<(Severity, &'static str, Option<usize>, String)> {
    let findings = report.findings.iter();
    findings
        .map(|found| (found.severity, found.rule, found.line, found.step.clone()))
        .collect()
}

fn errors(text: &str) -> Vec<(&'static str, Option<usize>)> {
    let findings = found(text).into_iter();
    findings
        .filter(|(severity, ..)| *severity == Severity::Error)
        .map(|(_, rule, line, _)| (rule, line))
        .collect()
}

#[test]
fn the_examples_are_without_fault() {
    for (name, text) in [
        (
            "survey",
            include_str!("../../../examples/flows/survey.yaml"),
        ),
        (
            "message",
            include_str!("../../../examples/flows/message.yaml"),
        ),
        (
            "callback",
            include_str!("../../../examples/flows/callback.yaml"),
        ),
    ] {
        assert_eq!(found(text), [], "{name}");
        assert!(actions(text).len() > 5, "{name}");
    }
}

#[test]
fn labels_become_the_same_ids_in_every_reading() {
    let text = "\
name: x
steps:
  - id: ask
    digits_receive: {length: 1, duration: 5s}
  - branch: {1: end, default: ask}
  - id: end
    hangup: busy
";
    let first = actions(text);
    assert_eq!(first, actions(text));
    let (ask, end) = (&first[0]["id"], &first[2]["id"]);
    assert_eq!(
        first[1]["option"],
        json!({"default_target_id": ask, "target_ids": {"1": end}})
    );
    assert_eq!(first[0]["option"], json!({"length": 1, "duration": 5000}));
    assert_eq!(first[2]["option"], json!({"reason": "busy"}));
    // Another flow's are others.
    assert_ne!(actions(&text.replace("name: x", "name: y"))[0]["id"], *ask);
}

#[test]
fn a_step_can_be_written_in_several_ways() {
    let same = [
        "steps: [{id: a, talk: hi}, hangup]",
        "steps:\n- id: a\n  talk: {text: hi}\n- hangup: ",
        "steps:\n- {id: a, type: talk, text: hi}\n- type: hangup",
        "steps:\n- {id: a, type: talk, option: {text: hi}}\n- {type: hangup, option: }",
        "steps:\n- talk:\n  text: hi\n  id: a\n- hangup: {}",
        r#"{"steps": [{"id": "a", "talk": "hi"}, "hangup"]}"#,
        r#"{"steps": [{"id": "a", "type": "talk", "option": {"text": "hi"}}, {"hangup": null}]}"#,
        "{steps: [{id: a, talk: hi}, hangup]}",
    ];
    let expected = actions(same[0]);
    for text in same {
        assert_eq!(actions(text), expected, "{text}");
    }
}

#[test]
fn options_have_short_names_units_and_values_as_they_are_written() {
    let cases = [
        ("sleep: 1.5s", json!({"duration": 1500})),
        ("sleep: 700", json!({"duration": 700})),
        ("play: [a, /b.wav]", json!({"stream_urls": ["a", "/b.wav"]})),
        ("play: a", json!({"stream_urls": ["a"]})),
        ("digits_send: 007", json!({"digits": "007"})),
        (
            "talk: {text: yes, async: true}",
            json!({"text": "yes", "async": true}),
        ),
        ("talk: 12", json!({"text": "12"})),
        (
            "recording_start: {duration: 1m, end_of_silence: 5s}",
            json!({"duration": 60, "end_of_silence": 5}),
        ),
        (
            "fetch: {url: \"http://a\", method: get}",
            json!({"event_url": "http://a", "event_method": "get"}),
        ),
        (
            "webhook_send: {url: \"http://a\", data: {a: [1, x]}}",
            json!({"uri": "http://a", "data": "{\"a\":[1,\"x\"]}"}),
        ),
        (
            "variable_set: {key: n, value: 1.50}",
            json!({"key": "n", "value": "1.50"}),
        ),
    ];
    for (step, option) in cases {
        let made = actions(&format!("steps:\n- {step}\n- stop"));
        assert_eq!(made[0]["option"], option, "{step}");
    }
    let conditions = [
        (
            "condition_variable: {variable: \"${voipbin.call.digits}\", condition: \"==\", value: 7, else: end}",
            json!({"value_type": "number", "value_number": 7}),
        ),
        (
            "condition_variable: {variable: \"${voipbin.call.digits}\", condition: \"==\", value: \"7\", else: end}",
            json!({"value_type": "string", "value_string": "7"}),
        ),
        (
            "condition_variable: {variable: \"${voipbin.call.digits}\", condition: \">=\", length: 2, else: end}",
            json!({"value_type": "length", "value_length": 2}),
        ),
        (
            "condition_datetime: {condition: \"==\", hour: -1, minute: -1, weekdays: [Monday, sat, 0], else: end}",
            json!({"weekdays": [1, 6, 0]}),
        ),
    ];
    for (step, option) in conditions {
        let made = actions(&format!("steps:\n- {step}\n- stop\n- {{id: end, stop: }}"));
        for (name, value) in option.as_object().unwrap() {
            assert_eq!(made[0]["option"][name], *value, "{step}");
        }
        assert_eq!(
            made[0]["option"]["false_target_id"], made[2]["id"],
            "{step}"
        );
    }
    // Where `value_type` stands makes no difference.
    for text in [
        "{value: 5, value_type: string, condition: \"==\", variable: \"${voipbin.call.digits}\", else: end}",
        "{value_type: string, value: 5, condition: \"==\", variable: \"${voipbin.call.digits}\", else: end}",
    ] {
        let text = format!("steps:\n- condition_variable: {text}\n- stop\n- {{id: end, stop: }}");
        assert_eq!(actions(&text)[0]["option"]["value_string"], "5");
        assert_eq!(actions(&text)[0]["option"]["value_type"], "string");
    }
    // Two that are skipped, and read all the same.
    let text = "steps:\n- connect: {source: +491, destinations: [+492]}\n- hangup";
    let tel = |number| json!({"type": "tel", "target": number});
    assert_eq!(
        actions(text)[0]["option"],
        json!({"source": tel("+491"), "destinations": [tel("+492")]})
    );
}

#[test]
fn goto_goes_there_always_unless_it_counts() {
    let text = "steps:\n- {id: a, sleep: 1s}\n- {id: b, goto: a}\n";
    let made = actions(text);
    assert_eq!(made[1]["next_id"], made[0]["id"]);
    assert_eq!(found(text), []);
    let counted = actions("steps:\n- {id: a, sleep: 1s}\n- goto: {to: a, times: 2}\n- stop\n");
    assert_eq!(
        counted[1]["next_id"],
        "00000000-0000-0000-0000-000000000000"
    );
    assert_eq!(counted[1]["option"]["loop_count"], 2);
}

#[test]
fn plain_actions_of_voipbin_are_taken_as_they_are() {
    let (one, two) = (
        "11111111-1111-4111-8111-111111111111",
        "22222222-2222-4222-8222-222222222222",
    );
    let list = json!([
        {"id": one, "next_id": "00000000-0000-0000-0000-000000000000", "type": "talk",
         "option": {"text": "hi ${who}"}, "tm_execute": null},
        {"id": two, "next_id": "00000000-0000-0000-0000-000000000000", "type": "goto",
         "option": {"target_id": one, "loop_count": 1}, "tm_execute": null},
        {"type": "hangup"},
    ]);
    let flow = json!({"id": one, "customer_id": one, "type": "flow", "persist": true, "name": "x", "actions": list, "tm_create": null});
    for text in [list.to_string(), flow.to_string()] {
        let made = actions(&text);
        assert_eq!(made[0], list[0]);
        assert_eq!(made[1], list[1]);
        // Whoever starts it may bring variables: nobody has said.
        let rules = found(&text);
        let rules: Vec<_> = rules
            .iter()
            .map(|(severity, rule, ..)| (*severity, *rule))
            .collect();
        assert_eq!(rules, [(Severity::Warning, "unset_variable")]);
    }
    let goto = json!([{"id": one, "type": "beep"}, {"type": "goto", "option": {"target_id": one}}, {"type": "hangup"}]);
    let rules = found(&goto.to_string());
    assert_eq!(rules[0].1, "never_jumps");
}

#[test]
fn what_is_wrong_is_told_with_line_and_step() {
    let text = "\
name: Faulty
steps:
  - tlak: hello
  - id: ask
    talk:
      text: your digit, ${nmae}
      langauge: en
  - digits_receive: {length: 1}
  - branch:
      variable: voipbin.call.digits
      1: nowhere
      default: ask
  - id: ask
    hangup: bored
";
    assert_eq!(
        errors(text),
        [
            ("unknown_type", Some(3)),
            ("unknown_option", Some(7)),
            ("unset_variable", Some(6)),
            ("no_limit", Some(8)),
            ("unknown_step", Some(11)),
            ("wrong_option", Some(14)),
            ("double_step", Some(13)),
        ]
    );
    let first = &report(text).findings[0];
    assert_eq!(first.help, "did you mean `talk`?");
    let step = report(text)
        .findings
        .into_iter()
        .find(|found| found.rule == "unknown_option");
    assert_eq!(step.unwrap().step, "ask");
}

#[test]
fn a_file_that_is_no_flow_says_so() {
    let cases = [
        ("", "unreadable", None),
        ("hello", "unreadable", Some(1)),
        ("name: x", "no_steps", None),
        ("steps: hangup", "wrong_key", Some(1)),
        ("setps: []", "unknown_key", Some(1)),
        ("steps:\n  - hangup\n name: x", "unreadable", Some(3)),
        ("steps: [hangup", "unreadable", Some(2)),
        ("{\"steps\": [}", "unreadable", Some(1)),
        ("steps: [hangup]\nsteps: [stop]", "unreadable", Some(2)),
        ("steps: [hangup]\n---\nsteps: [stop]", "unreadable", Some(2)),
        ("a: &x [1]\nsteps: [*x]", "unreadable", Some(1)),
        ("steps: [!!str hangup]", "unreadable", Some(1)),
        ("? [a]\n: b", "unreadable", Some(1)),
        (
            "steps:\n- talk: x\n  play: y\n- hangup",
            "two_steps",
            Some(3),
        ),
        ("steps:\n- [a]\n- hangup", "no_step", Some(2)),
        (
            "steps:\n- {id: \"#1\", talk: x}\n- hangup",
            "wrong_key",
            Some(2),
        ),
        (
            "steps:\n- {talk: x, text: y}\n- hangup",
            "wrong_option",
            Some(2),
        ),
        (
            "steps:\n- digits_receive: 5\n- hangup",
            "wrong_option",
            Some(2),
        ),
        (
            "steps:\n- {talk: x, next: y}\n- hangup",
            "unknown_step",
            Some(2),
        ),
        (
            "on_complete_flow_id: x\nsteps: [stop]",
            "wrong_key",
            Some(1),
        ),
        ("variables: x\nsteps: [stop]", "wrong_key", Some(1)),
    ];
    for (text, rule, line) in cases {
        let told = errors(text);
        assert!(
            told.iter()
                .any(|(told, at)| *told == rule && (line.is_none() || *at == line)),
            "{text:?}: {told:?}"
        );
    }
    assert!(
        found("steps: []")
            .iter()
            .any(|(_, rule, ..)| *rule == "no_steps")
    );
}

fn many(number: usize, one: impl Fn(usize) -> String) -> String {
    (0..number).map(one).collect()
}

#[test]
fn files_that_mean_harm_are_refused_and_nothing_breaks() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nsteps: [*b]";
    let deep = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    let texts = [
        bomb.to_owned(),
        deep("[", "]", 100_000),
        deep("{a: ", "}", 50_000),
        deep("- ", "", 100_000),
        "[".repeat(500_000),
        "{\"a\":".repeat(100_000),
        "steps:\n".to_owned() + &"- stop\n".repeat(140_000),
        "x".repeat(2_000_000),
        "steps:\n- talk: \"\\ud800\"\n- stop".to_owned(),
        "\u{feff}steps: [stop]".to_owned(),
        "steps:\t[stop]".to_owned(),
        "\0".to_owned(),
        "%YAML 1.2\n---\n".to_owned(),
        "steps:\n- ? \n- :".to_owned(),
        "steps:\n- branch: {\"\": \"\"}".to_owned(),
        "steps:\n- talk: {text: {a: [b]}}\n- stop".to_owned(),
        format!("name: {}\nsteps: [stop]", "n".repeat(100_000)),
        many(60_000, |n| format!("k{n}: 1\n")),
        "steps:\n- talk: x\n".to_owned() + &many(60_000, |n| format!("  k{n}: 1\n")),
        "steps:\n".to_owned() + &many(20_000, |n| format!("- {{id: label{n}, goto: lable{n}x}}\n")),
        "steps:\n".to_owned()
            + &many(15_000, |n| {
                format!("- variable_set: {{key: name{n}, value: \"${{nmae{n}}}\"}}\n")
            }),
    ];
    for text in texts {
        let report = report(&text);
        assert!(
            report.flow.is_some() || report.has_errors(),
            "{:?}",
            text.chars().take(40).collect::<String>()
        );
    }
}
