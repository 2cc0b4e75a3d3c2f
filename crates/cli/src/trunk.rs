//! `trunkline trunk`: SIP lines to carriers, as data.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::below;
use crate::body::{Body, address_of};
use crate::context::Context;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::name::{self, TRUNK};
use crate::output::{Colour, Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::text("HOST", "/host"),
    Column::text("MODE", "/mode"),
    Column::new("REGISTRATION", "/registration/state", Show::Status),
    Column::text("REACHABLE", "/reachable"),
    Column::new("IN ASTERISK", "/state", Show::Status),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Adds a trunk and puts it into every Asterisk
    #[command(after_long_help = "\
Examples:
  trunkline trunk create --name carrier --host sip.example.com --user 4930999 --password-stdin
  trunkline trunk create --name office --host 192.0.2.10 --mode address

Then `trunkline trunk get carrier` shows whether it has registered, and a route lets
calls go over it: trunkline route create --target all --trunk carrier")]
    Create(Box<Fields>),
    /// Changes one
    #[command(after_long_help = "Example: trunkline trunk change carrier --codecs PCMA,PCMU")]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Lists trunks with the state of their registration
    #[command(after_long_help = "Example: trunkline trunk list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline trunk get carrier")]
    Get(Which),
    /// Tries one, with a call if a number is given, and says what is wrong
    ///
    /// Exit status 1: it does not work.
    #[command(after_long_help = "Example: trunkline trunk test carrier --to +4930123456")]
    Test {
        #[command(flatten)]
        which: Which,

        /// A number to call; without one only registration and reachability are looked at
        #[arg(long, value_name = "NUMBER")]
        to: Option<String>,
    },
    /// Deletes one, and takes it out of every Asterisk
    #[command(after_long_help = "Example: trunkline trunk delete carrier")]
    Delete(Which),
}

/// What can be said of a trunk.
#[derive(Debug, Args)]
pub struct Fields {
    #[command(flatten)]
    endpoint: Endpoint,

    /// Host of the carrier
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    #[arg(long, value_parser = ["udp", "tcp"])]
    transport: Option<String>,

    /// How the carrier knows where we are: we register, or it knows our address
    #[arg(long, value_parser = ["registration", "address"])]
    mode: Option<String>,

    /// User of the account
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// User for the digest, where the carrier has another one for it
    #[arg(long, value_name = "USER")]
    auth_user: Option<String>,

    /// Number that is shown to the people who are called
    #[arg(long, value_name = "NUMBER")]
    caller_id: Option<String>,

    /// User of the header From
    #[arg(long, value_name = "USER")]
    from_user: Option<String>,

    /// Host of the header From
    #[arg(long, value_name = "HOST")]
    from_domain: Option<String>,

    /// How the caller's number is asserted
    #[arg(long, value_parser = ["none", "pai", "rpid"])]
    identity: Option<String>,

    /// Digits before every dialed number
    #[arg(long, value_name = "DIGITS")]
    prefix: Option<String>,

    /// A further host, address or network that the carrier's calls come from; may be given again
    #[arg(long = "match", value_name = "HOST|NETWORK")]
    matches: Option<Vec<String>>,

    /// Seconds that a registration is asked for
    #[arg(long, value_name = "SECONDS")]
    expiration: Option<i64>,

    /// Seconds between two looks whether the carrier answers; 0 = never
    #[arg(long, value_name = "SECONDS")]
    qualify: Option<i64>,
}

impl Fields {
    fn body(self, cx: &Context) -> Result<Body, Error> {
        Ok(self
            .endpoint
            .body(cx)?
            .with("host", self.host)
            .with("port", self.port)
            .with("transport", self.transport)
            .with("mode", self.mode)
            .with("username", self.user)
            .with("auth_username", self.auth_user)
            .with("caller_id", self.caller_id)
            .with("from_user", self.from_user)
            .with("from_domain", self.from_domain)
            .with("identity", self.identity)
            .with("tech_prefix", self.prefix)
            .with("matches", self.matches)
            .with("expiration", self.expiration)
            .with("qualify", self.qualify))
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create(fields) if fields.host.is_none() => {
            Err(Error::usage("the carrier's host is wanted").then("give it with --host"))
        }
        Command::Create(fields) => rows::create(cx, &TRUNK, fields.body(cx)?).await,
        Command::Change { which, fields } => {
            rows::change(cx, &TRUNK, &which, fields.body(cx)?).await
        }
        Command::List(limit) => rows::list(cx, &TRUNK, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &TRUNK, &which).await,
        Command::Test { which, to } => test(cx, &which, to).await,
        Command::Delete(which) => rows::delete(cx, &TRUNK, &which).await,
    }
}

async fn test(cx: &Context, which: &Which, to: Option<String>) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, &TRUNK, &which.which).await?;
    let body = match to {
        Some(to) => json!({"to": address_of(&to)?["target"]}),
        None => json!({}),
    };
    let path = format!("{}/test", below(TRUNK.path, &id));
    let report = cx.api.act(&path, &body).await?;
    let ok = report["ok"] == true;
    if cx.out.json {
        cx.out.value(&report)?;
    } else {
        let (word, colour) = if ok {
            ("ok", Colour::Green)
        } else {
            ("fail", Colour::Red)
        };
        let mut text = format!(
            "{}  {}\n",
            cx.out.paint(word, colour),
            plain(&report["detail"])
        );
        let hint = plain(&report["hint"]);
        if !hint.is_empty() {
            text.push_str(&format!("  next: {hint}\n"));
        }
        cx.out.data(&text)?;
    }
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
