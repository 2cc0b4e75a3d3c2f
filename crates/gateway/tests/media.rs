//! Files over HTTP: signed links without a token, recordings with one.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, InProcess, QueueSpec, Request, RequestHandler};
use trunkline_gateway::{
    Config, Deps, Media, Metrics, Readiness, Report, Running, Tokens, bind, start_with_media,
};
use trunkline_media::{MediaFolder, Name, Signer};
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store_sqlite::{SqliteDatabase, SystemClock};
use uuid::Uuid;

const SPEECH: &str = "speech/0123456789abcdef0123456789abcdef01234567.wav";
const ENDED: u128 = 1;
const RUNNING: u128 = 2;
const FOREIGN: u128 = 3;
const EXPIRED: u128 = 4;

struct App {
    http: Client,
    token: String,
    base: String,
    signer: Arc<Signer>,
    _folder: TempDir,
    running: Running,
    stop: CancellationToken,
    _consumers: Vec<Consumer>,
}

/// call-manager and storage-manager.
struct Roles(CustomerId);

#[async_trait]
impl RequestHandler for Roles {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).unwrap();
        let answer = if let Some(id) = request.uri.strip_prefix("/v1/recordings/") {
            self.recording(id.parse().unwrap())
        } else {
            let data = request.data.as_ref().unwrap().get();
            self.files(&serde_json::from_str(data).unwrap())
        };
        Some(trunkline_bus::Response::json(&answer).encode())
    }
}

impl Roles {
    fn recording(&self, id: Uuid) -> Value {
        let (customer, status) = match id.as_u128() {
            FOREIGN => (CustomerId::random(), "ended"),
            RUNNING => (self.0, "recording"),
            _ => (self.0, "ended"),
        };
        json!({
            "id": id, "customer_id": customer, "status": status,
            "filenames": ["r_in.wav", "r_out.wav"]
        })
    }

    fn files(&self, filters: &Value) -> Value {
        let id: Uuid = filters["reference_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(filters["customer_id"], json!(self.0));
        let file = |name: &str, deleted: Value| json!({"id": Uuid::new_v4(), "filename": name, "filepath": format!("recording/{name}"), "tm_delete": deleted});
        match id.as_u128() {
            ENDED => json!([file("r_in.wav", Value::Null)]),
            EXPIRED => json!([file("r_in.wav", json!("2026-01-02T03:04:05Z"))]),
            _ => json!([]),
        }
    }
}

struct Ready;

#[async_trait]
impl Readiness for Ready {
    async fn report(&self) -> Report {
        Report {
            ready: true,
            parts: json!({"store": true, "roles": {}, "asterisks": [{"url": "http://a", "connected": false, "last_error": "nobody there"}]}),
        }
    }
}

impl App {
    async fn start(downloads_at_once: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let media = MediaFolder::open(folder.path(), 0).unwrap();
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        media.write(&Name::parse(SPEECH).unwrap(), &bytes).unwrap();
        let recording = Name::parse("recording/r_in.wav").unwrap();
        media.write(&recording, &bytes).unwrap();
        let bus = Arc::new(InProcess::new());
        let customer = CustomerId::random();
        let mut consumers = Vec::new();
        for service in [Service::CALL, Service::STORAGE] {
            let spec = QueueSpec::new(service.request_queue(), 4);
            consumers.push(bus.serve(spec, Arc::new(Roles(customer))).await.unwrap());
        }
        let db = Arc::new(SqliteDatabase::in_memory(SystemClock).unwrap());
        let token = Tokens::new(db.clone())
            .first(customer)
            .await
            .unwrap()
            .unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            operators: vec![customer],
            ..Config::default()
        };
        let deps = Deps {
            bus,
            db,
            readiness: Arc::new(Ready),
            metrics: Metrics::default(),
        };
        let signer = Arc::new(Signer::new([5; 32]));
        let media = Media {
            folder: media,
            signer: Arc::clone(&signer),
            downloads_at_once,
        };
        let listener = bind(&config).await.unwrap();
        let stop = CancellationToken::new();
        let running = start_with_media(deps, Some(media), config, listener, stop.clone()).unwrap();
        Self {
            http: Client::builder().no_proxy().build().unwrap(),
            base: format!("http://{}", running.address()),
            token,
            signer,
            _folder: folder,
            running,
            stop,
            _consumers: consumers,
        }
    }

    /// A link that is good for a minute.
    fn link(&self, name: &str) -> String {
        self.signer.path(&Name::parse(name).unwrap(), now() + 60)
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn recording(&self, id: u128, query: &str, headers: &[(&str, &str)]) -> Response {
        let token = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", token.as_str())];
        all.extend_from_slice(headers);
        let path = format!("/v1/recordings/{}/file{query}", Uuid::from_u128(id));
        self.ask(Method::GET, &path, &all).await
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.stopped().await;
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_signed_link_is_served_without_a_token_whole_in_part_and_from_a_cache() {
    let app = App::start(4).await;
    let link = app.link(SPEECH);
    let whole = app.ask(Method::GET, &link, &[]).await;
    assert_eq!(whole.status(), 200);
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "audio/wav");
    assert_eq!(header("content-length"), "200000");
    assert_eq!(header("accept-ranges"), "bytes");
    let max_age = header("cache-control");
    assert!(max_age.starts_with("private, max-age="), "{max_age}");
    let tag = header("etag");
    let bytes = whole.bytes().await.unwrap();
    assert_eq!(bytes.len(), 200_000);

    let part = app
        .ask(Method::GET, &link, &[("range", "bytes=70000-139999")])
        .await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 70000-139999/200000");
    assert_eq!(part.bytes().await.unwrap(), bytes.slice(70_000..140_000));
    let end = app.ask(Method::GET, &link, &[("range", "bytes=-3")]).await;
    assert_eq!(end.bytes().await.unwrap(), bytes.slice(199_997..));
    let beyond = app
        .ask(Method::GET, &link, &[("range", "bytes=200000-")])
        .await;
    assert_eq!(beyond.headers()["content-range"], "bytes */200000");
    assert_eq!(
        code(beyond).await,
        (416, "RANGE_NOT_SATISFIABLE".to_owned())
    );
    let other = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
    assert_eq!(app.ask(Method::GET, &link, &other).await.status(), 200);

    let known = app
        .ask(Method::GET, &link, &[("if-none-match", &tag)])
        .await;
    assert_eq!(known.status(), 304);
    assert!(known.bytes().await.unwrap().is_empty());
    let head = app.ask(Method::HEAD, &link, &[]).await;
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-length"]),
        (200, &"200000".parse().unwrap())
    );
    let post = app.ask(Method::POST, &link, &[]).await;
    assert_eq!(post.status(), 405);
    app.end().await;
}

#[tokio::test]
async fn a_link_that_was_changed_or_has_expired_or_leads_elsewhere_is_refused() {
    let app = App::start(4).await;
    let link = app.link(SPEECH);
    let changed = |from: &str, to: &str| {
        assert!(link.contains(from), "{link}");
        link.replace(from, to)
    };
    let invalid = (403, "MEDIA_LINK_INVALID".to_owned());
    for path in [
        changed("speech/0123", "speech/0124"),
        changed("speech/0123", "recording/0123"),
        changed("speech/", "speech/../"),
        changed("speech/", "speech/%2e%2e/"),
        changed("speech/", "speech%2F"),
        changed("/media/1", "/media/2"),
        changed("/media/", "/media/0"),
        "/media/1/2/3".to_owned(),
        format!("/media/{}/{}/../../etc/passwd", now() + 60, "0".repeat(64)),
    ] {
        // The client resolves dots itself; so the text of the request is written by hand.
        let answer = raw(&app.base, &path).await;
        assert!(
            answer.starts_with("HTTP/1.1 403") && answer.contains(&invalid.1),
            "{path}: {answer}"
        );
    }
    let old = app.signer.path(&Name::parse(SPEECH).unwrap(), now() - 1);
    let expired = app.ask(Method::GET, &old, &[]).await;
    assert_eq!(code(expired).await, (410, "MEDIA_LINK_EXPIRED".to_owned()));
    let missing = app.link("speech/none.wav");
    let missing = app.ask(Method::GET, &missing, &[]).await;
    assert_eq!(code(missing).await, (404, "NOT_FOUND".to_owned()));
    app.end().await;
}

/// What a server says to a request line that no client would send.
async fn raw(base: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_recording_is_fetched_by_its_customer_only() {
    let app = App::start(4).await;
    let whole = app.recording(ENDED, "", &[]).await;
    assert_eq!(
        (
            whole.status().as_u16(),
            whole.headers()["content-type"].to_str().unwrap()
        ),
        (200, "audio/wav")
    );
    let disposition = whole.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(disposition.contains("r_in.wav"), "{disposition}");
    assert_eq!(whole.bytes().await.unwrap().len(), 200_000);
    let part = app
        .recording(ENDED, "?channel=in", &[("range", "bytes=10-19")])
        .await;
    assert_eq!(
        (part.status().as_u16(), part.bytes().await.unwrap().len()),
        (206, 10)
    );

    for (id, query, status, reason) in [
        (ENDED, "?channel=out", 409, "RECORDING_NOT_FINISHED"),
        (ENDED, "?channel=left", 400, "INVALID_ARGUMENT"),
        (ENDED, "?chanel=in", 400, "INVALID_ARGUMENT"),
        (RUNNING, "", 409, "RECORDING_NOT_FINISHED"),
        (EXPIRED, "", 410, "RECORDING_FILE_DELETED"),
        (FOREIGN, "", 404, "NOT_FOUND"),
    ] {
        let answer = code(app.recording(id, query, &[]).await).await;
        assert_eq!(answer, (status, reason.to_owned()), "{id} {query}");
    }
    let path = format!("/v1/recordings/{}/file", Uuid::from_u128(ENDED));
    assert_eq!(app.ask(Method::GET, &path, &[]).await.status(), 401);
    app.end().await;
}

#[tokio::test]
async fn a_place_is_given_back_when_a_download_ends_however_it_ends() {
    let app = App::start(1).await;
    let link = app.link(SPEECH);
    for _ in 0..3 {
        // Dropped in the middle.
        let half = app.ask(Method::GET, &link, &[]).await;
        drop(half);
        loop {
            let next = app.ask(Method::GET, &link, &[]).await;
            if next.status() == 200 {
                assert_eq!(next.bytes().await.unwrap().len(), 200_000);
                break;
            }
            assert_eq!(next.headers()["retry-after"], "1");
            assert_eq!(code(next).await, (503, "TOO_MANY_DOWNLOADS".to_owned()));
        }
    }
    app.end().await;
}

#[tokio::test]
async fn diagnostics_are_for_operators_and_name_what_to_do() {
    let app = App::start(1).await;
    let token = format!("Bearer {}", app.token);
    let headers = [("authorization", token.as_str())];
    let answer = app.ask(Method::GET, "/v1/diagnostics", &headers).await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["state"], "failed");
    let parts = body["parts"].as_array().unwrap();
    assert_eq!(parts[0]["part"], "store");
    let asterisk = parts.last().unwrap();
    assert_eq!(
        (&asterisk["part"], &asterisk["detail"]),
        (&json!("Asterisk http://a"), &json!("nobody there"))
    );
    assert!(
        asterisk["what_to_do"]
            .as_str()
            .unwrap()
            .contains("start it")
    );
    assert_eq!(
        app.ask(Method::GET, "/v1/diagnostics", &[]).await.status(),
        401
    );
    app.end().await;
}
