//! Which routes a call takes, in the order in which they are tried (chapter 05
//! E.3). Pure.

use std::collections::BTreeSet;

use trunkline_model::id::{CustomerId, ProviderId, RouteId};
use trunkline_model::route::Route;

/// The routes of one owner, each group newest first.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Whose target is the wanted one.
    pub exact: Vec<Route>,
    /// Whose target is `all`.
    pub all: Vec<Route>,
}

/// The customer's own routes before the routes of everybody; within each, those
/// for the country before those for all; no provider twice.
///
/// Compat: `priority` is ignored, as the reference ignores it.
#[must_use]
pub fn select(own: Candidates, everybodys: Candidates) -> Vec<Route> {
    let mut selected: Vec<Route> = own.exact;
    let mut present: BTreeSet<ProviderId> =
        selected.iter().map(|route| route.provider_id).collect();
    for group in [own.all, everybodys.exact, everybodys.all] {
        selected.extend(
            group
                .into_iter()
                .filter(|route| present.insert(route.provider_id)),
        );
    }
    selected
}

/// Routes over exactly these providers, for tests of an administrator.
#[must_use]
pub fn over_providers(
    customer_id: CustomerId,
    target: &str,
    providers: &[ProviderId],
) -> Vec<Route> {
    let route = |(at, provider): (usize, &ProviderId)| Route {
        id: RouteId(provider.0),
        customer_id,
        provider_id: *provider,
        priority: i64::try_from(at).unwrap_or(i64::MAX),
        target: target.to_owned(),
        ..Route::default()
    };
    providers.iter().enumerate().map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(provider: u128, name: &str) -> Route {
        Route {
            id: RouteId::random(),
            provider_id: ProviderId(uuid::Uuid::from_u128(provider)),
            name: name.to_owned(),
            ..Route::default()
        }
    }

    fn names(routes: &[Route]) -> Vec<&str> {
        routes.iter().map(|route| route.name.as_str()).collect()
    }

    #[test]
    fn own_before_everybodys_and_country_before_all_without_a_provider_twice() {
        let own = Candidates {
            exact: vec![route(1, "own +82 new"), route(2, "own +82 old")],
            all: vec![
                route(2, "own all, present"),
                route(3, "own all"),
                route(3, "own all again"),
            ],
        };
        let everybodys = Candidates {
            exact: vec![
                route(3, "everybody +82, present"),
                route(4, "everybody +82"),
            ],
            all: vec![
                route(1, "everybody all, present"),
                route(5, "everybody all"),
            ],
        };
        let selected = select(own, everybodys);
        let expected = [
            "own +82 new",
            "own +82 old",
            "own all",
            "everybody +82",
            "everybody all",
        ];
        assert_eq!(names(&selected), expected);
    }

    #[test]
    fn wanted_providers_become_routes_in_their_order() {
        let [first, second] = [ProviderId::random(), ProviderId::random()];
        let routes = over_providers(CustomerId::BASIC_ROUTE, "+82", &[first, second]);
        assert_eq!(
            (routes[1].id.0, routes[1].provider_id, routes[1].priority),
            (second.0, second, 1)
        );
        assert_eq!(routes[0].provider_id, first);
    }
}
