//! `trunkline api`: any request, for what has no command of its own.

use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::api::Repeat;
use crate::context::Context;
use crate::error::Error;
use crate::settings::ApiArgs;

/// A request as it is.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trunkline api GET /v1/campaigns?page_size=1
  trunkline api POST /v1/outdials --data '{\"name\":\"november\"}'
  trunkline api PUT /v1/campaigns/ID/rules --data @rules.json

GET /openapi.json describes every request.")]
pub struct RawArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,

    #[arg(value_parser = ["GET", "POST", "PUT", "DELETE"], ignore_case = true)]
    method: String,

    /// Path with query, such as /v1/campaigns
    #[arg(value_name = "PATH")]
    path: String,

    /// Body, or @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    data: Option<String>,
}

pub(crate) async fn run(cx: &Context, args: RawArgs) -> Result<ExitCode, Error> {
    if !args.path.starts_with('/') {
        return Err(Error::usage(format!("`{}` is no path", args.path))
            .then("it begins with /, such as /v1/campaigns"));
    }
    let (method, repeat) = match args.method.to_ascii_uppercase().as_str() {
        "POST" => (Method::POST, Repeat::Keyed),
        "PUT" => (Method::PUT, Repeat::Free),
        "DELETE" => (Method::DELETE, Repeat::Never),
        _ => (Method::GET, Repeat::Free),
    };
    let body = args.data.as_deref().map(body).transpose()?;
    let answer = cx
        .api
        .send(method, &args.path, body.as_ref(), repeat)
        .await?;
    cx.out.value(&answer)?;
    Ok(ExitCode::SUCCESS)
}

fn body(data: &str) -> Result<Value, Error> {
    let (text, from) = match data.strip_prefix('@') {
        Some(path) => (std::fs::read_to_string(path), path),
        None if data == "-" => (std::io::read_to_string(std::io::stdin()), "standard input"),
        None => (Ok(data.to_owned()), "--data"),
    };
    let text = text.map_err(|source| Error::File {
        act: "read",
        path: from.into(),
        source,
    })?;
    serde_json::from_str(&text)
        .map_err(|error| Error::usage(format!("what {from} holds is no JSON: {error}")))
}
