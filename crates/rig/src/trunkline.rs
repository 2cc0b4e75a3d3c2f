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
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at whether it is ready.
const LOOK: Duration = Duration::from_millis(20);

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
    /// The roles that it runs; empty: all.
    pub roles: Vec<String>,
    /// No file may grow beyond this many blocks of 512 bytes: as good as a full
    /// disk. [`Trunkline::make_room`] lifts it.
    pub file_blocks: Option<u64>,
}

impl Options {
    /// The database in its data folder.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.dir.join("data/trunkline.db")
    }

    /// Whether it has the API.
    fn has_api(&self) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| role == "gateway")
    }

    /// What its process is called in messages.
    fn name(&self) -> String {
        match self.roles.as_slice() {
            [] => "Trunkline".to_owned(),
            roles => roles.join(","),
        }
    }

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
    how: Stopped,
}

impl Trunkline {
    /// Starts it with an empty configuration and waits until its API answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(options: Options) -> Result<Self> {
        Self::again(Stopped::never_started(options)?).await
    }

    /// Starts it again on the same data, after [`Trunkline::stop`] or
    /// [`Trunkline::kill`] said how.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn again(stopped: Stopped) -> Result<Self> {
        let mut trunkline = Self::launch(stopped)?;
        trunkline.ready(LOOK).await?;
        Ok(trunkline)
    }

    /// Starts the process and does not wait for it: whoever kills it at any
    /// moment, or measures its start.
    ///
    /// # Errors
    ///
    /// When there is no such program.
    pub fn launch(how: Stopped) -> Result<Self> {
        let options = &how.options;
        std::fs::create_dir_all(&options.dir)?;
        let log = options.dir.join("trunkline.log");
        let mut command = options.command();
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(options.dir.join("data"));
        command.args([
            "--listen",
            &format!("{}:{}", Ipv4Addr::LOCALHOST, how.api_port),
        ]);
        command.args([
            "--metrics-listen",
            &format!("{}:{}", Ipv4Addr::LOCALHOST, how.metrics_port),
        ]);
        command.args(["--asterisk", &options.asterisk]);
        if !options.roles.is_empty() {
            command.args(["--roles", &options.roles.join(",")]);
        }
        command.env("TRUNKLINE_ARI_ACCOUNT", &options.account);
        command.envs(
            options
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        let process = Process::start(&options.name(), command, &log)?;
        Ok(Self { process, how })
    }

    /// Waits until its API answers, or its health where it has none, looking this
    /// often.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn ready(&mut self, look: Duration) -> Result<()> {
        let has_api = self.how.options.has_api();
        let health = if has_api {
            format!("{}/readyz", self.how.api_url())
        } else {
            let port = self.how.metrics_port;
            format!("http://{}:{port}/health", Ipv4Addr::LOCALHOST)
        };
        let http = reqwest::Client::new();
        self.process
            .until_looking_every(look, PATIENCE, async || {
                http.get(&health)
                    .send()
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
            })
            .await?;
        if has_api && self.how.token.is_empty() {
            self.how.token = first_token(&self.process.output())
                .context("Trunkline showed no token at its first start")?;
        }
        Ok(())
    }

    /// Its API, with the token that it showed at its first start.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self.how.api_url(), &self.how.token)
    }

    /// Where its metrics are.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!(
            "http://{}:{}/metrics",
            Ipv4Addr::LOCALHOST,
            self.how.metrics_port
        )
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.how.options.dir
    }

    /// The database in its data folder.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.how.database()
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
        Ok((self.process.stop().await?, self.how))
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn kill(self) -> Result<Stopped> {
        self.process.kill().await?;
        Ok(self.how)
    }
}

/// What is needed to start it again.
pub struct Stopped {
    options: Options,
    api_port: u16,
    metrics_port: u16,
    token: String,
}

impl Stopped {
    /// One that was never started: free ports, and no token yet.
    ///
    /// # Errors
    ///
    /// When there are no free ports.
    pub fn never_started(options: Options) -> Result<Self> {
        Ok(Self {
            options,
            api_port: free_tcp_port()?,
            metrics_port: free_tcp_port()?,
            token: String::new(),
        })
    }

    /// Where its API will be.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.api_port)
    }

    /// Gives its next start a further environment variable.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        let variable = (name.to_owned(), value.to_owned());
        self.options.environment.push(variable);
    }

    /// The database in its data folder.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.options.database()
    }
}

/// The token in what was printed at the first start.
fn first_token(output: &str) -> Option<String> {
    let words = output.split_whitespace();
    words
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-'))
        .find(|word| word.starts_with("tl_"))
        .map(str::to_owned)
}
