//! `GET /v1/dialroutes`: the routes of one call.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::Method::Get;
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CustomerId, ProviderId};
use trunkline_model::route::{Route, TARGET_ALL};
use trunkline_store::{provider, route};

use super::select::{self, Candidates};
use crate::role::State;
use crate::rows::read;

/// Most providers of one test by an administrator.
const MOST_PROVIDERS: usize = 100;

pub(super) fn table(router: Router<State>) -> Router<State> {
    router.route(Get, "/v1/dialroutes[?]", "/v1/dialroutes", dialroutes)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wanted {
    customer_id: CustomerId,
    /// `+` and a country calling code.
    target: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    #[serde(flatten)]
    wanted: Wanted,
    /// The same once more; call-manager sends both.
    filters: Option<Wanted>,
    /// Ours: the whole number, for routes to longer prefixes.
    number: String,
    target_provider_ids: Option<Vec<ProviderId>>,
}

async fn dialroutes(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: Asked = routed.body()?;
    let Wanted {
        customer_id,
        target,
    } = asked.filters.unwrap_or(asked.wanted);
    let number = asked.number;
    let providers = asked.target_provider_ids.unwrap_or_default();
    if !providers.is_empty() {
        return state.over_providers(customer_id, &target, &providers).await;
    }
    let owners = [customer_id, CustomerId::BASIC_ROUTE];
    let targets = select::targets(&target, &number);
    let found = route::for_targets(state.db(), owners, &targets).await;
    let (own, everybodys): (Vec<Route>, Vec<Route>) = read(found)?
        .into_iter()
        .partition(|route| route.customer_id == customer_id);
    let candidates = |routes: Vec<Route>| {
        let (mut all, mut exact): (Vec<Route>, Vec<Route>) = routes
            .into_iter()
            .partition(|route| route.target == TARGET_ALL);
        // The order among equals stays: newest first.
        exact.sort_by_key(|route| (std::cmp::Reverse(route.target.len()), route.priority));
        all.sort_by_key(|route| route.priority);
        Candidates { exact, all }
    };
    let selected = select::select(candidates(own), candidates(everybodys));
    if selected.is_empty() {
        return Err(state.no_route(&target));
    }
    Ok(Reply::json(&selected))
}

impl State {
    async fn over_providers(
        &self,
        customer_id: CustomerId,
        target: &str,
        providers: &[ProviderId],
    ) -> Result<Reply, Refusal> {
        if providers.len() > MOST_PROVIDERS {
            return Err(Refusal::bad_body());
        }
        for id in providers {
            let found = read(provider::get(self.db(), *id).await)?;
            if found.is_none_or(|provider| provider.tm_delete.is_some()) {
                return Err(self.provider_not_found());
            }
        }
        Ok(Reply::json(&select::over_providers(
            customer_id,
            target,
            providers,
        )))
    }

    /// An empty answer would make call-manager of the reference say that a call
    /// exists which does not (chapter 05 G.1 row 6).
    fn no_route(&self, target: &str) -> Refusal {
        let message = format!(
            "No route leads to the country code {target}. Add a trunk (POST /v1/trunks) and a route over its \
             provider_id with the target {target}, or all (POST /v1/routes)."
        );
        self.typed(Class::NotFound, "ROUTE_NOT_FOUND", &message)
    }
}
