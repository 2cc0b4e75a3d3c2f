//! Server-sent events.

use futures_util::{Stream, StreamExt};
use trunkline_bus::{Bus, Event};

use super::*;

/// A stream of events, read one after the other.
struct Reading {
    bytes: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Frame {
    id: String,
    kind: String,
    data: Value,
}

impl Reading {
    async fn open(app: &App, query: &str, last: Option<&str>) -> Self {
        let mut request = app.request(Method::GET, &format!("/v1/events{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            bytes: Box::pin(response.bytes_stream()),
            text: String::new(),
        }
    }

    /// The next piece between two empty lines; none at the end.
    async fn piece(&mut self) -> Option<String> {
        loop {
            if let Some((piece, rest)) = self.text.split_once("\n\n") {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(piece);
            }
            let more = self.bytes.next().await?.ok()?;
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    async fn frame(&mut self) -> Option<Frame> {
        loop {
            let piece = self.piece().await?;
            let line = |name: &str| piece.lines().find_map(|line| line.strip_prefix(name));
            if let Some(kind) = line("event: ") {
                return Some(Frame {
                    id: line("id: ").unwrap().to_owned(),
                    kind: kind.to_owned(),
                    data: serde_json::from_str(line("data: ").unwrap()).unwrap(),
                });
            }
        }
    }
}

async fn tell(bus: &Arc<dyn Bus>, kind: &str, customer: CustomerId, name: &str) {
    let data = json!({"id": ID, "customer_id": customer, "name": name});
    let event = Event::new(Service::OUTDIAL, kind, &data);
    let exchange = Service::OUTDIAL.event_exchange();
    let told = bus.publish(&exchange, None, event.encode()).await.unwrap();
    told.await.unwrap();
}

#[tokio::test]
async fn a_customer_hears_of_his_own_and_goes_on_where_he_was() {
    let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
    let app = App::start_with_bus(Arc::clone(&bus), config()).await;
    let mut all = Reading::open(&app, "", None).await;
    let mut some = Reading::open(&app, "?types=outdial_del*", None).await;
    let (me, other) = (app.customer, CustomerId::random());
    tell(&bus, "outdial_created", other, "not mine").await;
    tell(&bus, "outdial_created", me, "one").await;
    tell(&bus, "outdial_updated", me, "two\nlines").await;
    tell(&bus, "outdial_deleted", me, "three").await;
    let one = all.frame().await.unwrap();
    assert_eq!(
        (
            one.kind.as_str(),
            &one.data["type"],
            &one.data["data"]["name"]
        ),
        ("outdial_created", &json!("outdial_created"), &json!("one"))
    );
    let two = all.frame().await.unwrap();
    assert_eq!(two.data["data"]["name"], "two\nlines");
    let three = all.frame().await.unwrap();
    assert_eq!(some.frame().await.unwrap(), three);

    let mut back = Reading::open(&app, "", Some(&one.id)).await;
    assert_eq!(back.frame().await.unwrap(), two);
    assert_eq!(back.frame().await.unwrap(), three);
    let (_, number) = one.id.split_once('-').unwrap();
    for (last, reason) in [
        (format!("0123456789ab-{number}"), "restarted"),
        ("nonsense".to_owned(), "unknown_id"),
    ] {
        let mut back = Reading::open(&app, "", Some(&last)).await;
        let reset = back.frame().await.unwrap();
        assert_eq!(
            (reset.kind.as_str(), &reset.data["data"]["reason"]),
            ("reset", &json!(reason))
        );
        assert_eq!(reset.id, three.id);
    }
}

#[tokio::test]
async fn what_is_gone_is_said_and_the_number_of_readers_is_bounded() {
    let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
    let small = Config {
        events_kept: 2,
        events_per_token: 2,
        ..config()
    };
    let app = App::start_with_bus(Arc::clone(&bus), small).await;
    let mut reading = Reading::open(&app, "", None).await;
    tell(&bus, "outdial_created", app.customer, "0").await;
    let first = reading.frame().await.unwrap();
    for n in 1..4 {
        tell(&bus, "outdial_updated", app.customer, &n.to_string()).await;
        reading.frame().await.unwrap();
    }
    let mut back = Reading::open(&app, "", Some(&first.id)).await;
    assert_eq!(
        back.frame().await.unwrap().data["data"]["reason"],
        "too_old"
    );
    let (status, refused) = app.get("/v1/events").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (429, &json!("TOO_MANY_EVENT_STREAMS"))
    );
    drop((reading, back));
    // Their end is seen when the next thing is written to them.
    loop {
        tell(&bus, "outdial_updated", app.customer, "x").await;
        let response = app.request(Method::GET, "/v1/events").send().await.unwrap();
        if response.status() == 200 {
            break;
        }
    }
}

#[tokio::test]
async fn a_silent_stream_says_that_it_lives_and_ends_with_the_server() {
    let quick = Config {
        events_heartbeat_ms: 1,
        ..config()
    };
    let app = App::start_with_bus(Arc::new(InProcess::new()), quick).await;
    let mut reading = Reading::open(&app, "", None).await;
    assert!(reading.piece().await.unwrap().starts_with("retry: "));
    assert_eq!(reading.piece().await.unwrap(), ":");
    app.stop.cancel();
    while reading.piece().await.is_some() {}
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_sent_away() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
    let hasty = Config {
        write_timeout_ms: 1,
        events_kept_bytes: 1 << 30,
        ..config()
    };
    let app = App::start_with_bus(Arc::clone(&bus), hasty).await;
    let slow = tokio::net::TcpSocket::new_v4().unwrap();
    slow.set_recv_buffer_size(8_192).unwrap();
    let mut slow = slow.connect(app.address()).await.unwrap();
    let head = format!(
        "GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        app.token
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 15];
    slow.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let large = "x".repeat(100_000);
    let seen = async {
        let mut rest = Vec::new();
        // Only now it reads: what was under way, and then the end.
        let _ = slow.read_to_end(&mut rest).await;
    };
    for _ in 0..80 {
        tell(&bus, "outdial_created", app.customer, &large).await;
    }
    seen.await;
}
