//! What somebody else's client gets from queues that we serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use lapin::message::Delivery;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus as _, Method, QueueSpec, Refusal, Reply, RequestHandler, Router};
use trunkline_bus_rabbitmq::RabbitMq;

use crate::raw::{Raw, next, request_properties};
use crate::world::{World, until};

const QUEUE: &str = "wire.request";

/// How often the route `/v1/counted` was carried out.
#[derive(Default)]
struct Counted(AtomicUsize);

fn router(counted: &Arc<Counted>) -> Arc<dyn RequestHandler> {
    let router = Router::new(Arc::clone(counted), ServiceMetrics::default())
        .route(Method::Get, "/v1/good", "/v1/good", async |_, _| {
            Ok(Reply::json(&7))
        })
        .route(Method::Get, "/v1/gone", "/v1/gone", async |_, _| {
            Err(Refusal::bare(404))
        })
        .route(Method::Get, "/v1/panics", "/v1/panics", panics)
        .route(Method::Post, "/v1/counted", "/v1/counted", count);
    Arc::new(router)
}

async fn panics(_: Arc<Counted>, routed: trunkline_bus::Routed) -> Result<Reply, Refusal> {
    assert!(routed.publisher.is_empty(), "wanted panic of the test");
    Ok(Reply::Bare)
}

async fn count(counted: Arc<Counted>, _: trunkline_bus::Routed) -> Result<Reply, Refusal> {
    counted.0.fetch_add(1, Ordering::SeqCst);
    Ok(Reply::Bare)
}

fn request(method: &str, uri: &str) -> Vec<u8> {
    format!(r#"{{"uri":"{uri}","method":"{method}","publisher":"x","data_type":""}}"#).into_bytes()
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.data).into_owned()
}

fn id(delivery: &Delivery) -> Option<&str> {
    let id = delivery.properties.correlation_id().as_ref();
    id.map(|id| id.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_answered_as_the_reference_answers() -> Result<()> {
    let world = World::start().await?;
    let (carrier, raw) = (world.carrier()?, world.raw().await?);
    let counted = Arc::new(Counted::default());
    let consumer = carrier
        .serve(QueueSpec::new(QUEUE, 4), router(&counted))
        .await?;
    a_queue_for_each_request_and_no_id(&raw).await?;
    an_id_is_echoed_on_success_and_on_error(&raw).await?;
    garbage_is_answered_with_400(&raw).await?;
    a_reply_queue_that_is_gone_disturbs_nobody(&raw).await?;
    a_request_without_reply_queue_is_done_once(&raw, &counted).await?;
    consumer.stop().await;
    raw.until_waiting(QUEUE, 0).await?;
    as_many_are_taken_as_are_worked_on(&carrier, &raw).await?;
    carrier.close().await;
    Ok(())
}

async fn a_queue_for_each_request_and_no_id(raw: &Raw) -> Result<()> {
    for _ in 0..3 {
        let reply = raw.ask(QUEUE, &request("GET", "/v1/good")).await?;
        assert_eq!(
            text(&reply),
            r#"{"status_code":200,"data_type":"application/json","data":7}"#
        );
        let properties = &reply.properties;
        let content_type = properties.content_type().as_ref();
        assert_eq!(content_type.map(|it| it.as_str()), Some("text/plain"));
        assert_eq!(id(&reply), None, "there is no id where there was none");
        assert_eq!(*properties.delivery_mode(), None);
        assert!(properties.headers().is_none() && properties.reply_to().is_none());
        assert!(properties.expiration().is_none() && properties.message_id().is_none());
    }
    Ok(())
}

async fn an_id_is_echoed_on_success_and_on_error(raw: &Raw) -> Result<()> {
    let channel = raw.another_channel().await?;
    let (reply_to, mut replies) = Raw::replies(&channel).await?;
    let cases = [
        ("/v1/good", r#""status_code":200"#),
        ("/v1/gone", r#"{"status_code":404,"data_type":""}"#),
        ("/v1/panics", r#"{"status_code":500,"data_type":""}"#),
        ("/v1/nowhere", r#"{"status_code":404,"data_type":""}"#),
    ];
    for (n, (uri, answer)) in cases.into_iter().enumerate() {
        let name = format!("any text {n}");
        let properties = request_properties(&reply_to).with_correlation_id(name.as_str().into());
        raw.send("", QUEUE, &request("GET", uri), properties)
            .await?;
        let reply = next(&mut replies).await?;
        assert_eq!(id(&reply), Some(name.as_str()), "{uri}");
        assert!(text(&reply).contains(answer), "{uri}: {}", text(&reply));
    }
    Ok(())
}

async fn garbage_is_answered_with_400(raw: &Raw) -> Result<()> {
    for garbage in [
        &b"garbage"[..],
        b"",
        b"[]",
        b"7",
        br#"{"uri":7}"#,
        b"\xff\xfe{",
    ] {
        let reply = raw.ask(QUEUE, garbage).await?;
        assert_eq!(text(&reply), r#"{"status_code":400,"data_type":""}"#);
    }
    Ok(())
}

async fn a_reply_queue_that_is_gone_disturbs_nobody(raw: &Raw) -> Result<()> {
    for reply_to in ["amq.gen-nobody", "amq.rabbitmq.reply-to.nobody", "x"] {
        let properties = request_properties(reply_to);
        raw.send("", QUEUE, &request("GET", "/v1/good"), properties)
            .await?;
    }
    let reply = raw.ask(QUEUE, &request("GET", "/v1/good")).await?;
    assert!(text(&reply).contains("200"));
    Ok(())
}

/// As the delay plugin delivers a delayed request.
async fn a_request_without_reply_queue_is_done_once(raw: &Raw, counted: &Counted) -> Result<()> {
    let (body, nothing) = (
        request("POST", "/v1/counted"),
        lapin::BasicProperties::default(),
    );
    let empty = request_properties("");
    for properties in [nothing.clone(), nothing, empty] {
        raw.send("", QUEUE, &body, properties).await?;
    }
    until("three requests that are done", async || {
        counted.0.load(Ordering::SeqCst) >= 3
    })
    .await?;
    // Whatever there might have been besides comes before the answer to this.
    raw.ask(QUEUE, &request("GET", "/v1/good")).await?;
    assert_eq!(counted.0.load(Ordering::SeqCst), 3);
    Ok(())
}

async fn as_many_are_taken_as_are_worked_on(carrier: &RabbitMq, raw: &Raw) -> Result<()> {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let held = {
        let gate = Arc::clone(&gate);
        crate::handlers::answer(move |body| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.ok()?.forget();
                Some(body)
            }
        })
    };
    let consumer = carrier
        .serve(QueueSpec::new("wire.prefetch", 2), held)
        .await?;
    for _ in 0..5 {
        raw.send("", "wire.prefetch", b"x", request_properties("x"))
            .await?;
    }
    raw.until_waiting("wire.prefetch", 3).await?;
    gate.add_permits(5);
    raw.until_waiting("wire.prefetch", 0).await?;
    consumer.stop().await;
    Ok(())
}
