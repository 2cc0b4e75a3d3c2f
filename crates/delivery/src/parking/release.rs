//! Putting a parked message back into its queue, and throwing one away.
//!
//! The row goes only when the handler has done it, in whatever copy of the role that
//! was: the carrier tells that copy's parking lot ([`ParkingLot::forget`]). A process that
//! dies in between leaves the row: releasing it again is then a repetition, which handlers
//! must take anyway.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};
use trunkline_bus::{Confirmation, Message};
use trunkline_model::TypedError;
use trunkline_model::error::Status;
use trunkline_store::parked::{self, Kind, Parked};
use trunkline_store::{Batch, Error, Statement};
use uuid::Uuid;

use super::ParkingLot;

/// How long a release waits to tell how it went.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pause between two looks at whether a row has gone.
const LOOK: Duration = Duration::from_millis(20);

/// How a release went, as far as one can tell at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Released {
    pub(super) id: Uuid,
    pub(super) outcome: Outcome,
    /// Why it was parked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The handler has done it; the row is gone.
    Handled,
    /// It has failed again; the row is there.
    ParkedAgain,
    /// It is in its queue, or waits for a repetition; the row is there until it
    /// is handled.
    Waiting,
}

impl ParkingLot {
    /// Puts it back where it came from.
    pub(super) async fn release(self: &Arc<Self>, id: Uuid) -> Result<Released, TypedError> {
        let row = self.find(id).await?;
        let turn = self.take_turn(id)?;
        match &row.kind {
            Kind::Event => self.release_event(row, turn).await,
            Kind::Duty => self.release_duty(&row).await,
            Kind::Webhook => self.release_webhook(&row).await,
            Kind::Row | Kind::Other(_) => Err(self.refusal(
                "PARKED_NOT_RELEASABLE",
                "what cannot be read, or is too large to be sent, cannot be put back; discard it when you have what you need of it",
            )),
        }
    }

    /// Throws it away.
    pub(super) async fn discard(self: &Arc<Self>, id: Uuid) -> Result<Parked, TypedError> {
        let row = self.find(id).await?;
        let _turn = self.take_turn(id)?;
        let discarded = Batch::new().with(parked::discard(self.service, id));
        match self.db.apply(discarded).await {
            Ok(()) => {}
            Err(error) if error.is_conflict() => return Err(self.not_found(id)),
            Err(error) => return Err(self.unavailable(&error)),
        }
        tracing::info!(service = self.service.name(), %id, kind = %row.kind, name = row.name, "what was parked is discarded");
        self.recount().await;
        Ok(row)
    }

    /// One with its body.
    pub(super) async fn find(&self, id: Uuid) -> Result<Parked, TypedError> {
        let found = parked::by_id(&*self.db, self.service, id).await;
        let found = found.map_err(|error| self.unavailable(&error))?;
        found.ok_or_else(|| self.not_found(id))
    }

    async fn release_event(
        self: &Arc<Self>,
        row: Parked,
        turn: Turn,
    ) -> Result<Released, TypedError> {
        if !row.is_complete() {
            return Err(self.cut(&row));
        }
        let body = row.body.clone().into();
        // Without an id of its own the message could not be told from another
        // one when it fails again.
        let message_id = row.message_id.unwrap_or(row.id);
        let sent = self.bus.redeliver(&row.queue, Some(message_id), body).await;
        let confirmation = sent.map_err(|error| {
            let message = format!("it cannot be put back into its queue: {error}");
            self.error(Status::Unavailable, "PARKED_NOT_RELEASABLE", &message)
        })?;
        tracing::info!(service = self.service.name(), id = %row.id, queue = row.queue, event = row.name, "a parked event is released");
        self.metrics.parked_released.inc();
        let (id, times) = (row.id, row.times);
        let lot = Arc::clone(self);
        let settled = tokio::spawn(async move {
            lot.settle(&row, confirmation).await;
            drop(turn);
        });
        if tokio::time::timeout(PATIENCE, settled).await.is_err() {
            return Ok(Released::waiting(id));
        }
        match parked::by_id(&*self.db, self.service, id).await {
            Ok(None) => Ok(Released {
                outcome: Outcome::Handled,
                ..Released::waiting(id)
            }),
            Ok(Some(row)) if row.times > times => Ok(Released {
                outcome: Outcome::ParkedAgain,
                reason: Some(row.reason),
                ..Released::waiting(id)
            }),
            Ok(Some(_)) => Ok(Released::waiting(id)),
            Err(error) => Err(self.unavailable(&error)),
        }
    }

    /// Makes a row of its own kind of it again, in place of what is parked; `refused`
    /// says why that cannot be.
    pub(super) async fn put_back(
        &self,
        row: &Parked,
        again: Statement,
        refused: &str,
    ) -> Result<Released, TypedError> {
        let discard = parked::discard(self.service, row.id);
        let batch = Batch::new().with(again).with(discard);
        match self.db.apply(batch).await {
            Ok(()) => {}
            Err(error) if error.is_conflict() => {
                return Err(self.refusal("PARKED_NOT_RELEASABLE", refused));
            }
            Err(error) => return Err(self.unavailable(&error)),
        }
        self.metrics.parked_released.inc();
        self.recount().await;
        Ok(Released::waiting(row.id))
    }

    /// Waits a while until the message was handled or parked again. A broker confirms as
    /// soon as it has it.
    async fn settle(&self, row: &Parked, confirmation: Confirmation) {
        if let Err(error) = confirmation.await {
            tracing::warn!(service = self.service.name(), id = %row.id, %error, "a released event was not confirmed and stays parked");
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        while self.is_as_it_was(row).await && Instant::now() < deadline {
            sleep(LOOK).await;
        }
        self.recount().await;
    }

    async fn is_as_it_was(&self, row: &Parked) -> bool {
        match parked::by_id(&*self.db, self.service, row.id).await {
            Ok(found) => found.is_some_and(|found| found.times == row.times),
            Err(_) => true,
        }
    }

    /// A released event was handled: its row goes. When it was parked again meanwhile, by
    /// another delivery, its count is another one, and the row stays.
    pub(super) async fn forget(&self, queue: &str, message: &Message) -> Result<(), Error> {
        let Some(id) = message.message_id else {
            return Ok(());
        };
        let Some(row) = parked::of_message(&*self.db, self.service, queue, id).await? else {
            return Ok(());
        };
        let handled = Batch::new().with(parked::handled(row.id, row.times));
        self.db.apply(handled).await?;
        self.recount().await;
        Ok(())
    }

    /// One at a time may do something with a row.
    fn take_turn(self: &Arc<Self>, id: Uuid) -> Result<Turn, TypedError> {
        let mut releasing = self
            .releasing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !releasing.insert(id) {
            return Err(self.refusal(
                "PARKED_RELEASE_IN_PROGRESS",
                "it is on its way back to its queue already; look again in a moment",
            ));
        }
        Ok(Turn {
            lot: Arc::clone(self),
            id,
        })
    }

    fn not_found(&self, id: Uuid) -> TypedError {
        let message = format!("there is no parked message `{id}`");
        self.error(Status::NotFound, "PARKED_NOT_FOUND", &message)
    }

    /// Not all of it is kept.
    pub(super) fn cut(&self, row: &Parked) -> TypedError {
        let kept = format!(
            "only {} of its {} bytes are kept",
            row.body.len(),
            row.body_bytes
        );
        self.refusal("PARKED_NOT_RELEASABLE", &kept)
    }

    pub(super) fn refusal(&self, reason: &str, message: &str) -> TypedError {
        self.error(Status::FailedPrecondition, reason, message)
    }

    pub(super) fn unavailable(&self, error: &Error) -> TypedError {
        tracing::warn!(service = self.service.name(), %error, "what is parked cannot be reached");
        self.error(
            Status::Unavailable,
            "STORE_UNAVAILABLE",
            "the store is away; try again",
        )
    }

    fn error(&self, status: Status, reason: &str, message: &str) -> TypedError {
        TypedError::new(status, reason, self.service.name(), message)
    }
}

impl Released {
    pub(super) fn waiting(id: Uuid) -> Self {
        Self {
            id,
            outcome: Outcome::Waiting,
            reason: None,
        }
    }
}

/// The right to do something with a row, until it is dropped.
struct Turn {
    lot: Arc<ParkingLot>,
    id: Uuid,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let releasing = &self.lot.releasing;
        releasing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}
