//! How the parts are: for `/health`, `/readyz`, and whoever starts a node.
//!
//! A role is up when it answers a request; that it was started says nothing. While
//! the node starts none is asked: then the report says what is waited for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use trunkline_asterisk_proxy::Status;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus, Method, Rpc};
use trunkline_gateway::{Readiness, Report};
use trunkline_model::service::Service;
use trunkline_store::{Database, outbox, parked};

use crate::carrier::Carrier;
use crate::config::Role;

/// Longest wait for one part.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a report is used, so that nobody can keep the parts busy by asking.
const FRESH: Duration = Duration::from_millis(500);

/// How far the start of a node has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The broker is waited for.
    Broker,
    /// The roles are being started.
    Roles,
    /// The gateway waits for customer-manager, for whose customer it makes a token.
    FirstToken,
    /// Everything has started.
    Started,
}

impl Phase {
    /// What is waited for; none when everything has started.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Broker => Some("it waits for the broker"),
            Self::Roles => Some("the roles are being started"),
            Self::FirstToken => Some("it waits for customer-manager to make the first token"),
            Self::Started => None,
        }
    }
}

/// Looks at the parts of one node.
pub(crate) struct Health {
    carrier: Carrier,
    rpc: Rpc,
    db: Arc<dyn Database>,
    roles: Vec<Role>,
    asterisks: OnceLock<Vec<watch::Receiver<Status>>>,
    phase: watch::Sender<Phase>,
    last: Mutex<Option<(Instant, Phase, Report)>>,
}

impl Health {
    pub(crate) fn new(
        carrier: Carrier,
        bus: Arc<dyn Bus>,
        db: Arc<dyn Database>,
        roles: Vec<Role>,
    ) -> Arc<Self> {
        Arc::new(Self {
            carrier,
            rpc: Rpc::new(bus, Service::GATEWAY, ServiceMetrics::default()),
            db,
            roles,
            asterisks: OnceLock::new(),
            phase: watch::Sender::new(Phase::Broker),
            last: Mutex::default(),
        })
    }

    /// The Asterisks are known only when everything else has started.
    pub(crate) fn watch_asterisks(&self, asterisks: Vec<watch::Receiver<Status>>) {
        let _ = self.asterisks.set(asterisks);
    }

    /// The start has come so far.
    pub(crate) fn reached(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Every part is asked only when it can be there.
    async fn look(&self, phase: Phase) -> Report {
        match phase.reason() {
            Some(reason) => self.starting(reason).await,
            None => self.started().await,
        }
    }

    async fn starting(&self, reason: &str) -> Report {
        let roles = self.roles.iter();
        let roles = roles.map(|role| (role.name().to_owned(), Value::Bool(false)));
        let mut parts = json!({
            "status": "starting",
            "reason": reason,
            "store": self.store().await,
            "roles": roles.collect::<Map<_, _>>(),
            "asterisks": self.asterisks(),
        });
        if let Some(broker) = self.carrier.health() {
            parts["broker"] = broker;
        }
        Report {
            ready: false,
            parts,
        }
    }

    async fn started(&self) -> Report {
        let (store, roles, outbox, parked) =
            tokio::join!(self.store(), self.roles(), self.outbox(), self.parked());
        let broker = self.carrier.health();
        let away = broker
            .as_ref()
            .is_some_and(|broker| broker["connected"] != Value::Bool(true));
        let troubled = broker
            .as_ref()
            .is_some_and(|broker| !broker["trouble"].is_null());
        let ready = store && !away && roles.values().all(|up| up == &Value::Bool(true));
        let asterisks = self.asterisks();
        let all_connected = asterisks
            .iter()
            .all(|asterisk| asterisk["connected"] == Value::Bool(true));
        let status = match (ready, all_connected && !troubled) {
            (false, _) => "down",
            (true, false) => "degraded",
            (true, true) => "ok",
        };
        let mut parts = json!({
            "status": status,
            "store": store,
            "roles": roles,
            "asterisks": asterisks,
            "outbox_waiting": outbox,
            "parked_waiting": parked,
        });
        if let Some(broker) = broker {
            parts["broker"] = broker;
        }
        Report { ready, parts }
    }

    async fn store(&self) -> bool {
        matches!(
            timeout(PATIENCE, self.db.query("SELECT 1 AS one", vec![])).await,
            Ok(Ok(_))
        )
    }

    async fn roles(&self) -> Map<String, Value> {
        let probes = self
            .roles
            .iter()
            .map(|role| async { (role.name().to_owned(), Value::Bool(self.is_up(*role).await)) });
        join_all(probes).await.into_iter().collect()
    }

    /// A role has no route for this request, so that a living one answers "no
    /// such route". The two roles without a queue are as alive as this process.
    async fn is_up(&self, role: Role) -> bool {
        if matches!(role, Role::Gateway | Role::AsteriskProxy) {
            return true;
        }
        let request = self.rpc.request(Method::Get, "/v1/health");
        self.rpc
            .send(
                &role.service().request_queue(),
                &request,
                "health",
                PATIENCE,
            )
            .await
            .is_ok()
    }

    /// Events that wait to be published; null when the store does not tell.
    async fn outbox(&self) -> Value {
        let depths = self.roles.iter();
        sum(depths.map(|role| outbox::depth(&*self.db, role.service()))).await
    }

    /// Messages that could not be handled; null when the store does not tell.
    async fn parked(&self) -> Value {
        let counts = self.roles.iter();
        sum(counts.map(|role| parked::count(&*self.db, role.service()))).await
    }

    fn asterisks(&self) -> Vec<Value> {
        let watched = self.asterisks.get().map(Vec::as_slice).unwrap_or_default();
        watched
            .iter()
            .map(|asterisk| describe(&asterisk.borrow()))
            .collect()
    }
}

async fn sum(
    counts: impl Iterator<Item = impl Future<Output = Result<i64, trunkline_store::Error>>>,
) -> Value {
    match timeout(PATIENCE, join_all(counts)).await {
        Ok(counts) => counts
            .into_iter()
            .sum::<Result<i64, _>>()
            .map_or(Value::Null, Value::from),
        Err(_) => Value::Null,
    }
}

fn describe(status: &Status) -> Value {
    json!({
        "url": status.url,
        "connected": status.connected,
        "id": status.asterisk_id,
        "version": status.version,
        "last_error": status.last_error,
    })
}

#[async_trait]
impl Readiness for Health {
    async fn report(&self) -> Report {
        // Whoever comes meanwhile waits for the same look.
        let mut last = self.last.lock().await;
        let phase = *self.phase.borrow();
        if let Some((at, then, report)) = &*last
            && at.elapsed() < FRESH
            && *then == phase
        {
            return report.clone();
        }
        let report = self.look(phase).await;
        *last = Some((Instant::now(), phase, report.clone()));
        report
    }
}
