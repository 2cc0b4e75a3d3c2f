//! `trunkline campaign results`: what became of whom.

use std::fs::File;
use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio::time::Instant;

use crate::api::{below, with_query};
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, CAMPAIGN};
use crate::output::{Column, Show};

/// Pause between two sights of the progress.
const LOOK: Duration = Duration::from_millis(250);

const COLUMNS: &[Column] = &[
    Column::new("DIALED", "/tm_dial", Show::Time),
    Column::text("NAME", "/target_name"),
    Column::text("NUMBER", "/number"),
    Column::new("TRY", "/try_count", Show::Number),
    Column::new("RESULT", "/result", Show::Status),
    Column::text("REASON", "/hangup_reason"),
    Column::new("SIP", "/sip_code", Show::Number),
    Column::text("DIGITS", "/digits"),
    Column::text("RECORDING", "/recording_ids/0"),
];

/// Which campaign, and in which form.
#[derive(Debug, Args)]
pub struct Results {
    /// The campaign's id, or its name if only one has it
    #[arg(value_name = "ID|NAME")]
    which: String,

    /// A table for people, or everything as CSV or JSON Lines
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,

    /// Most attempts of a table; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,

    /// File for CSV or JSON Lines; standard output otherwise
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Jsonl,
}

pub(super) async fn results(cx: &Context, asked: &Results) -> Result<ExitCode, Error> {
    let format = match (asked.format, &asked.out) {
        (Format::Csv, _) => "csv",
        (Format::Jsonl, _) => "jsonl",
        (Format::Table, None) => "",
        (Format::Table, Some(_)) => {
            return Err(Error::usage("a table is not written into a file")
                .then("add --format csv or --format jsonl"));
        }
    };
    let id = name::id(&cx.api, &CAMPAIGN, &asked.which).await?;
    let path = format!("{}/results", below(CAMPAIGN.path, &id));
    if format.is_empty() {
        let found = cx.api.list(&path, &[], asked.limit).await?;
        cx.out.list(&found, COLUMNS, "nobody was dialed yet")?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = with_query(&path, &[("format", format)]);
    match &asked.out {
        None => {
            let mut stdout = std::io::stdout().lock();
            copy(cx, &path, &mut stdout, false, Error::Output).await?;
        }
        Some(file) => to_file(cx, &id, &path, file).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Under another name until it is whole.
async fn to_file(cx: &Context, id: &str, path: &str, file: &Path) -> Result<(), Error> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |source| Error::File {
        act: "write",
        path: file.to_owned(),
        source,
    };
    let mut out = File::create(&part).map_err(failed)?;
    let bytes = match copy(cx, path, &mut out, true, failed).await {
        Ok(bytes) => bytes,
        Err(error) => {
            // Half of the results must not be taken for the whole.
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    out.sync_all().map_err(failed)?;
    std::fs::rename(&part, file).map_err(failed)?;
    let sentence = format!("{} has {bytes} bytes.", file.display());
    let row = json!({"id": id, "file": file, "bytes": bytes});
    cx.out.done(&row, &sentence)
}

/// Writes an answer as it comes; its length.
async fn copy(
    cx: &Context,
    path: &str,
    out: &mut impl Write,
    progress: bool,
    failed: impl Fn(std::io::Error) -> Error,
) -> Result<u64, Error> {
    let mut answer = cx.api.open(path, &[]).await?;
    let show = progress && !cx.out.json && std::io::stderr().is_terminal();
    let (mut bytes, mut lines, mut looked) = (0, 0, Instant::now());
    while let Some(piece) = answer.chunk().await.map_err(|error| cx.api.lost(error))? {
        match out.write_all(&piece) {
            // A reader that has gone, such as `head`, has what it wanted.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(bytes),
            outcome => outcome.map_err(&failed)?,
        }
        bytes += piece.len() as u64;
        lines += piece.iter().filter(|byte| **byte == b'\n').count();
        if show && looked.elapsed() >= LOOK {
            looked = Instant::now();
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{lines} lines");
        }
    }
    if show {
        let _ = write!(std::io::stderr(), "\r\u{1b}[K");
    }
    out.flush().map_err(failed)?;
    Ok(bytes)
}
