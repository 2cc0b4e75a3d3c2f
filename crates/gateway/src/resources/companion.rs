//! The small roles: customers, accounts, numbers, routes, providers, agents
//! (chapter 05 C.4.2, E).

use trunkline_bus::Method;
use trunkline_model::service::Service;

use super::{
    Act, ListOf, Owner, Resource, create, delete, get, id, list, put, route, text, update,
};
use crate::field::{Field, Shape, optional};

const NUMBER: &[Field] = &[
    Field::new("number", Shape::Number).required(),
    Field::new("provider_name", Shape::Text),
    Field::new("provider_reference_id", Shape::Text),
    Field::new("call_flow_id", Shape::Id),
    Field::new("message_flow_id", Shape::Id),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("metadata", Shape::Object),
];

const NUMBER_CHANGE: &[Field] = &[
    Field::new("call_flow_id", Shape::Id),
    Field::new("message_flow_id", Shape::Id),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("metadata", Shape::Object),
];

const ROUTE: &[Field] = &[
    Field::new("provider_id", Shape::Id).required(),
    Field::new("priority", Shape::Whole(0, 1_000_000)),
    Field::new("target", Shape::Text).required(),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
];

const ROUTE_CHANGE: &[Field] = &optional::<{ ROUTE.len() }>(ROUTE);

const PROVIDER: &[Field] = &[
    Field::new("type", Shape::Word(&["sip"])),
    Field::new("hostname", Shape::Text).required(),
    Field::new("tech_prefix", Shape::Text),
    Field::new("tech_postfix", Shape::Text),
    Field::new("tech_headers", Shape::TextMap),
    Field::new("codecs", Shape::Codecs),
    Field::new("metadata", Shape::Object),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
];

const PROVIDER_CHANGE: &[Field] = &optional::<{ PROVIDER.len() }>(PROVIDER);

const RING_METHODS: Shape = Shape::Word(&["ringall", "linear"]);
const AGENT_STATUSES: Shape = Shape::Word(&["available", "away", "busy", "offline", "ringing"]);

const AGENT: &[Field] = &[
    Field::new("username", Shape::Text).required(),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("ring_method", RING_METHODS),
    Field::new("tag_ids", Shape::Ids),
    Field::new("addresses", Shape::Addresses),
];

const AGENT_CHANGE: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("ring_method", RING_METHODS),
];

// Whoever has a number may show it to the people he calls, and whoever has a
// route spends the operator's money: both are the operator's to give.
pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "customer",
        path: "/v1/customers",
        service: Service::CUSTOMER,
        tag: "customer/customers",
        owner: Owner::Caller,
        routes: &[get("/v1/customers/{id}")],
    },
    Resource {
        noun: "account",
        path: "/v1/accounts",
        service: Service::BILLING,
        tag: "billing/accounts",
        owner: Owner::Row,
        routes: &[get("/v1/accounts/{id}")],
    },
    Resource {
        noun: "number",
        path: "/v1/numbers",
        service: Service::NUMBER,
        tag: "number/numbers",
        owner: Owner::Row,
        routes: &[
            create("/v1/numbers", NUMBER).operators_only(),
            list(
                "/v1/numbers",
                &[
                    text("number"),
                    text("type"),
                    text("status"),
                    id("call_flow_id"),
                ],
            ),
            get("/v1/numbers/{id}"),
            update("/v1/numbers/{id}", NUMBER_CHANGE),
            delete("/v1/numbers/{id}"),
        ],
    },
    Resource {
        noun: "route",
        path: "/v1/routes",
        service: Service::ROUTE,
        tag: "route/routes",
        owner: Owner::Row,
        routes: &[
            create("/v1/routes", ROUTE).operators_only(),
            list("/v1/routes", &[text("target"), id("provider_id")]),
            get("/v1/routes/{id}"),
            update("/v1/routes/{id}", ROUTE_CHANGE).operators_only(),
            delete("/v1/routes/{id}").operators_only(),
        ],
    },
    Resource {
        noun: "provider",
        path: "/v1/providers",
        service: Service::ROUTE,
        tag: "route/providers/<provider-id>",
        owner: Owner::Shared,
        // Nobody's rows, but the provider of a trunk shows its customer's number.
        routes: &[
            create("/v1/providers", PROVIDER).operators_only(),
            route(
                Method::Get,
                "/v1/providers",
                Act::List {
                    filters: &[],
                    customer: ListOf::EverybodyLiving,
                },
            )
            .operators_only(),
            get("/v1/providers/{id}").operators_only(),
            update("/v1/providers/{id}", PROVIDER_CHANGE).operators_only(),
            delete("/v1/providers/{id}").operators_only(),
        ],
    },
    Resource {
        noun: "agent",
        path: "/v1/agents",
        service: Service::AGENT,
        tag: "agent/agents",
        owner: Owner::Row,
        routes: &[
            create("/v1/agents", AGENT),
            list(
                "/v1/agents",
                &[
                    text("username"),
                    text("name"),
                    text("status"),
                    text("ring_method"),
                ],
            ),
            get("/v1/agents/{id}"),
            update("/v1/agents/{id}", AGENT_CHANGE),
            delete("/v1/agents/{id}"),
            put(
                "/v1/agents/{id}/status",
                &[Field::new("status", AGENT_STATUSES).required()],
            ),
            put(
                "/v1/agents/{id}/addresses",
                &[Field::new("addresses", Shape::Addresses).required()],
            ),
            put(
                "/v1/agents/{id}/tag_ids",
                &[Field::new("tag_ids", Shape::Ids).required()],
            ),
        ],
    },
];
