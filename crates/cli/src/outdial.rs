//! `trunkline outdial`: lists of people to call.

use std::process::ExitCode;

use clap::Subcommand;

use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::import;
use crate::name::{self, OUTDIAL};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::text("CAMPAIGN", "/campaign_id"),
    Column::new("CREATED", "/tm_create", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes an empty list
    #[command(after_long_help = "Example: trunkline outdial create --name november")]
    Create {
        #[arg(long)]
        name: String,

        #[arg(long, value_name = "TEXT")]
        detail: Option<String>,
    },
    /// Adds the people of a file to a list: a new one with the file's name, or --into
    #[command(after_long_help = import::HELP)]
    Import {
        /// Its id, or its name if only one has it
        #[arg(long, value_name = "ID|NAME")]
        into: Option<String>,

        #[command(flatten)]
        import: import::FromFile,
    },
    /// Lists the lists, newest first
    #[command(after_long_help = "Example: trunkline outdial list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline outdial get november")]
    Get(Which),
    /// Deletes one
    #[command(after_long_help = "Example: trunkline outdial delete november")]
    Delete(Which),
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create { name, detail } => {
            let body = Body::default().set("name", name).with("detail", detail);
            rows::create(cx, &OUTDIAL, body).await
        }
        Command::Import { into, import } => add(cx, into, &import).await,
        Command::List(limit) => rows::list(cx, &OUTDIAL, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &OUTDIAL, &which).await,
        Command::Delete(which) => rows::delete(cx, &OUTDIAL, &which).await,
    }
}

async fn add(
    cx: &Context,
    into: Option<String>,
    asked: &import::FromFile,
) -> Result<ExitCode, Error> {
    if asked.dry_run {
        return import::dry_run(cx, asked);
    }
    let list = match into {
        Some(into) => name::id(&cx.api, &OUTDIAL, &into).await?,
        None => {
            let body = Body::default().set("name", asked.name());
            let made = cx.api.create(OUTDIAL.path, &body.json()).await?;
            plain(&made["id"])
        }
    };
    let next = format!("trunkline campaign create --outdial {list} --name …");
    import::import(cx, asked, &list, &next).await
}
