//! The requests about what is parked, on the service's own queue: routes of our
//! own, for the gateway. They carry messages of all customers, so whoever passes
//! them on must only do so for an operator.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use trunkline_bus::Method::{Delete, Get, Post};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::page::Page;
use trunkline_model::{Timestamp, TypedError, wire};
use trunkline_store::parked::{self, Parked};
use uuid::Uuid;

use super::ParkingLot;

/// Most rows of one list.
const MOST_ROWS: u64 = 10_000;

/// A parked message as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    id: Uuid,
    service: String,
    kind: String,
    queue: String,
    publisher: String,
    name: String,
    message_id: Option<Uuid>,
    reason: String,
    retries: i64,
    times: i64,
    body_bytes: i64,
    tm_create: Option<Timestamp>,
    tm_update: Option<Timestamp>,
    /// Whether the whole body is kept. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    /// The body when it is JSON, otherwise its text. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

impl ParkingLot {
    /// Adds `/v1/parked…` to a service's routes.
    #[must_use]
    pub fn routes<S: Send + Sync + 'static>(self: &Arc<Self>, router: Router<S>) -> Router<S> {
        const ALL: &str = "/v1/parked";
        const ONE: &str = "/v1/parked/<parked-id>";
        const RELEASE: &str = "/v1/parked/<parked-id>/release";
        let lots: [Arc<Self>; 4] = std::array::from_fn(|_| Arc::clone(self));
        let [to_list, to_show, to_release, to_discard] = lots;
        router
            .route(Get, "/v1/parked[?]", ALL, move |_, routed| {
                list(Arc::clone(&to_list), routed)
            })
            .route(Get, "/v1/parked/{id}", ONE, move |_, routed| {
                show(Arc::clone(&to_show), routed)
            })
            .route(
                Post,
                "/v1/parked/{id}/release",
                RELEASE,
                move |_, routed| release(Arc::clone(&to_release), routed),
            )
            .route(Delete, "/v1/parked/{id}", ONE, move |_, routed| {
                discard(Arc::clone(&to_discard), routed)
            })
    }
}

async fn list(lot: Arc<ParkingLot>, routed: Routed) -> Result<Reply, Refusal> {
    let refuse = |error| Refusal::typed(&lot.unavailable(&error));
    let page = routed.page(lot.db.now().await.map_err(refuse)?);
    let page = Page {
        limit: Some(page.limit.map_or(MOST_ROWS, |limit| limit.min(MOST_ROWS))),
        ..page
    };
    let rows = parked::list(&*lot.db, lot.service, &page).await;
    let rows = rows.map_err(refuse)?;
    let shown: Vec<Shown> = rows.iter().map(Shown::brief).collect();
    Ok(Reply::json(&shown))
}

async fn show(lot: Arc<ParkingLot>, routed: Routed) -> Result<Reply, Refusal> {
    let row = lot.find(routed.id(0)).await.map_err(refusal)?;
    Ok(Reply::json(&Shown::whole(&row)))
}

async fn release(lot: Arc<ParkingLot>, routed: Routed) -> Result<Reply, Refusal> {
    let released = lot.release(routed.id(0)).await.map_err(refusal)?;
    Ok(Reply::json(&released))
}

async fn discard(lot: Arc<ParkingLot>, routed: Routed) -> Result<Reply, Refusal> {
    let row = lot.discard(routed.id(0)).await.map_err(refusal)?;
    Ok(Reply::json(&Shown::whole(&row)))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn refusal(error: TypedError) -> Refusal {
    Refusal::typed(&error)
}

impl Shown {
    fn brief(row: &Parked) -> Self {
        Self {
            id: row.id,
            service: row.service.clone(),
            kind: row.kind.to_string(),
            queue: row.queue.clone(),
            publisher: row.publisher.clone(),
            name: row.name.clone(),
            message_id: row.message_id,
            reason: row.reason.clone(),
            retries: row.retries,
            times: row.times,
            body_bytes: row.body_bytes,
            tm_create: row.tm_create,
            tm_update: row.tm_update,
            complete: None,
            body: None,
        }
    }

    fn whole(row: &Parked) -> Self {
        let json = serde_json::from_slice::<Box<RawValue>>(&row.body);
        let body = json.unwrap_or_else(|_| wire::raw(&String::from_utf8_lossy(&row.body)));
        Self {
            complete: Some(row.is_complete()),
            body: Some(body),
            ..Self::brief(row)
        }
    }
}
