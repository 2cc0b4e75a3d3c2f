//! The role over the in-process bus and a real store, and somebody who asks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{InProcess, Method, Response, Rpc};
use trunkline_client::OutdialClient;
use trunkline_model::Timestamp;
use trunkline_model::id::{OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{AvailableRequest, OutdialTarget};
use trunkline_model::service::Service;
use trunkline_outdial::{Config, Deps, Metrics, Running, start};
use trunkline_store_sqlite::SqliteDatabase;

/// The role, and somebody who asks it.
pub(crate) struct House {
    pub(crate) bus: Arc<InProcess>,
    rpc: Rpc,
    pub(crate) client: OutdialClient,
    clock: Arc<AtomicI64>,
    running: Running,
    stop: CancellationToken,
}

impl House {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(1_767_323_045_000_000));
        let ticking = Arc::clone(&clock);
        let tick = move || Timestamp::from_micros(ticking.fetch_add(10, Ordering::SeqCst));
        let db = Arc::new(SqliteDatabase::in_memory(tick).unwrap());
        let bus = Arc::new(InProcess::new());
        let stop = CancellationToken::new();
        let deps = Deps {
            bus: bus.clone(),
            db,
            metrics: Metrics::default(),
        };
        let running = start(deps, Config::default(), stop.clone()).await.unwrap();
        let rpc = Rpc::new(bus.clone(), Service::CAMPAIGN, ServiceMetrics::default());
        Self {
            bus,
            client: OutdialClient(rpc.clone()),
            rpc,
            clock,
            running,
            stop,
        }
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.running.stopped().await;
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis * 1_000, Ordering::SeqCst);
    }

    pub(crate) async fn ask(&self, method: Method, uri: &str, body: Value) -> Response {
        let mut request = self.rpc.request(method, uri);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.rpc
            .send(
                &Service::OUTDIAL.request_queue(),
                &request,
                "test",
                DEFAULT_TIMEOUT,
            )
            .await
            .unwrap()
    }

    pub(crate) async fn json(&self, method: Method, uri: &str, body: Value) -> Value {
        let response = self.ask(method, uri, body).await;
        assert_eq!(response.status_code, 200, "{uri}: {response:?}");
        serde_json::from_str(response.data.unwrap().get()).unwrap()
    }

    /// A list without anybody on it.
    pub(crate) async fn list(&self) -> OutdialId {
        let made = self
            .json(Method::Post, "/v1/outdials", json!({"name": "list"}))
            .await;
        made["id"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn target(&self, outdial: OutdialId, body: Value) -> OutdialTarget {
        let made = self
            .json(
                Method::Post,
                &format!("/v1/outdials/{outdial}/targets"),
                body,
            )
            .await;
        serde_json::from_value(made).unwrap()
    }

    pub(crate) async fn reread(&self, id: OutdialTargetId) -> OutdialTarget {
        let read = self
            .json(
                Method::Get,
                &format!("/v1/outdialtargets/{id}"),
                Value::Null,
            )
            .await;
        serde_json::from_value(read).unwrap()
    }

    pub(crate) async fn report(&self, id: OutdialTargetId, body: Value) -> OutdialTarget {
        let row = self
            .json(
                Method::Put,
                &format!("/v1/outdialtargets/{id}/status"),
                body,
            )
            .await;
        serde_json::from_value(row).unwrap()
    }

    pub(crate) async fn ids(
        &self,
        outdial: OutdialId,
        asked: &AvailableRequest,
    ) -> Vec<OutdialTargetId> {
        self.client
            .available(outdial, asked)
            .await
            .unwrap()
            .iter()
            .map(|target| target.id)
            .collect()
    }
}

pub(crate) fn tel(number: &str) -> Value {
    json!({"name": "ann", "destination_0": {"type": "tel", "target": number}})
}

pub(crate) fn error_of(response: &Response) -> (u16, String) {
    let data = response.data.as_ref().map_or("null", |data| data.get());
    let reason = serde_json::from_str::<Value>(data).unwrap()["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (response.status_code, reason)
}
