//! A list out of a file: `trunkline campaign import`'s own code reads a CSV on
//! disk and feeds the bulk route of a Trunkline with its database on disk.
//!
//! Beside the rate stand the processor seconds of both sides for a thousand
//! people: they say what it costs also on a machine that is busy.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use trunkline_lists::{Http, Options, Progress, import};
use trunkline_rig::world::program;
use trunkline_rig::{Options as Start, Trunkline, free_tcp_port};

use crate::figure::{Figure, Goal};

pub(crate) const NAME: &str = "import_targets_per_s";

/// People in the file.
const PEOPLE: u32 = 200_000;

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let folder = TempDir::new()?;
    let file = people(folder.path())?;
    let mut trunkline = Trunkline::start(Start {
        program: program()?,
        dir: folder.path().join("trunkline"),
        // No call is made: nobody needs to be there.
        asterisk: format!("http://127.0.0.1:{}", free_tcp_port()?),
        account: "trunkline:unused".to_owned(),
        environment: vec![("TRUNKLINE_LOG__LEVEL".to_owned(), "warn".to_owned())],
        roles: Vec::new(),
        file_blocks: None,
    })
    .await?;
    let api = trunkline.api();
    let list = api.post("/v1/outdials", &json!({"name": "bench"})).await?;
    let list = list["id"].as_str().context("no id")?.parse()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let to = Http::new(client, api.base(), api.token());
    let (ours, theirs) = (own_cpu_seconds()?, trunkline.process().cpu_seconds()?);
    let began = Instant::now();
    let progress = Arc::new(Progress::default());
    let stop = CancellationToken::new();
    let summary = import(
        &file,
        &Options::default(),
        list,
        Arc::new(to),
        progress,
        stop,
    )
    .await?;
    let took = began.elapsed().as_secs_f64();
    let theirs = trunkline.process().cpu_seconds()? - theirs;
    let ours = own_cpu_seconds()? - ours;
    let rss_mb = trunkline.process().resident_kib()? as f64 / 1_024.0;
    let database = std::fs::metadata(trunkline.database())?.len() as f64 / f64::from(1 << 20);
    trunkline.stop().await?;
    ensure!(
        summary.complete && summary.created == u64::from(PEOPLE),
        "not everybody is on the list: {summary:?}"
    );
    let thousands = f64::from(PEOPLE) / 1_000.0;
    let rate = f64::from(PEOPLE) / took;
    let figure = Figure::new(NAME, rate, "people/s", Goal::AtLeast(20_000.0))
        .beside("people", f64::from(PEOPLE))
        .beside("import_cpu_ms_per_1000", ours * 1_000.0 / thousands)
        .beside("trunkline_cpu_ms_per_1000", theirs * 1_000.0 / thousands)
        .beside("rss_mb", rss_mb)
        .beside("database_mb", database);
    Ok(vec![figure])
}

/// A file as people have it: names, two numbers for some, a few columns more.
fn people(folder: &Path) -> Result<PathBuf> {
    let mut text = "Kundennummer;Name;Telefon;Mobil;Ort\n".to_owned();
    for n in 0..PEOPLE {
        let mobile = if n % 4 == 0 {
            format!("+4915{:08}", n + 10_000_000)
        } else {
            String::new()
        };
        writeln!(
            text,
            "K-{n};Person Nummer {n};+49 30 {:07};{mobile};Ort {}",
            n + 1_000_000,
            n % 500
        )?;
    }
    let path = folder.join("people.csv");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Of this process, which is the import.
fn own_cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name in brackets may have anything in it.
    let (_, fields) = stat
        .rsplit_once(')')
        .context("unexpected /proc/self/stat")?;
    let ticks = |at: usize| -> Result<f64> {
        let field = fields
            .split_whitespace()
            .nth(at)
            .context("a field is missing")?;
        Ok(field.parse()?)
    };
    // utime and stime, in hundredths of a second (proc_pid_stat(5)).
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
