//! flow-manager.

use std::collections::BTreeMap;

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Request, Rpc, RpcError};
use trunkline_model::Action;
use trunkline_model::activeflow::{self, Activeflow};
use trunkline_model::flow::{self, Flow};
use trunkline_model::id::{ActionId, ActiveflowId, FlowId};
use trunkline_model::service::Service;
use trunkline_model::variable::Variable;

use crate::empty;

/// Requests to flow-manager.
#[derive(Clone)]
pub struct FlowClient(pub Rpc);

impl FlowClient {
    /// The flow with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn get(&self, id: FlowId) -> Result<Flow, RpcError> {
        self.call(
            empty(&self.0, Method::Get, format!("/v1/flows/{id}")),
            "flow/flows",
        )
        .await
    }

    /// Creates a flow.
    ///
    /// # Errors
    ///
    /// A typed `INVALID_ACTION_TYPE` for an unknown action type.
    pub async fn create(&self, flow: &flow::CreateRequest) -> Result<Flow, RpcError> {
        self.call(
            self.0.request(Method::Post, "/v1/flows").json(flow),
            "flow/actions",
        )
        .await
    }

    /// Replaces a flow's actions.
    ///
    /// # Errors
    ///
    /// As [`FlowClient::create`].
    pub async fn update_actions(
        &self,
        id: FlowId,
        actions: Option<&[Action]>,
    ) -> Result<Flow, RpcError> {
        #[derive(Serialize)]
        struct Body<'a> {
            actions: Option<&'a [Action]>,
        }
        let request = self
            .0
            .request(Method::Put, format!("/v1/flows/{id}/actions"))
            .json(&Body { actions });
        self.call(request, "flow/flows").await
    }

    /// Deletes a flow.
    ///
    /// # Errors
    ///
    /// A 404 when there is none.
    pub async fn delete(&self, id: FlowId) -> Result<Flow, RpcError> {
        self.call(
            empty(&self.0, Method::Delete, format!("/v1/flows/{id}")),
            "flow/flows",
        )
        .await
    }

    /// Creates an activeflow.
    ///
    /// # Errors
    ///
    /// When the flow does not exist or belongs to another customer.
    pub async fn create_activeflow(
        &self,
        asked: &activeflow::CreateRequest,
    ) -> Result<Activeflow, RpcError> {
        self.call(
            self.0.request(Method::Post, "/v1/activeflows").json(asked),
            "flow/actions",
        )
        .await
    }

    /// Creates an activeflow with the variables of its reference.
    ///
    /// # Errors
    ///
    /// A bare 404 from a flow-manager that is not ours; otherwise as
    /// [`FlowClient::create_activeflow`].
    pub async fn create_prepared(
        &self,
        asked: &activeflow::PreparedRequest,
    ) -> Result<activeflow::PreparedReply, RpcError> {
        let request = self
            .0
            .request(Method::Post, "/v1/activeflows/prepared")
            .json(asked);
        self.call(request, "flow/actions").await
    }

    /// Runs an activeflow whose reference does not ask for actions itself.
    ///
    /// # Errors
    ///
    /// When flow-manager refuses or does not answer.
    pub async fn execute(&self, id: ActiveflowId) -> Result<(), RpcError> {
        const TAG: &str = "flow/activeflows/<activeflow-id>/execute";
        let request = self
            .0
            .request(Method::Post, format!("/v1/activeflows/{id}/execute"));
        let _: serde_json::Value = self
            .0
            .call(
                &Service::FLOW.request_queue(),
                &request,
                TAG,
                DEFAULT_TIMEOUT,
            )
            .await?;
        Ok(())
    }

    /// Stops an activeflow; stopping an ended one changes nothing.
    ///
    /// # Errors
    ///
    /// When flow-manager refuses or does not answer.
    pub async fn stop(&self, id: ActiveflowId) -> Result<(), RpcError> {
        let request = self
            .0
            .request(Method::Post, format!("/v1/activeflows/{id}/stop"));
        let _: Activeflow = self.call(request, "flow/actions").await?;
        Ok(())
    }

    /// The activeflow with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn activeflow(&self, id: ActiveflowId) -> Result<Activeflow, RpcError> {
        self.call(
            self.0.request(Method::Get, format!("/v1/activeflows/{id}")),
            "flow/actions",
        )
        .await
    }

    /// The action after `current`.
    ///
    /// # Errors
    ///
    /// When `current` is not the activeflow's current action, or it has ended.
    pub async fn next(&self, id: ActiveflowId, current: ActionId) -> Result<Action, RpcError> {
        #[derive(Serialize)]
        struct Body {
            current_action_id: ActionId,
        }
        let request = self
            .0
            .request(Method::Get, format!("/v1/activeflows/{id}/next"))
            .json(&Body {
                current_action_id: current,
            })
            // It moves the activeflow on.
            .once();
        self.call(request, "flow/actions").await
    }

    /// Sets variables of an activeflow.
    ///
    /// # Errors
    ///
    /// When flow-manager refuses or does not answer.
    pub async fn set_variables(
        &self,
        id: ActiveflowId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), RpcError> {
        #[derive(Serialize)]
        struct Body<'a> {
            variables: &'a BTreeMap<String, String>,
        }
        let request = self
            .0
            .request(Method::Post, format!("/v1/variables/{id}/variables"))
            .json(&Body { variables });
        let _: serde_json::Value = self.call(request, "flow/variables").await?;
        Ok(())
    }

    /// The variables of an activeflow.
    ///
    /// # Errors
    ///
    /// When there are none, or flow-manager does not answer.
    pub async fn variables(&self, id: ActiveflowId) -> Result<Variable, RpcError> {
        let request = empty(&self.0, Method::Get, format!("/v1/variables/{id}"));
        self.call(request, "flow/variables").await
    }

    async fn call<T: serde::de::DeserializeOwned + Default>(
        &self,
        request: Request,
        tag: &'static str,
    ) -> Result<T, RpcError> {
        self.0
            .call(
                &Service::FLOW.request_queue(),
                &request,
                tag,
                DEFAULT_TIMEOUT,
            )
            .await
    }
}
