//! `/v1/variables`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trunkline_bus::{Method, Refusal, Reply, Routed, Router};

use crate::manager::FlowManager;

type Answer = Result<Reply, Refusal>;

pub(super) fn routes(router: Router<FlowManager>) -> Router<FlowManager> {
    router
        .route(
            Method::Get,
            "/v1/variables/{id}",
            "/v1/variables/<variable-id>",
            get,
        )
        .route(
            Method::Post,
            "/v1/variables/{id}/variables",
            "/v1/variables/<variable-id>/variables",
            set,
        )
        .route(
            Method::Delete,
            "/v1/variables/{id}/variables/{key}",
            "/v1/variables/<variable-id>/variables/<key>",
            delete,
        )
        .route(
            Method::Post,
            "/v1/variables/{id}/substitute",
            "/v1/variables/<variable-id>/substitute",
            substitute,
        )
}

async fn get(manager: Arc<FlowManager>, request: Routed) -> Answer {
    Ok(Reply::json(&manager.variables(request.id(0)).await?))
}

async fn set(manager: Arc<FlowManager>, request: Routed) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        variables: BTreeMap<String, String>,
    }
    let body: Body = request.body()?;
    manager
        .set_variables(request.id(0), &body.variables)
        .await?;
    Ok(Reply::Empty)
}

async fn delete(manager: Arc<FlowManager>, request: Routed) -> Answer {
    manager
        .delete_variable(request.id(0), request.value(1))
        .await?;
    Ok(Reply::Empty)
}

async fn substitute(manager: Arc<FlowManager>, request: Routed) -> Answer {
    #[derive(Serialize, Deserialize, Default)]
    #[serde(default)]
    struct Text {
        data: String,
    }
    let asked: Text = request.body()?;
    let data = manager.substitute(request.id(0), &asked.data).await?;
    Ok(Reply::json(&Text { data }))
}
