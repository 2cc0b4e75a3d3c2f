//! `trunkline recording`: what was said.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::api::{below, with_query};
use crate::context::Context;
use crate::error::Error;
use crate::name::RECORDING;
use crate::output::{Column, Show};
use crate::rows::{self, Limit, Which};

/// Connections that are made for one file.
const TRIES: usize = 5;

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::new("STATUS", "/status", Show::Status),
    Column::text("OF", "/reference_type"),
    Column::text("CALL", "/reference_id"),
    Column::new("STARTED", "/tm_start", Show::Time),
    Column::new("ENDED", "/tm_end", Show::Time),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists recordings, newest first
    #[command(after_long_help = "Example: trunkline recording list")]
    List {
        /// Only of this call
        #[arg(long, value_name = "ID")]
        call: Option<String>,

        #[command(flatten)]
        limit: Limit,
    },
    /// Shows one, or fetches its sound with --out
    #[command(after_long_help = "\
Example: trunkline recording get 3b1d7a92-7146-466d-90f5-4bc701ada4c0 --out ada.wav

What was fetched of a file before (FILE.part) is not fetched again. A file that is
there is replaced when the sound has arrived whole.")]
    Get(Get),
    /// Deletes one with its files
    #[command(
        after_long_help = "Example: trunkline recording delete 3b1d7a92-7146-466d-90f5-4bc701ada4c0"
    )]
    Delete(Which),
}

/// Which sound, and where to.
#[derive(Debug, Args)]
pub struct Get {
    /// Its id
    #[arg(value_name = "ID")]
    id: String,

    /// File for the sound (WAV); - for standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// What the other side said (in), or what it heard (out)
    #[arg(long, value_parser = ["in", "out"], default_value = "in")]
    channel: String,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::List { call, limit } => {
            let query = [("reference_id", call.as_deref().unwrap_or_default())];
            rows::list(cx, &RECORDING, &query, limit, COLUMNS).await
        }
        Command::Get(asked) => match &asked.out {
            None => rows::get(cx, &RECORDING, &Which { which: asked.id }).await,
            Some(out) if out.as_os_str() == "-" => to_stdout(cx, &asked).await,
            Some(out) => to_file(cx, &asked, out).await,
        },
        Command::Delete(which) => rows::delete(cx, &RECORDING, &which).await,
    }
}

fn path(asked: &Get) -> String {
    let path = format!("{}/file", below(RECORDING.path, &asked.id));
    with_query(&path, &[("channel", &asked.channel)])
}

async fn to_stdout(cx: &Context, asked: &Get) -> Result<ExitCode, Error> {
    let mut answer = cx.api.open(&path(asked), &[]).await?;
    let mut stdout = std::io::stdout().lock();
    while let Some(piece) = answer.chunk().await.map_err(|error| cx.api.lost(error))? {
        stdout.write_all(&piece).map_err(Error::Output)?;
    }
    stdout.flush().map_err(Error::Output)?;
    Ok(ExitCode::SUCCESS)
}

async fn to_file(cx: &Context, asked: &Get, out: &Path) -> Result<ExitCode, Error> {
    let mut part = out.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut tries = 0;
    let bytes = loop {
        tries += 1;
        match fetch(cx, &path(asked), &part).await {
            Ok(bytes) => break bytes,
            // What has arrived stays; the rest is asked for.
            Err(Error::Broken { .. }) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    };
    std::fs::rename(&part, out).map_err(|source| Error::File {
        act: "write",
        path: out.to_owned(),
        source,
    })?;
    let sentence = format!("{} has {bytes} bytes.", out.display());
    cx.out.done(
        &json!({"id": asked.id, "file": out, "bytes": bytes}),
        &sentence,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Fetches what is missing of a file; its length.
async fn fetch(cx: &Context, path: &str, part: &Path) -> Result<u64, Error> {
    let failed = |source| Error::File {
        act: "write",
        path: part.to_owned(),
        source,
    };
    let have = std::fs::metadata(part).map_or(0, |data| data.len());
    let range = format!("bytes={have}-");
    let headers = [("range", range.as_str())];
    let headers = if have > 0 { &headers[..] } else { &[] };
    let mut answer = match cx.api.open(path, headers).await {
        // There is no more than what we have, or it is another file: once more from
        // the beginning tells.
        Err(Error::Refused(refusal)) if refusal.status == 416 && have > 0 => {
            cx.api.open(path, &[]).await?
        }
        answer => answer?,
    };
    let more = answer.status() == StatusCode::PARTIAL_CONTENT && starts_at(&answer, have);
    let mut options = OpenOptions::new();
    options
        .create(true)
        .write(true)
        .append(more)
        .truncate(!more);
    let mut file = options.open(part).map_err(failed)?;
    while let Some(piece) = answer.chunk().await.map_err(|error| cx.api.lost(error))? {
        file.write_all(&piece).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    Ok(file.metadata().map_err(failed)?.len())
}

/// Whether a part begins where ours ends.
fn starts_at(answer: &Response, have: u64) -> bool {
    let range = answer.headers().get("content-range");
    range
        .and_then(|range| range.to_str().ok())
        .is_some_and(|range| range.starts_with(&format!("bytes {have}-")))
}
