//! Listens in on what a client says to the broker, byte for byte, and cuts him off.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What clients have said.
#[derive(Default)]
struct Said {
    all: Mutex<Vec<u8>>,
    /// Whoever says this next is cut off.
    unwanted: Mutex<Option<Vec<u8>>>,
}

impl Said {
    /// Whether the client may go on.
    fn note(&self, bytes: &[u8]) -> bool {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        let mut unwanted = self.unwanted.lock().unwrap_or_else(PoisonError::into_inner);
        match unwanted.as_deref() {
            Some(words) if times(bytes, words) > 0 => {
                *unwanted = None;
                false
            }
            Some(_) | None => true,
        }
    }
}

fn times(all: &[u8], bytes: &[u8]) -> usize {
    let windows = all.windows(bytes.len());
    windows.filter(|window| *window == bytes).count()
}

/// Forwards connections and keeps what the clients have said.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    said: Arc<Said>,
    _tasks: JoinSet<()>,
}

impl Tap {
    pub(crate) async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, said) = (listener.local_addr()?, Arc::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(take(listener, server, Arc::clone(&said)));
        Ok(Self {
            address,
            said,
            _tasks: tasks,
        })
    }

    /// Whether these bytes were said.
    pub(crate) fn heard(&self, bytes: &[u8]) -> bool {
        self.heard_times(bytes) > 0
    }

    /// How often these bytes were said.
    pub(crate) fn heard_times(&self, bytes: &[u8]) -> usize {
        let all = self.said.all.lock().unwrap_or_else(PoisonError::into_inner);
        times(&all, bytes)
    }

    /// The connection of whoever says this next is cut, once.
    pub(crate) fn cut_off(&self, words: &str) {
        let unwanted = &self.said.unwanted;
        *unwanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.into());
    }
}

async fn take(listener: TcpListener, server: SocketAddr, said: Arc<Said>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(forward(client, server, Arc::clone(&said)));
    }
}

async fn forward(client: TcpStream, server: SocketAddr, said: Arc<Said>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(size @ 1..) = from_client.read(&mut buffer).await {
            let bytes = buffer.get(..size).unwrap_or_default();
            if !said.note(bytes) || to_server.write_all(bytes).await.is_err() {
                break;
            }
        }
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = there => {}
        _ = back => {}
    }
}
