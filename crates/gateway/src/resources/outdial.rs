//! outdial-manager: outdials and their targets (chapter 05 B.4).

use trunkline_bus::Method;
use trunkline_model::service::Service;

use super::{
    Act, ListOf, Owner, Resource, create, delete, get, id, list, own, post, put, route, text,
    update,
};
use crate::field::{Field, Shape};
use crate::targets;

const OUTDIAL: &[Field] = &[
    Field::new("campaign_id", Shape::Id),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("data", Shape::Text),
];

const TARGET: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("data", Shape::Text),
    Field::new("destination_0", Shape::Address),
    Field::new("destination_1", Shape::Address),
    Field::new("destination_2", Shape::Address),
    Field::new("destination_3", Shape::Address),
    Field::new("destination_4", Shape::Address),
];

/// Only these: progressing is the claim of a campaign and is internal.
const TARGET_STATUS: Shape = Shape::Word(&["idle", "done"]);

pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "outdial",
        path: "/v1/outdials",
        service: Service::OUTDIAL,
        tag: "outdial/outdials",
        owner: Owner::Row,
        routes: &[
            create("/v1/outdials", OUTDIAL),
            list("/v1/outdials", &[id("campaign_id"), text("name")]),
            get("/v1/outdials/{id}"),
            delete("/v1/outdials/{id}"),
            update(
                "/v1/outdials/{id}",
                &[
                    Field::new("name", Shape::Text),
                    Field::new("detail", Shape::Text),
                ],
            ),
            put(
                "/v1/outdials/{id}/campaign_id",
                &[Field::new("campaign_id", Shape::Id).required()],
            ),
            put(
                "/v1/outdials/{id}/data",
                &[Field::new("data", Shape::Text).required()],
            ),
            route(
                Method::Get,
                "/v1/outdials/{id}/targets",
                Act::List {
                    filters: &[],
                    customer: ListOf::Row,
                },
            ),
            post("/v1/outdials/{id}/targets", TARGET),
            own(
                Method::Post,
                "/v1/outdials/{id}/targets/bulk",
                &[],
                targets::BODY,
                targets::add,
            )
            .bulk()
            .about("Adds up to 1,000 people. Who is there already, by `id`, is named in `known` and not added again."),
        ],
    },
    Resource {
        noun: "outdial target",
        path: "/v1/outdialtargets",
        service: Service::OUTDIAL,
        tag: "outdial/outdialtargets",
        owner: Owner::Parent {
            via: "outdial_id",
            path: "/v1/outdials",
            service: Service::OUTDIAL,
            tag: "outdial/outdials",
        },
        routes: &[
            get("/v1/outdialtargets/{id}"),
            delete("/v1/outdialtargets/{id}"),
            put(
                "/v1/outdialtargets/{id}/status",
                &[Field::new("status", TARGET_STATUS).required()],
            ),
        ],
    },
];
