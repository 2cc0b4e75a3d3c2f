//! `fetch`: the customer's server says what comes next.
//!
//! The walk that led to the action is written before the request leaves, and the
//! answer begins a walk of its own. Nothing is held meanwhile but a place: a
//! second request for the same activeflow, or for a customer whose places are
//! full, is told to come again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::time::Instant;
use trunkline_bus::metrics::millis;
use trunkline_domain::flow as rules;
use trunkline_domain::flow::action::fetch;
use trunkline_egress::{Method, Redirects, Request};
use trunkline_model::Action;
use trunkline_model::action::Kind;
use trunkline_model::activeflow::Activeflow;
use trunkline_model::id::{ActionId, ActiveflowId, CustomerId, ReferenceId};

use crate::activeflow::walk::Led;
use crate::config::Fetch as Config;
use crate::error::Failure;
use crate::manager::FlowManager;

/// Activeflows whose server is being asked, and whose they are.
#[derive(Default)]
pub(crate) struct Fetching(Mutex<BTreeMap<ActiveflowId, CustomerId>>);

/// A place among them, given back when it is dropped.
struct Place<'a> {
    fetching: &'a Fetching,
    id: ActiveflowId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.fetching.lock().remove(&self.id);
    }
}

impl Fetching {
    fn begin(&self, activeflow: &Activeflow, config: &Config) -> Option<Place<'_>> {
        let (id, customer) = (activeflow.id, activeflow.customer_id);
        let mut places = self.lock();
        let of_customer = places.values().filter(|of| **of == customer).count();
        let full =
            places.len() >= config.concurrency || of_customer >= config.concurrency_per_customer;
        if full || places.contains_key(&id) {
            return None;
        }
        places.insert(id, customer);
        Some(Place { fetching: self, id })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActiveflowId, CustomerId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the server is told (chapter 05 D.7).
#[derive(Serialize)]
struct Told {
    activeflow_id: ActiveflowId,
    reference_id: ReferenceId,
}

impl FlowManager {
    /// Asks the server that an activeflow waits for, and walks on with its answer.
    pub(crate) async fn fetched(&self, id: ActiveflowId) -> Result<Led, Failure> {
        let waiting = self.activeflow(id).await?;
        let Some(_place) = self.fetching.begin(&waiting, &self.config.fetch) else {
            tracing::debug!(activeflow_id = %id, "a server is asked already, or too many are");
            return Err(Failure::Busy);
        };
        // Somebody may have been quicker, between the look and the place.
        let waiting = self.activeflow(id).await?;
        if !fetch::is_pending(&waiting) {
            return Err(Failure::Busy);
        }
        let answer = self.actions_of_server(&waiting).await;
        self.decided(|| async {
            let from = self.activeflow(id).await?;
            let still = fetch::is_pending(&from) && from.execute_count == waiting.execute_count;
            if !still {
                return Err(Failure::Busy);
            }
            self.walk_with(from, Some(answer.clone())).await
        })
        .await
    }

    async fn actions_of_server(&self, waiting: &Activeflow) -> Result<Vec<Action>, rules::Failure> {
        let asked = fetch::asked(&waiting.current_action)?;
        let config = &self.config.fetch;
        let told = Told {
            activeflow_id: waiting.id,
            reference_id: waiting.reference_id,
        };
        let begun = Instant::now();
        let answer = self
            .egress
            .send(Request {
                method: method(asked.method),
                address: asked.url,
                content_type: "application/json; charset=utf-8".to_owned(),
                headers: Vec::new(),
                body: trunkline_model::wire::encode(&told).into(),
                timeout: config.timeout(),
                max_answer_bytes: config.max_answer_bytes,
                redirects: Redirects::Follow,
            })
            .await;
        self.metrics.took(&Kind::Fetch, millis(begun.elapsed()));
        let answer = answer.map_err(|error| rules::Failure::Fetch(error.to_string()))?;
        fetch::actions(
            answer.status,
            &answer.body,
            config.max_actions,
            ActionId::random,
        )
    }
}

/// The rules let these pass only.
fn method(text: &str) -> Method {
    match text {
        "GET" => Method::GET,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => Method::POST,
    }
}
