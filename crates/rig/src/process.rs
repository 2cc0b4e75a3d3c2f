//! A child process that leaves nothing behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a process may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two looks at whether a process is ready.
const LOOK: Duration = Duration::from_millis(20);

/// A running child whose output goes to a file. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `log`.
    ///
    /// # Errors
    ///
    /// When the log or the process cannot be made.
    pub fn start(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::start_with(name, command, log, Stdio::null())
    }

    /// The same; its standard input ends when this process does, however that ends.
    pub(crate) fn start_bound(name: &str, command: Command, log: &Path) -> Result<Self> {
        Self::start_with(name, command, log, Stdio::piped())
    }

    fn start_with(name: &str, mut command: Command, log: &Path, input: Stdio) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("failed to open {}", log.display()))?;
        command
            .stdin(input)
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true);
        let child = command
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Its id; none once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Processor time that it has used so far, seconds. Linux only.
    ///
    /// # Errors
    ///
    /// When it has ended, or the system does not tell.
    pub fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.id().context("the process has ended")?)
    }

    /// Memory of it that is resident, KiB. Linux only.
    ///
    /// # Errors
    ///
    /// When it has ended, or the system does not tell.
    pub fn resident_kib(&self) -> Result<u64> {
        resident_kib(self.id().context("the process has ended")?)
    }

    /// What it has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Fails with its last words when it has ended.
    ///
    /// # Errors
    ///
    /// When it does not run any more.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let output = self.output();
            let from = output.len().saturating_sub(2_000);
            let last = output.get(from..).unwrap_or(&output);
            bail!("{} ended with {status}; it said:\n{last}", self.name);
        }
        Ok(())
    }

    /// Sends a signal by name, such as `TERM` or `STOP`.
    ///
    /// # Errors
    ///
    /// When it has ended, or the signal cannot be sent.
    pub async fn signal(&self, signal: &str) -> Result<()> {
        let id = self.id().context("the process has ended")?;
        // The shell's own `kill`: a bare system has no program of that name.
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{signal} {id}"))
            .status()
            .await?;
        if !status.success() {
            bail!("failed to send {signal} to {}", self.name);
        }
        Ok(())
    }

    /// Asks it to end, waits, and kills it when it does not.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        if self.id().is_some() {
            self.signal("TERM").await.ok();
        }
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => {
                self.child.kill().await?;
                Ok(self.child.wait().await?)
            }
        }
    }

    /// Kills it at once.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    ///
    /// When it does not within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        timeout(patience, self.child.wait())
            .await
            .with_context(|| format!("{} did not end within {patience:?}", self.name))?
            .with_context(|| format!("failed to wait for {}", self.name))
    }

    /// Waits until `ready` holds, looking often; fails when the process ends
    /// first.
    ///
    /// # Errors
    ///
    /// When it is not ready within `patience`, or has ended.
    pub async fn until<F: AsyncFnMut() -> bool>(
        &mut self,
        patience: Duration,
        ready: F,
    ) -> Result<()> {
        self.until_looking_every(LOOK, patience, ready).await
    }

    /// The same with a pause of one's own between two looks.
    ///
    /// # Errors
    ///
    /// As [`Process::until`].
    pub async fn until_looking_every<F: AsyncFnMut() -> bool>(
        &mut self,
        look: Duration,
        patience: Duration,
        mut ready: F,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !ready().await {
            self.check()?;
            if Instant::now() > deadline {
                bail!(
                    "{} was not ready within {patience:?}; see {}",
                    self.name,
                    self.log.display()
                );
            }
            sleep(look).await;
        }
        Ok(())
    }
}

/// User and system time of a process (proc(5): fields 14 and 15 of `stat`, in
/// hundredths of a second).
fn cpu_seconds(id: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in brackets may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<&str> = fields.split_whitespace().collect();
    let tick = |at: usize| numbers.get(at).and_then(|field| field.parse::<f64>().ok());
    let (Some(user), Some(system)) = (tick(11), tick(12)) else {
        bail!("the times of process {id} cannot be read");
    };
    Ok((user + system) / 100.0)
}

/// `VmRSS` of `status` (proc(5)).
fn resident_kib(id: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .with_context(|| format!("the memory of process {id} cannot be read"))
}
