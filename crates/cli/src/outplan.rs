//! `trunkline outplan`: how often and how long people are called.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::api::below;
use crate::body::{Body, millis};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, OUTPLAN};
use crate::output::{Column, Show, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::new("FROM", "/source", Show::Address),
    Column::new("RINGS MS", "/dial_timeout", Show::Number),
    Column::new("AGAIN AFTER MS", "/try_interval", Show::Number),
    Column::new("TRIES", "/max_try_count_0", Show::Number),
    Column::new("OF 2ND", "/max_try_count_1", Show::Number),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a plan
    #[command(after_long_help = "\
Example: trunkline outplan create --name careful --from +4930999 --tries 3,1 --try-interval 30m")]
    Create {
        #[arg(long)]
        name: String,

        #[arg(long, value_name = "TEXT")]
        detail: Option<String>,

        #[command(flatten)]
        dials: Dials,
    },
    /// Changes a plan; also of a campaign that runs
    #[command(after_long_help = "Example: trunkline outplan change careful --tries 5")]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        dials: Dials,
    },
    /// Lists plans, newest first
    #[command(after_long_help = "Example: trunkline outplan list")]
    List(Limit),
    /// Shows one
    #[command(after_long_help = "Example: trunkline outplan get careful")]
    Get(Which),
    /// Deletes one
    #[command(after_long_help = "Example: trunkline outplan delete careful")]
    Delete(Which),
}

/// How people are called.
#[derive(Debug, Clone, Args)]
pub struct Dials {
    /// Who calls; a number of yours
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,

    /// How long an unanswered call rings, such as 30s
    #[arg(long, value_name = "TIME", value_parser = millis)]
    pub(crate) dial_timeout: Option<i64>,

    /// How long to wait before somebody is tried again, such as 30m
    #[arg(long, value_name = "TIME", value_parser = millis)]
    pub(crate) try_interval: Option<i64>,

    /// Tries at the first, second, … number of each person
    #[arg(long, value_name = "N,N", value_delimiter = ',', num_args = 1, value_parser = clap::value_parser!(i64).range(0..=1000))]
    pub(crate) tries: Vec<i64>,
}

impl Dials {
    /// The same with what a campaign needs to call anybody.
    pub(crate) fn with_defaults(self) -> Self {
        Self {
            dial_timeout: self.dial_timeout.or(Some(30_000)),
            try_interval: self.try_interval.or(Some(1_800_000)),
            tries: match self.tries.as_slice() {
                [] => vec![3, 1],
                _ => self.tries,
            },
            ..self
        }
    }

    pub(crate) fn into_body(self, body: Body) -> Result<Body, Error> {
        let mut body = body
            .address("source", self.from.as_ref())?
            .with("dial_timeout", self.dial_timeout)
            .with("try_interval", self.try_interval);
        if self.tries.len() > 5 {
            return Err(Error::usage("somebody has at most five numbers"));
        }
        for (at, tries) in self.tries.iter().enumerate() {
            body = body.set(&format!("max_try_count_{at}"), *tries);
        }
        Ok(body)
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Create {
            name,
            detail,
            dials,
        } => {
            let body = Body::default().set("name", name).with("detail", detail);
            let body = dials.with_defaults().into_body(body)?;
            rows::create(cx, &OUTPLAN, body).await
        }
        Command::Change { which, dials } => {
            let body = dials.into_body(Body::default())?.change()?;
            let id = name::id(&cx.api, &OUTPLAN, &which.which).await?;
            let path = format!("{}/dials", below(OUTPLAN.path, &id));
            let row = cx.api.put(&path, &body).await?;
            let sentence = format!("The outplan `{}` ({id}) is changed.", plain(&row["name"]));
            cx.out.done(&row, &sentence)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::List(limit) => rows::list(cx, &OUTPLAN, &[], limit, COLUMNS).await,
        Command::Get(which) => rows::get(cx, &OUTPLAN, &which).await,
        Command::Delete(which) => rows::delete(cx, &OUTPLAN, &which).await,
    }
}
