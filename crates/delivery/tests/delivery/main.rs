//! Events and duties reach their receivers at least once, whatever happens in
//! between, and events are handled once. Real store, real bus.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod costs;
mod duties;
mod events;
mod inbox;
mod webhooks;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, InProcess, Method, QueueSpec, Retry, Subscription, Work};
use trunkline_delivery::{Config, Duty, Ledger};
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_model::service::Service;
use trunkline_store::{Batch, Dialect, due, outbox};
use uuid::Uuid;
