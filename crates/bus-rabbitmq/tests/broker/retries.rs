//! What becomes of events that fail (chapter 01 §1.4), without the plugin.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::types::AMQPValue;
use tokio::sync::mpsc;
use trunkline_bus::parking::Parking;
use trunkline_bus::{Bus as _, EventHandler, Message, Retry, Work};

use crate::handlers::{subscription, take};
use crate::raw::{Raw, table};
use crate::world::{World, in_time};

/// An hour: what was put aside stays where it can be looked at.
const LATER: Duration = Duration::from_secs(3_600);
const QUEUE: &str = "retry.event";
const ASIDE: &str = "trunkline.retry.retry.event.3600000";

/// Tells what it has parked.
struct Parked(mpsc::UnboundedSender<(Message, String)>);

#[async_trait]
impl Parking for Parked {
    async fn park(&self, _: &str, message: &Message, reason: &str) -> Result<(), String> {
        let parked = (message.clone(), reason.to_owned());
        self.0.send(parked).map_err(|error| error.to_string())
    }

    async fn handled(&self, _: &str, _: &Message) -> Result<(), String> {
        Err("nothing was put back".to_owned())
    }
}

/// Fails with everything; what begins with `!` it cannot read.
fn failing() -> Arc<dyn EventHandler> {
    take(|message: Message| {
        if message.body.first() == Some(&b'!') {
            return Work::unreadable("wanted");
        }
        Work::new(None, async { Err(Retry::later("wanted failure")) })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_event_is_counted_as_the_reference_counts() -> Result<()> {
    let world = World::start().await?;
    let (carrier, raw) = (world.carrier()?, world.raw().await?);
    let (parked, mut parking) = mpsc::unbounded_channel();
    let mut spec = subscription(QUEUE).parked_by(Arc::new(Parked(parked)));
    spec.retry_delays = vec![LATER; 3];
    let consumer = carrier.subscribe(spec, failing()).await?;

    let int = AMQPValue::LongInt;
    for (counter, next) in [
        (None, 1),
        (Some(int(0)), 1),
        (Some(int(1)), 2),
        (Some(int(2)), 3),
        (Some(int(-5)), 1),
        (Some(AMQPValue::LongLongInt(2)), 1),
        (Some(AMQPValue::ShortInt(2)), 1),
        (Some(AMQPValue::LongString("2".into())), 1),
    ] {
        the_copy_is_counted_and_kept(&raw, counter, next).await?;
    }
    what_has_failed_often_enough_is_parked(&raw, &mut parking).await?;
    consumer.stop().await;
    raw.until_waiting(QUEUE, 0).await?;
    assert_eq!(
        raw.waiting(ASIDE).await,
        Some(0),
        "nothing else was put aside"
    );
    assert!(parking.try_recv().is_err(), "nor parked");
    carrier.close().await;
    Ok(())
}

async fn the_copy_is_counted_and_kept(
    raw: &Raw,
    counter: Option<AMQPValue>,
    wanted: i32,
) -> Result<()> {
    let mut headers = table("x-own", AMQPValue::Boolean(true));
    if let Some(counter) = counter {
        headers.insert("x-retry-count".into(), counter);
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(1)
        .with_message_id("an id of somebody's".into())
        .with_headers(headers);
    raw.send(QUEUE, "", b"{}", properties).await?;
    let copy = raw.get(ASIDE).await?.delivery;
    assert_eq!(copy.data, b"{}");
    let properties = &copy.properties;
    assert_eq!(*properties.delivery_mode(), Some(2), "it is persistent");
    let content_type = properties.content_type().as_ref();
    assert_eq!(content_type.map(|it| it.as_str()), Some("text/plain"));
    let id = properties.message_id().as_ref();
    assert_eq!(id.map(|id| id.as_str()), Some("an id of somebody's"));
    let headers = properties.headers().as_ref().context("headers")?.inner();
    assert_eq!(headers.get("x-own"), Some(&AMQPValue::Boolean(true)));
    let counted = headers.get("x-retry-count");
    assert_eq!(counted, Some(&AMQPValue::LongInt(wanted)));
    Ok(())
}

async fn what_has_failed_often_enough_is_parked(
    raw: &Raw,
    parking: &mut mpsc::UnboundedReceiver<(Message, String)>,
) -> Result<()> {
    let cases = [(&b"{}"[..], 3), (b"{}", 4), (b"{}", i32::MAX), (b"!", 0)];
    for (body, counter) in cases {
        let headers = table("x-retry-count", AMQPValue::LongInt(counter));
        let properties = BasicProperties::default().with_headers(headers);
        raw.send(QUEUE, "", body, properties).await?;
        let parked = in_time("what is parked", parking.recv()).await?;
        let (message, _) = parked.context("it is parked")?;
        assert_eq!(&message.body[..], body);
        assert_eq!(i32::try_from(message.retries)?, counter);
    }
    Ok(())
}
