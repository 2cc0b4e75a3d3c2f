//! `trunkline token`: who may use the API.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;
use trunkline_model::Timestamp;

use crate::body::{Body, millis};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, TOKEN};
use crate::output::{Column, Out, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::new("CREATED", "/tm_create", Show::Time),
    Column::new("LAST USED", "/tm_last_used", Show::Time),
    Column::new("EXPIRES", "/tm_expire", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a token; its text is shown this once
    #[command(after_long_help = "\
Examples:
  trunkline token create --name crm --expires 30d
  trunkline token create --name ops --customer ID --data-dir /var/lib/trunkline/gateway")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,

        /// How long it is good for, such as 30d; for ever without it
        #[arg(long, value_name = "TIME", value_parser = millis, conflicts_with = "data_dir")]
        expires: Option<i64>,

        /// The customer whose it is; yours without it (operators)
        #[arg(long, value_name = "ID")]
        customer: Option<String>,

        /// Makes it in this data folder of a gateway that does not run: the way to the
        /// first one. Whether there is such a customer is not asked
        #[arg(long, value_name = "DIR", requires = "customer")]
        data_dir: Option<PathBuf>,
    },
    /// Lists tokens, without their texts
    #[command(after_long_help = "Example: trunkline token list")]
    List(Limit),
    /// Revokes one: it is refused from then on
    #[command(after_long_help = "Example: trunkline token revoke crm")]
    Revoke(Which),
}

/// A token that is to be made in a data folder, without a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFolder {
    pub data_dir: PathBuf,
    pub customer: String,
    pub name: String,
}

impl Command {
    /// Set when no server is to be asked.
    pub(crate) fn in_folder(&self) -> Option<InFolder> {
        match self {
            Self::Create {
                name,
                customer: Some(customer),
                data_dir: Some(data_dir),
                ..
            } => Some(InFolder {
                data_dir: data_dir.clone(),
                customer: customer.clone(),
                name: name.clone(),
            }),
            Self::Create { .. } | Self::List(_) | Self::Revoke(_) => None,
        }
    }
}

/// Shows a token that was made.
pub(crate) fn show(out: &Out, row: &Value) -> Result<ExitCode, Error> {
    if !out.json {
        out.say("the text of the token is shown only now:");
    }
    out.done(row, &plain(&row["token"]))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create {
            name,
            expires,
            customer,
            data_dir: _,
        } => {
            let expires = expires.map(|millis| {
                let now = Timestamp::system_now().as_micros();
                Timestamp::from_micros(now + millis * 1_000).to_string()
            });
            let body = Body::default()
                .set("name", name)
                .with("tm_expire", expires)
                .with("customer_id", customer);
            let row = cx.api.create(TOKEN.path, &body.json()).await?;
            show(&cx.out, &row)
        }
        Command::List(limit) => rows::list(cx, &TOKEN, &[], limit, COLUMNS).await,
        Command::Revoke(which) => {
            let id = name::id(&cx.api, &TOKEN, &which.which).await?;
            let row = cx.api.delete(&crate::api::below(TOKEN.path, &id)).await?;
            let sentence = format!("The token `{}` ({id}) is revoked.", plain(&row["name"]));
            cx.out.done(&row, &sentence)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
