//! `/v1/flows`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trunkline_bus::{Method, Refusal, Reply, Routed, Router};
use trunkline_model::Action;
use trunkline_model::flow::CreateRequest;
use trunkline_model::id::{ActionId, CustomerId, FlowId};
use trunkline_store::flow as rows;

use super::{Actions, filters, page};
use crate::error::Failure;
use crate::flow::Update;
use crate::manager::FlowManager;

type Answer = Result<Reply, Refusal>;

pub(super) fn routes(router: Router<FlowManager>) -> Router<FlowManager> {
    router
        .route(Method::Post, "/v1/flows", "/v1/flows", create)
        .route(Method::Get, "/v1/flows?", "/v1/flows", list)
        .route(
            Method::Get,
            "/v1/flows/count_by_customer",
            "/v1/flows/count_by_customer",
            count,
        )
        .route(Method::Get, "/v1/flows/{id}", "/v1/flows/<flow-id>", get)
        .route(Method::Put, "/v1/flows/{id}", "/v1/flows/<flow-id>", update)
        .route(
            Method::Delete,
            "/v1/flows/{id}",
            "/v1/flows/<flow-id>",
            delete,
        )
        .route(
            Method::Put,
            "/v1/flows/{id}/actions",
            "/v1/flows/<flow-id>/actions",
            update_actions,
        )
        .route(
            Method::Get,
            "/v1/flows/{id}/actions/{id}",
            "/v1/flows/<flow-id>/actions/<action-id>",
            get_action,
        )
        .route(
            Method::Post,
            "/v1/flows/{id}/direct-hash-regenerate",
            "/v1/flows/<flow-id>/direct-hash-regenerate",
            regenerate_direct_hash,
        )
}

async fn create(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let asked: CreateRequest = request.body()?;
    Ok(Reply::json(&manager.create_flow(asked).await?))
}

async fn list(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let now = manager.ledger.now().await.map_err(Failure::from)?;
    let filter = rows::FILTERS
        .parse(&filters(&request)?)
        .map_err(Failure::from)?;
    let page = page(&request, now, manager.config.max_rows);
    let flows = rows::list(manager.db(), &filter, &page)
        .await
        .map_err(Failure::from)?;
    Ok(Reply::json(&flows))
}

async fn count(manager: Arc<FlowManager>, request: Routed) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        customer_id: CustomerId,
    }
    #[derive(Serialize)]
    struct Count {
        count: i64,
    }
    let body: Body = request.body()?;
    let count = manager.count_flows(body.customer_id).await?;
    Ok(Reply::json(&Count { count }))
}

async fn get(manager: Arc<FlowManager>, request: Routed) -> Answer {
    Ok(Reply::json(&manager.flow(request.id(0)).await?))
}

async fn update(manager: Arc<FlowManager>, request: Routed) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        name: String,
        detail: String,
        actions: Option<Vec<Action>>,
        on_complete_flow_id: FlowId,
    }
    let body: Body = request.body()?;
    let update = Update {
        name: body.name,
        detail: body.detail,
        actions: body.actions.unwrap_or_default(),
        on_complete_flow_id: body.on_complete_flow_id,
    };
    Ok(Reply::json(
        &manager.update_flow(request.id(0), update).await?,
    ))
}

async fn update_actions(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let body: Actions = request.body()?;
    let flow = manager
        .update_flow_actions(request.id(0), body.actions.unwrap_or_default())
        .await?;
    Ok(Reply::json(&flow))
}

async fn delete(manager: Arc<FlowManager>, request: Routed) -> Answer {
    Ok(Reply::json(&manager.delete_flow(request.id(0)).await?))
}

async fn get_action(manager: Arc<FlowManager>, request: Routed) -> Answer {
    let flow = manager.flow(request.id(0)).await?;
    let id: ActionId = request.id(1);
    let action = flow.actions.iter().find(|action| action.id == id);
    Ok(Reply::json(action.ok_or(Failure::Missing("action"))?))
}

async fn regenerate_direct_hash(manager: Arc<FlowManager>, request: Routed) -> Answer {
    manager.flow(request.id(0)).await?;
    Err(Failure::NoDirectLinks.into())
}
