//! `trunkline parked`: what could not be handled, over the HTTP API.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use trunkline_node::Environment;

use crate::api::{Api, ApiArgs};
use crate::config::print;

/// Rows of one page.
const PAGE: usize = 100;

/// Messages that are released at the same time: each may take seconds to tell how
/// it went.
const AT_ONCE: usize = 16;

/// Longest reason in a list, characters.
const REASON: usize = 60;

/// Shows, puts back or discards messages that could not be handled.
#[derive(Debug, Args)]
pub(crate) struct ParkedArgs {
    #[command(flatten)]
    api: ApiArgs,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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

/// Carries the command out.
///
/// # Errors
///
/// When the API cannot be reached or refuses; says what to do.
pub(crate) async fn run(args: ParkedArgs) -> Result<ExitCode> {
    let api = Api::new(&args.api, &Environment::of_process())?;
    let json = args.api.json;
    match args.command {
        Command::List => list(&api, json).await,
        Command::Show { id } => show(&api, &id).await,
        Command::Release { id: Some(id), .. } => release(&api, &[id], json).await,
        Command::Release { id: None, .. } => {
            let mut ids: Vec<String> = everything(&api).await?.rows.iter().map(id_of).collect();
            // What came first is put back first.
            ids.reverse();
            release(&api, &ids, json).await
        }
        Command::Discard { id } => discard(&api, &id, json).await,
    }
}

/// Every page of the list.
struct Everything {
    rows: Vec<Value>,
    /// Roles that did not answer.
    unanswered: Vec<String>,
}

async fn everything(api: &Api) -> Result<Everything> {
    let mut all = Everything {
        rows: Vec::new(),
        unanswered: Vec::new(),
    };
    let mut token = String::new();
    loop {
        let path = format!("/v1/parked?page_size={PAGE}&page_token={token}");
        let page = api.send(Method::GET, &path).await?;
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

async fn list(api: &Api, json: bool) -> Result<ExitCode> {
    let found = everything(api).await?;
    for service in &found.unanswered {
        eprintln!("trunkline: {service} did not answer; what it has parked is not in the list");
    }
    if json {
        let body = json!({"result": found.rows, "unanswered": found.unanswered});
        return print(&pretty(&body));
    }
    print(&table(&found.rows))
}

async fn show(api: &Api, id: &str) -> Result<ExitCode> {
    let row = api.send(Method::GET, &path_of(id)).await?;
    print(&pretty(&row))
}

async fn release(api: &Api, ids: &[String], json: bool) -> Result<ExitCode> {
    let releases = ids.iter().map(|id| async move {
        let path = format!("{}/release", path_of(id));
        match api.send(Method::POST, &path).await {
            // Of several, one that is refused does not keep the others waiting.
            Err(error) if ids.len() > 1 => {
                Ok(json!({"id": id, "outcome": "refused", "reason": error.to_string()}))
            }
            outcome => outcome,
        }
    });
    let outcomes = stream::iter(releases).buffered(AT_ONCE);
    let outcomes: Vec<Value> = outcomes.try_collect().await?;
    let shown = match (json, ids) {
        (true, [_]) => pretty(&outcomes[0]),
        (true, _) => pretty(&Value::from(outcomes.clone())),
        (false, []) => "Nothing is parked.\n".to_owned(),
        (false, _) => outcomes.iter().map(told).collect(),
    };
    let failed = |outcome: &Value| matches!(text(outcome, "outcome"), "parked_again" | "refused");
    let printed = print(&shown)?;
    if outcomes.iter().any(failed) {
        return Ok(ExitCode::FAILURE);
    }
    Ok(printed)
}

async fn discard(api: &Api, id: &str, json: bool) -> Result<ExitCode> {
    let row = api.send(Method::DELETE, &path_of(id)).await?;
    if json {
        return print(&pretty(&row));
    }
    print(&format!("{} is discarded.\n", id_of(&row)))
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

/// One line each, for people.
fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "Nothing is parked.\n".to_owned();
    }
    let mut lines = format!(
        "{:<36}  {:<20}  {:<17}  {:<28}  {:>5}  WHY\n",
        "ID", "SINCE", "ROLE", "WHAT", "TIMES"
    );
    for row in rows {
        let since: String = text(row, "tm_create").chars().take(19).collect();
        let name = text(row, "name");
        let what = if name.is_empty() {
            text(row, "kind")
        } else {
            name
        };
        let reason: String = text(row, "reason").chars().take(REASON).collect();
        let (id, role, times) = (text(row, "id"), text(row, "service"), &row["times"]);
        // Writing to a text cannot fail.
        let _ = writeln!(
            lines,
            "{id:<36}  {since:<20}  {role:<17}  {what:<28}  {times:>5}  {reason}"
        );
    }
    lines
}

/// Whatever was typed as an id stays one piece of the path.
fn path_of(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let id: String = id.chars().filter(|c| safe(*c)).collect();
    format!("/v1/parked/{id}")
}

fn id_of(row: &Value) -> String {
    text(row, "id").to_owned()
}

fn text<'v>(row: &'v Value, field: &str) -> &'v str {
    row[field].as_str().unwrap_or_default()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
