//! What is printed: data to standard output, talk to standard error. Tables and
//! sentences for people, JSON for programs, colours for terminals.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use serde_json::{Value, json};

use crate::api::Rows;
use crate::error::Error;

/// Widest cell of a table, characters; `get` and `--json` show all of it.
const WIDEST: usize = 48;

/// Where it goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    pub json: bool,
    /// Whether standard output is a terminal.
    pub terminal: bool,
    /// Whether standard output takes colours.
    pub colour: bool,
    colour_of_talk: bool,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    /// Where in the row it is.
    at: &'static str,
    show: Show,
}

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    Text,
    /// Right-aligned.
    Number,
    /// To the second.
    Time,
    /// An address' type and target.
    Address,
    /// Coloured by what it means.
    Status,
}

/// A colour of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Green,
    Yellow,
    Red,
    Faint,
    Bold,
}

impl Column {
    /// The value at `at`, such as `/name`, as text.
    #[must_use]
    pub const fn text(title: &'static str, at: &'static str) -> Self {
        Self::new(title, at, Show::Text)
    }

    /// The value at `at` in another form.
    #[must_use]
    pub const fn new(title: &'static str, at: &'static str, show: Show) -> Self {
        Self { title, at, show }
    }
}

impl Out {
    /// Of this process.
    #[must_use]
    pub fn of_process(json: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let wanted = !set("NO_COLOR") && !dumb;
        let terminal = std::io::stdout().is_terminal();
        Self {
            json,
            terminal,
            colour: wanted && terminal && !json,
            colour_of_talk: wanted && std::io::stderr().is_terminal(),
        }
    }

    /// Data, as it is. A reader that has gone, such as `head`, is no failure.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn data(&self, text: &str) -> Result<(), Error> {
        let mut stdout = std::io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::Output(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// JSON for programs.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn value(&self, value: &Value) -> Result<(), Error> {
        self.data(&format!("{value:#}\n"))
    }

    /// One line of JSON, for what comes bit by bit.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn line(&self, value: &Value) -> Result<(), Error> {
        self.data(&format!("{value}\n"))
    }

    /// The row for programs, a sentence for people.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn done(&self, value: &Value, sentence: &str) -> Result<(), Error> {
        if self.json {
            return self.value(value);
        }
        self.data(&format!("{sentence}\n"))
    }

    /// A list; `nothing` says that it is empty.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn list(&self, found: &Rows, columns: &[Column], nothing: &str) -> Result<(), Error> {
        if self.json {
            return self.value(&json!({"result": found.rows}));
        }
        if found.rows.is_empty() {
            self.say(nothing);
            return Ok(());
        }
        self.data(&self.table(&found.rows, columns))?;
        if found.more {
            let rows = found.rows.len();
            self.say(&format!(
                "there are more than these {rows}; --limit 0 shows all"
            ));
        }
        Ok(())
    }

    /// Everything that a row has; what is empty is left out for people.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn record(&self, row: &Value) -> Result<(), Error> {
        if self.json {
            return self.value(row);
        }
        self.data(&record(row))
    }

    /// Talk: what a program that reads standard output must not get.
    pub fn say(&self, text: &str) {
        // Nobody is left to be told that this failed.
        let _ = writeln!(std::io::stderr(), "trunkline: {text}");
    }

    /// What went wrong, why, and what to do.
    pub fn failed(&self, error: &Error) {
        if self.json {
            let _ = writeln!(std::io::stderr(), "{}", error.to_json());
            return;
        }
        let paint = |text: &str, colour| paint(self.colour_of_talk, text, colour);
        let mut text = format!(
            "{} {}\n",
            paint("trunkline:", Colour::Red),
            shown(&error.to_string())
        );
        for cause in error.causes() {
            let _ = writeln!(text, "  because: {}", shown(&cause));
        }
        let next = error.next_step();
        if !next.is_empty() {
            let _ = writeln!(text, "  {} {next}", paint("next:", Colour::Bold));
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// Colours a text of standard output if that takes colours.
    #[must_use]
    pub fn paint(&self, text: &str, colour: Colour) -> String {
        paint(self.colour, text, colour)
    }

    /// Rows below each other.
    #[must_use]
    pub fn table(&self, rows: &[Value], columns: &[Column]) -> String {
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| columns.iter().map(|column| column.cell(row)).collect())
            .collect();
        let widths: Vec<usize> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let widest = cells.iter().map(|row| row[at].chars().count()).max();
                widest.unwrap_or(0).max(column.title.chars().count())
            })
            .collect();
        let titles: Vec<String> = columns.iter().map(|c| c.title.to_owned()).collect();
        let mut text = self.table_line(&titles, columns, &widths, true);
        for row in &cells {
            text.push_str(&self.table_line(row, columns, &widths, false));
        }
        text
    }

    fn table_line(
        &self,
        cells: &[String],
        columns: &[Column],
        widths: &[usize],
        title: bool,
    ) -> String {
        let mut line = String::new();
        for (at, (cell, column)) in cells.iter().zip(columns).enumerate() {
            let pad = " ".repeat(widths[at] - cell.chars().count());
            let coloured = if title {
                self.paint(cell, Colour::Bold)
            } else {
                self.coloured(cell, column.show)
            };
            if column.show == Show::Number {
                line.push_str(&pad);
                line.push_str(&coloured);
            } else {
                line.push_str(&coloured);
                line.push_str(&pad);
            }
            if at + 1 < cells.len() {
                line.push_str("  ");
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    fn coloured(&self, cell: &str, show: Show) -> String {
        match meaning(cell) {
            Some(colour) if show == Show::Status => self.paint(cell, colour),
            _ => cell.to_owned(),
        }
    }
}

/// What the words of the API's states mean.
fn meaning(word: &str) -> Option<Colour> {
    match word {
        "run" | "running" | "progressing" | "success" | "ok" | "connected" | "registered"
        | "available" => Some(Colour::Green),
        "stopping" | "ringing" | "dialing" | "terminating" | "canceling" | "warn" | "trying" => {
            Some(Colour::Yellow)
        }
        "fail" | "failed" | "rejected" | "refused" | "away" | "unreachable" => Some(Colour::Red),
        "stop" | "idle" | "hangup" | "done" | "ended" => Some(Colour::Faint),
        _ => None,
    }
}

fn paint(wanted: bool, text: &str, colour: Colour) -> String {
    if !wanted || text.is_empty() {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Green => 32,
        Colour::Yellow => 33,
        Colour::Red => 31,
        Colour::Faint => 2,
        Colour::Bold => 1,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

impl Column {
    fn cell(&self, row: &Value) -> String {
        let value = row.pointer(self.at).unwrap_or(&Value::Null);
        let text = match self.show {
            Show::Address => address(value),
            Show::Time => time(value),
            Show::Text | Show::Number | Show::Status => plain(value),
        };
        let text = shown(&text);
        if text.chars().count() <= WIDEST {
            return text;
        }
        let mut cut: String = text.chars().take(WIDEST - 1).collect();
        cut.push('…');
        cut
    }
}

/// A value as one reads it; nil ids and null are nothing.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text == NIL => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(_) if value.get("target").is_some() => address(value),
        Value::Object(_) => value.to_string(),
    }
}

/// A time to the second, `2026-11-30 09:15:00`.
pub(crate) fn time(value: &Value) -> String {
    let text: String = plain(value).chars().take(19).collect();
    text.replacen('T', " ", 1)
}

fn address(value: &Value) -> String {
    let part = |name: &str| value[name].as_str().unwrap_or_default();
    match (part("type"), part("target"), part("target_name")) {
        (_, "", "") => String::new(),
        ("tel", target, _) => target.to_owned(),
        (kind, "", name) => format!("{kind}:{name}"),
        (kind, target, _) => format!("{kind}:{target}"),
    }
}

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// Text that does nothing to a terminal: names come from anybody.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// `name  value` lines.
fn record(row: &Value) -> String {
    let Value::Object(fields) = row else {
        return format!("{}\n", shown(&plain(row)));
    };
    let lines: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), plain(value)))
        .filter(|(_, text)| !text.is_empty() && text != "{}")
        .collect();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name:<width$}  {}", shown(&value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(colour: bool) -> Out {
        Out {
            json: false,
            terminal: colour,
            colour,
            colour_of_talk: colour,
        }
    }

    const COLUMNS: &[Column] = &[
        Column::text("NAME", "/name"),
        Column::new("TRIES", "/tries", Show::Number),
        Column::new("STATUS", "/status", Show::Status),
        Column::new("TO", "/to", Show::Address),
    ];

    #[test]
    fn a_table_is_aligned_and_its_names_do_nothing_to_the_terminal() {
        let rows = [
            json!({"name": "Ärger\u{1b}[2J", "tries": 12, "status": "run",
                "to": {"type": "tel", "target": "+4930"}}),
            json!({"name": "x", "tries": 3, "status": "stop", "to": {}}),
        ];
        let expected = "\
NAME       TRIES  STATUS  TO
Ärger\u{fffd}[2J     12  run     +4930
x              3  stop
";
        assert_eq!(out(false).table(&rows, COLUMNS), expected);
        let coloured = out(true).table(&rows, COLUMNS);
        assert!(coloured.contains("\x1b[32mrun\x1b[0m"), "{coloured}");
    }

    #[test]
    fn a_record_leaves_out_what_is_empty() {
        let row = json!({"id": "1", "flow_id": NIL, "detail": "", "data": {},
            "source": {"type": "sip", "target": "a@b"}, "persist": true});
        assert_eq!(record(&row), "id       1\npersist  yes\nsource   sip:a@b\n");
    }

    #[test]
    fn a_long_cell_is_cut_with_a_sign() {
        let row = json!({"name": "n".repeat(60)});
        let cell = Column::text("NAME", "/name").cell(&row);
        assert!(cell.chars().count() == WIDEST && cell.ends_with('…'));
    }

    #[test]
    fn a_time_is_shown_to_the_second() {
        assert_eq!(
            time(&json!("2026-11-30T09:15:00.123456Z")),
            "2026-11-30 09:15:00"
        );
        assert_eq!(time(&Value::Null), "");
    }
}
