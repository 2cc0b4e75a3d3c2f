//! Proxies at a real broker, asked by a client that sets no expiration, as the Go services
//! do: what it asks for is there until somebody takes it, however long ago it left.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trunkline_asterisk_proxy::metrics::AsteriskLabels;
use trunkline_asterisk_proxy::transport::{Answer, Ask, EventSocket, HttpError, Method, Transport};
use trunkline_asterisk_proxy::{Config, LinkError, Metrics, Running, start_over};
use trunkline_bus_rabbitmq as rabbitmq;
use trunkline_rig::{Broker, Tools};

const CALL: &str = "asterisk.call.request";
const CREATE: &str = "/ari/channels/create";
/// How long anything may take that has to happen at all.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Gone,
    /// What is to be created takes for ever.
    Slow,
}

/// An Asterisk in the state that a test wants. It keeps what it was told to create.
struct Fake {
    id: &'static str,
    /// What its websocket tells before it falls silent.
    tells: Vec<Bytes>,
    state: watch::Sender<State>,
    created: watch::Sender<Vec<String>>,
}

struct Telling {
    left: std::vec::IntoIter<Bytes>,
    state: watch::Receiver<State>,
}

#[async_trait]
impl Transport for Fake {
    async fn request(&self, ask: Ask<'_>) -> Result<Answer, HttpError> {
        let state = *self.state.borrow();
        if state == State::Gone {
            return Err(HttpError::Connect("connection refused".to_owned()));
        }
        if ask.method == Method::POST {
            let body = ask.body.unwrap_or_default().to_owned();
            self.created.send_modify(|created| created.push(body));
            if state == State::Slow {
                std::future::pending::<()>().await;
            }
        }
        let info = json!({"system": {"version": "22", "entity_id": self.id}});
        Ok(Answer {
            status: 200,
            body: info.to_string().into(),
        })
    }

    async fn connect(&self) -> Result<Box<dyn EventSocket>, LinkError> {
        Ok(Box::new(Telling {
            left: self.tells.clone().into_iter(),
            state: self.state.subscribe(),
        }))
    }
}

#[async_trait]
impl EventSocket for Telling {
    async fn next(&mut self) -> Result<Bytes, LinkError> {
        if let Some(text) = self.left.next() {
            return Ok(text);
        }
        let _ = self.state.wait_for(|state| *state == State::Gone).await;
        Err(LinkError::Lost {
            url: "http://fake".to_owned(),
            cause: "it is gone".to_owned(),
        })
    }

    async fn close(self: Box<Self>) {}
}

impl Fake {
    fn new(id: &'static str, state: State) -> Arc<Self> {
        Arc::new(Self {
            id,
            tells: Vec::new(),
            state: watch::Sender::new(state),
            created: watch::Sender::default(),
        })
    }

    fn created(&self) -> Vec<String> {
        self.created.borrow().clone()
    }
}

/// A process with one proxy.
struct Process {
    running: Running,
    bus: Arc<rabbitmq::RabbitMq>,
    metrics: Metrics,
    shutdown: CancellationToken,
}

impl Process {
    async fn start(broker: &str, asterisk: &Arc<Fake>) -> Result<Self> {
        Self::start_with(broker, asterisk, rabbitmq::Config::default()).await
    }

    async fn start_with(
        broker: &str,
        asterisk: &Arc<Fake>,
        carrier: rabbitmq::Config,
    ) -> Result<Self> {
        let metrics = rabbitmq::Metrics::default();
        let address = broker.parse()?;
        let bus = rabbitmq::RabbitMq::start(address, carrier, asterisk.id, metrics);
        let config = Config {
            url: format!("http://{}", asterisk.id),
            // One that does not answer stays where it is as long as a test lasts.
            request_timeout_ms: 300_000,
            ..Config::default()
        };
        let shutdown = CancellationToken::new();
        let ways: Vec<(Config, Arc<dyn Transport>)> = vec![(config, Arc::clone(asterisk) as _)];
        let metrics = Metrics::default();
        let running = start_over(ways, bus.clone(), metrics.clone(), shutdown.clone()).await?;
        Ok(Self {
            running,
            bus,
            metrics,
            shutdown,
        })
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.stopped().await;
        self.bus.close().await;
    }
}

async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> Result<T> {
    timeout(PATIENCE, waiting)
        .await
        .with_context(|| format!("waited in vain for {what}"))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    in_time(what, async {
        while !holds().await? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    })
    .await?
}

/// A client that knows nothing of ours.
struct Foreign {
    channel: Channel,
    replies: String,
    stream: Mutex<Option<Consumer>>,
    _connection: Connection,
}

impl Foreign {
    async fn connect(broker: &Broker) -> Result<Self> {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&broker.address(), properties).await?;
        let channel = connection.create_channel().await?;
        let exclusive = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let replies = channel
            .queue_declare("".into(), exclusive, FieldTable::default())
            .await?;
        let replies = replies.name().to_string();
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let name = replies.as_str().into();
        let stream = channel
            .basic_consume(name, "".into(), options, FieldTable::default())
            .await?;
        Ok(Self {
            channel,
            replies,
            stream: Mutex::new(Some(stream)),
            _connection: connection,
        })
    }

    /// The permanent queue as it is left when every proxy ends.
    async fn declare(&self) -> Result<()> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        self.channel
            .queue_declare(CALL.into(), durable, FieldTable::default())
            .await?;
        Ok(())
    }

    /// Consumers of the permanent queue.
    async fn consumers(&self) -> Result<u32> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let found = self
            .channel
            .queue_declare(CALL.into(), passive, FieldTable::default());
        Ok(found.await?.consumer_count())
    }

    async fn create(&self, name: &str) -> Result<()> {
        let request = json!({
            "uri": CREATE,
            "method": "POST",
            "publisher": "call-manager",
            "data_type": "application/json",
            "data": name,
        });
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_reply_to(self.replies.as_str().into());
        let options = BasicPublishOptions::default();
        let body = request.to_string();
        self.channel
            .basic_publish("".into(), CALL.into(), options, body.as_bytes(), properties)
            .await?;
        Ok(())
    }

    /// Has what is published to an exchange come to where replies come.
    async fn listen(&self, exchange: &str) -> Result<()> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let (kind, nothing) = (ExchangeKind::Fanout, FieldTable::default());
        self.channel
            .exchange_declare(exchange.into(), kind, durable, nothing)
            .await?;
        let options = QueueBindOptions::default();
        let (queue, exchange) = (self.replies.as_str().into(), exchange.into());
        self.channel
            .queue_bind(queue, exchange, "".into(), options, FieldTable::default())
            .await?;
        Ok(())
    }

    async fn next(&self) -> Result<Value> {
        let stream = || self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = stream().take().context("one waits at a time")?;
        let reply = in_time("a reply", taken.next()).await;
        *stream() = Some(taken);
        Ok(serde_json::from_slice(&reply?.context("open")??.data)?)
    }

    async fn status(&self) -> Result<u64> {
        self.next().await?["status_code"]
            .as_u64()
            .context("a status")
    }

    async fn creates(&self, name: &str) -> Result<u64> {
        self.create(name).await?;
        self.status().await
    }
}

async fn broker() -> Result<(Broker, TempDir)> {
    let tools = Tools::find(std::path::Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let folder = tempfile::tempdir()?;
    Ok((Broker::start(&tools, folder.path()).await?, folder))
}

fn quoted(name: &str) -> String {
    json!(name).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_late_because_asterisk_was_away() -> Result<()> {
    let (broker, _folder) = broker().await?;
    let foreign = Foreign::connect(&broker).await?;
    foreign.declare().await?;
    foreign.create("while no proxy ran").await?;

    let first = Fake::new("first", State::Gone);
    let process = Process::start(&broker.address(), &first).await?;
    assert_eq!(foreign.status().await?, 503);
    assert_eq!(foreign.creates("while Asterisk was away").await?, 503);

    first.state.send_replace(State::Up);
    until("the queue served", async || {
        Ok(foreign.consumers().await? == 1)
    })
    .await?;
    assert_eq!(foreign.creates("in time").await?, 200);
    assert_eq!(first.created(), [quoted("in time")]);

    // One that has its Asterisk gets everything, as long as it is there.
    first.state.send_replace(State::Gone);
    until("the queue left", async || {
        Ok(foreign.consumers().await? == 0)
    })
    .await?;
    let second = Fake::new("second", State::Up);
    let other = Process::start(&broker.address(), &second).await?;
    until("the one that can", async || {
        Ok(foreign.consumers().await? == 1)
    })
    .await?;
    for _ in 0..20 {
        assert_eq!(foreign.creates("at the other").await?, 200);
    }
    assert_eq!(second.created().len(), 20);
    other.stop().await;
    assert_eq!(foreign.creates("when that was gone").await?, 503);
    assert_eq!(second.created().len(), 20);
    process.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_late_because_a_proxy_was_cut_off() -> Result<()> {
    let (broker, _folder) = broker().await?;
    let foreign = Foreign::connect(&broker).await?;
    let network = trunkline_rig::Proxy::start(broker.socket_address()).await?;
    let asterisk = Fake::new("first", State::Up);
    let way = broker.address_at(network.address());
    let process = Process::start(&way, &asterisk).await?;
    foreign.declare().await?;
    until("the queue served", async || {
        Ok(foreign.consumers().await? == 1)
    })
    .await?;
    assert_eq!(foreign.creates("in time").await?, 200);

    network.refuse().await?;
    network.cut().await;
    until("nobody there", async || Ok(foreign.consumers().await? == 0)).await?;
    foreign.create("meanwhile").await?;
    network.accept().await?;
    assert_eq!(foreign.status().await?, 503);
    assert_eq!(foreign.creates("in time again").await?, 200);
    let wanted = ["in time", "in time again"].map(quoted);
    assert_eq!(asterisk.created(), wanted);
    process.stop().await;
    Ok(())
}

/// Nobody knows what the first Asterisk did: a second one must not do it as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_a_proxy_that_died_is_not_done_at_a_second_asterisk() -> Result<()> {
    let (broker, _folder) = broker().await?;
    let foreign = Foreign::connect(&broker).await?;
    foreign.declare().await?;
    let network = trunkline_rig::Proxy::start(broker.socket_address()).await?;
    let first = Fake::new("first", State::Slow);
    let way = broker.address_at(network.address());
    let dying = Process::start(&way, &first).await?;
    until("the queue served", async || {
        Ok(foreign.consumers().await? == 1)
    })
    .await?;
    foreign.create("once").await?;
    let mut created = first.created.subscribe();
    in_time("the first", created.wait_for(|created| created.len() == 1)).await??;

    let second = Fake::new("second", State::Up);
    let other = Process::start(&broker.address(), &second).await?;
    until("both", async || Ok(foreign.consumers().await? == 2)).await?;
    network.refuse().await?;
    network.cut().await;
    assert_eq!(foreign.status().await?, 500);
    assert_eq!(foreign.creates("another").await?, 200);
    assert_eq!(second.created(), [quoted("another")]);
    other.stop().await;
    // What its Asterisk was told never ends: it is not waited for.
    dying.bus.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_no_broker_takes_holds_up_no_other() -> Result<()> {
    let (broker, _folder) = broker().await?;
    let foreign = Foreign::connect(&broker).await?;
    let large = json!({"type": "ChannelVarset", "value": "x".repeat(10_000)});
    let next = json!({"type": "StasisStart"});
    let asterisk = Arc::new(Fake {
        id: "first",
        tells: [large, next].map(|event| event.to_string().into()).into(),
        state: watch::Sender::new(State::Up),
        created: watch::Sender::default(),
    });
    foreign.listen("asterisk.all.event").await?;
    let carrier = rabbitmq::Config {
        message_max_bytes: 5_000,
        ..rabbitmq::Config::default()
    };
    let process = Process::start_with(&broker.address(), &asterisk, carrier).await?;
    assert_eq!(foreign.next().await?["type"], "asterisk_connected");
    assert_eq!(foreign.next().await?["data"]["type"], "StasisStart");
    let labels = AsteriskLabels {
        asterisk: "http://first".to_owned(),
    };
    assert_eq!(process.metrics.too_large.get_or_create(&labels).get(), 1);
    process.stop().await;
    Ok(())
}
