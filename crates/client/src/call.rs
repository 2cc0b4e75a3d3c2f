//! call-manager.

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Request, Rpc, RpcError};
use trunkline_model::asterisk::Asterisk;
use trunkline_model::call::{Call, CreateWithIdRequest, Outcome, OutcomesRequest};
use trunkline_model::id::{CallId, FlowId};
use trunkline_model::progress::{Calls, CallsOf};
use trunkline_model::service::Service;

use crate::empty;

/// Requests to call-manager.
#[derive(Clone)]
pub struct CallClient(pub Rpc);

impl CallClient {
    /// The call with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn get(&self, id: CallId) -> Result<Call, RpcError> {
        self.call(
            self.0.request(Method::Get, format!("/v1/calls/{id}")),
            "call/calls",
        )
        .await
    }

    /// How these calls went, at most 1,000, in the order of the ids; unknown ones are
    /// left out. A request of Trunkline's own.
    ///
    /// # Errors
    ///
    /// 404 from a call-manager that is not ours; 400 for too many.
    pub async fn outcomes(&self, ids: &[CallId]) -> Result<Vec<Outcome>, RpcError> {
        let asked = OutcomesRequest { ids: ids.to_vec() };
        let request = self.0.request(Method::Post, "/v1/calls/outcomes");
        self.call(request.json(&asked), "call/calls").await
    }

    /// Creates a call under a known id. `None` is the reference's `200 null`:
    /// there is no dial route and no call (chapter 05 G.1 row 6).
    ///
    /// # Errors
    ///
    /// When the call is refused; after a time-out it may exist all the same.
    pub async fn create_with_id(
        &self,
        id: CallId,
        asked: &CreateWithIdRequest,
    ) -> Result<Option<Call>, RpcError> {
        let request = self
            .0
            .request(Method::Post, format!("/v1/calls/{id}"))
            .json(asked);
        self.call(request, "call/calls").await
    }

    /// The call with this id, or `None`, and then there will never be one: a
    /// request of Trunkline's own.
    ///
    /// # Errors
    ///
    /// A bare 404 from a call-manager that is not ours.
    pub async fn void(&self, id: CallId) -> Result<Option<Call>, RpcError> {
        let request = self.0.request(Method::Post, format!("/v1/calls/{id}/void"));
        self.call(request, "call/calls").await
    }

    /// Asks for a hangup.
    ///
    /// # Errors
    ///
    /// When call-manager refuses or does not answer.
    pub async fn hangup(&self, id: CallId) -> Result<Call, RpcError> {
        let request = empty(&self.0, Method::Post, format!("/v1/calls/{id}/hangup"));
        self.call(request, "call/calls").await
    }

    /// Tells a call to go on with its next action.
    ///
    /// # Errors
    ///
    /// When call-manager refuses or does not answer.
    pub async fn action_next(&self, id: CallId, force: bool) -> Result<(), RpcError> {
        const TAG: &str = "call/calls/<call-id>/action-next";
        #[derive(Serialize)]
        struct Body {
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            force: bool,
        }
        let request = self
            .0
            .request(Method::Post, format!("/v1/calls/{id}/action-next"))
            .json(&Body { force });
        let _: serde_json::Value = self.call(request, TAG).await?;
        Ok(())
    }

    /// How many calls of a flow there are in each state: a resource of Trunkline's
    /// own.
    ///
    /// # Errors
    ///
    /// 404 from a call-manager that is not ours.
    pub async fn counts(&self, flow_id: FlowId) -> Result<Calls, RpcError> {
        let request = self
            .0
            .request(Method::Get, "/v1/calls/counts")
            .json(&CallsOf { flow_id });
        self.call(request, "call/calls/counts").await
    }

    /// The Asterisks that call-manager knows: a resource of Trunkline's own.
    ///
    /// # Errors
    ///
    /// 404 from a call-manager that is not ours.
    pub async fn asterisks(&self) -> Result<Vec<Asterisk>, RpcError> {
        self.call(
            self.0.request(Method::Get, "/v1/asterisks"),
            "call/asterisks",
        )
        .await
    }

    async fn call<T: serde::de::DeserializeOwned + Default>(
        &self,
        request: Request,
        tag: &'static str,
    ) -> Result<T, RpcError> {
        self.0
            .call(
                &Service::CALL.request_queue(),
                &request,
                tag,
                DEFAULT_TIMEOUT,
            )
            .await
    }
}
