//! `trunkline call`: one call.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::below;
use crate::body::{Body, object, pair, somebody};
use crate::context::Context;
use crate::error::Error;
use crate::name::CALL;
use crate::output::{Column, Show, plain, time};
use crate::rows::{self, Limit, Which};
use crate::said::Said;

/// Pause between two looks at a call.
const LOOK: Duration = Duration::from_millis(500);

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::new("STATUS", "/status", Show::Status),
    Column::text("DIRECTION", "/direction"),
    Column::new("FROM", "/source", Show::Address),
    Column::new("TO", "/destination", Show::Address),
    Column::new("CREATED", "/tm_create", Show::Time),
    Column::text("ENDED", "/hangup_reason"),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Calls somebody
    ///
    /// What happens once it is answered is a flow (`--flow`) or a sentence
    /// (`--say`, which makes a flow that says it and hangs up).
    #[command(after_long_help = "\
Examples:
  trunkline call create --to +4930123456 --say 'Your order is ready.' --wait
  trunkline call create --to +4930123456 --from +4930999 --flow reminder
  trunkline call create --to extension:12 --flow ./reminder.yaml")]
    Create(Box<Create>),
    /// Lists calls, newest first
    #[command(after_long_help = "Example: trunkline call list --status progressing")]
    List {
        /// Only of this status: dialing, ringing, progressing, terminating, canceling, hangup
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,

        /// Only incoming or outgoing ones
        #[arg(long, value_parser = ["incoming", "outgoing"])]
        direction: Option<String>,

        #[command(flatten)]
        limit: Limit,
    },
    /// Shows one, and how it went
    #[command(after_long_help = "Example: trunkline call get 0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001")]
    Get(Which),
    /// Ends one
    #[command(
        after_long_help = "Example: trunkline call hangup 0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001"
    )]
    Hangup(Which),
    /// Follows one until it has ended
    ///
    /// Exit status 1: nobody answered.
    #[command(
        after_long_help = "Example: trunkline call watch 0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001"
    )]
    Watch(Which),
}

/// A call to make.
#[derive(Debug, Args)]
pub struct Create {
    /// Whom to call: +NUMBER, user@host, extension:12, agent:<id>; several are called at once
    #[arg(long, value_name = "ADDRESS", required = true)]
    to: Vec<String>,

    /// Who calls; a number of yours
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,

    #[command(flatten)]
    said: Said,

    /// A variable of the flow; may be given again
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,

    /// Follows the call until it has ended; exit status 1: nobody answered
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create(asked) => create(cx, &asked).await,
        Command::List {
            status,
            direction,
            limit,
        } => {
            let query = [
                ("status", status.as_deref().unwrap_or_default()),
                ("direction", direction.as_deref().unwrap_or_default()),
            ];
            rows::list(cx, &CALL, &query, limit, COLUMNS).await
        }
        Command::Get(which) => get(cx, &which.which).await,
        Command::Hangup(which) => {
            let path = format!("{}/hangup", below(CALL.path, &which.which));
            let row = cx.api.act(&path, &json!({})).await?;
            let sentence = format!("The call {} is being ended.", plain(&row["id"]));
            cx.out.done(&row, &sentence)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Watch(which) => watch(cx, &which.which).await,
    }
}

async fn create(cx: &Context, asked: &Create) -> Result<ExitCode, Error> {
    let mut to = Vec::new();
    for text in &asked.to {
        to.push(somebody(&cx.api, text).await?);
    }
    let flow = asked.said.flow(cx).await?;
    let body = Body::default()
        .set("destinations", to)
        .set("flow_id", flow)
        .address("source", asked.from.as_ref())?
        .with("variables", object(&asked.variables));
    let made = cx.api.create(CALL.path, &body.json()).await?;
    let calls = made["calls"].as_array().cloned().unwrap_or_default();
    if asked.wait
        && let [call] = calls.as_slice()
    {
        if !cx.out.json {
            cx.out.say(&format!("the call is {}", plain(&call["id"])));
        }
        return watch(cx, &plain(&call["id"])).await;
    }
    if asked.wait {
        cx.out
            .say("several calls were made; `trunkline call watch ID` follows one");
    }
    if cx.out.json {
        cx.out.value(&made)?;
    } else {
        let ids = calls
            .iter()
            .chain(made["groupcalls"].as_array().into_iter().flatten())
            .map(|call| format!("{}\n", plain(&call["id"])));
        cx.out.data(&ids.collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The call, and what is known of its end.
async fn get(cx: &Context, id: &str) -> Result<ExitCode, Error> {
    let path = below(CALL.path, id);
    let mut row = cx.api.get(&path).await?;
    let outcome = cx.api.get(&format!("{path}/outcome")).await?;
    if cx.out.json {
        row["outcome"] = outcome;
        return cx.out.value(&row).map(|()| ExitCode::SUCCESS);
    }
    if let (Value::Object(row), Value::Object(outcome)) = (&mut row, outcome) {
        // Long, and of use to nobody who reads a screen.
        for inner in ["action", "dialroutes", "data", "metadata"] {
            row.remove(inner);
        }
        for (name, value) in outcome {
            row.entry(name).or_insert(value);
        }
    }
    cx.out.record(&row)?;
    Ok(ExitCode::SUCCESS)
}

/// Follows a call to its end.
pub(crate) async fn watch(cx: &Context, id: &str) -> Result<ExitCode, Error> {
    let path = format!("{}/outcome", below(CALL.path, id));
    let mut told = 0;
    loop {
        let call = cx.api.get(&path).await?;
        let milestones = milestones(&call);
        if cx.out.json && milestones.len() > told {
            cx.out.line(&call)?;
        }
        if !cx.out.json {
            let new = milestones.iter().skip(told);
            cx.out
                .data(&new.map(|line| format!("{line}\n")).collect::<String>())?;
        }
        told = milestones.len();
        if plain(&call["status"]) == "hangup" {
            let answered = !plain(&call["tm_progressing"]).is_empty();
            return Ok(if answered {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What has happened to a call so far, a line each. Those that came and went
/// between two looks are told too.
fn milestones(call: &Value) -> Vec<String> {
    let stages = [
        ("tm_create", "dialing"),
        ("tm_ringing", "ringing"),
        ("tm_progressing", "answered"),
        ("tm_hangup", "ended"),
    ];
    let mut lines = Vec::new();
    for (field, word) in stages {
        let at: String = time(&call[field]).chars().skip(11).collect();
        if at.is_empty() {
            continue;
        }
        let what = match word {
            "ended" => ended(call),
            word => word.to_owned(),
        };
        lines.push(format!("{at} {what}"));
    }
    lines
}

/// How it ended.
fn ended(call: &Value) -> String {
    let by = match plain(&call["hangup_by"]).as_str() {
        "local" => " by us",
        "remote" => " by them",
        _ => "",
    };
    let reason = plain(&call["hangup_reason"]);
    let mut line = format!("ended{by}: {reason}, cause {}", call["hangup_cause"]);
    for (field, name) in [("sip_code", "SIP"), ("digits", "digits")] {
        let value = plain(&call[field]);
        if !value.is_empty() && value != "0" {
            line.push_str(&format!(", {name} {value}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_of_a_call_is_a_line() {
        let mut call = json!({"status": "ringing", "tm_create": "2026-11-30T09:00:00Z",
            "tm_ringing": "2026-11-30T09:00:01Z", "tm_progressing": null, "tm_hangup": null});
        assert_eq!(milestones(&call), ["09:00:00 dialing", "09:00:01 ringing"]);
        call["tm_progressing"] = json!("2026-11-30T09:00:04Z");
        call["tm_hangup"] = json!("2026-11-30T09:00:10Z");
        call["hangup_by"] = json!("remote");
        call["hangup_reason"] = json!("normal");
        call["hangup_cause"] = json!(16);
        call["sip_code"] = json!(0);
        call["digits"] = json!("12");
        assert_eq!(
            milestones(&call)[2..],
            [
                "09:00:04 answered",
                "09:00:10 ended by them: normal, cause 16, digits 12"
            ]
        );
    }
}
