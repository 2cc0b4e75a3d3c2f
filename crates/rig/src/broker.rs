//! A RabbitMQ of one's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ports::free_tcp_port;
use crate::process::Process;
use crate::tools::Tools;

/// How long the broker may take until AMQP answers; some three seconds on a machine
/// that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one look at whether it answers may take.
const LOOK: Duration = Duration::from_secs(2);
/// What a client says first: the protocol's name and version 0-9-1 (its chapter 4.2.2).
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// How the payload of the broker's answer begins: class 10, method 10, `Connection.Start`.
const CONNECTION_START: [u8; 4] = [0, 10, 0, 10];
/// What the last byte of each frame is.
const FRAME_END: u8 = 0xCE;

/// A running RabbitMQ with its own folder and port, on loopback only. Dropping it
/// kills it; the helpers that it has started end with it.
pub struct Broker {
    process: Option<Process>,
    tools: Tools,
    dir: PathBuf,
    port: u16,
    memory_mb: u32,
    vhosts: u16,
    temporary: bool,
    environment: Vec<(String, String)>,
}

impl Broker {
    /// Starts one in `dir` on a free port and waits until AMQP answers.
    ///
    /// # Errors
    ///
    /// When it does not come up. When RabbitMQ is not in the checkout, the error says
    /// which command brings it.
    pub async fn start(tools: &Tools, dir: &Path) -> Result<Self> {
        let mut broker = Self::prepare(tools, dir)?;
        broker.up().await?;
        Ok(broker)
    }

    /// Starts one with so many virtual hosts (`1`, `2` and so on) that ends when this
    /// process does, however that ends: for a static, which nobody drops. Its folder goes
    /// with it, so it cannot be started again.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start_temporary(tools: &Tools, vhosts: u16) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut broker = Self::prepare(tools, folder.path())?;
        broker.vhosts = vhosts;
        broker.temporary = true;
        broker.up().await?;
        // The script removes it.
        let _ = folder.keep();
        Ok(broker)
    }

    /// Chooses a port without starting anything.
    ///
    /// # Errors
    ///
    /// When no port is free, or the folder cannot be made.
    pub fn prepare(tools: &Tools, dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            process: None,
            tools: tools.clone(),
            dir: dir.canonicalize()?,
            port: free_tcp_port()?,
            memory_mb: 512,
            vhosts: 0,
            temporary: false,
            environment: Vec::new(),
        })
    }

    /// From its next start on, publishers are blocked when it takes more than this many
    /// MiB (512). It takes more than 60 when it has nothing to do: with 20 it blocks
    /// everybody.
    pub fn set_memory_mb(&mut self, memory_mb: u32) {
        self.memory_mb = memory_mb;
    }

    /// Gives its next start an environment variable, such as `DELAY_PLUGIN`
    /// (`servers/rabbitmq/run.sh` knows them).
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it, again with the same folder and port, and waits until AMQP answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn up(&mut self) -> Result<()> {
        let mut command = self.tools.server_script("rabbitmq/run.sh");
        command.arg("--dir").arg(&self.dir);
        command.args(["--port", &self.port.to_string()]);
        command.args(["--memory-mb", &self.memory_mb.to_string()]);
        command.args(["--vhosts", &self.vhosts.to_string()]);
        command.envs(self.environment.iter().cloned());
        let log = self.dir.join("console.log");
        let mut process = if self.temporary {
            command.arg("--temporary");
            Process::start_bound("RabbitMQ", command, &log)?
        } else {
            Process::start("RabbitMQ", command, &log)?
        };
        let address = self.socket_address();
        process
            .until(PATIENCE, async || {
                matches!(timeout(LOOK, greeting(address)).await, Ok(Ok(_)))
            })
            .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it, as an operator would; [`Broker::up`] starts it again.
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

    /// Kills it (`kill -9`), as a crash would; [`Broker::up`] starts it again.
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

    /// Lets it stand still: connections stay, nothing moves. All that it does for its
    /// clients is in this one process.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn pause(&self) -> Result<()> {
        self.process()?.signal("STOP").await
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn resume(&self) -> Result<()> {
        self.process()?.signal("CONT").await
    }

    /// The process while it runs.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("RabbitMQ does not run")
    }

    /// The address with the account that works from loopback.
    #[must_use]
    pub fn address(&self) -> String {
        self.address_at(self.socket_address())
    }

    /// The same for one of its virtual hosts, from 1.
    #[must_use]
    pub fn address_of_vhost(&self, number: u16) -> String {
        format!("{}/{number}", self.address())
    }

    /// The same by way of somewhere else, such as a [`crate::Proxy`].
    #[must_use]
    pub fn address_at(&self, by_way_of: SocketAddr) -> String {
        format!("amqp://guest:guest@{by_way_of}")
    }

    /// Where it takes connections.
    #[must_use]
    pub fn socket_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// What it has logged so far, in all its runs.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.dir.join("log/rabbitmq.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// Says the protocol's header and returns the payload of the frame that comes back:
/// `Connection.Start`, with what the broker says about itself.
///
/// # Errors
///
/// When nobody is there, or it is no AMQP 0-9-1 broker.
pub async fn greeting(address: SocketAddr) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(PROTOCOL_HEADER).await?;
    // Type (1: a method), channel (0: the connection's own), size of the payload.
    let (kind, channel) = (stream.read_u8().await?, stream.read_u16().await?);
    let size = stream.read_u32().await?;
    ensure!(
        kind == 1 && channel == 0 && size < 65_536,
        "no method of AMQP comes back: type {kind}, channel {channel}, {size} bytes"
    );
    let mut payload = vec![0; usize::try_from(size)?];
    stream.read_exact(&mut payload).await?;
    ensure!(
        stream.read_u8().await? == FRAME_END && payload.starts_with(&CONNECTION_START),
        "the answer is not Connection.Start"
    );
    Ok(payload)
}
