//! Requests: the routes of chapter 02 §5 that exist so far.

pub(crate) mod asterisks;
pub(crate) mod calls;
pub(crate) mod limits;
pub(crate) mod media;
pub(crate) mod outbound_configs;
pub(crate) mod recordings;

use std::sync::Arc;

use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Routed, Router};
use trunkline_store::filter::{Filter, Keys};

use crate::Role;

/// The table of routes. Labels are those of chapter 01 §7.2, irregular ones
/// included.
pub(crate) fn router(role: Arc<Role>) -> Router<Role> {
    let metrics = role.metrics.service.clone();
    Router::new(role, metrics)
        .route(
            Get,
            "/v1/customers/{id}/limits",
            "/v1/customers/<customer-id>/limits",
            limits::get,
        )
        .route(
            Put,
            "/v1/customers/{id}/limits",
            "/v1/customers/<customer-id>/limits",
            limits::set,
        )
        .route(Get, "/v1/asterisks", "/v1/asterisks", asterisks::list)
        .route(Get, "/v1/calls?", "/v1/calls", calls::list)
        .route(Post, "/v1/calls", "/v1/calls", calls::create)
        .route(Get, "/v1/calls/counts", "/v1/calls/counts", calls::counts)
        .route(Get, "/v1/calls/{id}", "/v1/calls/<call-id>", calls::get)
        .route(
            Post,
            "/v1/calls/{id}",
            "/v1/calls/<call-id>",
            calls::create_with_id,
        )
        .route(
            Delete,
            "/v1/calls/{id}",
            "/v1/calls/<call-id>",
            calls::delete,
        )
        .route(
            Get,
            "/v1/calls/{id}/outcome",
            "/v1/calls/<call-id>/outcome",
            calls::outcome,
        )
        .route(
            Post,
            "/v1/calls/outcomes",
            "/v1/calls/outcomes",
            calls::outcomes,
        )
        .route(
            Get,
            "/v1/calls/{id}/digits",
            "/v1/calls/<call-id>/digits",
            media::digits,
        )
        .route(
            Post,
            "/v1/calls/{id}/digits",
            "/v1/calls/<call-id>/digits",
            media::set_digits,
        )
        .route(
            Post,
            "/v1/calls/{id}/talk",
            "/v1/calls/<call-id>/talk",
            media::talk,
        )
        .route(
            Post,
            "/v1/calls/{id}/play",
            "/v1/calls/<call-id>/play",
            media::play,
        )
        .route(
            Post,
            "/v1/calls/{id}/media_stop",
            "/v1/calls/<call-id>/media_stop",
            media::stop,
        )
        .route(
            Post,
            "/v1/calls/{id}/void",
            "/v1/calls/<call-id>/void",
            calls::void,
        )
        .route(
            Post,
            "/v1/calls/{id}/hangup",
            "/v1/calls/<call-id>/hangup",
            calls::hangup,
        )
        .route(
            Post,
            "/v1/calls/{id}/health-check",
            "/v1/calls/health-check",
            calls::health_check,
        )
        .route(
            Post,
            "/v1/calls/{id}/action-next",
            "/v1/calls/action-next",
            calls::action_next,
        )
        .route(
            Post,
            "/v1/calls/{id}/action-timeout",
            "/v1/calls/action-timeout",
            calls::action_timeout,
        )
        .route(
            Post,
            "/v1/calls/{id}/recording_start",
            "/v1/calls/<call-id>/recording_start",
            recordings::start_of_call,
        )
        .route(
            Post,
            "/v1/calls/{id}/recording_stop",
            "/v1/calls/<call-id>/recording_stop",
            recordings::stop_of_call,
        )
        .route(Get, "/v1/recordings?", "/v1/recordings", recordings::list)
        .route(Post, "/v1/recordings", "/v1/recordings", recordings::create)
        .route(
            Get,
            "/v1/recordings/{id}",
            "/v1/recordings/<recording-id>",
            recordings::get,
        )
        .route(
            Delete,
            "/v1/recordings/{id}",
            "/v1/recordings/<recording-id>",
            recordings::delete,
        )
        .route(
            Post,
            "/v1/recordings/{id}/stop",
            "/v1/recordings/<recording-id>/stop",
            recordings::stop,
        )
        .route(
            Post,
            "/v1/recordings/{id}/keep_files",
            "/v1/recordings/<recording-id>/keep_files",
            recordings::keep_files,
        )
        .route(
            Post,
            "/v1/recordings/{id}/remove_files",
            "/v1/recordings/<recording-id>/remove_files",
            recordings::remove_files,
        )
        .route(
            Get,
            "/v1/outbound_configs?",
            "/v1/outbound_configs",
            outbound_configs::list,
        )
        .route(
            Post,
            "/v1/outbound_configs",
            "/v1/outbound_configs",
            outbound_configs::create,
        )
        .route(
            Get,
            "/v1/outbound_configs/{id}",
            "/v1/outbound_configs/<id>",
            outbound_configs::get,
        )
        .route(
            Put,
            "/v1/outbound_configs/{id}",
            "/v1/outbound_configs/<id>",
            outbound_configs::update,
        )
        .route(
            Delete,
            "/v1/outbound_configs/{id}",
            "/v1/outbound_configs/<id>",
            outbound_configs::delete,
        )
}

/// The filters of a list: a JSON object, or nothing.
fn filters(keys: &Keys, routed: &Routed) -> Result<Filter, Refusal> {
    let filters = routed.body_or_default()?;
    keys.parse(&filters).map_err(|invalid| {
        tracing::debug!(%invalid, "a list is refused");
        Refusal::bare(400)
    })
}
