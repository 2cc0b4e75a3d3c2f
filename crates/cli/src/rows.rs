//! What every noun can: one row, a list, an end.

use std::process::ExitCode;

use clap::Args;

use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, Noun};
use crate::output::{Column, plain};

/// Which row.
#[derive(Debug, Args)]
pub struct Which {
    /// Its id, or its name if only one has it
    #[arg(value_name = "ID|NAME")]
    pub(crate) which: String,
}

/// How much of a list.
#[derive(Debug, Clone, Copy, Args)]
pub struct Limit {
    /// Most rows; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

/// Shows a row.
pub(crate) async fn get(cx: &Context, noun: &Noun, which: &Which) -> Result<ExitCode, Error> {
    let row = name::row(&cx.api, noun, &which.which).await?;
    cx.out.record(&row)?;
    Ok(ExitCode::SUCCESS)
}

/// Shows rows, the newest first.
pub(crate) async fn list(
    cx: &Context,
    noun: &Noun,
    query: &[(&str, &str)],
    limit: Limit,
    columns: &[Column],
) -> Result<ExitCode, Error> {
    let found = cx.api.list(noun.path, query, limit.limit).await?;
    let nothing = format!("there is no {}", noun.one);
    cx.out.list(&found, columns, &nothing)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes a row.
pub(crate) async fn delete(cx: &Context, noun: &Noun, which: &Which) -> Result<ExitCode, Error> {
    let id = name::id(&cx.api, noun, &which.which).await?;
    let row = cx.api.delete(&below(noun.path, &id)).await?;
    let one = noun.one;
    let sentence = match plain(&row[noun.name]).as_str() {
        "" => format!("The {one} {id} is deleted."),
        name => format!("The {one} `{name}` ({id}) is deleted."),
    };
    cx.out.done(&row, &sentence)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a row; prints its id.
pub(crate) async fn create(cx: &Context, noun: &Noun, body: Body) -> Result<ExitCode, Error> {
    let row = cx.api.create(noun.path, &body.json()).await?;
    cx.out.done(&row, &plain(&row["id"]))?;
    Ok(ExitCode::SUCCESS)
}

/// Changes what was given of a row.
pub(crate) async fn change(
    cx: &Context,
    noun: &Noun,
    which: &Which,
    body: Body,
) -> Result<ExitCode, Error> {
    let body = body.change()?;
    let id = name::id(&cx.api, noun, &which.which).await?;
    let row = cx.api.put(&below(noun.path, &id), &body).await?;
    let sentence = format!("The {} {id} is changed.", noun.one);
    cx.out.done(&row, &sentence)?;
    Ok(ExitCode::SUCCESS)
}
