//! An Asterisk of one's own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::ports::{free_tcp_port, free_udp_port, free_udp_range};
use crate::process::Process;
use crate::tools::Tools;

/// How long Asterisk may take until ARI answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two RTP ports a call.
const RTP_PORTS: u16 = 2_000;

/// A running Asterisk with its own folder and ports.
pub struct Asterisk {
    process: Option<Process>,
    tools: Tools,
    dir: PathBuf,
    ari_port: u16,
    ami_port: u16,
    sip_port: u16,
    rtp_start: u16,
}

impl Asterisk {
    /// Starts one in `dir` on free ports and waits until ARI answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        let mut asterisk = Self::prepare(tools, dir)?;
        asterisk.up().await?;
        Ok(asterisk)
    }

    /// Chooses ports without starting anything.
    ///
    /// # Errors
    ///
    /// When no ports are free.
    pub fn prepare(tools: &Tools, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            process: None,
            tools: tools.clone(),
            dir: dir.canonicalize()?,
            ari_port: free_tcp_port()?,
            ami_port: free_tcp_port()?,
            sip_port: free_udp_port()?,
            rtp_start: free_udp_range(RTP_PORTS)?,
        })
    }

    /// Starts it, again with the same folder, ports and account, and waits until
    /// ARI answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn up(&mut self) -> Result<()> {
        let mut command = self.tools.script("run.sh");
        command.arg("--dir").arg(&self.dir);
        for (option, port) in [
            ("--ari-port", self.ari_port),
            ("--ami-port", self.ami_port),
            ("--sip-port", self.sip_port),
            ("--rtp-start", self.rtp_start),
            ("--rtp-end", self.rtp_start + RTP_PORTS - 1),
        ] {
            command.arg(option).arg(port.to_string());
        }
        let mut process = Process::start("Asterisk", command, &self.dir.join("console.log"))?;
        let (url, account) = (self.url(), self.dir.join("ari-account"));
        let http = reqwest::Client::new();
        process
            .until(PATIENCE, async || {
                let Ok(account) = std::fs::read_to_string(&account) else {
                    return false;
                };
                let (user, password) = account.trim().split_once(':').unwrap_or_default();
                let info = http
                    .get(format!("{url}/ari/asterisk/info"))
                    .basic_auth(user, Some(password));
                info.send()
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
            })
            .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it; [`Asterisk::up`] starts it again.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn down(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.stop().await?;
        }
        Ok(())
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub async fn crash(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }

    /// The process while it runs.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("Asterisk does not run")
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    /// Processor time that it has used since its last start, seconds.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn cpu_seconds(&self) -> Result<f64> {
        self.process()?.cpu_seconds()
    }

    /// Where ARI answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.ari_port)
    }

    /// The port that it takes SIP at.
    #[must_use]
    pub fn sip_port(&self) -> u16 {
        self.sip_port
    }

    /// Where it takes SIP.
    #[must_use]
    pub fn sip_address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.sip_port)
    }

    /// Where AMI answers.
    #[must_use]
    pub fn ami_address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.ami_port)
    }

    /// The file with AMI's `user:password`.
    #[must_use]
    pub fn ami_account_file(&self) -> PathBuf {
        self.dir.join("ami-account")
    }

    /// The file with ARI's `user:password`.
    #[must_use]
    pub fn account_file(&self) -> PathBuf {
        self.dir.join("ari-account")
    }

    /// ARI's `user:password`.
    ///
    /// # Errors
    ///
    /// Before the first start.
    pub fn account(&self) -> Result<String> {
        let text =
            std::fs::read_to_string(self.account_file()).context("Asterisk was never started")?;
        Ok(text.trim().to_owned())
    }

    /// The channels that it has at the moment, by ARI.
    ///
    /// # Errors
    ///
    /// When ARI does not answer.
    pub async fn channels(&self) -> Result<Vec<serde_json::Value>> {
        self.list("channels").await
    }

    /// The bridges that it has at the moment, by ARI.
    ///
    /// # Errors
    ///
    /// When ARI does not answer.
    pub async fn bridges(&self) -> Result<Vec<serde_json::Value>> {
        self.list("bridges").await
    }

    /// Asks ARI for something, with a body unless it is null; the answer, or null.
    ///
    /// # Errors
    ///
    /// When it does not answer, or refuses.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<serde_json::Value> {
        let account = self.account()?;
        let (user, password) = account.split_once(':').unwrap_or_default();
        let mut request = reqwest::Client::new()
            .request(method.parse()?, format!("{}/ari/{path}", self.url()))
            .basic_auth(user, Some(password));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await?.error_for_status()?.text().await?;
        if answer.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        Ok(serde_json::from_str(&answer)?)
    }

    async fn list(&self, what: &str) -> Result<Vec<serde_json::Value>> {
        let account = self.account()?;
        let (user, password) = account.split_once(':').unwrap_or_default();
        let request = reqwest::Client::new().get(format!("{}/ari/{what}", self.url()));
        Ok(request
            .basic_auth(user, Some(password))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }
}
