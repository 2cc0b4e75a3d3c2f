//! `trunkline events`: what happens, as it happens. Comes again after a lost
//! connection where it stopped.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::api::with_query;
use crate::context::Context;
use crate::error::Error;
use crate::output::{plain, shown, time};
use crate::settings::ApiArgs;
use crate::sse::{Event, Parser};

/// Pause before the first new connection; each failure doubles it.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Type of the event that says that some are missing.
const RESET: &str = "reset";

/// What to show of what happens.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trunkline events
  trunkline events --type call_
  trunkline events --json | jq .data.status
  trunkline events --after ID   # what came after this one, as long as it is kept

Ctrl-C ends it. A lost connection is made anew, and goes on where it stopped.")]
pub struct EventsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,

    /// Only types that begin so, such as call_ or campaign_status; may be given again
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,

    /// Begins after the event with this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,

    /// Ends after so many events
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

pub(crate) async fn run(cx: &Context, args: EventsArgs) -> Result<ExitCode, Error> {
    let mut tail = Tail {
        last: args.after.clone().unwrap_or_default(),
        left: args.count.unwrap_or(usize::MAX),
    };
    let mut pause = PAUSE;
    while tail.left > 0 {
        let before = tail.last.clone();
        match tail.follow(cx, &args).await {
            // The server ended it, perhaps because we were too slow.
            Ok(()) if tail.left == 0 => {}
            Ok(()) => cx.out.say("the stream has ended; it is opened anew"),
            Err(error @ (Error::Broken { .. } | Error::Away { .. })) if !tail.last.is_empty() => {
                cx.out.say(&format!("{error}; trying again"));
            }
            Err(error) => return Err(error),
        }
        if tail.last != before {
            pause = PAUSE;
        }
        if tail.left > 0 {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Tail {
    /// Id of the last event that was seen.
    last: String,
    /// Events that are still to be shown.
    left: usize,
}

impl Tail {
    /// Shows events until the stream ends.
    async fn follow(&mut self, cx: &Context, args: &EventsArgs) -> Result<(), Error> {
        let mut headers = vec![("accept", "text/event-stream")];
        let last = self.last.clone();
        if !last.is_empty() {
            headers.push(("last-event-id", last.as_str()));
        }
        let types = narrowed(&args.types);
        let path = with_query("/v1/events", &[("types", &types)]);
        let mut answer = cx.api.open(&path, &headers).await?;
        let mut parser = Parser::default();
        while let Some(piece) = answer.chunk().await.map_err(|error| cx.api.lost(error))? {
            for event in parser.take(&piece) {
                if !event.id.is_empty() {
                    self.last.clone_from(&event.id);
                }
                if event.kind == RESET {
                    cx.out
                        .say("events between the last one and the next are not kept any more");
                    continue;
                }
                self.show(cx, &event)?;
                self.left -= 1;
                if self.left == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn show(&self, cx: &Context, event: &Event) -> Result<(), Error> {
        let content: Value = serde_json::from_str(&event.data).unwrap_or(json!(event.data));
        // The row itself, or an envelope around it.
        let row = content.get("data").unwrap_or(&content);
        if cx.out.json {
            let whole = json!({"id": event.id, "type": event.kind, "data": row});
            return cx.out.line(&whole);
        }
        cx.out.data(&format!("{}\n", line(&event.kind, row)))
    }
}

/// The types as the API wants them: a beginning has a star.
fn narrowed(types: &[String]) -> String {
    let starred = types
        .iter()
        .map(|kind| format!("{}*", kind.trim_end_matches('*')));
    starred.collect::<Vec<_>>().join(",")
}

/// An event as a line: when, what, of which row, and what one wants to know of it.
fn line(kind: &str, row: &Value) -> String {
    let at = [&row["tm_update"], &row["tm_create"]];
    let at = at.iter().map(|at| time(at)).find(|at| !at.is_empty());
    let mut line = format!(
        "{:<19}  {kind:<28}  {}",
        at.unwrap_or_default(),
        plain(&row["id"])
    );
    for field in ["name", "status", "destination", "result", "hangup_reason"] {
        let value = plain(&row[field]);
        if !value.is_empty() {
            line.push_str("  ");
            line.push_str(&value);
        }
    }
    shown(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let row = json!({"id": "c1", "status": "hangup", "hangup_reason": "busy",
            "destination": {"type": "tel", "target": "+4930"}, "tm_update": "2026-11-30T09:00:00.5Z"});
        assert_eq!(
            line("call_hangup", &row),
            "2026-11-30 09:00:00  call_hangup                   c1  hangup  +4930  busy"
        );
    }

    #[test]
    fn types_are_chosen_by_their_beginning() {
        let types = ["call_", "campaign_*"].map(str::to_owned);
        assert_eq!(narrowed(&types), "call_*,campaign_*");
        assert_eq!(narrowed(&[]), "");
    }
}
