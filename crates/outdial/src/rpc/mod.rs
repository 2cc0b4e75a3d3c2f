//! The routes of outdial-manager (chapter 05 B.4).

mod bulk;
mod import;
mod outdials;
mod selection;
mod targets;

use std::sync::Arc;

use serde_json::{Map, Value};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Refusal, Routed, Router};
use trunkline_model::Timestamp;
use trunkline_model::page::Page;
use trunkline_store::Database;

use crate::error;
use crate::service::OutdialManager;

/// Every route with its label in metrics.
pub(crate) fn router(
    manager: Arc<OutdialManager>,
    metrics: ServiceMetrics,
) -> Router<OutdialManager> {
    const OUTDIAL: &str = "/v1/outdials/<outdial-id>";
    const TARGET: &str = "/v1/outdialtargets/<outdialtarget-id>";
    Router::new(manager, metrics)
        .route(Post, "/v1/outdials", "/v1/outdials", outdials::create)
        .route(Get, "/v1/outdials[?]", "/v1/outdials", outdials::list)
        .route(Get, "/v1/outdials/{id}", OUTDIAL, outdials::get)
        .route(Delete, "/v1/outdials/{id}", OUTDIAL, outdials::delete)
        .route(
            Put,
            "/v1/outdials/{id}",
            OUTDIAL,
            outdials::update_basic_info,
        )
        .route(
            Put,
            "/v1/outdials/{id}/campaign_id",
            "/v1/outdials/<outdial-id>/campaign_id",
            outdials::update_campaign_id,
        )
        .route(
            Put,
            "/v1/outdials/{id}/data",
            "/v1/outdials/<outdial-id>/data",
            outdials::update_data,
        )
        .route(
            Get,
            "/v1/outdials/{id}/available[?]",
            "/v1/outdials/<outdial-id>/available",
            selection::available,
        )
        .route(
            Get,
            "/v1/outdials/{id}/summary[?]",
            "/v1/outdials/<outdial-id>/summary",
            selection::summary,
        )
        .route(
            Get,
            "/v1/outdials/{id}/counts",
            "/v1/outdials/<outdial-id>/counts",
            selection::counts,
        )
        .route(
            Post,
            "/v1/outdials/{id}/targets",
            "/v1/outdials/<outdial-id>/targets",
            targets::create,
        )
        .route(
            Post,
            "/v1/outdials/{id}/targets/bulk",
            "/v1/outdials/<outdial-id>/targets/bulk",
            import::create_all,
        )
        .route(
            Get,
            "/v1/outdials/{id}/targets[?]",
            "/v1/outdials/<outdial-id>/targets",
            targets::list,
        )
        .route(
            Get,
            "/v1/outdials/{id}/held?",
            "/v1/outdials/<outdial-id>/held",
            bulk::held,
        )
        .route(
            Post,
            "/v1/outdialtargets/lookup",
            "/v1/outdialtargets/lookup",
            import::lookup,
        )
        .route(
            Post,
            "/v1/outdialtargets/claims",
            "/v1/outdialtargets/claims",
            bulk::claims,
        )
        .route(
            Put,
            "/v1/outdialtargets/reports",
            "/v1/outdialtargets/reports",
            bulk::reports,
        )
        .route(Get, "/v1/outdialtargets/{id}", TARGET, targets::get)
        .route(Delete, "/v1/outdialtargets/{id}", TARGET, targets::delete)
        .route(
            Post,
            "/v1/outdialtargets/{id}/progressing",
            "/v1/outdialtargets/<outdialtarget-id>/progressing",
            targets::progressing,
        )
        .route(
            Put,
            "/v1/outdialtargets/{id}/status",
            "/v1/outdialtargets/<outdialtarget-id>/status",
            targets::status,
        )
}

impl OutdialManager {
    pub(crate) fn db(&self) -> &dyn Database {
        self.ledger.db()
    }

    pub(crate) async fn now(&self) -> Result<Timestamp, Refusal> {
        self.ledger
            .now()
            .await
            .map_err(|error| error::store(&error))
    }

    /// The page that is asked for, cut to the most rows of a list.
    pub(crate) fn page(&self, routed: &Routed, now: Timestamp) -> Page {
        let page = routed.page(now);
        let most = self.config.max_rows;
        Page {
            limit: Some(page.limit.map_or(most, |limit| limit.min(most))),
            ..page
        }
    }
}

/// The filter object of a list; none when there is no body.
fn filters(routed: &Routed) -> Result<Map<String, Value>, Refusal> {
    routed.body_or_default()
}
