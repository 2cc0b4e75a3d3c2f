//! Where figures were measured, and the file that keeps them.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::figure::Figure;

/// This machine and this state of the code.
pub(crate) struct Machine {
    commit: String,
    cores: usize,
    file: PathBuf,
}

impl Machine {
    /// Asks the system and git.
    pub(crate) async fn here() -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let checkout = own.ancestors().nth(2).unwrap_or(own);
        let described = Command::new("git")
            .args(["describe", "--always", "--dirty", "--abbrev=10"])
            .current_dir(checkout)
            .output()
            .await;
        let commit = described
            .ok()
            .filter(|output| output.status.success())
            .map_or_else(
                || "unknown".to_owned(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            );
        Self {
            commit,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            file: checkout.join("target/bench/figures.jsonl"),
        }
    }

    /// Where figures are kept.
    #[must_use]
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Appends a figure to the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn note(&self, figure: &Figure) -> Result<()> {
        let mut line = figure.json();
        line.insert("commit".to_owned(), json!(self.commit));
        line.insert("cores".to_owned(), json!(self.cores));
        line.insert("at_unix_s".to_owned(), json!(unix_seconds()));
        let folder = self.file.parent().context("no folder for figures")?;
        std::fs::create_dir_all(folder)?;
        let mut file = File::options().create(true).append(true).open(&self.file)?;
        writeln!(file, "{}", Value::Object(line))?;
        Ok(())
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
