//! Listens in on what a client says to the broker, byte for byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Forwards connections and keeps what the clients have said.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<Vec<u8>>>,
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
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.windows(bytes.len()).any(|window| window == bytes)
    }
}

async fn take(listener: TcpListener, server: SocketAddr, said: Arc<Mutex<Vec<u8>>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(forward(client, server, Arc::clone(&said)));
    }
}

async fn forward(client: TcpStream, server: SocketAddr, said: Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(size @ 1..) = from_client.read(&mut buffer).await {
            let bytes = buffer.get(..size).unwrap_or_default();
            said.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
            if to_server.write_all(bytes).await.is_err() {
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
