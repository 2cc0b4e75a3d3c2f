//! A simulated Asterisk as a process of its own: thousands of calls, and a far
//! end that counts its dials.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;

use crate::ports::free_tcp_port;
use crate::process::Process;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// ARI's `user:password`; it is on loopback and holds nothing.
const ACCOUNT: &str = "trunkline:simulated";

/// A running `asterisk-sim`.
pub struct AsteriskSim {
    process: Option<Process>,
    program: PathBuf,
    arguments: Vec<String>,
    dir: PathBuf,
    client: SimClient,
}

/// Asks it and tells it; knows nothing of its process.
#[derive(Clone)]
pub struct SimClient {
    http: reqwest::Client,
    url: String,
}

/// What it has at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimState {
    pub channels: u64,
    pub bridges: u64,
}

impl AsteriskSim {
    /// Starts the program with further arguments and its log in `dir`.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(program: &Path, dir: &Path, arguments: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut sim = Self {
            process: None,
            program: program.to_owned(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            dir: dir.to_owned(),
            client: SimClient {
                http: reqwest::Client::new(),
                url: format!("http://{}:{}", Ipv4Addr::LOCALHOST, free_tcp_port()?),
            },
        };
        sim.up().await?;
        Ok(sim)
    }

    /// Starts it, again on the same port, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn up(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        let address = self.client.url.trim_start_matches("http://");
        command.args(["--listen", address]);
        command.args(["--account", ACCOUNT]).args(&self.arguments);
        let log = self.dir.join("asterisk-sim.log");
        let mut process = Process::start("asterisk-sim", command, &log)?;
        process
            .until(PATIENCE, async || self.client.state().await.is_ok())
            .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it, as a crash would; [`AsteriskSim::up`] starts it again, and it
    /// has forgotten everything.
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
        self.process.as_ref().context("asterisk-sim does not run")
    }

    /// Where ARI answers.
    #[must_use]
    pub fn url(&self) -> String {
        self.client.url.clone()
    }

    /// ARI's `user:password`.
    #[must_use]
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// For asking and telling it.
    #[must_use]
    pub fn client(&self) -> &SimClient {
        &self.client
    }
}

impl SimClient {
    /// Its live channels and bridges.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn state(&self) -> Result<SimState> {
        let state = self.ask("/sim/state").await?;
        let count = |key: &str| {
            state[key]
                .as_u64()
                .with_context(|| format!("no `{key}` in {state}"))
        };
        Ok(SimState {
            channels: count("channels")?,
            bridges: count("bridges")?,
        })
    }

    /// How often each number was dialed since its start.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn dials(&self) -> Result<BTreeMap<String, u64>> {
        let dials = self.ask("/sim/dials").await?;
        serde_json::from_value(dials).context("the dials cannot be read")
    }

    /// As if the process had died and come back: channels, bridges and sockets
    /// are gone, dials stay counted.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn restart(&self) -> Result<()> {
        self.tell("/sim/restart").await
    }

    /// Stops answering until [`SimClient::resume`].
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn pause(&self) -> Result<()> {
        self.tell("/sim/pause").await
    }

    /// Answers again.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn resume(&self) -> Result<()> {
        self.tell("/sim/resume").await
    }

    /// The ids of its channels, by ARI.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn channel_ids(&self) -> Result<Vec<String>> {
        let channels = self.ask("/ari/channels").await?;
        let ids = channels.as_array().context("no list of channels")?;
        ids.iter().map(crate::setup::id).collect()
    }

    /// Ends a channel, by ARI, as somebody else's client could.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn end_channel(&self, id: &str) -> Result<()> {
        let request = self.http.delete(format!("{}/ari/channels/{id}", self.url));
        self.sent(request).await.map(drop)
    }

    async fn ask(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url));
        Ok(self.sent(request).await?.json().await?)
    }

    async fn tell(&self, path: &str) -> Result<()> {
        let request = self.http.post(format!("{}{path}", self.url));
        self.sent(request).await.map(drop)
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        let (user, password) = ACCOUNT.split_once(':').unwrap_or((ACCOUNT, ""));
        let request = request.basic_auth(user, Some(password));
        Ok(request.send().await?.error_for_status()?)
    }
}
