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
    /// they are tried (chapter 05 E.3). `number` is the whole number: ours also
    /// has routes to longer prefixes, the reference does not look at it.
    ///
    /// # Errors
    ///
    /// When route-manager refuses or does not answer.
    pub async fn dialroutes(
        &self,
        customer_id: CustomerId,
        target: &str,
        number: &str,
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
            number: &'a str,
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
            number,
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

    /// Creates a provider under a chosen id; one that is there is success. A
    /// route-manager of the reference chooses the id itself: take it from the
    /// answer.
    ///
    /// # Errors
    ///
    /// When route-manager refuses or does not answer.
    pub async fn create_provider(&self, provider: &Provider) -> Result<Provider, RpcError> {
        let request = self.0.request(Method::Post, "/v1/providers").json(provider);
        self.providers(&request).await
    }

    /// Replaces what a provider holds.
    ///
    /// # Errors
    ///
    /// When route-manager refuses or does not answer.
    pub async fn update_provider(&self, provider: &Provider) -> Result<Provider, RpcError> {
        let path = format!("/v1/providers/{}", provider.id);
        let request = self.0.request(Method::Put, path).json(provider);
        self.providers(&request).await
    }

    /// Deletes a provider.
    ///
    /// # Errors
    ///
    /// A typed error when a route leads over it, or when there is none.
    pub async fn delete_provider(&self, id: ProviderId) -> Result<Provider, RpcError> {
        let request = self
            .0
            .request(Method::Delete, format!("/v1/providers/{id}"));
        self.providers(&request).await
    }

    async fn providers(&self, request: &trunkline_bus::Request) -> Result<Provider, RpcError> {
        let queue = Service::ROUTE.request_queue();
        self.0
            .call(
                &queue,
                request,
                "route/providers/<provider-id>",
                DEFAULT_TIMEOUT,
            )
            .await
    }
}
