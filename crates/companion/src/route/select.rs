//! Which routes a call takes, in the order in which they are tried (chapter 05
//! E.3). Pure.

use std::collections::BTreeSet;

use trunkline_model::id::{CustomerId, ProviderId, RouteId};
use trunkline_model::route::{Route, TARGET_ALL};

/// `+` and the 15 digits of the longest number.
const LONGEST: usize = 16;

/// The routes of one owner, each group in its order: the smaller priority first, of
/// equals the newest.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Whose target is the country code or, before those, a longer prefix of the
    /// number.
    pub exact: Vec<Route>,
    /// Whose target is `all`.
    pub all: Vec<Route>,
}

/// The targets of the routes that a number may take: its country code, every longer
/// beginning of it, and `all`. A caller that does not tell the number (the
/// reference's) gets the routes of its country code.
#[must_use]
pub fn targets<'a>(country_code: &'a str, number: &'a str) -> Vec<&'a str> {
    let mut targets = vec![country_code, TARGET_ALL];
    if number.starts_with(country_code) && number.is_ascii() && number.len() <= LONGEST {
        targets.extend((country_code.len() + 1..=number.len()).map(|length| &number[..length]));
    }
    targets
}

/// The customer's own routes before the routes of everybody; within each, those
/// for the country before those for all; no provider twice.
#[must_use]
pub fn select(own: Candidates, everybodys: Candidates) -> Vec<Route> {
    let mut selected: Vec<Route> = Vec::new();
    let mut present: BTreeSet<ProviderId> = BTreeSet::new();
    for group in [own.exact, own.all, everybodys.exact, everybodys.all] {
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
    fn a_number_may_take_routes_to_its_country_and_to_every_longer_prefix() {
        assert_eq!(
            targets("+49", "+49301"),
            ["+49", "all", "+493", "+4930", "+49301"]
        );
        assert_eq!(targets("+49", ""), ["+49", "all"]);
        assert_eq!(targets("+49", "030"), ["+49", "all"]);
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
