//! What the demo shows: a live line, a table, totals.

#![expect(clippy::print_stdout, reason = "the demo's output is for people")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use super::run::Outcome;

/// A plain line.
pub(super) fn say(text: &str) {
    println!("{text}");
}

/// A line that the next one replaces on a terminal; only changes are printed
/// elsewhere.
pub(super) struct Live {
    last: String,
    terminal: bool,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            last: String::new(),
            terminal: std::io::stdout().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, text: String) {
        if text == self.last {
            return;
        }
        if self.terminal {
            print!("\r\x1b[2K{text}");
            let _ = std::io::stdout().flush();
        } else {
            println!("{text}");
        }
        self.last = text;
    }

    pub(super) fn end(self) {
        if self.terminal {
            println!();
        }
    }
}

/// One row per person, then totals.
pub(super) fn print(people: &[Outcome]) {
    say("");
    say(&row(&[
        "person",
        "expected",
        "actual",
        "calls",
        "key",
        "talked",
        "recording",
        "",
    ]));
    for person in people {
        let verdict = if person.as_expected() {
            "ok"
        } else {
            "DIFFERENT"
        };
        say(&row(&[
            &person.name,
            &person.expected,
            &person.actual(),
            &person.attempts.to_string(),
            &person.key(),
            &seconds(person.talked_ms),
            &person.recording.describe(),
            verdict,
        ]));
    }
    for person in people {
        for problem in &person.problems {
            say(&format!("demo: {}: {problem}", person.name));
        }
    }
    totals(people);
}

fn totals(people: &[Outcome]) {
    let reached = |person: &&Outcome| person.result == "success";
    let of_result = |result: &str| {
        let those = people.iter().filter(|person| person.result == result);
        those.count()
    };
    let attempts: usize = people.iter().map(|person| person.attempts).sum();
    let talked: i64 = people.iter().filter_map(|person| person.talked_ms).sum();
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    for person in people.iter().filter(reached) {
        *keys.entry(person.digits.as_str()).or_default() += 1;
    }
    let keys = keys.into_iter().map(|(key, count)| match key {
        "" => format!("{count} pressed nothing"),
        key => format!("{count} pressed {key}"),
    });
    let recorded: f64 = people.iter().map(|person| person.recording.seconds()).sum();
    let recordings = people.iter().filter(|person| person.recording.is_there());
    say("");
    say(&format!(
        "{} people, {attempts} calls: {} reached, {} not reached, {} talked",
        people.len(),
        of_result("success"),
        of_result("fail"),
        seconds(Some(talked)),
    ));
    say(&format!(
        "{}; {} recordings of {recorded:.1} s together",
        keys.collect::<Vec<_>>().join(", "),
        recordings.count(),
    ));
}

/// The line that says how it went.
pub(super) fn last_line(right: usize, of: usize) {
    say(&format!("demo: {right} of {of} targets ended as expected"));
}

fn row(cells: &[&str; 8]) -> String {
    const WIDTHS: [usize; 8] = [31, 26, 26, 7, 5, 8, 17, 9];
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let _ = write!(line, "{cell:<width$}");
    }
    line.trim_end().to_owned()
}

fn seconds(millis: Option<i64>) -> String {
    let Some(millis) = millis else {
        return "-".to_owned();
    };
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}
