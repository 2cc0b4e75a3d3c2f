//! Routes: which provider serves a target.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::Timestamp;
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CustomerId, ProviderId, RouteId};
use trunkline_model::route::{Route, TARGET_ALL};
use trunkline_store::{Batch, Statement, provider, route};

use crate::role::State;
use crate::rows::read;

pub(super) fn table(router: Router<State>) -> Router<State> {
    const ONE: &str = "/v1/routes/<route-id>";
    router
        .route(Get, "/v1/routes?", "/v1/routes", list)
        .route(Post, "/v1/routes", "/v1/routes", create)
        .route(Get, "/v1/routes/{id}", ONE, get)
        .route(Put, "/v1/routes/{id}", ONE, update)
        .route(Delete, "/v1/routes/{id}", ONE, delete)
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let (filter, page) = state.asked(&routed, &route::FILTERS).await?;
    Ok(Reply::json(&read(
        route::list(state.db(), &filter, &page).await,
    )?))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.route(routed.id(0)).await?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    /// Only when it is created; `…-0001` gives the route to every customer.
    customer_id: CustomerId,
    name: String,
    detail: String,
    provider_id: ProviderId,
    priority: i64,
    target: String,
}

impl Given {
    fn apply_to(self, route: &mut Route) {
        route.name = self.name;
        route.detail = self.detail;
        route.provider_id = self.provider_id;
        route.priority = self.priority;
        route.target = self.target;
    }
}

async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let now = state.now().await?;
    let mut route = Route {
        id: RouteId::random(),
        customer_id: given.customer_id,
        tm_create: Some(now),
        ..Route::default()
    };
    given.apply_to(&mut route);
    state.is_usable(&route).await?;
    state
        .change_route(&route, now, "route_created", route::insert(&route))
        .await
}

async fn update(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut route = state.route(routed.id(0)).await?;
    if route.tm_delete.is_some() {
        return Err(state.typed(
            Class::FailedPrecondition,
            "ROUTE_DELETED",
            "The route was deleted.",
        ));
    }
    given.apply_to(&mut route);
    state.is_usable(&route).await?;
    let now = state.now().await?;
    route.tm_update = Some(now);
    state
        .change_route(&route, now, "route_updated", route::update(&route, now))
        .await
}

/// Deleting it again changes nothing.
async fn delete(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let mut route = state.route(routed.id(0)).await?;
    if route.tm_delete.is_some() {
        return Ok(Reply::json(&route));
    }
    let now = state.now().await?;
    (route.tm_update, route.tm_delete) = (Some(now), Some(now));
    state
        .change_route(&route, now, "route_deleted", route::delete(route.id, now))
        .await
}

/// `all`, or `+` and up to 15 digits that do not begin with 0: a country code, or a
/// longer prefix.
fn is_target(target: &str) -> bool {
    let code = target.strip_prefix('+').unwrap_or_default();
    target == TARGET_ALL
        || ((1..=15).contains(&code.len())
            && code.bytes().all(|digit| digit.is_ascii_digit())
            && !code.starts_with('0'))
}

impl State {
    async fn route(&self, id: RouteId) -> Result<Route, Refusal> {
        let found = read(route::get(self.db(), id).await)?;
        found.ok_or_else(|| {
            self.typed(
                Class::NotFound,
                "ROUTE_NOT_FOUND",
                "The route was not found.",
            )
        })
    }

    async fn is_usable(&self, route: &Route) -> Result<(), Refusal> {
        if !is_target(&route.target) {
            let message = "The target is + and a country code such as +82, a longer prefix such as +4930, or all.";
            return Err(self.typed(Class::InvalidArgument, "INVALID_ROUTE_TARGET", message));
        }
        let provider = read(provider::get(self.db(), route.provider_id).await)?;
        if provider.is_none_or(|provider| provider.tm_delete.is_some()) {
            return Err(self.provider_not_found());
        }
        Ok(())
    }

    async fn change_route(
        &self,
        route: &Route,
        now: Timestamp,
        event: &str,
        change: Statement,
    ) -> Result<Reply, Refusal> {
        self.apply(
            Batch::new()
                .with(change)
                .with(self.ledger.event(now, event, route)),
        )
        .await?;
        tracing::info!(route_id = %route.id, target = %route.target, event, "a route changed");
        Ok(Reply::json(route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_prefix_of_numbers_or_all() {
        for good in ["all", "+1", "+82", "+358", "+4930", "+493012345678901"] {
            assert!(is_target(good), "{good}");
        }
        for bad in ["", "+", "82", "+0", "+4930123456789012", "ALL", "+8a"] {
            assert!(!is_target(bad), "{bad}");
        }
    }
}
