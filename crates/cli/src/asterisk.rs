//! `trunkline asterisk`: the Asterisks that carry the calls.

use std::process::ExitCode;

use clap::Subcommand;

use crate::api::Rows;
use crate::context::Context;
use crate::error::Error;
use crate::output::{Column, Show};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("CONNECTED", "/connected"),
    Column::new("SINCE", "/tm_update", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists them, and whether they are connected
    #[command(after_long_help = "\
Example: trunkline asterisk list

`trunkline doctor` looks into each of them.")]
    List,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    let Command::List = command;
    let answer = cx.api.get("/v1/asterisks").await?;
    let found = Rows {
        rows: answer["result"].as_array().cloned().unwrap_or_default(),
        more: false,
    };
    cx.out
        .list(&found, COLUMNS, "no Asterisk has ever been connected")?;
    Ok(ExitCode::SUCCESS)
}
