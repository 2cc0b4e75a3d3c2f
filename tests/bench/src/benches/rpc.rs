//! Requests over RabbitMQ: `GET /v1/calls/<id>`, answered by one `trunkline serve`
//! on a private broker. Asked by our carrier, and, in the same run, by a client
//! that does as the reference's does: a channel and a queue for every request. All
//! of it, the broker too, shares the machine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use trunkline_bus::Bus;
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq};
use trunkline_rig::world::{SimWorld, number, people, plan, sleep_and_hangup};
use trunkline_rig::{Broker, CampaignPlan, Tools, Trunkline, greeting};

use crate::figure::{Figure, Goal};
use crate::rows::Rows;

pub(crate) const RATE: &str = "rpc_rabbitmq_per_s";
pub(crate) const ALONE: &str = "rpc_rabbitmq_p50_ms";
pub(crate) const BUSY: &str = "rpc_rabbitmq_p99_ms";
pub(crate) const RATIO: &str = "rpc_rabbitmq_vs_queue_per_request";
pub(crate) const RECONNECT: &str = "broker_reconnect_s";

const QUEUE: &str = "bin-manager.call-manager.request";
/// Calls that are looked at.
const CALLS: u32 = 50;
/// Requests in flight.
const IN_FLIGHT: usize = 64;
const SECONDS: u64 = 8;
/// Requests of one caller who asks one at a time.
const ALONE_REQUESTS: usize = 3_000;
const TIMEOUT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let scene = Scene::start(&folder).await?;
    let bus = scene.client().await?;

    let ours = rate(|body| ask(&bus, body), &scene.requests).await?;
    let alone = alone(&bus, &scene.requests).await?;
    let half = busy(&bus, &scene.requests, ours / 2.0).await?;
    bus.close().await;

    let per_request = scene.queue_per_request().await?;
    let mut figures = vec![
        Figure::new(RATE, ours, "1/s", Goal::AtLeast(15_000.0))
            .beside("in_flight", IN_FLIGHT as f64),
        Figure::new(ALONE, alone, "ms", Goal::AtMost(0.6)),
        Figure::new(BUSY, half, "ms", Goal::AtMost(10.0)).beside("per_s", ours / 2.0),
        Figure::new(RATIO, ours / per_request, "ratio", Goal::AtLeast(10.0))
            .beside("ours_per_s", ours)
            .beside("queue_per_request_per_s", per_request),
    ];
    figures.push(scene.reconnect().await?);
    Ok(figures)
}

/// A broker, a Trunkline over it, calls that were made, and the requests for them.
struct Scene {
    broker: Broker,
    requests: Arc<[Bytes]>,
    trunkline: Trunkline,
    _world: SimWorld,
}

impl Scene {
    async fn start(folder: &TempDir) -> Result<Self> {
        let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
        let world = SimWorld::start(&[]).await?;
        let broker = Broker::start(&tools, folder.path()).await?;
        let address = broker.address();
        let environment = [
            ("TRUNKLINE_LOG__LEVEL", "warn"),
            ("TRUNKLINE_BUS__URL", address.as_str()),
        ];
        let mut trunkline = world.trunkline(&environment).await?;
        let api = trunkline.api();
        let numbers = (0..CALLS).map(|n| number(n / 10, 30 + n % 10));
        let (outdial, _) = api.outdial("bench", &people(numbers)).await?;
        let fast = CampaignPlan {
            calls_per_second: 100.0,
            max_concurrent: 1_000,
            dial_timeout_ms: 30_000,
            ..plan(sleep_and_hangup(500))
        };
        let campaign = api.campaign(&fast, &outdial).await?;
        api.set_campaign(&campaign, "run").await?;
        Rows::open(&trunkline.database())?
            .until_stopped(&campaign, PATIENCE)
            .await?;
        let calls = api.list("/v1/calls").await?;
        let requests: Option<Arc<[Bytes]>> = calls
            .iter()
            .map(|call| Some(request(call["id"].as_str()?)))
            .collect();
        let requests = requests.context("a call without an id")?;
        ensure!(!requests.is_empty(), "no call was made");
        trunkline.process().check()?;
        Ok(Self {
            broker,
            requests,
            trunkline,
            _world: world,
        })
    }

    async fn client(&self) -> Result<Arc<RabbitMq>> {
        let (address, config) = (self.broker.address().parse()?, Config::default());
        let bus = RabbitMq::start(address, config, "bench", Metrics::default());
        // The first request waits until there is a connection.
        bus.request(QUEUE, self.requests[0].clone(), PATIENCE)
            .await?;
        Ok(bus)
    }

    /// The same requests, each with a channel and a queue of its own.
    async fn queue_per_request(&self) -> Result<f64> {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&self.broker.address(), properties).await?;
        let connection = Arc::new(connection);
        let asked = rate(
            |body| ask_anew(Arc::clone(&connection), body),
            &self.requests,
        )
        .await?;
        connection.close(200, "done".into()).await?;
        Ok(asked)
    }

    /// From the moment in which the broker answers again until a request does.
    async fn reconnect(mut self) -> Result<Figure> {
        let bus = self.client().await?;
        self.broker.down().await?;
        let address = self.broker.socket_address();
        let back = tokio::spawn(async move {
            loop {
                if matches!(timeout(TIMEOUT, greeting(address)).await, Ok(Ok(_))) {
                    return Instant::now();
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
        self.broker.up().await?;
        let back = back.await?;
        let answered = timeout(PATIENCE, async {
            while bus
                .request(QUEUE, self.requests[0].clone(), TIMEOUT)
                .await
                .is_err()
            {
                sleep(Duration::from_millis(5)).await;
            }
            Instant::now()
        });
        let took = answered.await?.saturating_duration_since(back);
        bus.close().await;
        self.trunkline.stop().await?;
        Ok(Figure::new(
            RECONNECT,
            took.as_secs_f64(),
            "s",
            Goal::AtMost(3.0),
        ))
    }
}

fn request(call: &str) -> Bytes {
    let uri = format!("/v1/calls/{call}");
    let envelope = serde_json::json!({
        "uri": uri, "method": "GET", "publisher": "bench", "data_type": "",
    });
    envelope.to_string().into()
}

async fn ask(bus: &RabbitMq, body: Bytes) -> Result<()> {
    right(&bus.request(QUEUE, body, TIMEOUT).await?)
}

/// As the reference's client asks (chapter 01 §1.6).
async fn ask_anew(connection: Arc<Connection>, body: Bytes) -> Result<()> {
    let channel = connection.create_channel().await?;
    let own = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare("".into(), own, FieldTable::default())
        .await?;
    let unacknowledged = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let name = queue.name().clone();
    let mut replies = channel
        .basic_consume(
            name.clone(),
            "".into(),
            unacknowledged,
            FieldTable::default(),
        )
        .await?;
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_reply_to(name);
    let plain = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), QUEUE.into(), plain, &body, properties);
    sent.await?.await?;
    let reply = timeout(TIMEOUT, replies.next())
        .await?
        .context("no reply")??;
    channel.close(200, "done".into()).await?;
    right(&reply.data)
}

fn right(reply: &[u8]) -> Result<()> {
    ensure!(
        reply.starts_with(br#"{"status_code":200"#),
        "{}",
        String::from_utf8_lossy(reply)
    );
    Ok(())
}

/// Requests a second, with as many in flight as there are callers.
async fn rate<F>(ask: impl Fn(Bytes) -> F, requests: &[Bytes]) -> Result<f64>
where
    F: Future<Output = Result<()>>,
{
    let (ask, done) = (&ask, &AtomicUsize::new(0));
    let began = Instant::now();
    let until = began + Duration::from_secs(SECONDS);
    let callers = (0..IN_FLIGHT).map(|caller| async move {
        let mut n = caller;
        while Instant::now() < until {
            ask(requests[n % requests.len()].clone()).await?;
            done.fetch_add(1, Ordering::Relaxed);
            n += 1;
        }
        anyhow::Ok(())
    });
    try_join_all(callers).await?;
    Ok(done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// Milliseconds in the middle, one request at a time.
async fn alone(bus: &RabbitMq, requests: &[Bytes]) -> Result<f64> {
    let mut took = Vec::with_capacity(ALONE_REQUESTS);
    for n in 0..ALONE_REQUESTS {
        let began = Instant::now();
        ask(bus, requests[n % requests.len()].clone()).await?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

/// The 99th percentile in milliseconds when `rate` requests a second are due,
/// whether or not earlier ones were answered.
async fn busy(bus: &Arc<RabbitMq>, requests: &Arc<[Bytes]>, rate: f64) -> Result<f64> {
    let number = (rate * SECONDS as f64) as u32;
    let began = Instant::now();
    let mut asked = Vec::with_capacity(number as usize);
    for n in 0..number {
        let due = began + Duration::from_secs_f64(f64::from(n) / rate);
        sleep_until(due).await;
        let (bus, requests) = (Arc::clone(bus), Arc::clone(requests));
        asked.push(tokio::spawn(async move {
            ask(&bus, requests[n as usize % requests.len()].clone()).await?;
            anyhow::Ok(due.elapsed().as_secs_f64() * 1_000.0)
        }));
    }
    let mut took = Vec::with_capacity(asked.len());
    for one in asked {
        took.push(one.await??);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[((took.len() - 1) as f64 * 0.99) as usize])
}
