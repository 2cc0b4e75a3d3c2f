//! A Trunkline process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::api::Api;
use crate::ports::free_tcp_port;
use crate::process::Process;

/// How long Trunkline may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a process is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Its data, and its log beside them.
    pub dir: PathBuf,
    /// Where ARI answers.
    pub asterisk: String,
    /// ARI's `user:password`.
    pub account: String,
    /// Further environment variables.
    pub environment: Vec<(String, String)>,
    /// No file may grow beyond this many blocks of 512 bytes: as good as a full
    /// disk. [`Trunkline::make_room`] lifts it.
    pub file_blocks: Option<u64>,
}

impl Options {
    /// The program, under its limit if it has one.
    fn command(&self) -> Command {
        let Some(blocks) = self.file_blocks else {
            return Command::new(&self.program);
        };
        // Without the signal a write beyond the limit fails as on a full disk.
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(
            "trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\""
        ));
        command.arg(&self.program);
        command
    }
}

/// A running `trunkline serve`.
pub struct Trunkline {
    process: Process,
    options: Options,
    api_port: u16,
    metrics_port: u16,
    token: String,
}

impl Trunkline {
    /// Starts it with an empty configuration and waits until its API answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(options: Options) -> Result<Self> {
        Self::start_on(options, free_tcp_port()?, free_tcp_port()?, String::new()).await
    }

    /// Starts it again on the same data, after [`Trunkline::stop`] or
    /// [`Trunkline::kill`] said how.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn again(stopped: Stopped) -> Result<Self> {
        Self::start_on(
            stopped.options,
            stopped.api_port,
            stopped.metrics_port,
            stopped.token,
        )
        .await
    }

    async fn start_on(
        options: Options,
        api_port: u16,
        metrics_port: u16,
        token: String,
    ) -> Result<Self> {
        std::fs::create_dir_all(&options.dir)?;
        let log = options.dir.join("trunkline.log");
        let mut command = options.command();
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(options.dir.join("data"));
        command.args(["--listen", &format!("{}:{api_port}", Ipv4Addr::LOCALHOST)]);
        command.args([
            "--metrics-listen",
            &format!("{}:{metrics_port}", Ipv4Addr::LOCALHOST),
        ]);
        command.args(["--asterisk", &options.asterisk]);
        command.env("TRUNKLINE_ARI_ACCOUNT", &options.account);
        command.envs(
            options
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        let mut process = Process::start("Trunkline", command, &log)?;
        let health = format!("http://{}:{api_port}/readyz", Ipv4Addr::LOCALHOST);
        let http = reqwest::Client::new();
        process
            .until(PATIENCE, async || {
                http.get(&health)
                    .send()
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
            })
            .await?;
        let token = if token.is_empty() {
            first_token(&process.output())
                .context("Trunkline showed no token at its first start")?
        } else {
            token
        };
        Ok(Self {
            process,
            options,
            api_port,
            metrics_port,
            token,
        })
    }

    /// Its API, with the token that it showed at its first start.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(
            format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.api_port),
            &self.token,
        )
    }

    /// Where its metrics are.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!(
            "http://{}:{}/metrics",
            Ipv4Addr::LOCALHOST,
            self.metrics_port
        )
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.options.dir
    }

    /// What it has logged.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Lifts the limit of [`Options::file_blocks`].
    ///
    /// # Errors
    ///
    /// When the process has ended, or the system refuses.
    pub async fn make_room(&self) -> Result<()> {
        let id = self.process.id().context("Trunkline has ended")?;
        let status = Command::new("prlimit")
            .args(["--fsize=unlimited", "--pid"])
            .arg(id.to_string())
            .status()
            .await?;
        anyhow::ensure!(status.success(), "the limit could not be lifted");
        Ok(())
    }

    /// Ends it cleanly.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn stop(self) -> Result<(ExitStatus, Stopped)> {
        let stopped = Stopped {
            options: self.options,
            api_port: self.api_port,
            metrics_port: self.metrics_port,
            token: self.token,
        };
        Ok((self.process.stop().await?, stopped))
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn kill(self) -> Result<Stopped> {
        let stopped = Stopped {
            options: self.options,
            api_port: self.api_port,
            metrics_port: self.metrics_port,
            token: self.token,
        };
        self.process.kill().await?;
        Ok(stopped)
    }
}

/// What is needed to start it again.
pub struct Stopped {
    options: Options,
    api_port: u16,
    metrics_port: u16,
    token: String,
}

/// The token in what was printed at the first start.
fn first_token(output: &str) -> Option<String> {
    let words = output.split_whitespace();
    words
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-'))
        .find(|word| word.starts_with("tl_"))
        .map(str::to_owned)
}
