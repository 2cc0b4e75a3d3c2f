//! The scripts of the checkout.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// The folder `asterisk/` of a checkout.
#[derive(Debug, Clone)]
pub struct Tools {
    scripts: PathBuf,
}

impl Tools {
    /// The scripts of the checkout that `start` is in.
    ///
    /// # Errors
    ///
    /// When no folder from there upwards has them.
    pub fn find(start: &Path) -> Result<Self> {
        let start = start
            .canonicalize()
            .with_context(|| format!("failed to look into {}", start.display()))?;
        for folder in start.ancestors() {
            let scripts = folder.join("asterisk");
            if scripts.join("get.sh").is_file() {
                return Ok(Self { scripts });
            }
        }
        bail!(
            "no Trunkline checkout at {}: run this inside one, or name it with --checkout",
            start.display()
        )
    }

    /// The checkout itself.
    #[must_use]
    pub fn checkout(&self) -> &Path {
        self.scripts.parent().unwrap_or(&self.scripts)
    }

    /// A file in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    /// A command that runs one of the scripts.
    #[must_use]
    pub fn script(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }

    /// A command that runs one of the scripts of the folder `servers/`.
    #[must_use]
    pub fn server_script(&self, name: &str) -> Command {
        Command::new(self.checkout().join("servers").join(name))
    }

    /// Puts Asterisk, SIPp and espeak-ng into the checkout, unless they are there.
    ///
    /// # Errors
    ///
    /// When they cannot be had; the script has said why.
    pub async fn fetch(&self) -> Result<()> {
        let status = self.script("get.sh").stdin(Stdio::null()).status().await?;
        if !status.success() {
            bail!("Asterisk and SIPp could not be put into the checkout (see above)");
        }
        Ok(())
    }

    /// Speaks a text into a file that Asterisk can play.
    ///
    /// # Errors
    ///
    /// When espeak-ng fails.
    pub async fn say(&self, to: &Path, text: &str) -> Result<()> {
        let status = self
            .script("say.sh")
            .arg(to)
            .arg(text)
            .stdin(Stdio::null())
            .status()
            .await?;
        if !status.success() {
            bail!("the message could not be spoken into {}", to.display());
        }
        Ok(())
    }
}
