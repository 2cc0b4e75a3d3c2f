//! registrar-manager: trunks and phones, Trunkline's own.

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::id::{CustomerId, PhoneId};
use trunkline_model::phone::Phone;
use trunkline_model::service::Service;

/// Requests to registrar-manager.
#[derive(Clone)]
pub struct RegistrarClient(pub Rpc);

impl RegistrarClient {
    /// The phone with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn phone(&self, id: PhoneId) -> Result<Phone, RpcError> {
        let request = self.0.request(Method::Get, format!("/v1/phones/{id}"));
        let queue = Service::REGISTRAR.request_queue();
        self.0
            .call(&queue, &request, "registrar/phones", DEFAULT_TIMEOUT)
            .await
    }

    /// The customer's phone with this extension (chapter 03 §3.5.7).
    ///
    /// # Errors
    ///
    /// When registrar-manager does not answer.
    pub async fn phone_by_extension(
        &self,
        customer_id: CustomerId,
        extension: &str,
    ) -> Result<Option<Phone>, RpcError> {
        #[derive(Serialize)]
        struct Filter<'a> {
            customer_id: CustomerId,
            deleted: bool,
            extension: &'a str,
        }
        let request = self
            .0
            .request(Method::Get, "/v1/phones?page_token=&page_size=1")
            .json(&Filter {
                customer_id,
                deleted: false,
                extension,
            });
        let queue = Service::REGISTRAR.request_queue();
        let found: Vec<Phone> = self
            .0
            .call(&queue, &request, "registrar/phones", DEFAULT_TIMEOUT)
            .await?;
        Ok(found.into_iter().next())
    }
}
