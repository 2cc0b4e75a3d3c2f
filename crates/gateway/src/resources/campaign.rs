//! campaign-manager: campaigns, campaigncalls, outplans (chapter 05 A.4).

use trunkline_bus::Method;
use trunkline_model::service::Service;

use super::{Act, Owner, Resource, create, delete, get, id, list, own, put, route, text, update};
use crate::field::{Field, Shape};
use crate::results;

/// Tries at one destination that an outplan may allow.
const MAX_TRIES: i64 = 1_000;

/// Longest time that an outplan may name, milliseconds: 30 days.
const MAX_MILLIS: i64 = 2_592_000_000;

const KINDS: Shape = Shape::Word(&["call", "flow"]);
const END_HANDLES: Shape = Shape::Word(&["stop", "continue"]);
const PERCENT: Shape = Shape::Whole(0, 10_000);

const CAMPAIGN: &[Field] = &[
    Field::new("id", Shape::Id),
    Field::new("type", KINDS).required(),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("service_level", PERCENT),
    Field::new("end_handle", END_HANDLES).required(),
    Field::new("actions", Shape::Actions),
    Field::new("outplan_id", Shape::Id),
    Field::new("outdial_id", Shape::Id),
    Field::new("queue_id", Shape::Id),
    Field::new("next_campaign_id", Shape::Id),
];

const CAMPAIGN_INFO: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("type", KINDS),
    Field::new("service_level", PERCENT),
    Field::new("end_handle", END_HANDLES),
];

const CAMPAIGN_RESOURCES: &[Field] = &[
    Field::new("outplan_id", Shape::Id),
    Field::new("outdial_id", Shape::Id),
    Field::new("queue_id", Shape::Id),
    Field::new("next_campaign_id", Shape::Id),
];

const RULES: &[Field] = &[
    Field::new("calls_per_second", Shape::Positive),
    Field::new("max_concurrent", Shape::Whole(1, 1_000_000)),
];

const DIALS: &[Field] = &[
    Field::new("source", Shape::Address),
    Field::new("dial_timeout", Shape::Whole(0, MAX_MILLIS)),
    Field::new("try_interval", Shape::Whole(0, MAX_MILLIS)),
    Field::new("max_try_count_0", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_1", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_2", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_3", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_4", Shape::Whole(0, MAX_TRIES)),
];

const OUTPLAN: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("source", Shape::Address),
    Field::new("dial_timeout", Shape::Whole(0, MAX_MILLIS)),
    Field::new("try_interval", Shape::Whole(0, MAX_MILLIS)),
    Field::new("max_try_count_0", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_1", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_2", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_3", Shape::Whole(0, MAX_TRIES)),
    Field::new("max_try_count_4", Shape::Whole(0, MAX_TRIES)),
];

const WRONG_RESOURCES: &str = "its outplan, outdial, queue or next campaign must exist, belong to you, \
     and the outdial must not be used by another campaign";

pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "campaign",
        path: "/v1/campaigns",
        service: Service::CAMPAIGN,
        tag: "campaign/campaigns",
        owner: Owner::Row,
        routes: &[
            create("/v1/campaigns", CAMPAIGN).hint(WRONG_RESOURCES),
            list(
                "/v1/campaigns",
                &[
                    text("type"),
                    text("status"),
                    text("name"),
                    text("end_handle"),
                    id("flow_id"),
                    id("outplan_id"),
                    id("outdial_id"),
                    id("queue_id"),
                    id("next_campaign_id"),
                ],
            ),
            get("/v1/campaigns/{id}"),
            delete("/v1/campaigns/{id}").hint(
                "the campaign is not stopped; stop it first, and wait until its calls have ended",
            ),
            update("/v1/campaigns/{id}", CAMPAIGN_INFO),
            put(
                "/v1/campaigns/{id}/status",
                &[Field::new("status", Shape::Word(&["run", "stop"])).required()],
            )
            .hint(WRONG_RESOURCES),
            put(
                "/v1/campaigns/{id}/service_level",
                &[Field::new("service_level", PERCENT).required()],
            ),
            put(
                "/v1/campaigns/{id}/actions",
                &[Field::new("actions", Shape::Actions).required()],
            ),
            update("/v1/campaigns/{id}/resource_info", CAMPAIGN_RESOURCES).hint(WRONG_RESOURCES),
            put(
                "/v1/campaigns/{id}/next_campaign_id",
                &[Field::new("next_campaign_id", Shape::Id).required()],
            ),
            route(Method::Get, "/v1/campaigns/{id}/explain", Act::GetPart),
            route(Method::Get, "/v1/campaigns/{id}/progress", Act::GetPart)
                .about("How the campaign stands, in numbers: attempts, calls by state and reason of hangup, people. A part that a role did not tell is null."),
            own(Method::Get, "/v1/campaigns/{id}/results", results::QUERY, &[], results::run)
                .answers(&["application/json", "application/jsonl", "text/csv"])
                .about("What became of the campaign's people, one row for each attempt, newest first. `format` is json (in pages), jsonl or csv (whole)."),
            route(Method::Get, "/v1/campaigns/{id}/rules", Act::GetPart),
            route(
                Method::Put,
                "/v1/campaigns/{id}/rules",
                Act::UpdatePart(RULES),
            ),
        ],
    },
    Resource {
        noun: "campaigncall",
        path: "/v1/campaigncalls",
        service: Service::CAMPAIGN,
        tag: "campaign/campaigncalls",
        owner: Owner::Row,
        routes: &[
            list(
                "/v1/campaigncalls",
                &[
                    id("campaign_id"),
                    id("outplan_id"),
                    id("outdial_id"),
                    id("outdial_target_id"),
                    id("queue_id"),
                    id("activeflow_id"),
                    id("flow_id"),
                    id("reference_id"),
                    text("reference_type"),
                    text("status"),
                    text("result"),
                ],
            ),
            get("/v1/campaigncalls/{id}"),
            delete("/v1/campaigncalls/{id}")
                .hint("the attempt is not done; hang its call up first"),
        ],
    },
    Resource {
        noun: "outplan",
        path: "/v1/outplans",
        service: Service::CAMPAIGN,
        tag: "campaign/outplans",
        owner: Owner::Row,
        routes: &[
            create("/v1/outplans", OUTPLAN),
            list("/v1/outplans", &[text("name")]),
            get("/v1/outplans/{id}"),
            delete("/v1/outplans/{id}"),
            update(
                "/v1/outplans/{id}",
                &[
                    Field::new("name", Shape::Text),
                    Field::new("detail", Shape::Text),
                ],
            ),
            update("/v1/outplans/{id}/dials", DIALS),
        ],
    },
];
