//! A connection that fails in every way, and what becomes of what was on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use lapin::BasicProperties;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus as _, Error, Method, QueueSpec, RequestHandler, Response, Rpc, RpcError};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq, State};
use trunkline_model::service::Service;
use trunkline_rig::{Proxy, Side};

use crate::handlers::{answer, collect, echo, subscription};
use crate::raw::{Raw, next, request_properties};
use crate::world::{PATIENCE, World, carrier, in_time, until};

const QUEUE: &str = "outage.request";

/// A carrier whose broker is behind a proxy.
struct Behind {
    proxy: Proxy,
    carrier: Arc<RabbitMq>,
    metrics: Metrics,
}

impl Behind {
    async fn of(world: &World, config: Config) -> Result<Self> {
        let proxy = Proxy::start(world.broker.socket_address()).await?;
        let metrics = Metrics::default();
        let address = world.broker.address_at(proxy.address());
        Ok(Self {
            carrier: carrier(&address, config, &metrics)?,
            proxy,
            metrics,
        })
    }

    /// Waits until the connection was given up.
    async fn until_lost(&self) -> Result<()> {
        let mut state = self.carrier.state();
        let lost = state.wait_for(|state| !matches!(state, State::Connected { .. }));
        in_time("it is noticed", lost).await??;
        Ok(())
    }
}

/// A look at the broker every moment: what stands still is noticed soon.
fn watchful() -> Config {
    Config {
        probe_interval_ms: 200,
        answer_timeout_ms: 1_000,
        connect_timeout_ms: 5_000,
        ..Config::default()
    }
}

/// A handler that works until it is let go, and counts.
#[derive(Clone)]
struct Held {
    begun: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        Self {
            begun: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn handler(&self) -> Arc<dyn RequestHandler> {
        let held = self.clone();
        answer(move |body| {
            let held = held.clone();
            async move {
                held.begun.fetch_add(1, Ordering::SeqCst);
                held.gate.acquire().await.ok()?.forget();
                Some(body)
            }
        })
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    async fn until_begun(&self, wanted: usize) -> Result<()> {
        until("the requests are at work", async || self.begun() >= wanted).await
    }

    fn let_go(&self) {
        self.gate.add_permits(10_000);
    }
}

fn asking(carrier: &Arc<RabbitMq>, text: String) -> JoinHandle<Result<Bytes, Error>> {
    let carrier = Arc::clone(carrier);
    let patience = PATIENCE / 2;
    tokio::spawn(async move { carrier.request(QUEUE, Bytes::from(text), patience).await })
}

async fn is_answered(carrier: &RabbitMq) -> bool {
    let short = Duration::from_millis(1_000);
    carrier.request(QUEUE, Bytes::new(), short).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_may_fail_in_every_way() -> Result<()> {
    let world = World::start().await?;
    requests_in_flight_end_when_the_connection_is_cut(&world).await?;
    a_lost_question_is_asked_again_and_nothing_else(&world).await?;
    closing_ends_requests_in_flight(&world).await?;
    a_request_that_was_finished_is_not_done_again(&world).await?;
    two_that_say_the_same_are_both_done(&world).await?;
    what_stands_still_is_noticed(&world).await?;
    what_is_slow_is_not_given_up(&world).await?;
    Ok(())
}

async fn requests_in_flight_end_when_the_connection_is_cut(world: &World) -> Result<()> {
    let (server, held) = (world.carrier()?, Held::new());
    let consumer = server
        .serve(QueueSpec::new(QUEUE, 32), held.handler())
        .await?;
    let client = Behind::of(world, Config::default()).await?;
    let asked: Vec<_> = (0..32)
        .map(|n| asking(&client.carrier, format!("{n}")))
        .collect();
    held.until_begun(32).await?;
    client.proxy.cut().await;
    for asked in asked {
        let outcome = in_time("the end of a request", asked).await??;
        assert!(
            matches!(outcome, Err(Error::Disconnected(_))),
            "{outcome:?}"
        );
    }
    assert_eq!(client.metrics.requests_in_flight.get(), 0);
    held.let_go();
    // The next one waits for the next connection.
    let answered = client.carrier.request(QUEUE, Bytes::new(), PATIENCE).await;
    assert!(answered.is_ok(), "{answered:?}");
    assert_eq!(held.begun(), 33, "each was done once");
    assert_eq!(client.metrics.reconnections.get(), 1);
    consumer.stop().await;
    client.carrier.close().await;
    server.close().await;
    Ok(())
}

async fn a_lost_question_is_asked_again_and_nothing_else(world: &World) -> Result<()> {
    let (server, held) = (world.carrier()?, Held::new());
    let at_work = held.clone();
    let handler = answer(move |_| {
        let held = at_work.clone();
        async move {
            held.begun.fetch_add(1, Ordering::SeqCst);
            held.gate.acquire().await.ok()?.forget();
            Some(Response::bare(200).encode())
        }
    });
    let consumer = server.serve(QueueSpec::new(QUEUE, 32), handler).await?;
    let client = Behind::of(world, Config::default()).await?;
    let rpc = Rpc::new(
        client.carrier.clone(),
        Service::CALL,
        ServiceMetrics::default(),
    );
    let [question, order] = [Method::Get, Method::Post].map(|method| {
        let (rpc, request) = (rpc.clone(), rpc.request(method, "/v1/calls/1"));
        tokio::spawn(async move { rpc.send(QUEUE, &request, "call/calls", PATIENCE).await })
    });
    held.until_begun(2).await?;
    client.proxy.cut().await;
    let order = in_time("the end of the order", order).await??;
    assert!(
        matches!(order, Err(RpcError::Transport(Error::Disconnected(_)))),
        "{order:?}"
    );
    held.until_begun(3).await?;
    held.let_go();
    let question = in_time("the answer", question).await??;
    assert_eq!(question?.status_code, 200);
    assert_eq!(held.begun(), 3, "only the question was asked again");
    consumer.stop().await;
    client.carrier.close().await;
    server.close().await;
    Ok(())
}

async fn closing_ends_requests_in_flight(world: &World) -> Result<()> {
    let (server, client, held) = (world.carrier()?, world.carrier()?, Held::new());
    let consumer = server
        .serve(QueueSpec::new(QUEUE, 4), held.handler())
        .await?;
    let asked: Vec<_> = (0..4).map(|n| asking(&client, format!("{n}"))).collect();
    held.until_begun(4).await?;
    in_time("the end of the carrier", client.close()).await?;
    for asked in asked {
        let outcome = in_time("the end of a request", asked).await??;
        assert!(
            matches!(outcome, Err(Error::Disconnected(_))),
            "{outcome:?}"
        );
    }
    let late = client.request(QUEUE, Bytes::new(), PATIENCE).await;
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
    assert!(client.publish("x", None, Bytes::new()).await.is_err());
    assert!(
        client
            .serve(QueueSpec::new("late", 1), echo())
            .await
            .is_err()
    );
    assert_eq!(*client.state().borrow(), State::Closed);
    held.let_go();
    consumer.stop().await;
    server.close().await;
    Ok(())
}

/// The server's connection ends while it works; the caller's lives on.
async fn a_request_that_was_finished_is_not_done_again(world: &World) -> Result<()> {
    let (server, raw) = (
        Behind::of(world, Config::default()).await?,
        world.raw().await?,
    );
    let held = Held::new();
    let spec = QueueSpec::new(QUEUE, 4);
    let consumer = server.carrier.serve(spec, held.handler()).await?;
    let (reply_to, mut replies) = Raw::replies(&raw.channel).await?;
    let named = request_properties(&reply_to).with_correlation_id("1".into());
    raw.send("", QUEUE, b"named", named).await?;
    let unnamed = request_properties(&reply_to);
    raw.send("", QUEUE, b"as Go does it", unnamed).await?;
    // As the delay plugin delivers it.
    raw.send("", QUEUE, b"delayed", BasicProperties::default())
        .await?;
    held.until_begun(3).await?;
    server.proxy.cut().await;
    until("a second connection", async || {
        server.metrics.reconnections.get() == 1
    })
    .await?;
    // All three have come again before they are let go.
    raw.until_waiting(QUEUE, 0).await?;
    held.let_go();
    let mut answers = [
        next(&mut replies).await?.data,
        next(&mut replies).await?.data,
    ];
    answers.sort();
    assert_eq!(answers, [b"as Go does it".to_vec(), b"named".to_vec()]);
    // It comes behind all of them.
    raw.ask(QUEUE, b"last").await?;
    in_time("all is acknowledged", consumer.stop()).await?;
    raw.until_waiting(QUEUE, 0).await?;
    assert_eq!(held.begun(), 4, "none was done twice");
    server.carrier.close().await;
    Ok(())
}

/// Nothing tells these apart, and each is meant; the second is at work when the
/// connection ends. The acknowledgement of the first may be lost with it, and then it
/// is done twice: that is better than not at all.
async fn two_that_say_the_same_are_both_done(world: &World) -> Result<()> {
    let (server, raw) = (
        Behind::of(world, Config::default()).await?,
        world.raw().await?,
    );
    let held = Held::new();
    let consumer = server
        .carrier
        .serve(QueueSpec::new(QUEUE, 1), held.handler())
        .await?;
    for _ in 0..2 {
        raw.send("", QUEUE, b"again", BasicProperties::default())
            .await?;
    }
    held.until_begun(1).await?;
    held.gate.add_permits(1);
    held.until_begun(2).await?;
    server.proxy.cut().await;
    held.let_go();
    until("a second connection", async || {
        server.metrics.reconnections.get() == 1
    })
    .await?;
    raw.send("", QUEUE, b"again", BasicProperties::default())
        .await?;
    // It comes behind all of them.
    raw.ask(QUEUE, b"last").await?;
    assert!(held.begun() >= 4, "{}", held.begun());
    in_time("all is acknowledged", consumer.stop()).await?;
    raw.until_waiting(QUEUE, 0).await?;
    server.carrier.close().await;
    Ok(())
}

async fn what_stands_still_is_noticed(world: &World) -> Result<()> {
    let server = Behind::of(world, watchful()).await?;
    let client = Behind::of(world, watchful()).await?;
    let spec = QueueSpec::new(QUEUE, 4);
    let consumer = server.carrier.serve(spec, echo()).await?;
    let failures: [fn(&Proxy); 3] = [
        Proxy::freeze,
        |proxy| proxy.swallow(Side::Client),
        |proxy| proxy.swallow(Side::Server),
    ];
    for fails in failures {
        for one in [&client, &server] {
            until("an answer", async || is_answered(&client.carrier).await).await?;
            fails(&one.proxy);
            let asked = asking(&client.carrier, "x".to_owned());
            one.until_lost().await?;
            one.proxy.cut().await;
            one.proxy.flow();
            // It was sent or not: it ends.
            in_time("the end of a request", asked).await??.ok();
        }
    }
    until("an answer", async || is_answered(&client.carrier).await).await?;
    assert_eq!(client.metrics.requests_in_flight.get(), 0);
    client.carrier.close().await;
    in_time("the consumer ends", consumer.stop()).await?;
    server.carrier.close().await;
    Ok(())
}

async fn what_is_slow_is_not_given_up(world: &World) -> Result<()> {
    let server = Behind::of(world, Config::default()).await?;
    let client = Behind::of(world, Config::default()).await?;
    let spec = QueueSpec::new(QUEUE, 4);
    let consumer = server.carrier.serve(spec, echo()).await?;
    let (handler, mut received) = collect();
    let events = server
        .carrier
        .subscribe(subscription("slow.event"), handler)
        .await?;
    until("an answer", async || is_answered(&client.carrier).await).await?;
    let lost = client.metrics.reconnections.get() + server.metrics.reconnections.get();
    for one in [&server, &client] {
        one.proxy.slow(20_000);
    }
    let large = "x".repeat(2_000);
    let asked: Vec<_> = (0..20)
        .map(|_| asking(&client.carrier, large.clone()))
        .collect();
    let event = Bytes::from(large.clone());
    let published = client.carrier.publish("slow.event", None, event).await?;
    for asked in asked {
        let answered = in_time("an answer", asked).await??;
        assert_eq!(answered?.len(), large.len());
    }
    in_time("the confirmation", published).await??;
    assert!(in_time("the event", received.recv()).await?.is_some());
    let after = client.metrics.reconnections.get() + server.metrics.reconnections.get();
    assert_eq!(after, lost);
    for one in [&server, &client] {
        one.proxy.flow();
    }
    consumer.stop().await;
    events.stop().await;
    client.carrier.close().await;
    server.carrier.close().await;
    Ok(())
}
