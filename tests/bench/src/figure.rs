//! A figure: what was measured, what it should reach, and what stood beside it.

use serde_json::{Map, Value, json};

/// What a figure should reach (architecture §8).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// Whether a value reaches it.
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
        }
    }
}

/// One measured value.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// Both sides of a ratio, counts, sizes: what makes the value readable.
    pub(crate) beside: Vec<(&'static str, f64)>,
}

impl Figure {
    /// A figure with nothing beside it.
    #[must_use]
    pub(crate) fn new(name: &'static str, value: f64, unit: &'static str, goal: Goal) -> Self {
        Self {
            name,
            value,
            unit,
            goal,
            beside: Vec::new(),
        }
    }

    /// Puts something beside it.
    #[must_use]
    pub(crate) fn beside(mut self, name: &'static str, value: f64) -> Self {
        self.beside.push((name, value));
        self
    }

    /// Its row of the table.
    #[must_use]
    pub(crate) fn row(&self) -> String {
        let met = if self.goal.met(self.value) {
            "met"
        } else {
            "missed"
        };
        let beside: Vec<String> = self
            .beside
            .iter()
            .map(|(name, value)| format!("{name} {}", short(*value)))
            .collect();
        let (name, value, unit, goal) = (self.name, short(self.value), self.unit, self.goal.text());
        format!(
            "{name:<28} {value:>10} {unit:<8} {goal:<10} {met:<7} {}",
            beside.join(", ")
        )
    }

    /// Its line of the file.
    #[must_use]
    pub(crate) fn json(&self) -> Map<String, Value> {
        let mut line = Map::new();
        line.insert("name".to_owned(), json!(self.name));
        line.insert("value".to_owned(), json!(self.value));
        line.insert("unit".to_owned(), json!(self.unit));
        line.insert("goal".to_owned(), json!(self.goal.text()));
        line.insert("met".to_owned(), json!(self.goal.met(self.value)));
        for (name, value) in &self.beside {
            line.insert((*name).to_owned(), json!(value));
        }
        line
    }
}

/// The heads of the table's columns.
#[must_use]
pub(crate) fn head() -> String {
    format!(
        "{:<28} {:>10} {:<8} {:<10} {:<7} beside it",
        "figure", "value", "unit", "goal", ""
    )
}

/// The middle one; of an even number the lower one of both.
#[must_use]
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn short(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1_000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_from_its_side() {
        assert!(Goal::AtLeast(0.9).met(0.9));
        assert!(!Goal::AtLeast(0.9).met(0.89));
        assert!(Goal::AtMost(2.0).met(2.0));
        assert!(!Goal::AtMost(2.0).met(2.1));
    }

    #[test]
    fn a_line_has_the_value_the_goal_and_what_stands_beside() {
        let figure =
            Figure::new("cpu_ratio", 0.5, "ratio", Goal::AtMost(0.35)).beside("calls", 20.0);
        let expected = json!({
            "name": "cpu_ratio", "value": 0.5, "unit": "ratio", "goal": "<= 0.35", "met": false, "calls": 20.0,
        });
        assert_eq!(Value::Object(figure.json()), expected);
        assert!(figure.row().contains("missed") && figure.row().contains("calls 20"));
    }

    #[test]
    fn median_is_one_of_the_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
