//! agent-manager.

use std::time::Duration;

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::Address;
use trunkline_model::agent::Agent;
use trunkline_model::id::{AgentId, CustomerId};
use trunkline_model::service::Service;

/// Time-out of the look-up by address (chapter 01 §9.4).
const BY_ADDRESS: Duration = Duration::from_secs(1);

/// Requests to agent-manager.
#[derive(Clone)]
pub struct AgentClient(pub Rpc);

impl AgentClient {
    /// The agent with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn get(&self, id: AgentId) -> Result<Agent, RpcError> {
        let request = self.0.request(Method::Get, format!("/v1/agents/{id}"));
        let queue = Service::AGENT.request_queue();
        self.0
            .call(&queue, &request, "agent/agents/<agent-id>", DEFAULT_TIMEOUT)
            .await
    }

    /// The customer's agent who has this (normalised) address.
    ///
    /// # Errors
    ///
    /// Also when there is none; callers take any error as "no owner".
    pub async fn by_address(
        &self,
        customer_id: CustomerId,
        address: &Address,
    ) -> Result<Agent, RpcError> {
        const TAG: &str = "agent/agents/get_by_customer_id_address";
        #[derive(Serialize)]
        struct Body<'a> {
            customer_id: CustomerId,
            address: &'a Address,
        }
        let request = self
            .0
            .request(Method::Post, "/v1/agents/get_by_customer_id_address")
            .json(&Body {
                customer_id,
                address,
            });
        let queue = Service::AGENT.request_queue();
        self.0.call(&queue, &request, TAG, BY_ADDRESS).await
    }
}
