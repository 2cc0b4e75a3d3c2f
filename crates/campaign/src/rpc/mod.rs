//! The routes of campaign-manager (chapter 05 A.4), and Trunkline's own.

mod campaigncalls;
mod campaigns;
mod explain;
mod outplans;
mod progress;
mod rules;

use std::sync::Arc;

use serde_json::{Map, Value};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::Timestamp;
use trunkline_model::page::Page;
use trunkline_store::filter::{Filter, Keys};

use crate::error::Failure;
use crate::manager::CampaignManager;

type Answer = Result<Reply, Refusal>;

/// Every route with its label in metrics (chapter 01 §7.3).
pub(crate) fn router(
    manager: Arc<CampaignManager>,
    metrics: ServiceMetrics,
) -> Router<CampaignManager> {
    let router = Router::new(manager, metrics);
    own(outplan_routes(campaigncall_routes(campaign_routes(router))))
}

fn campaign_routes(router: Router<CampaignManager>) -> Router<CampaignManager> {
    const ALL: &str = "/v1/campaigns";
    const ONE: &str = "/v1/campaigns/<campaign-id>";
    router
        .route(Post, "/v1/campaigns", ALL, campaigns::create)
        .route(Get, "/v1/campaigns?", ALL, campaigns::list)
        .route(Get, "/v1/campaigns/{id}", ONE, campaigns::get)
        .route(Delete, "/v1/campaigns/{id}", ONE, campaigns::delete)
        .route(Put, "/v1/campaigns/{id}", ONE, campaigns::update_basic_info)
        .route(
            Post,
            "/v1/campaigns/{id}/execute",
            "/v1/campaigns/<campaign-id>/execute",
            campaigns::execute,
        )
        .route(
            Put,
            "/v1/campaigns/{id}/status",
            "/v1/campaigns/<campaign-id>/status",
            campaigns::update_status,
        )
        .route(
            Put,
            "/v1/campaigns/{id}/service_level",
            "/v1/campaigns/<campaign-id>/service_level",
            campaigns::update_service_level,
        )
        .route(
            Put,
            "/v1/campaigns/{id}/actions",
            "/v1/campaigns/<campaign-id>/actions",
            campaigns::update_actions,
        )
        .route(
            Put,
            "/v1/campaigns/{id}/resource_info",
            "/v1/campaigns/<campaign-id>/resource_info",
            campaigns::update_resource_info,
        )
        .route(
            Put,
            "/v1/campaigns/{id}/next_campaign_id",
            "/v1/campaigns/<campaign-id>/next_campaign_id",
            campaigns::update_next,
        )
}

fn campaigncall_routes(router: Router<CampaignManager>) -> Router<CampaignManager> {
    const ONE: &str = "/v1/campaigncalls/<campaigncall-id>";
    router
        .route(
            Get,
            "/v1/campaigncalls?",
            "/v1/campaigncalls",
            campaigncalls::list,
        )
        .route(Get, "/v1/campaigncalls/{id}", ONE, campaigncalls::get)
        .route(Delete, "/v1/campaigncalls/{id}", ONE, campaigncalls::delete)
}

fn outplan_routes(router: Router<CampaignManager>) -> Router<CampaignManager> {
    const ALL: &str = "/v1/outplans";
    const ONE: &str = "/v1/outplans/<outplan-id>";
    router
        .route(Post, "/v1/outplans", ALL, outplans::create)
        .route(Get, "/v1/outplans?", ALL, outplans::list)
        .route(Get, "/v1/outplans/{id}", ONE, outplans::get)
        .route(Delete, "/v1/outplans/{id}", ONE, outplans::delete)
        .route(Put, "/v1/outplans/{id}", ONE, outplans::update_basic_info)
        // Compat: the label of the reference says outdials.
        .route(
            Put,
            "/v1/outplans/{id}/dials",
            "/v1/outdials/<outplan-id>/dials",
            outplans::update_dials,
        )
}

/// Routes that the reference does not have: resources of Trunkline's own, and
/// the duties of this service.
fn own(router: Router<CampaignManager>) -> Router<CampaignManager> {
    const RULES: &str = "/v1/campaigns/<campaign-id>/rules";
    router
        .route(Get, "/v1/campaigns/{id}/rules", RULES, rules::get)
        .route(Put, "/v1/campaigns/{id}/rules", RULES, rules::update)
        .route(
            Get,
            "/v1/campaigns/{id}/explain",
            "/v1/campaigns/<campaign-id>/explain",
            explain::get,
        )
        .route(
            Get,
            "/v1/campaigns/{id}/progress",
            "/v1/campaigns/<campaign-id>/progress",
            progress::get,
        )
        .route(
            Post,
            "/v1/campaigns/{id}/release/{id}",
            "/v1/campaigns/<campaign-id>/release",
            campaigns::release,
        )
}

impl CampaignManager {
    pub(crate) async fn now(&self) -> Result<Timestamp, Failure> {
        Ok(self.ledger.now().await?)
    }

    /// The page that is asked for, cut to the most rows of a list.
    fn page(&self, routed: &Routed, now: Timestamp) -> Page {
        let page = routed.page(now);
        let most = self.config.max_rows;
        Page {
            limit: Some(page.limit.map_or(most, |limit| limit.min(most))),
            ..page
        }
    }
}

/// The filter object of a list; none when there is no body.
fn filter(routed: &Routed, keys: &Keys) -> Result<Filter, Refusal> {
    let given: Map<String, Value> = routed.body_or_default()?;
    keys.parse(&given).map_err(|invalid| {
        tracing::debug!(%invalid, "a list is refused");
        Refusal::bare(400)
    })
}
