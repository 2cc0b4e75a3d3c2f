//! `trunkline campaign`: who calls which list, with what to say.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::api::below;
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, CAMPAIGN};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::new("STATUS", "/status", Show::Status),
    Column::text("OUTDIAL", "/outdial_id"),
    Column::new("CREATED", "/tm_create", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists campaigns, newest first
    List(Limit),
    /// Shows one
    Get(Which),
    /// Starts one
    Run(Which),
    /// Stops one; calls that are there already are not cut off
    Stop(Which),
    /// Deletes one that is stopped
    Delete(Which),
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::List(limit) => rows::list(cx, &CAMPAIGN, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &CAMPAIGN, &which).await,
        Command::Run(which) => set_status(cx, &which, "run").await,
        Command::Stop(which) => set_status(cx, &which, "stop").await,
        Command::Delete(which) => rows::delete(cx, &CAMPAIGN, &which).await,
    }
}

async fn set_status(cx: &Context, which: &Which, status: &str) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, &CAMPAIGN, &which.which).await?;
    let path = format!("{}/status", below(CAMPAIGN.path, &id));
    let row = cx.api.put(&path, &json!({"status": status})).await?;
    let (name, status) = (plain(&row["name"]), plain(&row["status"]));
    let sentence = format!("The campaign `{name}` ({id}) has the status {status}.");
    cx.out.done(&row, &sentence)?;
    Ok(ExitCode::SUCCESS)
}
