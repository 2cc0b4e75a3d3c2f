//! `trunkline token`: who may use the API.

use std::process::ExitCode;

use clap::Subcommand;
use trunkline_model::Timestamp;

use crate::body::{Body, millis};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, TOKEN};
use crate::output::{Column, Show, plain};
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
    #[command(after_long_help = "Example: trunkline token create --name crm --expires 30d")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,

        /// How long it is good for, such as 30d; for ever without it
        #[arg(long, value_name = "TIME", value_parser = millis)]
        expires: Option<i64>,

        /// The customer whose it is; yours without it (operators)
        #[arg(long, value_name = "ID")]
        customer: Option<String>,
    },
    /// Lists tokens, without their texts
    #[command(after_long_help = "Example: trunkline token list")]
    List(Limit),
    /// Revokes one: it is refused from then on
    #[command(after_long_help = "Example: trunkline token revoke crm")]
    Revoke(Which),
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create {
            name,
            expires,
            customer,
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
            if !cx.out.json {
                cx.out.say("the text of the token is shown only now:");
            }
            cx.out.done(&row, &plain(&row["token"]))?;
            Ok(ExitCode::SUCCESS)
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
