//! The client against servers that mean harm, all of them on loopback.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkline_egress::{Client, Config, Error, Method, Names, Redirects, Request};

/// A server that answers every connection with one text, and what it was sent.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("a test").clone()
    }

    fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }
}

async fn server(answer: impl Fn(u16) -> String + Send + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a test");
    let port = listener.local_addr().expect("a test").port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = request_of(&mut stream).await;
            notes.lock().expect("a test").push(request);
            let _ = stream.write_all(answer(port).as_bytes()).await;
        }
    });
    Server { port, heard }
}

async fn request_of(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(n) => read.extend_from_slice(&buffer[..n]),
        }
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn moved(status: u16, to: &str) -> String {
    format!(
        "HTTP/1.1 {status} Moved\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
    )
}

/// Names as a test wants them; each look-up takes the next answer, the last one
/// stays.
#[derive(Default)]
struct Book {
    pages: BTreeMap<&'static str, Vec<Vec<&'static str>>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Names for Book {
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let answers = self.pages.get(host).ok_or(io::ErrorKind::NotFound)?;
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = &answers[at.min(answers.len() - 1)];
        Ok(answer
            .iter()
            .map(|text| text.parse().expect("a test"))
            .collect())
    }
}

fn book(pages: &[(&'static str, &[&[&'static str]])]) -> Arc<Book> {
    let pages = pages
        .iter()
        .map(|(host, answers)| {
            (
                *host,
                answers.iter().map(|answer| answer.to_vec()).collect(),
            )
        })
        .collect();
    Arc::new(Book {
        pages,
        ..Book::default()
    })
}

fn config(allow: &[&str]) -> Config {
    Config {
        allow: allow.iter().map(|entry| (*entry).to_owned()).collect(),
        ..Config::default()
    }
}

fn client(allow: &[&str]) -> Client {
    Client::new(&config(allow)).expect("a test")
}

fn request(address: &str) -> Request {
    Request {
        method: Method::POST,
        address: address.to_owned(),
        content_type: "application/json".to_owned(),
        headers: vec![("x-secret", "s3cret".to_owned())],
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_secs(20),
        max_answer_bytes: 1_000,
        redirects: Redirects::Follow,
    }
}

fn is_refused(outcome: &Result<trunkline_egress::Answer, Error>) -> bool {
    matches!(outcome, Err(Error::Refused { .. }))
}

#[tokio::test]
async fn what_is_allowed_is_asked_and_the_answer_read() {
    let server = server(|_| ok("hello")).await;
    let address = server.at("Ada:p%40ss@127.0.0.1", "/hook?x=1#part");
    let answer = client(&["127.0.0.0/8"])
        .send(request(&address))
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
    let heard = server.heard().remove(0).to_lowercase();
    assert!(heard.starts_with("post /hook?x=1 http/1.1\r\n"), "{heard}");
    for header in [
        "content-type: application/json",
        "x-secret: s3cret",
        // Ada:p@ss
        "authorization: basic qwrhonbac3m=",
    ] {
        assert!(heard.contains(header), "{header} in {heard}");
    }
    assert!(heard.ends_with("{}"));
}

#[tokio::test]
async fn literal_addresses_inside_are_refused_in_every_spelling() {
    let server = server(|_| ok("secret")).await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "017700000001",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "①②⑦.⓪.⓪.①",
    ] {
        let outcome = client(&[]).send(request(&server.at(host, "/"))).await;
        assert!(is_refused(&outcome), "{host}: {outcome:?}");
    }
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn only_http_is_spoken() {
    for address in [
        "",
        "hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://x/",
        "http://",
        "//x/",
    ] {
        let outcome = client(&[]).send(request(address)).await;
        assert_eq!(outcome, Err(Error::Address), "{address}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    let server = server(|_| ok("secret")).await;
    let outcome = client(&[])
        .send(request(&server.at("localhost", "/")))
        .await;
    assert!(is_refused(&outcome), "{outcome:?}");
    let names = book(&[
        ("inside.test", &[&["10.0.0.5"]]),
        ("both.test", &[&["93.184.216.34", "127.0.0.1"]]),
        ("metadata.test", &[&["169.254.169.254"]]),
        ("nobody.test", &[&[]]),
    ]);
    let client = Client::with_names(&config(&[]), names).unwrap();
    for host in ["inside.test", "both.test", "metadata.test"] {
        let outcome = client.send(request(&server.at(host, "/"))).await;
        assert!(is_refused(&outcome), "{host}: {outcome:?}");
    }
    for host in ["nobody.test", "unheard.test"] {
        let outcome = client.send(request(&server.at(host, "/"))).await;
        assert_eq!(outcome, Err(Error::Name(host.to_owned())));
    }
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn a_name_that_changes_its_meaning_is_judged_at_every_connection() {
    let server = server(|_| ok("secret")).await;
    // What was judged is what is connected to, so there is one look-up each.
    let names = book(&[("turncoat.test", &[&["127.0.0.1"], &["10.0.0.1"]])]);
    let asked = Arc::clone(&names);
    let client = Client::with_names(&config(&["127.0.0.1"]), names).unwrap();
    assert!(
        client
            .send(request(&server.at("turncoat.test", "/")))
            .await
            .is_ok()
    );
    assert_eq!(asked.asked.load(Ordering::SeqCst), 1);
    let outcome = client.send(request(&server.at("turncoat.test", "/"))).await;
    assert!(is_refused(&outcome), "{outcome:?}");
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn a_host_can_be_allowed_by_its_name() {
    let server = server(|_| ok("hello")).await;
    let names = book(&[
        ("hooks.internal", &[&["127.0.0.1"]]),
        ("other.internal", &[&["127.0.0.1"]]),
    ]);
    let client = Client::with_names(&config(&["hooks.internal"]), names).unwrap();
    assert!(
        client
            .send(request(&server.at("Hooks.Internal", "/")))
            .await
            .is_ok()
    );
    assert!(is_refused(
        &client
            .send(request(&server.at("other.internal", "/")))
            .await
    ));
    assert!(is_refused(
        &client.send(request(&server.at("127.0.0.1", "/"))).await
    ));
}

#[tokio::test]
async fn a_redirect_inside_is_refused() {
    let inside = server(|_| ok("secret")).await;
    let port = inside.port;
    let outside =
        server(move |_| moved(302, &format!("http://[::ffff:127.0.0.1]:{port}/admin"))).await;
    let named = server(move |_| moved(307, &format!("http://localhost:{port}/admin"))).await;
    let file = server(|_| moved(301, "file:///etc/passwd")).await;
    let names = book(&[
        ("outside.test", &[&["127.0.0.1"]]),
        ("localhost", &[&["127.0.0.1"]]),
    ]);
    let client = Client::with_names(&config(&["outside.test"]), names).unwrap();
    for server in [&outside, &named] {
        let outcome = client.send(request(&server.at("outside.test", "/"))).await;
        assert!(is_refused(&outcome), "{outcome:?}");
    }
    let outcome = client.send(request(&file.at("outside.test", "/"))).await;
    assert_eq!(outcome, Err(Error::Address));
    assert!(inside.heard().is_empty());
}

#[tokio::test]
async fn redirects_are_followed_as_browsers_do_and_not_for_ever() {
    let place = server(|_| ok("here")).await;
    let port = place.port;
    let client = client(&["127.0.0.0/8"]);
    for (status, method) in [
        (301, "GET"),
        (302, "GET"),
        (303, "GET"),
        (307, "POST"),
        (308, "POST"),
    ] {
        let door = server(move |_| moved(status, &format!("http://127.0.0.1:{port}/place"))).await;
        let answer = client
            .send(request(&door.at("127.0.0.1", "/")))
            .await
            .unwrap();
        assert_eq!(&answer.body[..], b"here");
        let heard = place.heard().pop().unwrap();
        assert!(
            heard.starts_with(&format!("{method} /place")),
            "{status}: {heard}"
        );
        assert!(!heard.contains("s3cret"), "{heard}");
        assert_eq!(heard.ends_with("{}"), method == "POST");
    }
    let endless = server(|port| moved(302, &format!("http://127.0.0.1:{port}/again"))).await;
    let outcome = client.send(request(&endless.at("127.0.0.1", "/"))).await;
    assert!(
        matches!(outcome, Err(Error::TooManyRedirects { limit: 3, .. })),
        "{outcome:?}"
    );
    assert_eq!(endless.heard().len(), 4);
    let lost = server(|_| "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let outcome = client.send(request(&lost.at("127.0.0.1", "/"))).await;
    assert_eq!(outcome, Err(Error::Redirect("127.0.0.1".to_owned())));
}

#[tokio::test]
async fn a_redirect_is_the_answer_where_none_is_followed() {
    let server = server(|_| moved(302, "http://127.0.0.1:1/")).await;
    let asked = Request {
        redirects: Redirects::Refuse,
        ..request(&server.at("127.0.0.1", "/"))
    };
    assert_eq!(
        client(&["127.0.0.1"]).send(asked).await.unwrap().status,
        302
    );
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit() {
    let long = "x".repeat(1_001);
    let announced = server({
        let long = long.clone();
        move |_| ok(&long)
    })
    .await;
    let unannounced =
        server(move |_| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{long}")).await;
    let packed = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx".to_owned()
    })
    .await;
    let client = client(&["127.0.0.1"]);
    for server in [&announced, &unannounced] {
        let outcome = client.send(request(&server.at("127.0.0.1", "/"))).await;
        assert!(
            matches!(outcome, Err(Error::TooLarge { limit: 1_000, .. })),
            "{outcome:?}"
        );
    }
    let outcome = client.send(request(&packed.at("127.0.0.1", "/"))).await;
    assert_eq!(outcome, Err(Error::Compressed("127.0.0.1".to_owned())));
    let unread = Request {
        max_answer_bytes: 0,
        ..request(&announced.at("127.0.0.1", "/"))
    };
    assert_eq!(client.send(unread).await.unwrap().status, 200);
}

/// Sends a chunk again and again until nobody listens.
async fn endless(pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a test");
    let port = listener.local_addr().expect("a test").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            request_of(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut going = stream.write_all(head.as_bytes()).await.is_ok();
            while going {
                going = stream.write_all(b"4\r\nmore\r\n").await.is_ok();
                tokio::time::sleep(pause).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn an_endless_answer_ends_at_the_limit() {
    let port = endless(Duration::ZERO).await;
    let outcome = client(&["127.0.0.1"])
        .send(request(&format!("http://127.0.0.1:{port}/")))
        .await;
    assert!(
        matches!(outcome, Err(Error::TooLarge { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_slow_answer_and_a_silent_server_run_into_the_limit_of_time() {
    let port = endless(Duration::from_secs(1)).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let quiet = silent.local_addr().unwrap().port();
    for port in [port, quiet] {
        let asked = Request {
            timeout: Duration::from_millis(200),
            ..request(&format!("http://127.0.0.1:{port}/"))
        };
        let outcome = client(&["127.0.0.1"]).send(asked).await;
        assert!(
            matches!(outcome, Err(Error::Timeout { ms: 200, .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn https_wants_a_certificate_that_somebody_trusts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(ok("not TLS").as_bytes()).await;
        }
    });
    let outcome = client(&["127.0.0.1"]).send(request(&address)).await;
    assert!(matches!(outcome, Err(Error::Tls { .. })), "{outcome:?}");
}

#[tokio::test]
async fn nothing_that_is_told_holds_the_address() {
    let secret = "http://user:hunter2@127.0.0.1:9/token-abc?key=def";
    let outcome = client(&[]).send(request(secret)).await;
    let told = format!(
        "{} {:?} {:?}",
        outcome.clone().unwrap_err(),
        outcome,
        request(secret)
    );
    for hidden in ["hunter2", "user", "token-abc", "def", "s3cret"] {
        assert!(!told.contains(hidden), "{told}");
    }
    assert!(told.contains("127.0.0.1"));
}
