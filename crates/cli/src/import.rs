//! People out of a file onto a list: options, progress, what came of it.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_domain::dialed_number::Country;
use trunkline_lists::{Error as ListError, Header, Look, Options, Progress, Seen, Summary};
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::NewTarget;

use crate::context::Context;
use crate::error::Error;

/// Exit status: the rest is on the list, and some lines were refused.
const SOME_REFUSED: u8 = 4;

/// Exit status of what Ctrl-C ends, as shells have it.
const INTERRUPTED: u8 = 130;

/// Lines that `--dry-run` shows.
const SHOWN: usize = 10;

/// Pauses between two sights of the progress: on a terminal, and elsewhere.
const LOOK: Duration = Duration::from_millis(250);
const SELDOM: Duration = Duration::from_secs(10);

/// Widest name that `--dry-run` shows, characters.
const WIDEST: usize = 30;

/// Examples and what is behind the command, for `--help`.
pub(crate) const HELP: &str = "\
Examples:
  trunkline campaign import november people.csv --country de --dry-run
  trunkline campaign import november people.csv --country de
  trunkline campaign import november people.csv --map 'name=Kunde,number=Mobil,number2=Festnetz'
  trunkline outdial import people.csv --country de --into november

Encoding, separator and columns are found out; --dry-run shows how the file is
understood, and adds nobody. Lines that nobody can be called by are written to
FILE.refused.csv with their numbers and reasons; corrected, it can be imported.
Whoever is on the list already is left alone: an import that was interrupted is
begun again with the same command.

Exit status: 0 everybody is on the list; 4 all but the refused lines; 1 failed;
2 the line or the file's columns are wrong; 3 nobody answers; 130 interrupted.";

/// A file, and how it is read.
#[derive(Debug, Args)]
pub struct FromFile {
    /// The file: CSV, or text with tabs, semicolons or bars
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What the columns are: name, number, number2 to number5, detail, data.KEY, ignore
    #[arg(long, value_name = "KEY=COLUMN,…", default_value = "")]
    map: String,

    /// Country of numbers that have none, such as de
    #[arg(long, value_name = "CODE", value_parser = country)]
    country: Option<Country>,

    /// Encoding, such as utf-8 or windows-1252; found out otherwise
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,

    /// Character between the fields, or tab; found out otherwise
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    separator: Option<char>,

    /// Whether the first line names the columns
    #[arg(long, value_enum, default_value_t = HeaderArg::Auto)]
    header: HeaderArg,

    /// File for refused lines; FILE.refused.csv otherwise
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,

    /// Shows how the file is understood, and adds nobody
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HeaderArg {
    Auto,
    Yes,
    No,
}

fn country(code: &str) -> Result<Country, String> {
    Country::parse(code)
        .ok_or_else(|| format!("there is no country `{code}`; write one such as de"))
}

fn separator(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", _, _) => Ok('\t'),
        (_, Some(one), None) if !one.is_alphanumeric() && one != '"' => Ok(one),
        _ => Err("write one character such as ; or the word tab".to_owned()),
    }
}

impl FromFile {
    /// What a list that is made for it is called.
    pub(crate) fn name(&self) -> String {
        let stem = self.file.file_stem().unwrap_or(self.file.as_os_str());
        stem.to_string_lossy().into_owned()
    }

    fn options(&self) -> Options {
        Options {
            country: self.country,
            map: self.map.clone(),
            encoding: self.encoding.clone(),
            separator: self.separator,
            header: match self.header {
                HeaderArg::Auto => Header::Auto,
                HeaderArg::Yes => Header::Yes,
                HeaderArg::No => Header::No,
            },
            refused: self.refused.clone(),
            ..Options::default()
        }
    }
}

/// Shows how a file is understood.
pub(crate) fn dry_run(cx: &Context, asked: &FromFile) -> Result<ExitCode, Error> {
    let look = trunkline_lists::look(&asked.file, &asked.options(), SHOWN).map_err(told)?;
    if cx.out.json {
        cx.out.value(&shown_to_programs(&look))?;
    } else {
        cx.out.data(&shown(&look))?;
        cx.out
            .say("nobody was added; leave --dry-run out to add them");
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds the people of a file to a list. `next` says what to do then.
pub(crate) async fn import(
    cx: &Context,
    asked: &FromFile,
    list: &str,
    next: &str,
) -> Result<ExitCode, Error> {
    let id: OutdialId = list
        .parse()
        .map_err(|_| Error::usage(format!("`{list}` is no id of an outdial")))?;
    let progress = Arc::new(Progress::default());
    let stop = CancellationToken::new();
    let options = asked.options();
    let work = trunkline_lists::import(
        &asked.file,
        &options,
        id,
        Arc::new(cx.api.lists()),
        Arc::clone(&progress),
        stop.clone(),
    );
    let outcome = tokio::select! {
        biased;
        outcome = work_until(work, cx, &stop) => outcome,
        never = show(&progress, cx.out.json) => match never {},
    };
    clear(cx.out.json);
    let summary = outcome.map_err(told)?;
    finish(cx, asked, list, &summary, next)
}

/// Waits for the work; the first Ctrl-C lets it end in order.
async fn work_until(
    work: impl Future<Output = Result<Summary, ListError>>,
    cx: &Context,
    stop: &CancellationToken,
) -> Result<Summary, ListError> {
    tokio::pin!(work);
    tokio::select! {
        outcome = &mut work => return outcome,
        _ = tokio::signal::ctrl_c() => stop.cancel(),
    }
    clear(cx.out.json);
    cx.out
        .say("stopping after what is on its way; Ctrl-C again ends at once");
    tokio::select! {
        outcome = &mut work => outcome,
        _ = tokio::signal::ctrl_c() => std::process::exit(INTERRUPTED.into()),
    }
}

fn finish(
    cx: &Context,
    asked: &FromFile,
    list: &str,
    summary: &Summary,
    next: &str,
) -> Result<ExitCode, Error> {
    let Summary {
        people,
        created,
        known,
        refused,
        twice,
        refused_file,
        complete,
    } = summary;
    let row = json!({
        "outdial_id": list, "lines": people, "created": created, "known": known, "refused": refused,
        "duplicates": twice, "refused_file": refused_file, "complete": complete,
    });
    let mut sentence = format!("Added: {created}");
    for (what, number) in [
        ("on the list before", known),
        ("refused lines", refused),
        ("duplicate lines", twice),
    ] {
        if *number > 0 {
            sentence.push_str(&format!("; {what}: {number}"));
        }
    }
    if let Some(file) = refused_file {
        let file = file.display();
        sentence.push_str(&format!("\nRefused lines and why: {file}"));
    }
    if *complete {
        sentence.push_str(&format!("\nNext: {next}"));
    }
    cx.out.done(&row, &sentence)?;
    if !complete {
        let file = asked.file.display();
        cx.out.say(&format!(
            "`{file}` was not read to its end; the same command goes on: who was added is not added again"
        ));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let some = refused + twice > 0;
    Ok(ExitCode::from(if some { SOME_REFUSED } else { 0 }))
}

/// A failure in the words of the command line.
fn told(error: ListError) -> Error {
    match error {
        ListError::File { act, path, source } => Error::File { act, path, source },
        ListError::Usage { message, next } => Error::usage(message).then(next),
        ListError::Empty(_) => Error::usage(error.to_string()),
        ListError::Refused(why) => Error::failed(why),
        ListError::GaveUp { .. } => Error::failed(error.to_string())
            .then("the same command goes on where it ended; `trunkline doctor` says what is away"),
    }
}

// ── Progress ─────────────────────────────────────────────────────────────────

/// Shows how far it is, for ever.
async fn show(progress: &Progress, json: bool) -> std::convert::Infallible {
    let terminal = std::io::stderr().is_terminal();
    let pause = if terminal { LOOK } else { SELDOM };
    loop {
        tokio::time::sleep(pause).await;
        if json {
            continue;
        }
        let line = line(&progress.seen());
        let mut stderr = std::io::stderr().lock();
        // Nobody is left to be told that this failed.
        let _ = if terminal {
            write!(stderr, "\r\u{1b}[K{line}")
        } else {
            writeln!(stderr, "trunkline: {line}")
        };
        let _ = stderr.flush();
    }
}

/// Takes the line of the progress away.
fn clear(json: bool) {
    let mut stderr = std::io::stderr().lock();
    if !json && stderr.is_terminal() {
        let _ = write!(stderr, "\r\u{1b}[K");
        let _ = stderr.flush();
    }
}

fn line(seen: &Seen) -> String {
    let percent = seen.share * 100.0;
    let mut line = format!("{percent:3.0} %  {} people, {:.0}/s", seen.done, seen.per_s);
    if seen.refused > 0 {
        line.push_str(&format!(", {} refused", seen.refused));
    }
    if seen.repeats > 0 {
        line.push_str(&format!(", {} requests sent again", seen.repeats));
    }
    if let Some(left) = seen.left {
        let seconds = left.as_secs();
        line.push_str(&format!(", {}:{:02} left", seconds / 60, seconds % 60));
    }
    line
}

// ── Dry run ──────────────────────────────────────────────────────────────────

fn shown(look: &Look) -> String {
    let separator = match look.separator {
        '\t' => "tab".to_owned(),
        other => other.to_string(),
    };
    let header = if look.header {
        "the first line names the columns"
    } else {
        "the columns have no names"
    };
    let mut text = format!(
        "encoding {}, separator {separator}, {header}\n\n",
        look.encoding
    );
    for (column, place) in look.mapping.columns.iter().zip(&look.mapping.places) {
        text.push_str(&format!("  {} -> {place}\n", column.escape_debug()));
    }
    text.push('\n');
    for (line, person) in &look.first {
        match person {
            Ok(person) => {
                let name: String = person.name.chars().take(WIDEST).collect();
                let numbers = numbers(person).join(", ");
                text.push_str(&format!(
                    "  line {line}: {} {numbers}\n",
                    name.escape_debug()
                ));
            }
            Err(why) => text.push_str(&format!("  line {line}: refused: {why}\n")),
        }
    }
    text
}

fn numbers(person: &NewTarget) -> Vec<&str> {
    let present = person.destinations().into_iter().flatten();
    present.map(|address| address.target.as_str()).collect()
}

fn shown_to_programs(look: &Look) -> Value {
    let columns = look.mapping.columns.iter().zip(&look.mapping.places);
    let columns: Vec<Value> = columns
        .map(|(column, place)| json!({"column": column, "is": place.to_string()}))
        .collect();
    let first: Vec<Value> = look
        .first
        .iter()
        .map(|(line, person)| match person {
            Ok(person) => json!({
                "line": line, "name": person.name, "detail": person.detail, "data": person.data,
                "numbers": numbers(person),
            }),
            Err(why) => json!({"line": line, "refused": why}),
        })
        .collect();
    json!({
        "encoding": look.encoding, "separator": look.separator, "header": look.header,
        "columns": columns, "first": first,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_typed_as_people_call_them() {
        assert_eq!(separator(";"), Ok(';'));
        assert_eq!(separator("tab"), Ok('\t'));
        assert_eq!(separator("\\t"), Ok('\t'));
        for wrong in ["", "a", ";;", "\""] {
            assert!(separator(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_progress_says_how_much_how_fast_and_how_long() {
        let seen = Seen {
            done: 12_000,
            created: 11_990,
            known: 0,
            refused: 10,
            repeats: 0,
            per_s: 24_000.4,
            share: 0.5,
            left: Some(Duration::from_secs(65)),
        };
        assert_eq!(
            line(&seen),
            " 50 %  12000 people, 24000/s, 10 refused, 1:05 left"
        );
    }
}
