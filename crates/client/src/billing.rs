//! billing-manager.

use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::billing::{IsValidBalanceReply, IsValidBalanceRequest};
use trunkline_model::service::Service;

/// Requests to billing-manager.
#[derive(Clone)]
pub struct BillingClient(pub Rpc);

impl BillingClient {
    /// Whether the customer can pay for what is asked.
    ///
    /// # Errors
    ///
    /// When billing-manager does not answer; callers fail closed.
    pub async fn is_valid_balance(&self, asked: &IsValidBalanceRequest) -> Result<bool, RpcError> {
        const TAG: &str = "billing/accounts/is_valid_balance_by_customer_id";
        let request = self
            .0
            .request(Method::Post, "/v1/accounts/is_valid_balance_by_customer_id")
            .json(asked);
        let queue = Service::BILLING.request_queue();
        let reply: IsValidBalanceReply =
            self.0.call(&queue, &request, TAG, DEFAULT_TIMEOUT).await?;
        Ok(reply.valid)
    }
}
