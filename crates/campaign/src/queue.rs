//! The two requests that a campaign sends to queue-manager (chapter 05 C.2).

use serde::{Deserialize, Serialize};
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_client::empty;
use trunkline_model::Timestamp;
use trunkline_model::agent::Agent;
use trunkline_model::id::{CustomerId, QueueId};
use trunkline_model::service::Service;

/// Requests to queue-manager.
#[derive(Clone)]
pub(crate) struct QueueClient(pub(crate) Rpc);

/// What a campaign needs to know of a queue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Queue {
    pub(crate) customer_id: CustomerId,
    pub(crate) tm_delete: Option<Timestamp>,
}

impl QueueClient {
    /// The queue with this id.
    pub(crate) async fn get(&self, id: QueueId) -> Result<Queue, RpcError> {
        let request = empty(&self.0, Method::Get, format!("/v1/queues/{id}"));
        self.0
            .call(
                &Service::QUEUE.request_queue(),
                &request,
                "queue/queues",
                DEFAULT_TIMEOUT,
            )
            .await
    }

    /// How many of its agents are available.
    pub(crate) async fn available_agents(&self, id: QueueId) -> Result<u64, RpcError> {
        #[derive(Serialize)]
        struct Body {
            status: &'static str,
        }
        let request = self
            .0
            .request(Method::Get, format!("/v1/queues/{id}/agents"))
            .json(&Body {
                status: "available",
            });
        let agents: Vec<Agent> = self
            .0
            .call(
                &Service::QUEUE.request_queue(),
                &request,
                "queue/queues/<queue-id>/agents",
                DEFAULT_TIMEOUT,
            )
            .await?;
        Ok(agents.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use bytes::Bytes;
    use trunkline_bus::metrics::ServiceMetrics;
    use trunkline_bus::{Bus, InProcess, QueueSpec, RequestHandler, Response};
    use uuid::Uuid;

    use super::*;

    /// Takes a request and has nothing.
    #[derive(Default)]
    struct Nothing(Mutex<Bytes>);

    #[async_trait]
    impl RequestHandler for Nothing {
        async fn handle(&self, body: Bytes) -> Option<Bytes> {
            *self.0.lock().unwrap() = body;
            Some(Response::bare(404).encode())
        }
    }

    /// Chapter 01 §9.4, `QueueV1QueueGet`.
    #[tokio::test]
    async fn a_queue_is_asked_for_as_the_reference_does() {
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let nothing = Arc::new(Nothing::default());
        let queue = QueueSpec::new(Service::QUEUE.request_queue(), 1);
        let handler = Arc::clone(&nothing) as Arc<dyn RequestHandler>;
        let _consumer = bus.serve(queue, handler).await.unwrap();
        let rpc = Rpc::new(bus, Service::CAMPAIGN, ServiceMetrics::default());
        let id = QueueId(Uuid::from_u128(1));
        QueueClient(rpc).get(id).await.unwrap_err();
        let expected = format!(
            r#"{{"uri":"/v1/queues/{id}","method":"GET","publisher":"campaign-manager","data_type":"application/json"}}"#
        );
        assert_eq!(*nothing.0.lock().unwrap(), expected);
    }
}
