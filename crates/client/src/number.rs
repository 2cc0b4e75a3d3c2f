//! number-manager.

use std::time::Duration;

use serde::Serialize;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::id::{CustomerId, NumberId};
use trunkline_model::number::Number;
use trunkline_model::service::Service;

/// Time-out of number-manager's list (chapter 01 §9.4).
const TIMEOUT: Duration = Duration::from_secs(15);

/// Requests to number-manager.
#[derive(Clone)]
pub struct NumberClient(pub Rpc);

impl NumberClient {
    /// The customer's own active number with this text (chapter 03 §4.5 step 3).
    ///
    /// # Errors
    ///
    /// When number-manager does not answer.
    pub async fn active_by_number(
        &self,
        customer_id: CustomerId,
        number: &str,
    ) -> Result<Option<Number>, RpcError> {
        #[derive(Serialize)]
        struct Filter<'a> {
            customer_id: CustomerId,
            number: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            status: &'a str,
            deleted: bool,
        }
        self.first(&Filter {
            customer_id,
            number,
            kind: "normal",
            status: "active",
            deleted: false,
        })
        .await
    }

    /// The customer's own active number with this id (chapter 03 §4.5 step 4).
    ///
    /// # Errors
    ///
    /// When number-manager does not answer.
    pub async fn active_by_id(
        &self,
        customer_id: CustomerId,
        id: NumberId,
    ) -> Result<Option<Number>, RpcError> {
        #[derive(Serialize)]
        struct Filter<'a> {
            customer_id: CustomerId,
            id: NumberId,
            #[serde(rename = "type")]
            kind: &'a str,
            status: &'a str,
            deleted: bool,
        }
        self.first(&Filter {
            customer_id,
            id,
            kind: "normal",
            status: "active",
            deleted: false,
        })
        .await
    }

    /// The number that was dialed (chapter 03 §3.5.2).
    ///
    /// # Errors
    ///
    /// When number-manager does not answer.
    pub async fn dialed(&self, number: &str) -> Result<Option<Number>, RpcError> {
        #[derive(Serialize)]
        struct Filter<'a> {
            number: &'a str,
            deleted: bool,
        }
        self.first(&Filter {
            number,
            deleted: false,
        })
        .await
    }

    async fn first<F: Serialize>(&self, filter: &F) -> Result<Option<Number>, RpcError> {
        let request = self
            .0
            .request(Method::Get, "/v1/numbers?page_token=&page_size=1")
            .json(filter);
        let queue = Service::NUMBER.request_queue();
        let found: Vec<Number> = self
            .0
            .call(&queue, &request, "number/numbers", TIMEOUT)
            .await?;
        Ok(found.into_iter().next())
    }
}
