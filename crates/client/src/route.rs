//! route-manager.

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::id::{CustomerId, ProviderId};
use trunkline_model::route::{Provider, Route};
use trunkline_model::service::Service;

/// Requests to route-manager.
#[derive(Clone)]
pub struct RouteClient(pub Rpc);

impl RouteClient {
    /// The routes to a country calling code such as `+82`, in the order in which
    /// they are tried (chapter 05 E.3).
    ///
    /// # Errors
    ///
    /// When route-manager refuses or does not answer.
    pub async fn dialroutes(
        &self,
        customer_id: CustomerId,
        target: &str,
        target_provider_ids: &[ProviderId],
    ) -> Result<Vec<Route>, RpcError> {
        #[derive(Serialize)]
        struct Filters<'a> {
            customer_id: CustomerId,
            target: &'a str,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            customer_id: CustomerId,
            target: &'a str,
            filters: Filters<'a>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            target_provider_ids: &'a [ProviderId],
        }
        let filters = Filters {
            customer_id,
            target,
        };
        let body = Body {
            customer_id,
            target,
            filters,
            target_provider_ids,
        };
        let request = self.0.request(Method::Get, "/v1/dialroutes").json(&body);
        let queue = Service::ROUTE.request_queue();
        self.0
            .call(&queue, &request, "route/dialroutes", DEFAULT_TIMEOUT)
            .await
    }

    /// The provider with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn provider(&self, id: ProviderId) -> Result<Provider, RpcError> {
        let request = self.0.request(Method::Get, format!("/v1/providers/{id}"));
        let queue = Service::ROUTE.request_queue();
        self.0
            .call(
                &queue,
                &request,
                "route/providers/<provider-id>",
                DEFAULT_TIMEOUT,
            )
            .await
    }
}
