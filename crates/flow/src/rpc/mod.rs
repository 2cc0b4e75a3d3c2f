//! Requests, one file per resource (chapter 05 D.4).

mod activeflows;
mod flows;
mod variables;

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Refusal, Routed, Router};
use trunkline_model::page::Page;
use trunkline_model::{Action, Timestamp};

use crate::manager::FlowManager;

/// Every route of flow-manager.
pub(crate) fn router(manager: Arc<FlowManager>, metrics: ServiceMetrics) -> Router<FlowManager> {
    variables::routes(activeflows::routes(flows::routes(Router::new(
        manager, metrics,
    ))))
}

/// `{"actions": […]}`; `null` and a missing list are an empty one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Actions {
    actions: Option<Vec<Action>>,
}

/// The part of a list that is asked for, cut to `max_rows`.
fn page(request: &Routed, now: Timestamp, max_rows: u64) -> Page {
    let page = request.page(now);
    Page {
        limit: Some(page.limit.unwrap_or(max_rows).min(max_rows)),
        ..page
    }
}

/// The filters of a list: nothing, or a JSON object.
fn filters(request: &Routed) -> Result<serde_json::Map<String, serde_json::Value>, Refusal> {
    request.body_or_default()
}
