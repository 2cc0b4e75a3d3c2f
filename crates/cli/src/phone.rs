//! `trunkline phone`: SIP telephones that register with Asterisk, as data.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::name::{self, PHONE};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("EXTENSION", "/extension"),
    Column::text("NAME", "/name"),
    Column::text("USER", "/username"),
    Column::text("REGISTERED", "/registered"),
    Column::new("IN ASTERISK", "/state", Show::Status),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a phone and puts it into every Asterisk
    ///
    /// Without a password one is made, and shown this once.
    #[command(after_long_help = "\
Example: trunkline phone create 12 --name Ada

The phone registers with Asterisk's address, the user and the password that are
shown. It is called with: trunkline call create --to extension:12 --say Hello")]
    Create {
        /// Digits by which it is called
        extension: String,

        #[command(flatten)]
        fields: Fields,
    },
    /// Changes one
    #[command(after_long_help = "Example: trunkline phone change 12 --name Grace")]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        fields: Fields,
    },
    /// Lists phones, and whether they are registered
    #[command(after_long_help = "Example: trunkline phone list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline phone get 12")]
    Get(Which),
    /// Makes a new password for one, and shows it this once
    #[command(after_long_help = "Example: trunkline phone password 12")]
    Password(Which),
    /// Deletes one, and takes it out of every Asterisk
    #[command(after_long_help = "Example: trunkline phone delete 12")]
    Delete(Which),
}

/// What can be said of a phone.
#[derive(Debug, Args)]
pub struct Fields {
    #[command(flatten)]
    endpoint: Endpoint,

    /// Devices that may be registered at the same time
    #[arg(long, value_name = "N")]
    max_contacts: Option<i64>,
}

impl Fields {
    fn body(self, cx: &Context) -> Result<Body, Error> {
        Ok(self
            .endpoint
            .body(cx)?
            .with("max_contacts", self.max_contacts))
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create { extension, fields } => {
            let body = fields.body(cx)?.set("extension", extension).json();
            let row = cx.api.create(PHONE.path, &body).await?;
            made(cx, &row)
        }
        Command::Password(which) => {
            let id = name::id(&cx.api, &PHONE, &which.which).await?;
            let path = format!("{}/password", below(PHONE.path, &id));
            let row = cx.api.create(&path, &json!({})).await?;
            made(cx, &row)
        }
        Command::Change { which, fields } => {
            rows::change(cx, &PHONE, &which, fields.body(cx)?).await
        }
        Command::List(limit) => rows::list(cx, &PHONE, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &PHONE, &which).await,
        Command::Delete(which) => rows::delete(cx, &PHONE, &which).await,
    }
}

/// Prints the id, and the password if one was made: it is never shown again.
fn made(cx: &Context, row: &Value) -> Result<ExitCode, Error> {
    let password = plain(&row["generated_password"]);
    if !password.is_empty() && !cx.out.json {
        let user = plain(&row["username"]);
        cx.out.say(&format!(
            "it registers as {user} with the password {password}, which is shown only now"
        ));
    }
    cx.out.done(row, &plain(&row["id"]))?;
    Ok(ExitCode::SUCCESS)
}
