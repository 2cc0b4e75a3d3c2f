//! Duties and events in the database that no repetition can help: they are taken
//! out of the way of the others.
//!
//! A duty that its receiver refuses is not one of them: it stays and is repeated
//! with growing pauses, since nobody else remembers it. What is parked is a duty
//! whose stored request cannot be built, a row that cannot be read at all, and an
//! event that the carrier will never take: the latter two would keep every other row
//! of their service waiting.

use serde::{Deserialize, Serialize};
use trunkline_model::{TypedError, wire};
use trunkline_store::broken::Broken;
use trunkline_store::parked::{Kind, Parked};
use trunkline_store::{Batch, Error, broken, due};
use uuid::Uuid;

use super::release::Released;
use super::{Kept, ParkingLot};

/// A duty as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct KeptDuty {
    key: String,
    owner: String,
    queue: String,
    uri: String,
    method: String,
    data: Option<String>,
}

/// An event that the carrier will never take.
pub(crate) struct Unsent<'a> {
    pub(crate) id: Uuid,
    pub(crate) exchange: &'a str,
    pub(crate) kind: String,
    pub(crate) body: &'a [u8],
    pub(crate) attempts: i64,
    /// What takes it out of the outbox.
    pub(crate) gone: Batch,
}

impl ParkingLot {
    /// Takes an event out of the way of those behind it. When the lot is full it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// When the store is away; the event is where it was.
    pub(crate) async fn park_unsent(&self, event: Unsent<'_>, why: &str) -> Result<(), Error> {
        let now = self.db.now().await?;
        let (service, bytes) = (self.service.name(), event.body.len());
        let row = Parked {
            kind: Kind::Row,
            queue: event.exchange.to_owned(),
            publisher: service.to_owned(),
            name: event.kind,
            message_id: Some(event.id),
            retries: event.attempts,
            ..self.row(event.body, why, now)
        };
        match self.insert(&row, event.gone.clone()).await? {
            Kept::Yes => {
                tracing::error!(service, id = %row.id, event = row.name, message_id = %event.id, bytes, why, "an event cannot be sent and is parked");
            }
            Kept::Already => self.db.apply(event.gone).await?,
            Kept::Full => {
                self.db.apply(event.gone).await?;
                self.metrics.parked_lost.inc();
                tracing::error!(service, event = row.name, message_id = %event.id, bytes, why, "an event cannot be sent and is lost: too many are parked already; release or discard some");
            }
        }
        Ok(())
    }

    /// Takes a duty out of the due rows whose request cannot be built. While the
    /// lot is full it stays where it is and comes again.
    ///
    /// # Errors
    ///
    /// When the store is away; the duty comes again after its lease.
    pub(crate) async fn park_duty(&self, duty: &due::Due, why: &str) -> Result<(), Error> {
        let kept = KeptDuty {
            key: duty.key.clone(),
            owner: duty.owner.clone(),
            queue: duty.queue.clone(),
            uri: duty.uri.clone(),
            method: duty.method.clone(),
            data: duty.data.clone(),
        };
        let now = self.db.now().await?;
        let row = Parked {
            kind: Kind::Duty,
            queue: duty.queue.clone(),
            publisher: self.service.name().to_owned(),
            name: duty.key.clone(),
            retries: duty.attempts,
            ..self.row(&wire::encode(&kept), why, now)
        };
        let gone = Batch::new().with(due::delete(duty.id, duty.attempts));
        match self.insert(&row, gone).await? {
            Kept::Yes => {
                tracing::error!(service = self.service.name(), id = %row.id, key = duty.key, why, "a duty cannot be sent and is parked");
            }
            Kept::Already => {}
            Kept::Full => {
                tracing::error!(
                    service = self.service.name(),
                    key = duty.key,
                    why,
                    "a duty cannot be sent and not be parked either: too much is parked already; release or discard some"
                );
            }
        }
        Ok(())
    }

    /// Takes every row of the due rows and the outbox that cannot be read out of
    /// its table, when `error` says that there is one. True when some were.
    pub(crate) async fn set_aside_broken(&self, error: &Error) -> bool {
        if !matches!(error, Error::Shape { .. }) {
            return false;
        }
        match self.set_aside().await {
            Ok(some) => some,
            Err(error) => {
                tracing::warn!(service = self.service.name(), %error, "rows that cannot be read cannot be set aside");
                false
            }
        }
    }

    async fn set_aside(&self) -> Result<bool, Error> {
        let mut found = broken::duties(&*self.db, self.service).await?;
        found.extend(broken::events(&*self.db, self.service).await?);
        let mut some = false;
        for row in found {
            some |= self.set_aside_one(row).await?;
        }
        Ok(some)
    }

    async fn set_aside_one(&self, broken: Broken) -> Result<bool, Error> {
        let Broken { cells, why, delete } = broken;
        let now = self.db.now().await?;
        let text = |column: &str| cells.get(column).and_then(|cell| cell.as_str());
        let row = Parked {
            kind: Kind::Row,
            queue: text("queue").unwrap_or_default().to_owned(),
            publisher: self.service.name().to_owned(),
            name: text("due_key").unwrap_or_default().to_owned(),
            ..self.row(&wire::encode(&cells), &why, now)
        };
        let kept = self.insert(&row, Batch::new().with(delete)).await?;
        match kept {
            Kept::Yes => {
                tracing::error!(service = self.service.name(), id = %row.id, why, "a row cannot be read and is parked");
            }
            Kept::Already => {}
            Kept::Full => {
                tracing::error!(
                    service = self.service.name(),
                    why,
                    "a row that cannot be read keeps others waiting: too much is parked already; release or discard some"
                );
            }
        }
        Ok(kept == Kept::Yes)
    }

    /// Makes a due row of it again, due at once, unless a newer duty has taken
    /// its place.
    pub(super) async fn release_duty(&self, row: &Parked) -> Result<Released, TypedError> {
        let duty: KeptDuty = serde_json::from_slice(&row.body).map_err(|error| {
            let message = format!("what is kept of the duty cannot be read: {error}");
            self.refusal("PARKED_NOT_RELEASABLE", &message)
        })?;
        let now = self.db.now().await;
        let now = now.map_err(|error| self.unavailable(&error))?;
        let again = due::insert(&due::Due {
            id: row.id,
            service: self.service.name().to_owned(),
            key: duty.key,
            owner: duty.owner,
            due_at: Some(now),
            queue: duty.queue,
            uri: duty.uri,
            method: duty.method,
            data: duty.data,
            tm_create: Some(now),
            ..due::Due::default()
        });
        let refused = "a newer duty has taken its place; discard this one";
        self.put_back(row, again, refused).await
    }
}
