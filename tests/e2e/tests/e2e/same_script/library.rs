//! Sounds on HTTP, good ones and bad ones.

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Asterisk reserves no more for a file's path than the URL is long.
const FOLDER: &str = "media/speech/0123456789012345678901234567890123456789";

pub(super) struct Library {
    url: String,
    task: JoinHandle<()>,
}

impl Library {
    pub(super) async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = text.split_whitespace().nth(1).unwrap_or_default();
                let answer = answer(path);
                stream.write_all(&answer).await.ok();
                stream.shutdown().await.ok();
            }
        });
        Ok(Self { url, task })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn at(&self, what: &str) -> String {
        format!("{}/{FOLDER}/{what}", self.url)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(path: &str) -> Vec<u8> {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name {
        "good.wav" => with("200 OK", "audio/wav", &wav(8_000)),
        "typed" => with("200 OK", "audio/x-wav", &wav(8_000)),
        "fast.wav" => with("200 OK", "audio/wav", &wav(22_050)),
        "broken.wav" => with("500 Internal Server Error", "text/plain", b"no"),
        "text" => with("200 OK", "text/plain", &wav(8_000)),
        _ => with("404 Not Found", "text/plain", b"no"),
    }
}

fn with(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Half a second, at a rate of samples.
fn wav(rate: u32) -> Vec<u8> {
    let length = rate & !1;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.resize(44 + usize::try_from(length).unwrap_or(0), 1);
    file
}
