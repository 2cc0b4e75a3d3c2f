//! call-manager: calls, outbound configs, Asterisks (chapter 02 §5).

use trunkline_bus::Method;
use trunkline_model::service::Service;

use super::{
    Act, ListOf, Owner, Resource, create, delete, get, id, list, own, post, put, route, text,
};
use crate::call_routes;
use crate::field::{Field, Shape};
use crate::media;

const CALL: &[Field] = &[
    Field::new("flow_id", Shape::Id),
    Field::new("actions", Shape::Actions),
    Field::new("master_call_id", Shape::Id),
    Field::new("source", Shape::Address),
    Field::new("destinations", Shape::Addresses).required(),
    Field::new("early_execution", Shape::Flag),
    Field::new("connect", Shape::Flag),
    Field::new("anonymous", Shape::Text),
    // With these a caller shows any number, or chooses who carries the call.
    Field::new("metadata", Shape::Object)
        .operators_only(&["skip_source_validation", "route_provider_ids"]),
    Field::new("variables", Shape::TextMap),
];

const TALK: &[Field] = &[
    Field::new("text", Shape::Text).required(),
    Field::new("language", Shape::Text),
    Field::new("provider", Shape::Text),
    Field::new("voice_id", Shape::Text),
];

/// Longest recording, and longest silence in one, that may be asked for: a day.
const LONGEST_S: i64 = 86_400;

const RECORDING: &[Field] = &[
    Field::new("format", Shape::Word(&["wav"])),
    Field::new("end_of_silence", Shape::Whole(0, LONGEST_S)),
    Field::new("end_of_key", Shape::Word(&["none", "any", "*", "#"])),
    Field::new("duration", Shape::Whole(0, LONGEST_S)),
    Field::new("on_end_flow_id", Shape::Id),
];

const RECORDING_OF: &[Field] = &[
    Field::new("reference_type", Shape::Word(&["call"])).required(),
    Field::new("reference_id", Shape::Id).required(),
    Field::new("activeflow_id", Shape::Id),
    RECORDING[0],
    RECORDING[1],
    RECORDING[2],
    RECORDING[3],
    RECORDING[4],
];

const OUTBOUND_CONFIG: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("codecs", Shape::Codecs),
    Field::new("destination_whitelist", Shape::Countries),
];

pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "call",
        path: "/v1/calls",
        service: Service::CALL,
        tag: "call/calls",
        owner: Owner::Row,
        routes: &[
            own(Method::Post, "/v1/calls", &[], CALL, call_routes::create)
                .hint("no destination could be called; see the log of the role `call-manager`")
                .about("Calls each destination. What happens on the call is the flow `flow_id`, or `actions` for this call only."),
            list(
                "/v1/calls",
                &[
                    id("owner_id"),
                    id("flow_id"),
                    id("activeflow_id"),
                    id("confbridge_id"),
                    id("recording_id"),
                    id("groupcall_id"),
                    text("channel_id"),
                    text("bridge_id"),
                    text("type"),
                    text("status"),
                    text("direction"),
                ],
            ),
            get("/v1/calls/{id}"),
            route(Method::Get, "/v1/calls/{id}/outcome", Act::GetPart),
            delete("/v1/calls/{id}"),
            post("/v1/calls/{id}/hangup", &[]),
            route(Method::Get, "/v1/calls/{id}/digits", Act::GetPart),
            post(
                "/v1/calls/{id}/digits",
                &[Field::new("digits", Shape::Text).required()],
            ),
            post("/v1/calls/{id}/talk", TALK),
            post(
                "/v1/calls/{id}/play",
                &[Field::new("media_urls", Shape::Texts).required()],
            ),
            post("/v1/calls/{id}/media_stop", &[]),
            post("/v1/calls/{id}/recording_start", RECORDING),
            post("/v1/calls/{id}/recording_stop", &[]),
        ],
    },
    Resource {
        noun: "recording",
        path: "/v1/recordings",
        service: Service::CALL,
        tag: "call/recordings",
        owner: Owner::Row,
        routes: &[
            create("/v1/recordings", RECORDING_OF),
            list(
                "/v1/recordings",
                &[
                    id("activeflow_id"),
                    id("reference_id"),
                    id("on_end_flow_id"),
                    text("reference_type"),
                    text("status"),
                    text("format"),
                ],
            ),
            get("/v1/recordings/{id}"),
            delete("/v1/recordings/{id}"),
            post("/v1/recordings/{id}/stop", &[]),
            super::own_file("/v1/recordings/{id}/file", &[text("channel")], media::recording)
                .about("The sound of a recording, as a WAV file: `channel` is `in`, what the party said (the default), or `out`, what it heard. Ranges are possible."),
        ],
    },
    Resource {
        noun: "outbound config",
        path: "/v1/outbound_configs",
        service: Service::CALL,
        tag: "call/outbound_configs",
        owner: Owner::Row,
        routes: &[
            create("/v1/outbound_configs", OUTBOUND_CONFIG)
                .hint("a customer has one; change it with PUT"),
            route(
                Method::Get,
                "/v1/outbound_configs",
                Act::List {
                    filters: &[],
                    customer: ListOf::CustomerInQuery,
                },
            ),
            get("/v1/outbound_configs/{id}"),
            delete("/v1/outbound_configs/{id}"),
            // What is left out stays as it is there too (chapter 02 §5.7).
            put("/v1/outbound_configs/{id}", OUTBOUND_CONFIG),
        ],
    },
    Resource {
        noun: "Asterisk",
        path: "/v1/asterisks",
        service: Service::CALL,
        tag: "call/asterisks",
        owner: Owner::Shared,
        routes: &[route(
            Method::Get,
            "/v1/asterisks",
            Act::List {
                filters: &[],
                customer: ListOf::Everybody,
            },
        )],
    },
];
