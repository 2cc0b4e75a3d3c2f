//! Events that leave, in order, with confirms.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation as Confirmed};
use tokio::sync::OwnedSemaphorePermit;
use trunkline_bus::{Confirmation, Error};
use uuid::Uuid;

use crate::requests::CONTENT_TYPE;
use crate::session::Session;

/// The broker keeps it also when it is restarted.
const PERSISTENT: u8 = 2;

/// Header of an event that was parked and was put back into its queue.
const RELEASED: &str = "x-trunkline-released";

/// Where a message goes.
pub(crate) struct Destination {
    pub(crate) exchange: ShortString,
    pub(crate) routing_key: ShortString,
}

/// The properties of an event (chapter 01 §1.5, but persistent and with an id).
pub(crate) fn properties(message_id: Option<Uuid>) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT);
    match message_id {
        Some(id) => properties.with_message_id(id.to_string().into()),
        None => properties,
    }
}

/// The same for an event that was parked and comes back.
pub(crate) fn released(message_id: Option<Uuid>) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(RELEASED.into(), AMQPValue::Boolean(true));
    properties(message_id).with_headers(headers)
}

/// Whether an event was parked before.
pub(crate) fn is_released(properties: &BasicProperties) -> bool {
    let headers = properties.headers().as_ref();
    let value = headers.and_then(|headers| headers.inner().get(RELEASED));
    value == Some(&AMQPValue::Boolean(true))
}

/// Puts a message behind those that were sent before; `place` is given back when
/// the broker has confirmed it.
pub(crate) fn send(
    session: Arc<Session>,
    to: Destination,
    body: Bytes,
    properties: BasicProperties,
    place: OwnedSemaphorePermit,
) -> Confirmation {
    let channel = session.events.clone();
    let mut sending = Box::pin(async move {
        let options = BasicPublishOptions {
            // An event may find nobody who wants it; what is meant for one queue must
            // not be lost with it.
            mandatory: to.exchange.as_str().is_empty(),
            ..BasicPublishOptions::default()
        };
        let sent = channel
            .basic_publish(to.exchange, to.routing_key, options, &body, properties)
            .await?;
        sent.await
    });
    // The first poll puts it into the line, so that order is that of the calls.
    let at_once = sending.as_mut().now_or_never();
    Box::pin(async move {
        let _place = place;
        let outcome = match at_once {
            Some(outcome) => outcome,
            None => tokio::select! {
                biased;
                outcome = &mut sending => outcome,
                () = session.over.cancelled() => return Err(Error::Closed),
            },
        };
        match outcome {
            Ok(confirmed) => accepted(&confirmed),
            Err(error) => {
                session.end(&format!("events cannot be published: {error}"));
                Err(Error::Closed)
            }
        }
    })
}

fn accepted(confirmed: &Confirmed) -> Result<(), Error> {
    match confirmed {
        Confirmed::Ack(None) => Ok(()),
        Confirmed::Ack(Some(returned)) => Err(no_queue(returned)),
        Confirmed::Nack(_) | Confirmed::NotRequested => Err(Error::Closed),
    }
}

fn no_queue(returned: &BasicReturnMessage) -> Error {
    Error::NoQueue(returned.routing_key.to_string())
}
