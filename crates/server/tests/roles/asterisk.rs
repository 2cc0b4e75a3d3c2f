//! A simulated Asterisk behind a door at which the test sees how it is asked, and an
//! AMI that answers every action alike.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use trunkline_asterisk_sim::{Config, Server, ServerConfig};

pub(crate) const ACCOUNT: &str = "ann:secret";

/// An Asterisk with its door.
pub(crate) struct Asterisk {
    _server: Server,
    door: JoinHandle<()>,
    pub(crate) address: String,
}

impl Asterisk {
    pub(crate) async fn start(id: &str) -> Self {
        let config = ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            account: ACCOUNT.to_owned(),
            seed: 1,
            asterisk: Config {
                entity_id: id.to_owned(),
                ..Config::default()
            },
        };
        let server = trunkline_asterisk_sim::start(config).await.unwrap();
        let behind = server.address();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let door = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, behind));
            }
        });
        Self {
            _server: server,
            door,
            address,
        }
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        self.door.abort();
    }
}

/// One request of one connection: `/ari/echo` says what it got, `/ari/page` is no JSON,
/// everything else goes to the Asterisk.
async fn pass(stream: TcpStream, behind: SocketAddr) -> std::io::Result<()> {
    let mut client = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_until(b'\n', &mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (line, rest) = head.split_once("\r\n").unwrap();
    let uri = line.split(' ').nth(1).unwrap();
    match uri {
        "/ari/echo" => {
            let body = body(&mut client, &head).await?;
            let echo = json!({
                "method": line.split(' ').next(),
                "authorization": header(&head, "authorization"),
                "content_type": header(&head, "content-type"),
                "body": body,
            });
            answer(client, "202 Accepted", &echo.to_string()).await
        }
        "/ari/page" => answer(client, "200 OK", "<html>no JSON</html>").await,
        _ => {
            // So that the next request comes to this door again.
            let close = match header(&head, "upgrade") {
                "" => "connection: close\r\n",
                _ => "",
            };
            let mut asterisk = TcpStream::connect(behind).await?;
            let head = format!("{line}\r\n{close}{rest}");
            asterisk.write_all(head.as_bytes()).await?;
            copy_bidirectional(&mut client, &mut asterisk).await?;
            Ok(())
        }
    }
}

async fn body(client: &mut BufReader<TcpStream>, head: &str) -> std::io::Result<String> {
    let length = header(head, "content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    Ok(String::from_utf8(body).unwrap())
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut of_name = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    of_name.next().map_or("", |(_, value)| value)
}

async fn answer(mut client: BufReader<TcpStream>, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await?;
    client.shutdown().await
}

/// Starts an AMI and returns its port.
pub(crate) async fn ami() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    port
}

/// Lets the right account in, and tells of every action what it was.
async fn talk(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"Asterisk Call Manager/9.0.0\r\n").await?;
    loop {
        let (mut action, mut id, mut secret) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some(("Action", value)) => value.clone_into(&mut action),
                Some(("ActionID", value)) => value.clone_into(&mut id),
                Some(("Secret", value)) => value.clone_into(&mut secret),
                Some(_) => {}
                None => break,
            }
        }
        let response = match action == "Login" && secret != "let-me-in" {
            true => "Error",
            false => "Success",
        };
        let answer = format!("Response: {response}\r\nActionID: {id}\r\nDid: {action}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}
