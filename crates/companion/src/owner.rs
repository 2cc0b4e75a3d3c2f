//! The customer that something belongs to. Customers are customer-manager's rows, so
//! the other roles ask it: over a broker it may run anywhere.

use trunkline_bus::{Refusal, Rpc, RpcError};
use trunkline_client::CustomerClient;
use trunkline_model::customer::Customer;
use trunkline_model::error::Status;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;

use crate::error;

/// The customer, deleted or not; none when there never was one.
///
/// # Errors
///
/// When customer-manager does not say.
pub(crate) async fn find(rpc: &Rpc, id: CustomerId) -> Result<Option<Customer>, RpcError> {
    match CustomerClient(rpc.clone()).get(id).await {
        Ok(customer) => Ok(Some(customer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The customer, if it lives; `asked` is the service that speaks to the caller.
///
/// # Errors
///
/// A typed 404 when there is none, and a bare 503 when customer-manager does not say,
/// so that the caller comes again.
pub(crate) async fn living(rpc: &Rpc, asked: Service, id: CustomerId) -> Result<Customer, Refusal> {
    let found = find(rpc, id).await.map_err(|error| unknown(&error))?;
    let living = found.filter(|customer| customer.tm_delete.is_none());
    living.ok_or_else(|| {
        error::typed(
            asked,
            Status::NotFound,
            "CUSTOMER_NOT_FOUND",
            "The customer was not found.",
        )
    })
}

/// What a caller is told when customer-manager does not say.
pub(crate) fn unknown(error: &RpcError) -> Refusal {
    tracing::warn!(%error, "customer-manager does not say whose this is");
    Refusal::bare(503)
}
