//! The clock is tokio's and stands still: it goes on only when every byte that can move
//! has moved. So "never" is an hour that takes no time. What must come is waited for
//! without a limit: the clock may jump over bytes that a busy system still has on the way.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use trunkline_rig::{Proxy, Side, free_tcp_port};

/// Longer than anything takes that happens at all.
const NEVER: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn bytes_and_ends_pass_both_ways() -> Result<()> {
    let mut line = Line::new().await?;
    // More than fits into the buffers, so that both ends have to work at once.
    let much: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    let (sent, mut got) = (much.clone(), vec![0; much.len()]);
    let writing = async { line.client.write_all(&sent).await };
    let reading = async { line.server.read_exact(&mut got).await };
    tokio::try_join!(writing, reading)?;
    ensure!(got == much);

    line.client.shutdown().await?;
    ensure!(end_of(&mut line.server).await?);
    says(&mut line.server, &mut line.client, b"goodbye").await?;
    line.server.shutdown().await?;
    ensure!(end_of(&mut line.client).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn cut_ends_what_there_is_and_takes_new_ones() -> Result<()> {
    let mut line = Line::new().await?;
    ensure!(line.proxy.connections() == 1);
    line.proxy.cut().await;
    ensure!(line.proxy.connections() == 0);
    ensure!(end_of(&mut line.client).await? && end_of(&mut line.server).await?);

    let (mut client, mut server) = line.another().await?;
    says(&mut client, &mut server, b"again").await
}

#[tokio::test(start_paused = true)]
async fn refuse_keeps_what_there_is_and_takes_no_new_ones() -> Result<()> {
    let mut line = Line::new().await?;
    line.proxy.refuse().await?;
    let refused = TcpStream::connect(line.proxy.address()).await;
    ensure!(refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused));
    says(&mut line.client, &mut line.server, b"still here").await?;
    // Once more changes nothing.
    line.proxy.refuse().await?;

    line.proxy.accept().await?;
    line.proxy.accept().await?;
    let (mut client, mut server) = line.another().await?;
    says(&mut client, &mut server, b"new").await?;
    says(&mut line.server, &mut line.client, b"old").await
}

#[tokio::test(start_paused = true)]
async fn freeze_moves_nothing_until_bytes_flow_again() -> Result<()> {
    let mut line = Line::new().await?;
    line.proxy.freeze();
    line.client.write_all(b"there").await?;
    line.server.write_all(b"back").await?;
    ensure!(silent(&mut line.client).await && silent(&mut line.server).await);
    ensure!(line.proxy.connections() == 1);
    // A new connection is taken, and is as still.
    let (mut client, mut server) = line.another().await?;
    server.write_all(b"new").await?;
    ensure!(silent(&mut client).await);

    line.proxy.flow();
    hears(&mut line.server, b"there").await?;
    hears(&mut line.client, b"back").await?;
    hears(&mut client, b"new").await
}

#[tokio::test(start_paused = true)]
async fn freeze_holds_back_the_end_too() -> Result<()> {
    let mut line = Line::new().await?;
    line.proxy.freeze();
    line.client.shutdown().await?;
    ensure!(silent(&mut line.server).await);
    line.proxy.flow();
    ensure!(end_of(&mut line.server).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slow_moves_so_many_bytes_a_second_and_loses_none() -> Result<()> {
    let mut line = Line::new().await?;
    line.proxy.slow(100);
    let text: Vec<u8> = (0..=255).cycle().take(1_000).collect();
    let started = Instant::now();
    line.client.write_all(&text).await?;
    hears(&mut line.server, &text).await?;
    // The last portion (5 bytes) is there before its pause.
    let took = started.elapsed();
    ensure!(took >= Duration::from_millis(9_900), "{took:?}");
    ensure!(took <= Duration::from_secs(11), "{took:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slow_ends_at_once_when_bytes_may_flow() -> Result<()> {
    let mut line = Line::new().await?;
    line.proxy.slow(1);
    line.client.write_all(&[b'x'; 7_200]).await?;
    hears(&mut line.server, b"x").await?;
    line.proxy.flow();
    hears(&mut line.server, &[b'x'; 7_199]).await
}

#[tokio::test(start_paused = true)]
async fn half_open_loses_what_one_side_sends() -> Result<()> {
    for side in [Side::Client, Side::Server] {
        let mut line = Line::new().await?;
        line.proxy.swallow(side);
        let (lost, heard) = match side {
            Side::Client => (&mut line.client, &mut line.server),
            Side::Server => (&mut line.server, &mut line.client),
        };
        lost.write_all(b"lost").await?;
        ensure!(silent(heard).await);
        says(heard, lost, b"heard").await?;

        // Bytes are lost for good; that it has ended is told late.
        lost.shutdown().await?;
        ensure!(silent(heard).await);
        line.proxy.flow();
        ensure!(end_of(heard).await?);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_closes_the_client() -> Result<()> {
    let nobody = (Ipv4Addr::LOCALHOST, free_tcp_port()?).into();
    let proxy = Proxy::start(nobody).await?;
    let mut client = TcpStream::connect(proxy.address()).await?;
    ensure!(end_of(&mut client).await?);
    ensure!(proxy.connections() == 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dropped_proxy_leaves_no_connection_and_no_listener() -> Result<()> {
    let line = Line::new().await?;
    let address = line.proxy.address();
    let (mut client, mut server) = (line.client, line.server);
    drop(line.proxy);
    ensure!(end_of(&mut client).await? && end_of(&mut server).await?);
    ensure!(TcpStream::connect(address).await.is_err());
    Ok(())
}

/// A client and a server with the proxy between them.
struct Line {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    async fn new() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy = Proxy::start(listener.local_addr()?).await?;
        let (client, server) = connected(proxy.address(), &listener).await?;
        Ok(Self {
            proxy,
            listener,
            client,
            server,
        })
    }

    async fn another(&self) -> Result<(TcpStream, TcpStream)> {
        connected(self.proxy.address(), &self.listener).await
    }
}

async fn connected(to: SocketAddr, listener: &TcpListener) -> Result<(TcpStream, TcpStream)> {
    let client = TcpStream::connect(to).await?;
    let (server, _) = listener.accept().await?;
    Ok((client, server))
}

async fn says(from: &mut TcpStream, to: &mut TcpStream, text: &[u8]) -> Result<()> {
    from.write_all(text).await?;
    hears(to, text).await
}

async fn hears(stream: &mut TcpStream, text: &[u8]) -> Result<()> {
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).await?;
    ensure!(heard == text, "something else was heard");
    Ok(())
}

/// Whether nothing comes, not even the end.
async fn silent(stream: &mut TcpStream) -> bool {
    timeout(NEVER, stream.read_u8()).await.is_err()
}

/// Whether the other side has ended, with nothing before it.
async fn end_of(stream: &mut TcpStream) -> Result<bool> {
    let mut rest = Vec::new();
    let size = stream.read_to_end(&mut rest).await;
    // Broken off is as good an end.
    Ok(size.map_or_else(
        |error| error.kind() == ErrorKind::ConnectionReset,
        |size| size == 0,
    ))
}
