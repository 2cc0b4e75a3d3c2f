//! The view of a campaign: on a terminal drawn in place, else as lines.

use std::fmt::Write as _;

use serde_json::Value;

use super::progress::{Pace, Progress};
use crate::error::Error;
use crate::output::{Colour, Out, plain, shown, time};

/// Ways of ending that are named in a line.
const MOST_WAYS: usize = 8;

/// Draws, and knows what is drawn.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Lines that the next view replaces.
    lines: usize,
    /// The last line, where lines are printed.
    last: String,
}

impl Screen {
    /// Shows how it stands.
    pub(super) fn show(
        &mut self,
        out: &Out,
        progress: &Progress,
        pace: &Pace,
        attempts: &[Value],
    ) -> Result<(), Error> {
        if out.json {
            return out.line(&progress.to_json(pace));
        }
        if out.terminal {
            return self.draw(out, &view(out, progress, pace, attempts));
        }
        let line = line(progress, pace);
        if line == self.last {
            return Ok(());
        }
        self.last.clone_from(&line);
        out.data(&format!("{line}\n"))
    }

    fn draw(&mut self, out: &Out, view: &[String]) -> Result<(), Error> {
        let mut text = String::new();
        if self.lines > 0 {
            // Up to the first line of the last view.
            let _ = write!(text, "\x1b[{}A", self.lines);
        }
        for line in view {
            // What is left of a longer line goes.
            let _ = writeln!(text, "{line}\x1b[K");
        }
        // And lines of a longer view.
        text.push_str("\x1b[J");
        self.lines = view.len();
        out.data(&text)
    }
}

/// One line: for files and pipes.
fn line(progress: &Progress, pace: &Pace) -> String {
    let mut line = format!("{}: {}, ", shown(&progress.name), progress.status);
    let _ = write!(line, "{} dialing, ", progress.dialing);
    if let Some(ringing) = progress.ringing {
        let _ = write!(line, "{ringing} ringing, ");
    }
    let _ = write!(
        line,
        "{} answered, {} done",
        progress.answered, progress.done
    );
    let ways = ways(progress);
    if !ways.is_empty() {
        let _ = write!(line, " ({ways})");
    }
    if let Some(reached) = progress.reached {
        let _ = write!(line, ", {reached} people reached");
    }
    if let Some(left) = progress.left {
        let _ = write!(line, ", {left} left");
    }
    if let Some(seconds) = pace.seconds_left(progress).filter(|seconds| *seconds > 0) {
        let _ = write!(line, ", about {}", duration(seconds));
    }
    line
}

fn ways(progress: &Progress) -> String {
    let ways = progress.ended.iter().take(MOST_WAYS);
    ways.map(|(reason, number)| format!("{} {number}", shown(reason)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The lines of a terminal's view.
fn view(out: &Out, progress: &Progress, pace: &Pace, attempts: &[Value]) -> Vec<String> {
    let unknown = || "?".to_owned();
    let number = |number: Option<u64>| number.map_or_else(unknown, |number| number.to_string());
    let status = match progress.status.as_str() {
        "run" => out.paint("running", Colour::Green),
        "stopping" => out.paint("stopping", Colour::Yellow),
        "stop" => out.paint("stopped", Colour::Bold),
        other => other.to_owned(),
    };
    let left = match pace.seconds_left(progress) {
        Some(0) => "none".to_owned(),
        Some(seconds) => format!("about {}", duration(seconds)),
        None if progress.is_over() => "none".to_owned(),
        None => "not known yet".to_owned(),
    };
    let mut lines = vec![
        format!(
            "{}  {status}",
            out.paint(&shown(&progress.name), Colour::Bold)
        ),
        format!(
            "  calls   {} dialing   {} ringing   {} answered   {} done",
            progress.dialing,
            number(progress.ringing),
            progress.answered,
            progress.done
        ),
        format!("  ended   {}", ways(progress)),
        format!(
            "  people  {} reached   {} given up   {} left",
            number(progress.reached),
            number(progress.exhausted),
            number(progress.left)
        ),
        format!(
            "  pace    {} attempts in the last minute   time left: {left}",
            progress.per_minute
        ),
    ];
    if !progress.trouble.is_empty() {
        let trouble = shown(&progress.trouble);
        lines.push(format!("  {}", out.paint(&trouble, Colour::Yellow)));
    }
    if !attempts.is_empty() {
        lines.push(String::new());
    }
    for attempt in attempts {
        lines.push(format!("  {}", attempt_line(attempt)));
    }
    lines
}

/// One of the last attempts.
fn attempt_line(attempt: &Value) -> String {
    let at: String = time(&attempt["tm_update"]).chars().skip(11).collect();
    let status = match plain(&attempt["status"]).as_str() {
        "done" => plain(&attempt["result"]),
        "progressing" => "answered".to_owned(),
        status => status.to_owned(),
    };
    let to = plain(&attempt["destination"]);
    shown(&format!(
        "{at}  {to:<20}  {status:<10}  try {}",
        plain(&attempt["try_count"])
    ))
}

/// A time for people.
fn duration(seconds: u64) -> String {
    match (seconds / 3_600, seconds % 3_600 / 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) if minutes < 10 => format!("{minutes} min {seconds} s"),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        Progress {
            name: "november".to_owned(),
            status: "run".to_owned(),
            dialing: 2,
            ringing: Some(1),
            answered: 2,
            ended: vec![("normal".to_owned(), 5), ("busy".to_owned(), 1)],
            done: 6,
            reached: Some(5),
            left: Some(25),
            exhausted: Some(1),
            per_minute: 14,
            trouble: String::new(),
        }
    }

    #[test]
    fn a_line_says_it_all() {
        assert_eq!(
            line(&progress(), &Pace::default()),
            "november: run, 2 dialing, 1 ringing, 2 answered, 6 done (normal 5, busy 1), 5 people reached, 25 left"
        );
        let unknown = Progress {
            ringing: None,
            left: None,
            reached: None,
            ended: Vec::new(),
            ..progress()
        };
        assert_eq!(
            line(&unknown, &Pace::default()),
            "november: run, 2 dialing, 2 answered, 6 done"
        );
    }

    #[test]
    fn times_are_for_people() {
        let cases = [
            (5, "5 s"),
            (65, "1 min 5 s"),
            (1_300, "21 min"),
            (7_320, "2 h 2 min"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
    }
}
