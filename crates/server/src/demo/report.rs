//! What the demo shows: a live line, a table, totals.

#![expect(clippy::print_stdout, reason = "the demo's output is for people")]

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
        "person", "expected", "actual", "attempts", "rang", "talked", "",
    ]));
    for person in people {
        let actual = person.actual();
        let verdict = if person.as_expected() {
            "ok"
        } else {
            "DIFFERENT"
        };
        say(&row(&[
            &person.name,
            &person.expected,
            &actual,
            &person.attempts.to_string(),
            &seconds(person.rang_ms),
            &seconds(person.talked_ms),
            verdict,
        ]));
    }
    let count = |result: &str| {
        people
            .iter()
            .filter(|person| person.result == result)
            .count()
    };
    let attempts: usize = people.iter().map(|person| person.attempts).sum();
    let talked: i64 = people.iter().filter_map(|person| person.talked_ms).sum();
    say("");
    say(&format!(
        "{} people, {attempts} calls: {} reached, {} not reached, {} talked",
        people.len(),
        count("success"),
        count("fail"),
        seconds(Some(talked)),
    ));
}

/// The line that says how it went.
pub(super) fn last_line(right: usize, of: usize) {
    say(&format!("demo: {right} of {of} targets ended as expected"));
}

fn row(cells: &[&str]) -> String {
    const WIDTHS: [usize; 7] = [30, 27, 27, 10, 9, 9, 10];
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
