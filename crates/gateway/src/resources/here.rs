//! What the gateway keeps itself: tokens, and the list of what is parked.

use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_model::service::Service;

use super::{Filter, Owner, PAGE, Resource, id, own};
use crate::field::{Field, Shape};
use crate::{customer_limits, diagnostics, events, parked, token_routes};

const TOKEN: &[Field] = &[
    Field::new("name", Shape::Text).required(),
    Field::new("customer_id", Shape::Id),
    Field::new("tm_expire", Shape::Time),
];

const TOKENS: &[Filter] = &[PAGE[0], PAGE[1], id("customer_id")];

pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "token",
        path: "/v1/tokens",
        service: Service::GATEWAY,
        tag: "gateway/tokens",
        owner: Owner::Shared,
        routes: &[
            own(Get, "/v1/tokens", TOKENS, &[], token_routes::list)
                .about("The customer's tokens, newest first, without their text. Operators may ask for another customer's with `customer_id`."),
            own(Post, "/v1/tokens", &[], TOKEN, token_routes::create)
                .about("Makes a token. Its text is in `token` of this answer and nowhere else. Operators may make one for another customer with `customer_id`."),
            own(Get, "/v1/tokens/{id}", &[], &[], token_routes::get)
                .about("One token, without its text."),
            own(Delete, "/v1/tokens/{id}", &[], &[], token_routes::revoke)
                .about("Revokes a token: it is refused from then on."),
        ],
    },
    Resource {
        noun: "event",
        path: "/v1/events",
        service: Service::GATEWAY,
        tag: "gateway/events",
        owner: Owner::Shared,
        routes: &[own(Get, "/v1/events", events::QUERY, &[], events::run)
            .answers(&["text/event-stream"])
            .about("What happens to the customer's resources, as server-sent events. `types` narrows: `call_*,campaign_updated`. With the header `Last-Event-ID` it goes on after that event; when that is no longer possible, an event `reset` comes first.")],
    },
    Resource {
        noun: "customer",
        path: "/v1/customers",
        service: Service::CALL,
        tag: "call/customers",
        owner: Owner::Shared,
        routes: &[
            own(Get, "/v1/customers/{id}/limits", &[], &[], customer_limits::get)
                .about("How many outgoing calls the customer may begin per second and have at the same time; 0 is no limit. Without `tm_create` it is what holds for everybody. Operators may ask for any customer."),
            own(Put, "/v1/customers/{id}/limits", &[], customer_limits::FIELDS, customer_limits::set)
                .operators_only()
                .about("Gives a customer limits of his own. Fields that are left out stay as they are."),
        ],
    },
    Resource {
        noun: "part",
        path: "/v1/diagnostics",
        service: Service::GATEWAY,
        tag: "diagnostics",
        owner: Owner::Shared,
        routes: &[own(Get, "/v1/diagnostics", &[], &[], diagnostics::run)
            .operators_only()
            .about("How each part of Trunkline is: its state (ok, warning, failed, unknown), what was seen, and what to do.")],
    },
    // They are no customer's rows: an event may be about anybody.
    Resource {
        noun: "parked message",
        path: "/v1/parked",
        service: Service::GATEWAY,
        tag: "parked",
        owner: Owner::Shared,
        routes: &[
            own(Get, "/v1/parked", &PAGE, &[], parked::list)
                .operators_only()
                .about("What the roles could not handle, newest first. Roles that did not answer are named in `unanswered`."),
            own(Get, "/v1/parked/{id}", &[], &[], parked::show)
                .operators_only()
                .about("One parked message."),
            own(Post, "/v1/parked/{id}/release", &[], &[], parked::release)
                .operators_only()
                .about("Puts a parked message back into its queue."),
            own(Delete, "/v1/parked/{id}", &[], &[], parked::discard)
                .operators_only()
                .about("Throws a parked message away."),
        ],
    },
];
