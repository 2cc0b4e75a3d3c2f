//! The two requests that a campaign sends to queue-manager (chapter 05 C.2).

use serde::{Deserialize, Serialize};
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
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
        let request = self.0.request(Method::Get, format!("/v1/queues/{id}"));
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
                "queue/queues",
                DEFAULT_TIMEOUT,
            )
            .await?;
        Ok(agents.len() as u64)
    }
}
