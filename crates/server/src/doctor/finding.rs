//! What was found, and how it is printed.

use serde_json::{Value, json};
use trunkline_cli::{Colour, Error, Out};

/// How good it is; the worse is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at.
    pub(super) about: String,
    /// What was found.
    pub(super) found: String,
    /// What to do; empty when nothing has to be done.
    pub(super) next: String,
}

impl Finding {
    pub(super) fn new(
        level: Level,
        about: &str,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            level,
            about: about.to_owned(),
            found: found.into(),
            next: next.into(),
        }
    }
}

/// Everything that was found, in the order in which it was looked at.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, about: &str, found: impl Into<String>) {
        self.add(Finding::new(Level::Ok, about, found, ""));
    }

    pub(super) fn warn(&mut self, about: &str, found: impl Into<String>, next: impl Into<String>) {
        self.add(Finding::new(Level::Warn, about, found, next));
    }

    pub(super) fn fail(&mut self, about: &str, found: impl Into<String>, next: impl Into<String>) {
        self.add(Finding::new(Level::Fail, about, found, next));
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// How many there are: where the next one will be.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The worst level of those from `since` on.
    pub(super) fn worst_since(&self, since: usize) -> Option<Level> {
        self.0[since..].iter().map(|finding| finding.level).max()
    }

    /// Puts one in the place of all from `since` on.
    pub(super) fn replace_since(&mut self, since: usize, finding: Finding) {
        self.0.truncate(since);
        self.add(finding);
    }

    /// Whether anything fails.
    pub(super) fn fails(&self) -> bool {
        self.count(Level::Fail) > 0
    }

    fn count(&self, level: Level) -> usize {
        let of_level = self.0.iter().filter(|finding| finding.level == level);
        of_level.count()
    }

    /// Prints all of it.
    pub(super) fn print(&self, out: &Out) -> Result<(), Error> {
        if out.json {
            return out.value(&self.to_json());
        }
        let mut text = String::new();
        for finding in &self.0 {
            let colour = match finding.level {
                Level::Ok => Colour::Green,
                Level::Warn => Colour::Yellow,
                Level::Fail => Colour::Red,
            };
            let word = format!("{:<4}", finding.level.word());
            let about = &finding.about;
            text.push_str(&out.paint(&word, colour));
            text.push_str(&format!("  {about:<14}  {}\n", finding.found));
            if !finding.next.is_empty() {
                text.push_str(&format!("{:<22}> {}\n", "", finding.next));
            }
        }
        let (warnings, failures) = (self.count(Level::Warn), self.count(Level::Fail));
        text.push_str(&match (warnings, failures) {
            (0, 0) => "All is well.\n".to_owned(),
            (warnings, 0) => format!("It works; {warnings} of these deserve a look.\n"),
            (_, failures) => format!("{failures} of these must be mended.\n"),
        });
        out.data(&text)
    }

    fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .0
            .iter()
            .map(|finding| {
                json!({
                    "level": finding.level.word(),
                    "about": finding.about,
                    "found": finding.found,
                    "next": finding.next,
                })
            })
            .collect();
        json!({"ok": !self.fails(), "findings": findings})
    }
}

#[cfg(test)]
impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}
