//! Connections are kept, given up and replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers the path of each request, and counts connections. `/last` closes the
/// connection after its answer without saying so, `/close` says so, `/cut`
/// closes it without an answer, `/chunks` answers in two parts.
struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self {
            address,
            connections,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream) {
    let mut request = vec![0; 4_096];
    while let Ok(length @ 1..) = stream.read(&mut request).await {
        let head = String::from_utf8_lossy(&request[..length]).into_owned();
        let path = head.split(' ').nth(1).unwrap();
        let answer = match path {
            "/cut" => return,
            "/chunks" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n/chu\r\n3\r\nnks\r\n0\r\n\r\n".to_owned(),
            _ => {
                let close = if path == "/close" { "Connection: close\r\n" } else { "" };
                let length = path.len();
                format!("HTTP/1.1 200 OK\r\n{close}Content-Length: {length}\r\n\r\n{path}")
            }
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        if path == "/last" {
            return;
        }
    }
}

async fn ask(pool: &Pool, path: &str) -> Result<String, HttpError> {
    let request = Request::builder().uri(path).header("host", "x");
    let request = request.body(Full::default()).unwrap();
    let answer = pool.exchange(request).await?;
    assert_eq!(answer.status, 200);
    Ok(String::from_utf8(answer.body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_connection_is_used_again_until_it_is_closed() {
    let server = Server::start().await;
    let pool = Pool::new(server.address.clone());
    for path in ["/a", "/chunks", "/b", "/close"] {
        assert_eq!(ask(&pool, path).await.unwrap(), path);
    }
    assert_eq!(server.connections(), 1);
    for path in ["/c", "/last"] {
        assert_eq!(ask(&pool, path).await.unwrap(), path);
    }
    assert_eq!(server.connections(), 2);
    // The end of the idle connection is noticed before the next request.
    while pool.lock().iter_mut().any(|idle| idle.line.is_ready()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&pool, "/d").await.unwrap(), "/d");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn requests_at_the_same_time_have_a_connection_each() {
    let server = Server::start().await;
    let pool = Pool::new(server.address.clone());
    for _ in 0..3 {
        let (one, other) = tokio::join!(ask(&pool, "/one"), ask(&pool, "/other"));
        assert_eq!(
            (one.unwrap(), other.unwrap()),
            ("/one".into(), "/other".into())
        );
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn what_may_have_been_carried_out_is_not_repeated() {
    let server = Server::start().await;
    let pool = Pool::new(server.address.clone());
    ask(&pool, "/a").await.unwrap();
    let cut = ask(&pool, "/cut").await.unwrap_err();
    assert!(matches!(cut, HttpError::Lost(_)), "{cut}");
    assert_eq!(server.connections(), 1);

    let nobody = Pool::new("127.0.0.1:1".to_owned());
    let refused = ask(&nobody, "/a").await.unwrap_err();
    assert!(matches!(refused, HttpError::Connect(_)), "{refused}");
}
