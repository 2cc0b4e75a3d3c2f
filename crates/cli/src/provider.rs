//! `trunkline provider`: who carries calls without a trunk of its own.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::body::{Body, object, pair};
use crate::context::Context;
use crate::error::Error;
use crate::name::PROVIDER;
use crate::output::Column;
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::text("HOST", "/hostname"),
    Column::text("PREFIX", "/tech_prefix"),
    Column::text("CODECS", "/codecs"),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a SIP host that takes calls without registration (operators)
    ///
    /// For a provider with user and password, see `trunkline trunk create`.
    #[command(
        after_long_help = "Example: trunkline provider create --name carrier --host sip.example.com:5060"
    )]
    Create(Fields),
    /// Changes one (operators)
    #[command(after_long_help = "Example: trunkline provider change carrier --codecs PCMA")]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        fields: Fields,
    },
    /// Lists providers, newest first
    #[command(after_long_help = "Example: trunkline provider list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline provider get carrier")]
    Get(Which),
    /// Deletes one (operators)
    #[command(after_long_help = "Example: trunkline provider delete carrier")]
    Delete(Which),
}

/// What can be said of a provider.
#[derive(Debug, Args)]
pub struct Fields {
    #[arg(long)]
    name: Option<String>,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,

    /// Host, with port if it is not 5060
    #[arg(long, value_name = "HOST[:PORT]")]
    host: Option<String>,

    /// Digits before every number
    #[arg(long, value_name = "DIGITS")]
    prefix: Option<String>,

    /// Text after every number
    #[arg(long, value_name = "TEXT")]
    postfix: Option<String>,

    /// Codecs, the preferred one first, such as PCMA,PCMU
    #[arg(long, value_name = "CODEC,CODEC")]
    codecs: Option<String>,

    /// A SIP header of every call; may be given again
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = pair)]
    headers: Vec<(String, String)>,
}

impl Fields {
    fn body(self) -> Body {
        Body::default()
            .with("name", self.name)
            .with("detail", self.detail)
            .with("hostname", self.host)
            .with("tech_prefix", self.prefix)
            .with("tech_postfix", self.postfix)
            .with("codecs", self.codecs)
            .with("tech_headers", object(&self.headers))
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create(fields) if fields.host.is_none() => {
            Err(Error::usage("a host is wanted").then("give it with --host"))
        }
        Command::Create(fields) => {
            rows::create(cx, &PROVIDER, fields.body().set("type", "sip")).await
        }
        Command::Change { which, fields } => {
            rows::change(cx, &PROVIDER, &which, fields.body()).await
        }
        Command::List(limit) => rows::list(cx, &PROVIDER, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &PROVIDER, &which).await,
        Command::Delete(which) => rows::delete(cx, &PROVIDER, &which).await,
    }
}
