//! `docs/flows.md` says what there is, and its examples work.

use trunkline_domain::flow::check::{options, variables};
use trunkline_flow_file::{Given, check, report};
use trunkline_model::Action;
use trunkline_model::action::Kind;

const MANUAL: &str = include_str!("../../../docs/flows.md");

fn is_skipped(kind: &Kind) -> bool {
    let action = Action {
        kind: kind.clone(),
        ..Action::default()
    };
    let findings = check(&[action], &[], &Given::default());
    findings
        .iter()
        .any(|finding| finding.rule == "skipped_type")
}

/// The part of the manual under the heading of a type.
fn section(kind: &Kind) -> Option<&'static str> {
    let name = format!("`{kind}`");
    MANUAL.split("\n### ").find(|part| {
        part.lines()
            .next()
            .is_some_and(|title| title.contains(&name))
    })
}

#[test]
fn every_type_and_option_is_in_the_manual() {
    let (_, skipped) = MANUAL.split_once("## Types that are skipped").unwrap();
    for kind in Kind::known() {
        if matches!(kind, Kind::None | Kind::Empty) {
            continue;
        }
        if is_skipped(kind) {
            assert!(skipped.contains(&format!("`{kind}`")), "{kind}");
            continue;
        }
        let section = section(kind).unwrap_or_else(|| panic!("no section about {kind}"));
        for row in options::of(kind) {
            assert!(
                section.contains(&format!("`{}`", row.name)),
                "{kind}: {}",
                row.name
            );
        }
    }
    for name in variables::PREDEFINED {
        assert!(MANUAL.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_example_of_the_manual_is_without_error() {
    let blocks = MANUAL.split("```yaml\n").skip(1);
    let mut number = 0;
    for block in blocks {
        let (text, _) = block.split_once("```").unwrap();
        let text = if text.starts_with("- ") {
            format!("steps:\n{text}")
        } else {
            text.to_owned()
        };
        let findings = report(&text).findings;
        let errors: Vec<_> = findings
            .iter()
            .filter(|finding| finding.is_error())
            .collect();
        assert!(errors.is_empty(), "{text}\n{errors:#?}");
        number += 1;
    }
    assert!(number > 20, "{number}");
}

#[test]
fn every_rule_is_in_the_manual() {
    let sources = [
        include_str!("../../domain/src/flow/check/mod.rs"),
        include_str!("../../domain/src/flow/check/content.rs"),
        include_str!("../../domain/src/flow/check/paths.rs"),
        include_str!("../../domain/src/flow/check/variables.rs"),
        include_str!("../src/lib.rs"),
        include_str!("../src/file.rs"),
        include_str!("../src/step.rs"),
        include_str!("../src/yaml.rs"),
    ];
    // Rules, options and keys are the only such words in them.
    for source in sources {
        let words = source.split('"').skip(1).step_by(2);
        let is_rule = |word: &&str| {
            word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        for word in words
            .filter(is_rule)
            .filter(|word| !VOIPBINS.contains(word))
        {
            assert!(MANUAL.contains(&format!("`{word}`")), "{word}");
        }
    }
}

/// Parts of a flow or an action as VoIPbin answers them, which are passed over,
/// and options of types that are skipped.
const VOIPBINS: &[&str] = &[
    "customer_id",
    "direct_hash",
    "direct_id",
    "next_id",
    "tm_create",
    "tm_delete",
    "tm_execute",
    "tm_update",
    "confbridge_id",
    "conference_id",
    "queue_id",
];
