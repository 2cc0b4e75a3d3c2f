//! `trunkline route`: which provider or trunk carries which numbers.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, PROVIDER, ROUTE, TRUNK};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::text("TARGET", "/target"),
    Column::new("PRIORITY", "/priority", Show::Number),
    Column::text("PROVIDER", "/provider_id"),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a route (operators)
    #[command(after_long_help = "\
Examples:
  trunkline route create --target all --trunk carrier
  trunkline route create --target +49 --trunk carrier --priority 1
  trunkline route create --target +49 --provider second --priority 2")]
    Create(Fields),
    /// Changes one (operators)
    #[command(after_long_help = "Example: trunkline route change germany --priority 5")]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        fields: Fields,
    },
    /// Lists routes, newest first
    #[command(after_long_help = "Example: trunkline route list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline route get germany")]
    Get(Which),
    /// Deletes one (operators)
    #[command(after_long_help = "Example: trunkline route delete germany")]
    Delete(Which),
}

/// What can be said of a route.
#[derive(Debug, Args)]
pub struct Fields {
    /// Which numbers: `all`, or how they begin, such as +49
    #[arg(long, value_name = "all|+PREFIX")]
    target: Option<String>,

    /// The trunk that carries them
    #[arg(long, value_name = "ID|NAME", conflicts_with = "provider")]
    trunk: Option<String>,

    /// The provider that carries them
    #[arg(long, value_name = "ID|NAME")]
    provider: Option<String>,

    /// Of routes for the same numbers the lowest is tried first
    #[arg(long, value_name = "N")]
    priority: Option<i64>,

    #[arg(long)]
    name: Option<String>,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,
}

impl Fields {
    async fn body(self, cx: &Context) -> Result<Body, Error> {
        let provider = match &self.trunk {
            Some(trunk) => {
                let trunk = name::row(&cx.api, &TRUNK, trunk).await?;
                Some(plain(&trunk["provider_id"]))
            }
            None => name::optional_id(&cx.api, &PROVIDER, self.provider.as_ref()).await?,
        };
        Ok(Body::default()
            .with("target", self.target)
            .with("provider_id", provider)
            .with("priority", self.priority)
            .with("name", self.name)
            .with("detail", self.detail))
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create(fields) => {
            if fields.trunk.is_none() && fields.provider.is_none() {
                return Err(Error::usage("it is not said who carries the calls")
                    .then("give --trunk or --provider"));
            }
            let body = Fields {
                target: fields.target.or_else(|| Some("all".to_owned())),
                ..fields
            };
            rows::create(cx, &ROUTE, body.body(cx).await?).await
        }
        Command::Change { which, fields } => {
            let body = fields.body(cx).await?;
            rows::change(cx, &ROUTE, &which, body).await
        }
        Command::List(limit) => rows::list(cx, &ROUTE, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &ROUTE, &which).await,
        Command::Delete(which) => rows::delete(cx, &ROUTE, &which).await,
    }
}
