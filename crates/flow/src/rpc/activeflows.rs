//! `/v1/activeflows`.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Method, Refusal, Reply, Routed, Router};
use trunkline_domain::flow::variables::Variables;
use trunkline_model::activeflow::{CreateRequest, PreparedReply, PreparedRequest};
use trunkline_model::id::{ActionId, StackId};
use trunkline_store::activeflow as rows;

use super::{Actions, page};
use crate::activeflow::end::Then;
use crate::error::Failure;
use crate::manager::FlowManager;

type Answer = Result<Reply, Refusal>;

pub(super) fn routes(router: Router<FlowManager>) -> Router<FlowManager> {
    let one = "/v1/activeflows/{id}";
    router
        .route(Method::Post, "/v1/activeflows", "/v1/activeflows", create)
        .route(
            Method::Post,
            "/v1/activeflows/prepared",
            "/v1/activeflows/prepared",
            create_prepared,
        )
        .route(Method::Get, "/v1/activeflows?", "/v1/activeflows", list)
        .route(Method::Get, one, "/v1/activeflows/<activeflow-id>", get)
        .route(
            Method::Delete,
            one,
            "/v1/activeflows/<activeflow-id>",
            delete,
        )
        .route(
            Method::Post,
            "/v1/activeflows/{id}/execute",
            "/v1/activeflows/<activeflow-id>/execute",
            execute,
        )
        .route(
            Method::Get,
            "/v1/activeflows/{id}/next",
            "/v1/activeflows/<activeflow-id>/next",
            next,
        )
        .route(
            Method::Put,
            "/v1/activeflows/{id}/forward_action_id",
            "/v1/activeflows/<activeflow-id>/forward_action_id",
            forward,
        )
        .route(
            Method::Post,
            "/v1/activeflows/{id}/continue",
            "/v1/activeflows/<activeflow-id>/continue",
            continue_from,
        )
        .route(
            Method::Post,
            "/v1/activeflows/{id}/stop",
            "/v1/activeflows/<activeflow-id>/stop",
            stop,
        )
        .route(
            Method::Post,
            "/v1/activeflows/{id}/push_actions",
            "/v1/activeflows/<activeflow-id>/push_actions",
            push_actions,
        )
        .route(
            Method::Post,
            "/v1/activeflows/{id}/add_actions",
            "/v1/activeflows/<activeflow-id>/add_actions",
            add_actions,
        )
        .route(
            Method::Post,
            "/v1/activeflows/{id}/service_stop",
            "/v1/activeflows/<activeflow-id>/service_stop",
            stop_service,
        )
}

/// Where the caller takes the activeflow to be.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Current {
    current_action_id: ActionId,
}

async fn create(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let asked: CreateRequest = request.body()?;
    let none = Variables::new();
    Ok(Reply::json(
        &manager.create_activeflow(&asked, &none).await?,
    ))
}

async fn create_prepared(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let PreparedRequest {
        activeflow,
        variables,
    } = request.body()?;
    let made = manager.create_activeflow(&activeflow, &variables).await?;
    Ok(Reply::json(&PreparedReply {
        id: made.id,
        current_action: made.current_action,
    }))
}

async fn list(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let now = manager.ledger.now().await.map_err(Failure::from)?;
    // Compat: here the filters are obligatory, unlike everywhere else.
    let filter = rows::FILTERS
        .parse(&request.body()?)
        .map_err(Failure::from)?;
    let page = page(&request, now, manager.config.max_rows);
    let activeflows = rows::list(manager.db(), &filter, &page)
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(&activeflows))
}

async fn get(manager: Arc<FlowManager>, request: Routed) -> Answer {
    Ok(Reply::json(&manager.activeflow(request.id(0)).await?))
}

async fn delete(manager: Arc<FlowManager>, request: Routed) -> Answer {
    Ok(Reply::json(
        &manager
            .delete_activeflow(request.id(0), Then::Sequel)
            .await?,
    ))
}

async fn execute(manager: Arc<FlowManager>, request: Routed) -> Answer {
    manager.execute(request.id(0)).await?;
    Ok(Reply::Empty)
}

async fn next(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let body: Current = request.body()?;
    Ok(Reply::json(
        &manager.next(request.id(0), body.current_action_id).await?,
    ))
}

async fn forward(manager: Arc<FlowManager>, request: Routed) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        forward_action_id: ActionId,
        forward_now: bool,
    }
    let body: Body = request.body()?;
    manager
        .forward(request.id(0), body.forward_action_id, body.forward_now)
        .await?;
    Ok(Reply::Empty)
}

async fn continue_from(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let body: Current = request.body()?;
    manager
        .continue_from(request.id(0), body.current_action_id)
        .await?;
    Ok(Reply::Empty)
}

async fn stop(manager: Arc<FlowManager>, request: Routed) -> Answer {
    Ok(Reply::json(
        &manager.stop(request.id(0), Then::Sequel).await?,
    ))
}

async fn push_actions(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let body: Actions = request.body()?;
    let activeflow = manager
        .push_actions(request.id(0), body.actions.unwrap_or_default())
        .await?;
    Ok(Reply::json(&activeflow))
}

async fn add_actions(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let body: Actions = request.body()?;
    let activeflow = manager
        .add_actions(request.id(0), body.actions.unwrap_or_default())
        .await?;
    Ok(Reply::json(&activeflow))
}

async fn stop_service(manager: Arc<FlowManager>, request: Routed) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        service_id: StackId,
    }
    let body: Body = request.body()?;
    manager.stop_service(request.id(0), body.service_id).await?;
    Ok(Reply::Empty)
}
