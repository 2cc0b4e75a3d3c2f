//! Sending requests as one service, and understanding the answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use trunkline_model::error::TYPED_ERROR;
use trunkline_model::service::Service;
use trunkline_model::{TypedError, wire};

use crate::envelope::{Method, Request, Response};
use crate::error::Error;
use crate::metrics::{RequestLabels, ServiceMetrics, millis};
use crate::port::Bus;

/// Time-out of a request unless chapter 01 §9 names another one.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Pauses before a request that only reads is sent again because the connection was
/// lost: as often as there are pauses, and only while its caller waits.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
];

/// Why a request did not give what was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// The carrier failed.
    #[error(transparent)]
    Transport(#[from] Error),
    /// The service answered with a typed error.
    #[error("{0}")]
    Typed(Box<TypedError>),
    /// The service answered with a bare error status.
    #[error("the service answered with status {0}")]
    Status(u16),
    /// The answer is not what the request promises.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
}

impl RpcError {
    /// Whether the service says that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Status(404) => true,
            Self::Typed(error) => error.status.code() == 404,
            Self::Transport(_) | Self::Status(_) | Self::Answer(_) => false,
        }
    }

    /// Whether the service, or the way to it, is away for the moment.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Status(503) | Self::Transport(_) => true,
            Self::Typed(error) => error.status.code() == 503,
            Self::Status(_) | Self::Answer(_) => false,
        }
    }

    /// Whether the work may have been done although there is no answer.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Transport(error) if !error.not_delivered())
    }
}

/// Sends requests in the name of one service.
#[derive(Clone)]
pub struct Rpc {
    bus: Arc<dyn Bus>,
    publisher: Service,
    metrics: ServiceMetrics,
}

impl Rpc {
    /// Requests of `publisher` over `bus`.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, publisher: Service, metrics: ServiceMetrics) -> Self {
        Self {
            bus,
            publisher,
            metrics,
        }
    }

    /// Begins a request.
    #[must_use]
    pub fn request(&self, method: Method, uri: impl Into<String>) -> Request {
        Request::new(self.publisher, method, uri)
    }

    /// Sends a request and returns the reply as it is. `resource` is the tag of
    /// chapter 01 §9 for the metric.
    ///
    /// When the connection is lost before the reply has come, nobody knows whether the
    /// work was done. A request that only reads is sent again then, within `timeout`;
    /// every other one ends with [`Error::Disconnected`]. However often it is sent it
    /// counts once.
    ///
    /// # Errors
    ///
    /// [`RpcError::Transport`] or [`RpcError::Answer`].
    pub async fn send(
        &self,
        queue: &str,
        request: &Request,
        resource: &'static str,
        timeout: Duration,
    ) -> Result<Response, RpcError> {
        let started = Instant::now();
        let answer = self.ask(queue, request, timeout).await;
        let labels = RequestLabels {
            target: queue.to_owned(),
            resource,
            method: Method::parse(&request.method).map_or("other", Method::as_str),
        };
        self.metrics
            .request_process_time
            .get_or_create(&labels)
            .observe(millis(started.elapsed()));
        let body = answer?;
        wire::decode_bytes(&body).map_err(|error| RpcError::Answer(error.to_string()))
    }

    async fn ask(&self, queue: &str, request: &Request, timeout: Duration) -> Result<Bytes, Error> {
        let (body, begun) = (request.encode(), Instant::now());
        let first = self.bus.request(queue, body.clone(), timeout).await;
        let Err(lost @ Error::Disconnected(_)) = first else {
            return first;
        };
        if !request.only_reads() {
            return Err(lost);
        }
        for pause in PAUSES {
            let left = || timeout.saturating_sub(begun.elapsed());
            if left() <= pause {
                break;
            }
            sleep(pause).await;
            match self.bus.request(queue, body.clone(), left()).await {
                Ok(reply) => return Ok(reply),
                Err(Error::Disconnected(_)) => {}
                // What a repetition met says nothing about the request that was lost.
                Err(error) => {
                    tracing::debug!(queue, %error, "a request that was sent again has failed");
                    break;
                }
            }
        }
        Err(lost)
    }

    /// Sends a request and decodes its payload.
    ///
    /// # Errors
    ///
    /// Any status from 300 on is an error (chapter 01 §2.6).
    pub async fn call<T: DeserializeOwned + Default>(
        &self,
        queue: &str,
        request: &Request,
        resource: &'static str,
        timeout: Duration,
    ) -> Result<T, RpcError> {
        interpret(&self.send(queue, request, resource, timeout).await?)
    }

    /// The service in whose name requests are sent.
    #[must_use]
    pub fn publisher(&self) -> Service {
        self.publisher
    }

    /// Where requests and events of this service are counted.
    #[must_use]
    pub fn metrics(&self) -> &ServiceMetrics {
        &self.metrics
    }

    /// The carrier.
    #[must_use]
    pub fn bus(&self) -> &Arc<dyn Bus> {
        &self.bus
    }
}

/// Reads a reply in the order of chapter 01 §2.6. An empty payload gives the
/// zero value and is not an error.
///
/// # Errors
///
/// For any status from 300 on, and for a payload of another shape.
pub fn interpret<T: DeserializeOwned + Default>(response: &Response) -> Result<T, RpcError> {
    let text = response
        .data
        .as_deref()
        .map(serde_json::value::RawValue::get);
    if response.status_code >= 400
        && response.data_type == TYPED_ERROR
        && let Some(error) = text.and_then(|text| wire::decode::<TypedError>(text).ok())
    {
        return Err(RpcError::Typed(Box::new(error)));
    }
    if response.status_code >= 300 {
        return Err(RpcError::Status(response.status_code));
    }
    match text {
        None | Some("null") => Ok(T::default()),
        Some(text) => wire::decode(text).map_err(|error| RpcError::Answer(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::in_process::InProcess;
    use crate::port::{QueueSpec, RequestHandler};

    struct Answers(&'static [u8]);

    #[async_trait::async_trait]
    impl RequestHandler for Answers {
        async fn handle(&self, _: Bytes) -> Option<Bytes> {
            Some(Bytes::from_static(self.0))
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_as_the_reference_reads_it() {
        for (answer, read) in [
            (
                &br#"{"status_code":200,"data_type":null,"data":"x"}"#[..],
                Some("x"),
            ),
            (br#"{"status_code":200,"data":"y","data":"x"}"#, Some("x")),
            (b"{\"status_code\":200,\"data\":\"\xff\"}", Some("\u{fffd}")),
            (b"[200]", None),
        ] {
            let bus = InProcess::new();
            let queue = QueueSpec::new("q", 1);
            let _serving = bus.serve(queue, Arc::new(Answers(answer))).await.unwrap();
            let rpc = Rpc::new(Arc::new(bus), Service::CALL, ServiceMetrics::default());
            let request = rpc.request(Method::Get, "/v1/x");
            let asked = rpc.call::<String>("q", &request, "x", DEFAULT_TIMEOUT);
            assert_eq!(asked.await.ok().as_deref(), read, "{answer:?}");
        }
    }
}
