//! The table: every resource, its routes, and the fields and filters of each
//! (chapters 02 §5, 05 A.4, B.4, C.4.2, D.4). Internal routes are not in it
//! (architecture decision 18).
//!
//! A route is carried out by [`crate::dispatch`] as its [`Act`] says, or by the
//! gateway itself ([`Act::Own`]). The description of the API is built from the
//! same tables ([`crate::openapi`]).

mod call;
mod campaign;
mod companion;
mod flow;
mod here;
mod outdial;
mod registrar;

use std::time::Duration;

use axum::response::Response;
use futures_util::future::BoxFuture;
use trunkline_bus::Method;
use trunkline_model::service::Service;

use crate::api_error::ApiError;
use crate::dispatch::Matched;
use crate::field::Field;

/// A kind of thing that the API shows, under one path.
#[derive(Debug)]
pub(crate) struct Resource {
    /// In messages: "there is no campaign …".
    pub(crate) noun: &'static str,
    /// Its collection, here and on the bus: `/v1/campaigns`.
    pub(crate) path: &'static str,
    /// Who serves it.
    pub(crate) service: Service,
    /// Its tag in the metric of outgoing requests (chapter 01 §9).
    pub(crate) tag: &'static str,
    pub(crate) owner: Owner,
    pub(crate) routes: &'static [Route],
}

/// How one finds out whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The row says so in `customer_id`.
    Row,
    /// The row that another one belongs to: its id is in the field `via`.
    Parent {
        via: &'static str,
        path: &'static str,
        service: Service,
        tag: &'static str,
    },
    /// The id is the customer's.
    Caller,
    /// Nobody's: everybody may see it.
    Shared,
}

/// One method on a path.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Here and on the bus, such as `/v1/campaigns/{id}/status`.
    pub(crate) path: &'static str,
    pub(crate) act: Act,
    /// Whether only operators may do it.
    pub(crate) operators_only: bool,
    /// What a bare refusal of this route usually means.
    pub(crate) hint: &'static str,
    /// What it does, for the description of the API; empty: its act says.
    pub(crate) about: &'static str,
    /// Whether its body may be as large as `bulk_body_limit_bytes`.
    pub(crate) bulk: bool,
    /// How long the role may take, where that is longer than usual.
    pub(crate) patience: Option<Duration>,
}

/// What a route does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// A page of the collection, or of what belongs to one row.
    List {
        filters: &'static [Filter],
        customer: ListOf,
    },
    /// A new row of the caller's.
    Create(&'static [Field]),
    /// One row.
    Get,
    /// What belongs to a row, with nothing to say.
    GetPart,
    /// Changes a row. Fields that are left out keep their value: the roles write
    /// every field of such a body.
    Update(&'static [Field]),
    /// Changes what belongs to a row, in the same way.
    UpdatePart(&'static [Field]),
    /// Something done with a row; the body is sent on as it is.
    Do(&'static [Field]),
    /// Removes a row.
    Delete,
    /// What the gateway does itself.
    Own(Own),
}

/// A route that the gateway carries out itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    /// Parameters of its query; `page_size` and `page_token` among them.
    pub(crate) query: &'static [Filter],
    /// Fields of its body.
    pub(crate) fields: &'static [Field],
    /// Content types that it can answer with.
    pub(crate) answers: &'static [&'static str],
    pub(crate) run: Run,
}

/// Carries a route out.
pub(crate) type Run = for<'g> fn(Matched<'g>) -> BoxFuture<'g, Result<Response, ApiError>>;

/// A route of the gateway's own that answers JSON.
const fn own(
    method: Method,
    path: &'static str,
    query: &'static [Filter],
    fields: &'static [Field],
    run: Run,
) -> Route {
    let answers = &["application/json"];
    let own = Own {
        query,
        fields,
        answers,
        run,
    };
    route(method, path, Act::Own(own))
}

/// A route of the gateway's own that answers with a file.
const fn own_file(path: &'static str, query: &'static [Filter], run: Run) -> Route {
    let own = Own {
        query,
        fields: &[],
        answers: &["audio/wav"],
        run,
    };
    route(Method::Get, path, Act::Own(own))
}

/// How a list is narrowed to the caller's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListOf {
    /// `customer_id` among the filters of the body.
    Customer,
    /// `customer_id` in the query (chapter 02 §5.7).
    CustomerInQuery,
    /// The row in the path is the caller's; the list holds what belongs to it.
    Row,
    /// Everybody sees the same; it has no pages.
    Everybody,
    /// Everybody sees the same, in pages.
    EverybodyPaged,
    /// The same, of rows that are not deleted unless the query asks for those.
    EverybodyLiving,
}

impl ListOf {
    /// Whether it has pages.
    pub(crate) const fn is_paged(self) -> bool {
        !matches!(self, Self::Everybody)
    }

    /// Whether `deleted` is among the filters of the body.
    pub(crate) const fn knows_deleted(self) -> bool {
        matches!(self, Self::Customer | Self::EverybodyLiving)
    }
}

/// A query parameter that narrows a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) kind: FilterKind,
}

/// What a filter compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterKind {
    Id,
    Text,
    /// `page_size`.
    PageSize,
    /// `page_token`.
    PageToken,
}

/// Every resource.
pub(crate) fn all() -> impl Iterator<Item = &'static Resource> {
    let groups: [&'static [Resource]; 7] = [
        campaign::RESOURCES,
        outdial::RESOURCES,
        flow::RESOURCES,
        call::RESOURCES,
        companion::RESOURCES,
        here::RESOURCES,
        registrar::RESOURCES,
    ];
    groups.into_iter().flatten()
}

const fn id(name: &'static str) -> Filter {
    Filter {
        name,
        kind: FilterKind::Id,
    }
}

const fn text(name: &'static str) -> Filter {
    Filter {
        name,
        kind: FilterKind::Text,
    }
}

const fn route(method: Method, path: &'static str, act: Act) -> Route {
    Route {
        method,
        path,
        act,
        operators_only: false,
        hint: "",
        about: "",
        bulk: false,
        patience: None,
    }
}

const PAGE: [Filter; 2] = [
    Filter {
        name: "page_size",
        kind: FilterKind::PageSize,
    },
    Filter {
        name: "page_token",
        kind: FilterKind::PageToken,
    },
];

impl Route {
    /// The fields of its body.
    pub(crate) const fn fields(&self) -> &'static [Field] {
        match self.act {
            Act::Create(fields)
            | Act::Update(fields)
            | Act::UpdatePart(fields)
            | Act::Do(fields) => fields,
            Act::Own(own) => own.fields,
            Act::List { .. } | Act::Get | Act::GetPart | Act::Delete => &[],
        }
    }

    /// The content types of an answer that is not always JSON.
    const fn answers(self, answers: &'static [&'static str]) -> Self {
        match self.act {
            Act::Own(own) => Self {
                act: Act::Own(Own { answers, ..own }),
                ..self
            },
            Act::List { .. }
            | Act::Create(_)
            | Act::Get
            | Act::GetPart
            | Act::Update(_)
            | Act::UpdatePart(_)
            | Act::Do(_)
            | Act::Delete => self,
        }
    }

    /// The same route, which takes large bodies.
    const fn bulk(self) -> Self {
        Self { bulk: true, ..self }
    }

    const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    const fn patient(self, patience: Duration) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

    const fn operators_only(self) -> Self {
        Self {
            operators_only: true,
            ..self
        }
    }
}

const fn list(path: &'static str, filters: &'static [Filter]) -> Route {
    route(
        Method::Get,
        path,
        Act::List {
            filters,
            customer: ListOf::Customer,
        },
    )
}

const fn create(path: &'static str, fields: &'static [Field]) -> Route {
    route(Method::Post, path, Act::Create(fields))
}

const fn get(path: &'static str) -> Route {
    route(Method::Get, path, Act::Get)
}

const fn delete(path: &'static str) -> Route {
    route(Method::Delete, path, Act::Delete)
}

const fn update(path: &'static str, fields: &'static [Field]) -> Route {
    route(Method::Put, path, Act::Update(fields))
}

const fn put(path: &'static str, fields: &'static [Field]) -> Route {
    route(Method::Put, path, Act::Do(fields))
}

const fn post(path: &'static str, fields: &'static [Field]) -> Route {
    route(Method::Post, path, Act::Do(fields))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_route_is_in_the_table_twice_and_none_is_internal() {
        let mut seen = BTreeSet::new();
        for resource in all() {
            for route in resource.routes {
                let key = format!("{} {}", route.method.as_str(), route.path);
                assert!(route.path.starts_with(resource.path), "{key}");
                for internal in [
                    "execute",
                    "action-next",
                    "action-timeout",
                    "health-check",
                    "progressing",
                    "hangup_call",
                ] {
                    assert!(!key.contains(internal), "{key}");
                }
                assert!(seen.insert(key.clone()), "{key}");
            }
        }
    }

    #[test]
    fn what_needs_a_row_has_an_id_in_its_path() {
        for resource in all() {
            for route in resource.routes {
                let wanted = match route.act {
                    Act::Create(_) | Act::Own(_) => false,
                    Act::List { customer, .. } => customer == ListOf::Row,
                    Act::Get
                    | Act::GetPart
                    | Act::Update(_)
                    | Act::UpdatePart(_)
                    | Act::Do(_)
                    | Act::Delete => true,
                };
                let found = route.path.split('/').nth(3) == Some("{id}");
                let own = matches!(route.act, Act::Own(_));
                let here = format!("{} {}", route.method.as_str(), route.path);
                assert!(own || found == wanted, "{here}");
            }
        }
    }
}
