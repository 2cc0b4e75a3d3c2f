//! `trunkline target`: the people of a list.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::api::below;
use crate::body::{Body, somebody};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, OUTDIAL, TARGET};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

/// Numbers that one person may have.
const MOST_NUMBERS: usize = 5;

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::new("STATUS", "/status", Show::Status),
    Column::new("NUMBER", "/destination_0", Show::Address),
    Column::new("TRIES", "/try_count_0", Show::Number),
    Column::new("SECOND NUMBER", "/destination_1", Show::Address),
    Column::new("TRIES", "/try_count_1", Show::Number),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds somebody to a list; also while its campaign runs
    #[command(after_long_help = "\
Example: trunkline target add november --name Ada --to +4930123456 --to +49171123456

Numbers are tried in the order in which they are given, at most five.
`trunkline campaign import` adds a whole file.")]
    Add(Add),
    /// Lists the people of a list, newest first
    #[command(after_long_help = "Example: trunkline target list november")]
    List {
        /// The list: its id, or its name if only one has it
        #[arg(value_name = "OUTDIAL")]
        outdial: String,

        #[command(flatten)]
        limit: Limit,
    },
    /// Shows one
    #[command(
        after_long_help = "Example: trunkline target get 1b3d7a92-7146-466d-90f5-4bc701ada4c0"
    )]
    Get(Which),
    /// Takes one out of his list
    #[command(
        after_long_help = "Example: trunkline target delete 1b3d7a92-7146-466d-90f5-4bc701ada4c0"
    )]
    Delete(Which),
}

/// Somebody to call.
#[derive(Debug, Args)]
pub struct Add {
    /// The list: its id, or its name if only one has it
    #[arg(value_name = "OUTDIAL")]
    outdial: String,

    /// A number, or another address; again for a second one, up to five
    #[arg(long, value_name = "ADDRESS", required = true)]
    to: Vec<String>,

    #[arg(long)]
    name: Option<String>,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,

    /// Whatever the flow or you need to know about him
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Add(add) => self::add(cx, add).await,
        Command::List { outdial, limit } => {
            let path = targets_of(cx, &outdial).await?;
            let found = cx.api.list(&path, &[], limit.limit).await?;
            cx.out.list(&found, COLUMNS, "nobody is in the list")?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Get(which) => rows::get(cx, &TARGET, &which).await,
        Command::Delete(which) => rows::delete(cx, &TARGET, &which).await,
    }
}

async fn targets_of(cx: &Context, outdial: &str) -> Result<String, Error> {
    let id = name::id(&cx.api, &OUTDIAL, outdial).await?;
    Ok(format!("{}/targets", below(OUTDIAL.path, &id)))
}

async fn add(cx: &Context, add: Add) -> Result<ExitCode, Error> {
    if add.to.len() > MOST_NUMBERS {
        return Err(Error::usage(format!(
            "somebody has at most {MOST_NUMBERS} numbers"
        )));
    }
    let mut body = Body::default()
        .with("name", add.name)
        .with("detail", add.detail)
        .with("data", add.data);
    for (at, text) in add.to.iter().enumerate() {
        body = body.set(&format!("destination_{at}"), somebody(&cx.api, text).await?);
    }
    let path = targets_of(cx, &add.outdial).await?;
    let row = cx.api.create(&path, &body.json()).await?;
    cx.out.done(&row, &plain(&row["id"]))?;
    Ok(ExitCode::SUCCESS)
}
