//! `trunkline parked`: what could not be handled.

use std::process::ExitCode;

use clap::Subcommand;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, Repeat, below, with_query};
use crate::context::Context;
use crate::error::Error;
use crate::output::{Column, Show};

const PATH: &str = "/v1/parked";

/// Rows of one page.
const PAGE: &str = "100";

/// Messages that are released at the same time: each may take seconds to tell how
/// it went.
const AT_ONCE: usize = 16;

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::new("SINCE", "/tm_create", Show::Time),
    Column::text("ROLE", "/service"),
    Column::text("WHAT", "/what"),
    Column::new("TIMES", "/times", Show::Number),
    Column::text("WHY", "/reason"),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists what is parked, newest first
    List,
    /// Shows one with its whole content and why it was parked
    Show {
        /// Its id, as `list` shows it
        id: String,
    },
    /// Puts one back into its queue, once what was in its way is gone
    ///
    /// It goes to the consumer that could not handle it and to nobody else. The row
    /// goes when the consumer has handled it; when that fails again it stays. Exit
    /// status 1: something was parked again or refused.
    Release {
        /// Its id, as `list` shows it
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,

        /// Everything that is parked, oldest first
        #[arg(long)]
        all: bool,
    },
    /// Throws one away for good
    Discard {
        /// Its id, as `list` shows it
        id: String,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::List => list(cx).await,
        Command::Show { id } => {
            cx.out.value(&cx.api.get(&below(PATH, &id)).await?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Release { id: Some(id), .. } => release(cx, &[id]).await,
        Command::Release { id: None, .. } => {
            let rows = everything(&cx.api).await?.rows;
            // What came first is put back first.
            let ids: Vec<String> = rows
                .iter()
                .rev()
                .map(|row| text(row, "id").to_owned())
                .collect();
            release(cx, &ids).await
        }
        Command::Discard { id } => {
            let row = cx.api.delete(&below(PATH, &id)).await?;
            let sentence = format!("{} is discarded.", text(&row, "id"));
            cx.out.done(&row, &sentence)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Every page of the list.
#[derive(Default)]
struct Everything {
    rows: Vec<Value>,
    /// Roles that did not answer.
    unanswered: Vec<String>,
}

async fn everything(api: &Api) -> Result<Everything, Error> {
    let mut all = Everything::default();
    let mut token = String::new();
    loop {
        let query = [("page_size", PAGE), ("page_token", token.as_str())];
        let page = api.get(&with_query(PATH, &query)).await?;
        let items = |field: &str| page[field].as_array().cloned().unwrap_or_default();
        all.rows.extend(items("result"));
        for service in items("unanswered").iter().filter_map(Value::as_str) {
            if !all.unanswered.iter().any(|known| known == service) {
                all.unanswered.push(service.to_owned());
            }
        }
        token = text(&page, "next_page_token").to_owned();
        if token.is_empty() {
            return Ok(all);
        }
    }
}

async fn list(cx: &Context) -> Result<ExitCode, Error> {
    let mut found = everything(&cx.api).await?;
    for service in &found.unanswered {
        cx.out.say(&format!(
            "{service} did not answer; what it has parked is not in the list"
        ));
    }
    if cx.out.json {
        cx.out
            .value(&json!({"result": found.rows, "unanswered": found.unanswered}))?;
    } else if found.rows.is_empty() {
        cx.out.data("Nothing is parked.\n")?;
    } else {
        for row in &mut found.rows {
            let what = match text(row, "name") {
                "" => text(row, "kind"),
                name => name,
            };
            row["what"] = json!(what);
        }
        cx.out.data(&cx.out.table(&found.rows, COLUMNS))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn release(cx: &Context, ids: &[String]) -> Result<ExitCode, Error> {
    let releases = ids.iter().map(|id| async move {
        let path = format!("{}/release", below(PATH, id));
        match cx.api.send(Method::POST, &path, None, Repeat::Never).await {
            // Of several, one that is refused does not keep the others waiting.
            Err(error) if ids.len() > 1 => {
                Ok(json!({"id": id, "outcome": "refused", "reason": error.to_string()}))
            }
            outcome => outcome,
        }
    });
    let outcomes = stream::iter(releases).buffered(AT_ONCE);
    let outcomes: Vec<Value> = outcomes.try_collect().await?;
    match (cx.out.json, ids) {
        (true, [_]) => cx.out.value(&outcomes[0])?,
        (true, _) => cx.out.value(&Value::from(outcomes.clone()))?,
        (false, []) => cx.out.data("Nothing is parked.\n")?,
        (false, _) => cx
            .out
            .data(&outcomes.iter().map(told).collect::<String>())?,
    }
    let failed = |outcome: &Value| matches!(text(outcome, "outcome"), "parked_again" | "refused");
    if outcomes.iter().any(failed) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// How a release went, as a sentence.
fn told(outcome: &Value) -> String {
    let (id, reason) = (text(outcome, "id"), text(outcome, "reason"));
    match text(outcome, "outcome") {
        "handled" => format!("{id} is handled.\n"),
        "parked_again" => format!("{id} has failed again and stays parked: {reason}\n"),
        "refused" => format!("{id} cannot be released: {reason}\n"),
        _ => format!(
            "{id} is back in its queue and not handled yet; `trunkline parked show {id}` finds nothing once it is\n"
        ),
    }
}

fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_default()
}
