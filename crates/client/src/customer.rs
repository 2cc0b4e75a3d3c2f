//! customer-manager.

use serde_json::json;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::customer::Customer;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;

use crate::empty;

/// Requests to customer-manager.
#[derive(Clone)]
pub struct CustomerClient(pub Rpc);

impl CustomerClient {
    /// The newest of those that live.
    ///
    /// # Errors
    ///
    /// When the service does not answer.
    pub async fn newest(&self) -> Result<Option<Customer>, RpcError> {
        let request = self.0.request(Method::Get, "/v1/customers?page_size=1");
        let request = request.json(&json!({"deleted": false}));
        let queue = Service::CUSTOMER.request_queue();
        let found: Vec<Customer> = self
            .0
            .call(&queue, &request, "customer/customers", DEFAULT_TIMEOUT)
            .await?;
        Ok(found.into_iter().next())
    }

    /// The customer with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn get(&self, id: CustomerId) -> Result<Customer, RpcError> {
        let request = empty(&self.0, Method::Get, format!("/v1/customers/{id}"));
        let queue = Service::CUSTOMER.request_queue();
        self.0
            .call(&queue, &request, "customer/customers", DEFAULT_TIMEOUT)
            .await
    }
}
