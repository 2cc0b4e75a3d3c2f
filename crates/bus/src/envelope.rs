//! Envelopes: Request, Response, Event (chapter 01 §2–3).

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use trunkline_model::error::TYPED_ERROR;
use trunkline_model::service::Service;
use trunkline_model::{TypedError, wire};

/// Content type of every payload.
pub const JSON: &str = "application/json";

/// What a request wants done with its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this spelling; others answer 404 (chapter 02 §5.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Delete]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

/// A request (chapter 01 §2.1).
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Request {
    /// Path and query, such as `/v1/calls/<uuid>`.
    pub uri: String,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// Name of the service that asks.
    pub publisher: String,
    /// `""`, `text/plain` or `application/json`.
    pub data_type: String,
    /// The payload, embedded as JSON. One that came as `null` is there as that.
    #[serde(
        deserialize_with = "as_it_stands",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<Box<RawValue>>,
    /// For logs only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// It moves something although its method is `GET`: whoever sends it does not ask
    /// again by himself ([`Request::once`]). Not on the wire.
    #[serde(skip)]
    pub moves: bool,
}

impl Request {
    /// A request without payload.
    #[must_use]
    pub fn new(publisher: Service, method: Method, uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            method: method.as_str().to_owned(),
            publisher: publisher.name().to_owned(),
            ..Self::default()
        }
    }

    /// The same with another method.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        method.as_str().clone_into(&mut self.method);
        self
    }

    /// The same with a JSON payload.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(self, payload: &T) -> Self {
        self.raw(wire::raw(payload))
    }

    /// The same with a payload that is JSON already.
    #[must_use]
    pub fn raw(mut self, payload: Box<RawValue>) -> Self {
        self.data_type = JSON.to_owned();
        self.data = Some(payload);
        self
    }

    /// The request that these bytes are, read as leniently as the reference reads it
    /// (chapter 01 §2.3). A list is none, although serde would take it for the fields in
    /// their order.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        wire::decode_bytes(body).ok()
    }

    /// The payload; `null` is none.
    #[must_use]
    pub fn payload(&self) -> Option<&str> {
        let payload = self.data.as_deref().map(RawValue::get);
        payload.filter(|json| *json != "null")
    }

    /// The same for a `GET` that moves something, and so must not be sent twice.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.moves = true;
        self
    }

    /// Whether nothing changes when it is carried out more than once.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.method == Method::Get.as_str() && !self.moves
    }

    /// As bytes for the carrier.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self).into()
    }
}

fn as_it_stands<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(json).map(Some)
}

/// A reply (chapter 01 §2.2).
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Response {
    /// HTTP-like status.
    pub status_code: u16,
    /// `application/json`, `voipbin_error` or empty.
    pub data_type: String,
    /// The payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl Response {
    /// A status without payload: `{"status_code":N,"data_type":""}`.
    #[must_use]
    pub fn bare(status_code: u16) -> Self {
        Self {
            status_code,
            ..Self::default()
        }
    }

    /// 200 with a JSON payload.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(payload: &T) -> Self {
        Self {
            status_code: 200,
            data_type: JSON.to_owned(),
            data: Some(wire::raw(payload)),
        }
    }

    /// A typed error with its own status.
    #[must_use]
    pub fn typed(error: &TypedError) -> Self {
        Self {
            status_code: error.status.code(),
            data_type: TYPED_ERROR.to_owned(),
            data: Some(wire::raw(error)),
        }
    }

    /// As bytes for the carrier.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self).into()
    }
}

/// An event (chapter 01 §3.1).
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the service that it comes from.
    pub publisher: String,
    pub data_type: String,
    /// The complete internal resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl Event {
    /// An event of `publisher` about `payload`.
    #[must_use]
    pub fn new<T: Serialize + ?Sized>(publisher: Service, kind: &str, payload: &T) -> Self {
        Self {
            kind: kind.to_owned(),
            publisher: publisher.name().to_owned(),
            data_type: JSON.to_owned(),
            data: Some(wire::raw(payload)),
        }
    }

    /// What [`Event::new`] would be encoded as, without the way over the payload's
    /// own text.
    #[must_use]
    pub fn written<T: Serialize + ?Sized>(publisher: Service, kind: &str, payload: &T) -> String {
        #[derive(Serialize)]
        struct Whole<'a, T: ?Sized> {
            r#type: &'a str,
            publisher: &'a str,
            data_type: &'a str,
            data: &'a T,
        }
        wire::text(&Whole {
            r#type: kind,
            publisher: publisher.name(),
            data_type: JSON,
            data: payload,
        })
    }

    /// The payload's JSON text; `null` when there is none.
    #[must_use]
    pub fn payload(&self) -> &str {
        self.data.as_deref().map_or("null", RawValue::get)
    }

    /// As bytes for the carrier.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        wire::encode(self).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_answers_are_bare() {
        assert_eq!(
            &Response::bare(404).encode()[..],
            br#"{"status_code":404,"data_type":""}"#
        );
    }

    #[test]
    fn event_is_written_as_it_would_be_encoded() {
        for payload in [
            serde_json::json!({"a": "<&>", "b": [1, null]}),
            serde_json::Value::Null,
        ] {
            let event = Event::new(Service::CALL, "call_created", &payload);
            let written = Event::written(Service::CALL, "call_created", &payload);
            assert_eq!(event.encode(), written.as_bytes());
        }
    }

    #[test]
    fn request_carries_its_payload_as_json() {
        let request =
            Request::new(Service::CALL, Method::Post, "/v1/x").json(&serde_json::json!({"a": "<"}));
        assert_eq!(
            std::str::from_utf8(&request.encode()).unwrap(),
            r#"{"uri":"/v1/x","method":"POST","publisher":"call-manager","data_type":"application/json","data":{"a":"\u003c"}}"#
        );
    }
}
