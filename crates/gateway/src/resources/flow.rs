//! flow-manager: flows, activeflows, variables (chapter 05 D.4).

use trunkline_bus::Method;
use trunkline_model::service::Service;

use super::{Owner, Resource, create, delete, get, id, list, own, post, put, text, update};
use crate::field::{Field, Shape};
use crate::flow_check;

const TYPES: Shape = Shape::Word(&["flow"]);

const FLOW: &[Field] = &[
    Field::new("type", TYPES),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("actions", Shape::Actions).required(),
    Field::new("on_complete_flow_id", Shape::Id),
    // Others are gone after a day, which nobody expects of a thing he made.
    Field::new("persist", Shape::Flag).on_by_default(),
];

const FLOW_CHANGE: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("actions", Shape::Actions),
    Field::new("on_complete_flow_id", Shape::Id),
];

pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "flow",
        path: "/v1/flows",
        service: Service::FLOW,
        tag: "flow/flows",
        owner: Owner::Row,
        routes: &[
            create("/v1/flows", FLOW),
            own(
                Method::Post,
                "/v1/flows/check",
                &[],
                flow_check::BODY,
                flow_check::check,
            )
            .about("Checks a flow and stores nothing: a flow file (YAML or JSON) as `text`, or a list as `actions`. `ok` is false when a finding is an error; actions with errors are refused where flows and campaigns are made."),
            list("/v1/flows", &[text("type"), text("name")]),
            get("/v1/flows/{id}"),
            delete("/v1/flows/{id}"),
            update("/v1/flows/{id}", FLOW_CHANGE),
            put(
                "/v1/flows/{id}/actions",
                &[Field::new("actions", Shape::Actions).required()],
            ),
        ],
    },
    Resource {
        noun: "activeflow",
        path: "/v1/activeflows",
        service: Service::FLOW,
        tag: "flow/actions",
        owner: Owner::Row,
        routes: &[
            list(
                "/v1/activeflows",
                &[
                    id("flow_id"),
                    id("reference_id"),
                    text("reference_type"),
                    text("status"),
                ],
            ),
            get("/v1/activeflows/{id}"),
            post("/v1/activeflows/{id}/stop", &[]),
        ],
    },
    Resource {
        noun: "activeflow",
        path: "/v1/variables",
        service: Service::FLOW,
        tag: "flow/variables",
        // The id of an activeflow's variables is the activeflow's.
        owner: Owner::Parent {
            via: "id",
            path: "/v1/activeflows",
            service: Service::FLOW,
            tag: "flow/actions",
        },
        routes: &[get("/v1/variables/{id}")],
    },
];
