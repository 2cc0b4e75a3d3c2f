//! registrar-manager: trunks and phones, Trunkline's own (architecture decision 21).

use std::time::Duration;

use trunkline_model::service::Service;

use super::{Owner, Resource, create, delete, get, id, list, post, text, update};
use crate::field::{Field, Shape, optional};

/// How long the test of a trunk may take: names, the account, and a call that rings.
const TEST: Duration = Duration::from_secs(60);

const TRANSPORTS: Shape = Shape::Word(&["udp", "tcp"]);
const MODES: Shape = Shape::Word(&["registration", "address"]);
const IDENTITIES: Shape = Shape::Word(&["none", "pai", "rpid"]);
const PORT: Shape = Shape::Whole(1, 65_535);
const EXPIRATION: Shape = Shape::Whole(60, 86_400);
const QUALIFY: Shape = Shape::Whole(0, 3_600);
const CONTACTS: Shape = Shape::Whole(1, 10);

// What the values may hold is checked by the role, which names the field.
const TRUNK: &[Field] = &[
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("host", Shape::Text).required(),
    Field::new("port", PORT),
    Field::new("transport", TRANSPORTS),
    Field::new("mode", MODES),
    Field::new("username", Shape::Text),
    Field::new("auth_username", Shape::Text),
    Field::new("password", Shape::Text),
    Field::new("expiration", EXPIRATION),
    Field::new("qualify", QUALIFY),
    Field::new("codecs", Shape::Text),
    Field::new("caller_id", Shape::Text),
    Field::new("from_user", Shape::Text),
    Field::new("from_domain", Shape::Text),
    Field::new("identity", IDENTITIES),
    Field::new("tech_prefix", Shape::Text),
    Field::new("country", Shape::Text),
    Field::new("matches", Shape::Texts),
    Field::new("enabled", Shape::Flag),
];

const TRUNK_CHANGE: &[Field] = &optional::<{ TRUNK.len() }>(TRUNK);

const PHONE: &[Field] = &[
    Field::new("extension", Shape::Text).required(),
    Field::new("name", Shape::Text),
    Field::new("detail", Shape::Text),
    Field::new("password", Shape::Text),
    Field::new("codecs", Shape::Text),
    Field::new("max_contacts", CONTACTS),
    Field::new("country", Shape::Text),
    Field::new("enabled", Shape::Flag),
];

/// The extension, which comes first, stays as it was given.
const PHONE_CHANGE: &[Field] = PHONE.split_at(1).1;

// A trunk spends the operator's money: it is his to give. A phone costs nothing.
pub(super) const RESOURCES: &[Resource] = &[
    Resource {
        noun: "trunk",
        path: "/v1/trunks",
        service: Service::REGISTRAR,
        tag: "registrar/trunks",
        owner: Owner::Row,
        routes: &[
            create("/v1/trunks", TRUNK).operators_only(),
            list(
                "/v1/trunks",
                &[text("name"), text("host"), id("provider_id")],
            ),
            get("/v1/trunks/{id}"),
            update("/v1/trunks/{id}", TRUNK_CHANGE).operators_only(),
            delete("/v1/trunks/{id}").operators_only(),
            post("/v1/trunks/{id}/test", &[Field::new("to", Shape::Text)])
                .operators_only()
                .patient(TEST),
        ],
    },
    Resource {
        noun: "phone",
        path: "/v1/phones",
        service: Service::REGISTRAR,
        tag: "registrar/phones",
        owner: Owner::Row,
        routes: &[
            create("/v1/phones", PHONE),
            list(
                "/v1/phones",
                &[text("extension"), text("username"), text("name")],
            ),
            get("/v1/phones/{id}"),
            update("/v1/phones/{id}", PHONE_CHANGE),
            delete("/v1/phones/{id}"),
            post("/v1/phones/{id}/password", &[]),
        ],
    },
];
