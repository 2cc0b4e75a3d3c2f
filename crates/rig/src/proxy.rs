//! A TCP proxy on loopback that can be told to misbehave, between a client of ours and
//! a server. What it is told holds from the moment that the call returns, for the
//! connections that there are and for new ones.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// Into how many portions a second is divided where bytes go slowly.
const PORTIONS_A_SECOND: u32 = 20;
/// Connections that may wait to be taken.
const BACKLOG: u32 = 1_024;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who connected to the proxy.
    Client,
    /// What the proxy stands before.
    Server,
}

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Free,
    Frozen,
    /// Bytes a second, at least 1.
    Slow(u32),
    /// What this side sends is lost.
    Swallowing(Side),
}

/// Whether new connections are taken.
enum Door {
    Open(JoinSet<()>),
    /// The port stays ours; who connects is refused by the system.
    Shut(TcpSocket),
    /// Neither could be made.
    Broken,
}

/// The connections, each a task of its own.
type Connections = Arc<Mutex<JoinSet<()>>>;

/// Forwards connections to a server. Dropping it closes them.
pub struct Proxy {
    address: SocketAddr,
    server: SocketAddr,
    flow: watch::Sender<Flow>,
    connections: Connections,
    door: tokio::sync::Mutex<Door>,
}

impl Proxy {
    /// Listens on a free port for connections to `server`.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy = Self {
            address: listener.local_addr()?,
            server,
            flow: watch::Sender::new(Flow::Free),
            connections: Connections::default(),
            door: tokio::sync::Mutex::new(Door::Broken),
        };
        *proxy.door.lock().await = proxy.open(listener);
        Ok(proxy)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        let mut connections = lock(&self.connections);
        forget_ended(&mut connections);
        connections.len()
    }

    /// Closes all connections, towards both sides. New ones are taken.
    pub async fn cut(&self) {
        let mut connections = std::mem::take(&mut *lock(&self.connections));
        connections.shutdown().await;
    }

    /// Refuses new connections, as where no server is. Those that there are stay.
    ///
    /// # Errors
    ///
    /// When the port cannot be kept.
    pub async fn refuse(&self) -> Result<()> {
        let mut door = self.door.lock().await;
        if let Door::Open(mut listening) = std::mem::replace(&mut *door, Door::Broken) {
            listening.shutdown().await;
        }
        *door = Door::Shut(self.keep_port()?);
        Ok(())
    }

    /// Takes new connections again, at the same address.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub async fn accept(&self) -> Result<()> {
        let mut door = self.door.lock().await;
        let socket = match std::mem::replace(&mut *door, Door::Broken) {
            open @ Door::Open(_) => {
                *door = open;
                return Ok(());
            }
            Door::Shut(socket) => socket,
            Door::Broken => self.keep_port()?,
        };
        *door = self.open(socket.listen(BACKLOG)?);
        Ok(())
    }

    /// Keeps the connections and moves no byte any more.
    pub fn freeze(&self) {
        self.flow.send_replace(Flow::Frozen);
    }

    /// Moves so many bytes a second (at least 1) on each connection, each way.
    pub fn slow(&self, bytes_a_second: u32) {
        self.flow.send_replace(Flow::Slow(bytes_a_second.max(1)));
    }

    /// Loses what one side sends, and that it ends. What the other sends arrives: a
    /// connection that is half open.
    pub fn swallow(&self, side: Side) {
        self.flow.send_replace(Flow::Swallowing(side));
    }

    /// Lets bytes flow as they come. What was frozen arrives late, what was swallowed
    /// never.
    pub fn flow(&self) {
        self.flow.send_replace(Flow::Free);
    }

    /// Takes connections in a task of its own.
    fn open(&self, listener: TcpListener) -> Door {
        let mut listening = JoinSet::new();
        let (connections, flow) = (Arc::clone(&self.connections), self.flow.subscribe());
        listening.spawn(take(listener, self.server, connections, flow));
        Door::Open(listening)
    }

    /// Holds the port without listening at it.
    fn keep_port(&self) -> Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        // Connections of ours through this port live on.
        socket.set_reuseaddr(true)?;
        socket
            .bind(self.address)
            .with_context(|| format!("failed to keep {}", self.address))?;
        Ok(socket)
    }
}

fn lock(connections: &Connections) -> std::sync::MutexGuard<'_, JoinSet<()>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forget_ended(connections: &mut JoinSet<()>) {
    while connections.try_join_next().is_some() {}
}

async fn take(
    listener: TcpListener,
    server: SocketAddr,
    connections: Connections,
    flow: watch::Receiver<Flow>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            yield_now().await;
            continue;
        };
        let mut connections = lock(&connections);
        forget_ended(&mut connections);
        connections.spawn(forward(client, server, flow.clone()));
    }
}

/// One connection, until both sides have ended or one is broken. Where the server
/// cannot be reached the client's is closed.
async fn forward(mut client: TcpStream, server: SocketAddr, flow: watch::Receiver<Flow>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    // What one side writes in two goes must not wait for the other's receipt.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let there = Pump {
        from: from_client,
        to: to_server,
        side: Side::Client,
        flow: flow.clone(),
    };
    let back = Pump {
        from: from_server,
        to: to_client,
        side: Side::Server,
        flow,
    };
    // An error is the end of both, which is all that the two sides can be told.
    tokio::try_join!(there.run(), back.run()).ok();
}

/// Moves what one side sends to the other.
struct Pump<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    /// Who sends.
    side: Side,
    flow: watch::Receiver<Flow>,
}

/// What can be done with some bytes at the moment.
enum Step {
    /// So many are done with.
    Done(usize),
    /// So many are done with, and the next have to wait.
    Pause(usize, Duration),
    /// Nothing may move.
    Wait,
}

impl Pump<'_> {
    async fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            self.unfrozen().await?;
            match self.read(&mut buffer).await {
                Ok(0) => break,
                Ok(size) => self.pass(buffer.get(..size).unwrap_or_default()).await?,
                Err(error) => {
                    self.heard().await?;
                    return Err(error);
                }
            }
        }
        self.heard().await?;
        tokio::io::AsyncWriteExt::shutdown(&mut self.to).await
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        tokio::io::AsyncReadExt::read(&mut self.from, buffer).await
    }

    async fn pass(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.to.writable().await?;
            let done = match self.step(bytes) {
                Ok(Step::Done(done)) => done,
                Ok(Step::Pause(done, pause)) => {
                    // Ends early when something else is wanted.
                    timeout(pause, self.flow.changed()).await.ok();
                    done
                }
                Ok(Step::Wait) => {
                    self.unfrozen().await?;
                    0
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            bytes = bytes.get(done..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes while it holds what is wanted, so that nothing moves once another is set.
    fn step(&mut self, bytes: &[u8]) -> io::Result<Step> {
        let flow = self.flow.borrow_and_update();
        match *flow {
            Flow::Frozen => Ok(Step::Wait),
            Flow::Swallowing(side) if side == self.side => Ok(Step::Done(bytes.len())),
            Flow::Free | Flow::Swallowing(_) => self.to.try_write(bytes).map(Step::Done),
            Flow::Slow(rate) => {
                let portion = usize::try_from((rate / PORTIONS_A_SECOND).max(1)).unwrap_or(CHUNK);
                let portion = bytes.get(..portion).unwrap_or(bytes);
                let done = self.to.try_write(portion)?;
                let seconds = f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / f64::from(rate);
                Ok(Step::Pause(done, Duration::from_secs_f64(seconds)))
            }
        }
    }

    /// Waits while everything is frozen.
    async fn unfrozen(&mut self) -> io::Result<()> {
        self.until(|flow, _| flow != Flow::Frozen).await
    }

    /// Waits until the other side may notice that this one has ended.
    async fn heard(&mut self) -> io::Result<()> {
        self.until(|flow, side| flow != Flow::Frozen && flow != Flow::Swallowing(side))
            .await
    }

    async fn until(&mut self, holds: fn(Flow, Side) -> bool) -> io::Result<()> {
        let side = self.side;
        // Fails when the proxy is gone, and the connection with it.
        let wanted = self.flow.wait_for(|flow| holds(*flow, side)).await;
        wanted.map(drop).map_err(io::Error::other)
    }
}
