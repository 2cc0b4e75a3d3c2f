//! `trunkline number`: the numbers that one has.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::body::{Body, address_of};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, FLOW, NUMBER};
use crate::output::{Column, Show};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NUMBER", "/number"),
    Column::text("NAME", "/name"),
    Column::text("FLOW OF CALLS", "/call_flow_id"),
    Column::new("CREATED", "/tm_create", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a number: it may call, and calls to it start its flow (operators)
    #[command(after_long_help = "\
Example: trunkline number create +4930999 --name office --flow welcome")]
    Create {
        /// The number, such as +4930999
        number: String,

        #[command(flatten)]
        fields: Fields,
    },
    /// Changes one, such as the flow of incoming calls
    #[command(after_long_help = "Example: trunkline number change +4930999 --flow welcome")]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        fields: Fields,
    },
    /// Lists numbers, newest first
    #[command(after_long_help = "Example: trunkline number list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline number get +4930999")]
    Get(Which),
    /// Deletes one
    #[command(after_long_help = "Example: trunkline number delete +4930999")]
    Delete(Which),
}

/// What can be said of a number.
#[derive(Debug, Args)]
pub struct Fields {
    #[arg(long)]
    name: Option<String>,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,

    /// The flow that a call to this number starts
    #[arg(long, value_name = "ID|NAME")]
    flow: Option<String>,
}

impl Fields {
    async fn body(self, cx: &Context) -> Result<Body, Error> {
        let flow = name::optional_id(&cx.api, &FLOW, self.flow.as_ref()).await?;
        Ok(Body::default()
            .with("name", self.name)
            .with("detail", self.detail)
            .with("call_flow_id", flow))
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create { number, fields } => {
            let number = address_of(&number)?["target"].clone();
            let body = fields.body(cx).await?.set("number", number);
            rows::create(cx, &NUMBER, body).await
        }
        Command::Change { which, fields } => {
            let body = fields.body(cx).await?;
            rows::change(cx, &NUMBER, &which, body).await
        }
        Command::List(limit) => rows::list(cx, &NUMBER, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &NUMBER, &which).await,
        Command::Delete(which) => rows::delete(cx, &NUMBER, &which).await,
    }
}
