//! Variables of an activeflow: what it begins with, and setting them (chapter
//! 05 D.6.1–D.6.2).

use std::collections::BTreeMap;

use trunkline_model::activeflow::Activeflow;

use super::failure::Failure;
use super::limits::Limits;
use super::substitution::Substitution;

/// Name → value.
pub type Variables = BTreeMap<String, String>;

/// Names that begin with this are the platform's own.
const RESERVED: &str = "voipbin.";

/// How many activeflows came before this one in its chain.
pub const COMPLETE_COUNT: &str = "voipbin.activeflow.complete_count";

/// The digits that a caller has pressed so far.
pub const CALL_DIGITS: &str = "voipbin.call.digits";

/// What became of the variables that a create request brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Injection {
    /// It brought none.
    Nothing,
    /// They were taken.
    Accepted,
    /// They were too many or too large, so all were dropped.
    Dropped,
}

impl Injection {
    /// The label in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Accepted => "accepted",
            Self::Dropped => "dropped",
        }
    }
}

/// The variables that an activeflow begins with: those of the activeflow it
/// refers to, those of the request, the reserved ones; later wins.
#[must_use]
pub fn initial(
    activeflow: &Activeflow,
    inherited: Option<&Variables>,
    given: &Variables,
    limits: &Limits,
) -> (Variables, Injection) {
    let count = if activeflow.reference_activeflow_id.is_nil() {
        0
    } else {
        complete_count(inherited) + 1
    };
    let reserved = reserved(activeflow, count);
    let inherited = inherited.cloned().unwrap_or_default();
    let (given, outcome) = sanitised(given, limits);
    let merge = |given: Variables| {
        let mut merged = inherited.clone();
        merged.extend(given);
        merged.extend(reserved.clone());
        merged
    };
    let merged = merge(given);
    if size(&merged) <= limits.variables_bytes {
        return (merged, outcome);
    }
    (
        merge(Variables::new()),
        if outcome == Injection::Nothing {
            outcome
        } else {
            Injection::Dropped
        },
    )
}

/// How many activeflows of a chain these variables have seen before theirs.
#[must_use]
pub fn complete_count(variables: Option<&Variables>) -> i64 {
    variables
        .and_then(|variables| variables.get(COMPLETE_COUNT))
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Sets variables. Each value has the old variables filled in first: a digit is
/// appended by setting `voipbin.call.digits` to `${voipbin.call.digits}7`.
///
/// # Errors
///
/// When they would become too large; nothing is set then.
pub fn set(
    variables: &mut Variables,
    new: &Variables,
    reference_data: &str,
    limits: &Limits,
) -> Result<(), Failure> {
    let mut merged = variables.clone();
    for (key, value) in new {
        let filled =
            Substitution::new(variables, reference_data, limits.variables_bytes).text(value)?;
        merged.insert(key.clone(), filled);
    }
    if size(&merged) > limits.variables_bytes {
        return Err(Failure::TooLarge(limits.variables_bytes));
    }
    *variables = merged;
    Ok(())
}

fn sanitised(given: &Variables, limits: &Limits) -> (Variables, Injection) {
    let kept: Variables = given
        .iter()
        .map(|(key, value)| (key.trim().to_owned(), value.clone()))
        .filter(|(key, _)| !key.is_empty() && !key.to_lowercase().starts_with(RESERVED))
        .collect();
    if kept.is_empty() {
        return (kept, Injection::Nothing);
    }
    let too_much = kept.len() > limits.given_variables
        || kept
            .values()
            .any(|value| value.len() > limits.given_value_bytes)
        || size(&kept) > limits.given_bytes;
    if too_much {
        (Variables::new(), Injection::Dropped)
    } else {
        (kept, Injection::Accepted)
    }
}

fn reserved(activeflow: &Activeflow, count: i64) -> Variables {
    [
        ("voipbin.activeflow.id", activeflow.id.to_string()),
        (
            "voipbin.activeflow.reference_type",
            activeflow.reference_type.to_string(),
        ),
        (
            "voipbin.activeflow.reference_id",
            activeflow.reference_id.to_string(),
        ),
        (
            "voipbin.activeflow.reference_activeflow_id",
            activeflow.reference_activeflow_id.to_string(),
        ),
        ("voipbin.activeflow.flow_id", activeflow.flow_id.to_string()),
        (COMPLETE_COUNT, count.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn size(variables: &Variables) -> usize {
    variables
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use trunkline_model::id::ActiveflowId;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn follower() -> Activeflow {
        Activeflow {
            reference_activeflow_id: ActiveflowId::random(),
            ..Activeflow::default()
        }
    }

    #[test]
    fn later_sources_win_and_reserved_names_cannot_be_given() {
        let inherited = map(&[("a", "old"), ("b", "old"), (COMPLETE_COUNT, "2")]);
        let given = map(&[
            (" a ", "new"),
            ("  ", "x"),
            ("VoipBin.call.id", "x"),
            (COMPLETE_COUNT, "0"),
        ]);
        let (variables, outcome) =
            initial(&follower(), Some(&inherited), &given, &Limits::default());
        assert_eq!(outcome, Injection::Accepted);
        assert_eq!(
            (variables["a"].as_str(), variables["b"].as_str()),
            ("new", "old")
        );
        assert_eq!(variables[COMPLETE_COUNT], "3");
        assert!(!variables.keys().any(|key| key.starts_with("Voip")));
    }

    #[test]
    fn a_chain_is_counted_from_zero() {
        let limits = Limits::default();
        let alone = initial(&Activeflow::default(), None, &Variables::new(), &limits).0;
        assert_eq!(alone[COMPLETE_COUNT], "0");
        let follows = initial(&follower(), Some(&alone), &Variables::new(), &limits).0;
        assert_eq!(follows[COMPLETE_COUNT], "1");
    }

    #[test]
    fn given_variables_that_are_too_much_are_dropped_together() {
        let limits = Limits {
            given_variables: 2,
            given_value_bytes: 4,
            given_bytes: 8,
            ..Limits::default()
        };
        let outcome = |given| {
            let (variables, outcome) = initial(&Activeflow::default(), None, &given, &limits);
            (variables.len() - 6, outcome)
        };
        assert_eq!(
            outcome(map(&[("a", "1234"), ("b", "12")])),
            (2, Injection::Accepted)
        );
        assert_eq!(
            outcome(map(&[("a", "1234"), ("b", "123")])),
            (0, Injection::Dropped)
        );
        assert_eq!(outcome(map(&[("a", "12345")])), (0, Injection::Dropped));
        assert_eq!(
            outcome(map(&[("a", ""), ("b", ""), ("c", "")])),
            (0, Injection::Dropped)
        );
        assert_eq!(
            outcome(map(&[("voipbin.x", "12345")])),
            (0, Injection::Nothing)
        );
    }

    #[test]
    fn a_merged_map_that_is_too_large_loses_what_was_given() {
        let limits = Limits {
            variables_bytes: 1_000,
            ..Limits::default()
        };
        let inherited = map(&[("old", &"x".repeat(600))]);
        let given = map(&[("new", &"x".repeat(300))]);
        let (variables, outcome) = initial(&follower(), Some(&inherited), &given, &limits);
        assert_eq!(outcome, Injection::Dropped);
        assert!(variables.contains_key("old") && !variables.contains_key("new"));
    }

    #[test]
    fn a_value_has_the_old_value_filled_in() {
        let mut variables = map(&[(CALL_DIGITS, "12")]);
        set(
            &mut variables,
            &map(&[(CALL_DIGITS, "${voipbin.call.digits}3")]),
            "",
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(variables[CALL_DIGITS], "123");
    }

    #[test]
    fn variables_are_bounded() {
        let limits = Limits {
            variables_bytes: 10,
            ..Limits::default()
        };
        let mut variables = map(&[("a", "1234")]);
        assert!(set(&mut variables, &map(&[("a", "${a}${a}${a}")]), "", &limits).is_err());
        assert!(set(&mut variables, &map(&[("b", "12345")]), "", &limits).is_err());
        assert_eq!(variables, map(&[("a", "1234")]));
    }
}
