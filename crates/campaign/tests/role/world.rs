//! A world with everything that a campaign needs, and how to ask it things.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trunkline_bus::client::interpret;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Consumer, Event, EventHandler, InProcess, Message, Method, QueueSpec, Response, Rpc,
    RpcError, Subscription, Work,
};
use trunkline_campaign::{Config, Metrics, invariants};
use trunkline_model::Timestamp;
use trunkline_model::campaign::{Campaign, Status};
use trunkline_model::campaigncall::{Campaigncall, Outcome};
use trunkline_model::id::{CallId, CampaignId, CustomerId, OutdialId};
use trunkline_model::outdial::Outdial;
use trunkline_model::outdial_target::OutdialTarget;
use trunkline_model::outplan::Outplan;
use trunkline_model::page::Page;
use trunkline_model::service::Service;
use trunkline_store::{Database, Filter, campaigncall, outdial_target};
use trunkline_store_sqlite::SqliteDatabase;

use crate::fakes::{Calls, Flows, webhooks};
use crate::mortal::{Life, Mortal};

pub(crate) struct World {
    pub(crate) bus: InProcess,
    pub(crate) db: Arc<dyn Database>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) flows: Arc<Flows>,
    pub(crate) customer: CustomerId,
    /// Milliseconds by which the store's clock was set forward, or back.
    pub(crate) jumped: Arc<AtomicI64>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    events: Arc<Mutex<Vec<Event>>>,
    rpc: Rpc,
    stop: CancellationToken,
    _outdial: trunkline_outdial::Running,
    _consumers: Vec<Consumer>,
}

/// A process that runs the role.
pub(crate) struct Process {
    pub(crate) metrics: Metrics,
    pub(crate) life: Arc<Life>,
    running: trunkline_campaign::Running,
    stop: CancellationToken,
}

impl Process {
    /// As `kill -9`: nothing is finished, nothing is given back.
    pub(crate) fn kill(self) {
        self.life.dead.cancel();
    }

    /// Takes its queues away, so that another one can have them: it stands still
    /// meanwhile, and does not end.
    pub(crate) fn leave(self) {}

    /// As SIGTERM.
    pub(crate) async fn shut_down(self) {
        self.stop.cancel();
        self.running.stopped().await;
    }
}

impl World {
    /// In memory, with the clock of tokio.
    pub(crate) async fn new() -> Self {
        let began = Instant::now();
        let epoch = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap();
        let jumped = Arc::new(AtomicI64::new(0));
        let by = Arc::clone(&jumped);
        let clock = Arc::new(move || {
            let now = epoch.plus(began.elapsed());
            now.plus_millis(by.load(Ordering::SeqCst))
        });
        let ticking = Arc::clone(&clock);
        let db = SqliteDatabase::in_memory(move || ticking()).unwrap();
        let mut world = Self::on(Arc::new(db), clock).await;
        world.jumped = jumped;
        world
    }

    /// Sets the store's clock forward or back.
    pub(crate) fn jump(&self, seconds: i64) {
        self.jumped.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    pub(crate) async fn on(
        db: Arc<dyn Database>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        let bus = InProcess::new();
        let (calls, flows) = (Calls::new(&bus, clock.clone()), Flows::new(&bus));
        let stop = CancellationToken::new();
        let deps = trunkline_outdial::Deps {
            bus: Arc::new(bus.clone()),
            db: Arc::clone(&db),
            metrics: trunkline_outdial::Metrics::default(),
        };
        let outdial = trunkline_outdial::start(deps, Default::default(), stop.clone())
            .await
            .unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let recorder = Arc::new(Recorder(Arc::clone(&events)));
        let exchange = Service::CAMPAIGN.event_exchange();
        let consumers = vec![
            bus.serve(
                QueueSpec::new(Service::CALL.request_queue(), 64),
                Arc::new(calls.router()),
            )
            .await
            .unwrap(),
            bus.serve(
                QueueSpec::new(Service::FLOW.request_queue(), 64),
                Arc::new(flows.router()),
            )
            .await
            .unwrap(),
            bus.serve(
                QueueSpec::new(Service::WEBHOOK.request_queue(), 64),
                Arc::new(webhooks()),
            )
            .await
            .unwrap(),
            bus.subscribe(
                Subscription::new(QueueSpec::new("test.events", 1), [exchange]),
                recorder,
            )
            .await
            .unwrap(),
        ];
        let carrier: Arc<dyn Bus> = Arc::new(bus.clone());
        let rpc = Rpc::new(carrier, Service::GATEWAY, ServiceMetrics::default());
        Self {
            bus,
            db,
            calls,
            flows,
            customer: CustomerId::random(),
            jumped: Arc::default(),
            clock,
            events,
            rpc,
            stop,
            _outdial: outdial,
            _consumers: consumers,
        }
    }

    /// A world with one process that runs the role as it comes.
    pub(crate) async fn running() -> (Self, Process) {
        let world = Self::new().await;
        let process = world.start(Config::default()).await;
        (world, process)
    }

    pub(crate) async fn start(&self, config: Config) -> Process {
        self.start_with_lag(config, Duration::ZERO).await
    }

    /// A process whose requests travel for `lag` in each direction.
    pub(crate) async fn start_with_lag(&self, config: Config, lag: Duration) -> Process {
        self.start_with(config, Life::with_lag(lag)).await
    }

    /// A process with this life.
    pub(crate) async fn start_with(&self, config: Config, life: Arc<Life>) -> Process {
        let stop = self.stop.child_token();
        let bus: Arc<dyn Bus> = Arc::new(self.bus.clone());
        let metrics = Metrics::default();
        let deps = trunkline_campaign::Deps {
            bus: Arc::new(Mortal {
                inner: bus,
                life: Arc::clone(&life),
            }),
            db: Arc::new(Mortal {
                inner: Arc::clone(&self.db),
                life: Arc::clone(&life),
            }),
            metrics: metrics.clone(),
        };
        // The consumers of a killed process go away a moment later.
        let running = loop {
            match trunkline_campaign::start(deps.clone(), config.clone(), stop.clone()).await {
                Ok(running) => break running,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        Process {
            metrics,
            life,
            running,
            stop,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    // === requests ===

    pub(crate) async fn send(&self, method: Method, uri: &str, body: Option<Value>) -> Response {
        let queue = match uri {
            uri if uri.starts_with("/v1/outdial") => Service::OUTDIAL.request_queue(),
            _ => Service::CAMPAIGN.request_queue(),
        };
        let mut request = self.rpc.request(method, uri);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.rpc
            .send(&queue, &request, "test", Duration::from_secs(30))
            .await
            .unwrap()
    }

    pub(crate) async fn ask<T: DeserializeOwned + Default>(
        &self,
        method: Method,
        uri: &str,
        body: Value,
    ) -> Result<T, RpcError> {
        let body = Some(body).filter(|body| !body.is_null());
        interpret(&self.send(method, uri, body).await)
    }

    /// Status and reason of the typed error that a request is answered with.
    pub(crate) async fn refusal(&self, method: Method, uri: &str) -> (u16, String) {
        match self.ask::<Value>(method, uri, Value::Null).await {
            Err(RpcError::Typed(error)) => (error.status.code(), error.reason),
            other => panic!("{uri} is not refused: {other:?}"),
        }
    }

    pub(crate) async fn get(&self, id: CampaignId) -> Campaign {
        self.ask(Method::Get, &format!("/v1/campaigns/{id}"), Value::Null)
            .await
            .unwrap()
    }

    pub(crate) async fn set_status(&self, id: CampaignId, status: &str) -> Campaign {
        let uri = format!("/v1/campaigns/{id}/status");
        self.ask(Method::Put, &uri, json!({"status": status}))
            .await
            .unwrap()
    }

    pub(crate) async fn set_rules(&self, id: CampaignId, rate: f64, most: i64) {
        let rules = json!({"calls_per_second": rate, "max_concurrent": most});
        let uri = format!("/v1/campaigns/{id}/rules");
        let _: Value = self.ask(Method::Put, &uri, rules).await.unwrap();
    }

    pub(crate) async fn explain(&self, id: CampaignId) -> Value {
        self.ask(
            Method::Get,
            &format!("/v1/campaigns/{id}/explain"),
            Value::Null,
        )
        .await
        .unwrap()
    }

    pub(crate) async fn progress(&self, id: CampaignId) -> Value {
        let uri = format!("/v1/campaigns/{id}/progress");
        self.ask(Method::Get, &uri, Value::Null).await.unwrap()
    }

    // === making things ===

    pub(crate) async fn outplan(&self, dials: Value) -> Outplan {
        let mut body = json!({
            "customer_id": self.customer,
            "name": "plan",
            "source": {"type": "tel", "target": "+821100000009"},
            "max_try_count_0": 1,
        });
        body.as_object_mut()
            .unwrap()
            .extend(dials.as_object().unwrap().clone());
        self.ask(Method::Post, "/v1/outplans", body).await.unwrap()
    }

    /// A list of people `+82…<prefix><n>`.
    pub(crate) async fn outdial(&self, prefix: u32, people: usize) -> OutdialId {
        let body = json!({"customer_id": self.customer, "name": "list"});
        let list: Outdial = self.ask(Method::Post, "/v1/outdials", body).await.unwrap();
        for n in 0..people {
            self.person(list.id, prefix, n).await;
        }
        list.id
    }

    pub(crate) async fn person(&self, list: OutdialId, prefix: u32, n: usize) -> OutdialTarget {
        let to =
            json!({"destination_0": {"type": "tel", "target": format!("+82{prefix:02}{n:06}")}});
        self.ask(Method::Post, &format!("/v1/outdials/{list}/targets"), to)
            .await
            .unwrap()
    }

    pub(crate) async fn campaign(&self, more: Value) -> Campaign {
        let mut body = json!({
            "customer_id": self.customer,
            "type": "call",
            "name": "spring",
            "end_handle": "stop",
            "service_level": 100,
        });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.ask(Method::Post, "/v1/campaigns", body).await.unwrap()
    }

    /// A fast campaign over `people` new people, one try each.
    pub(crate) async fn ready(&self, people: usize, dials: Value) -> (Campaign, Outplan) {
        let plan = self.outplan(dials).await;
        let list = self.outdial(1, people).await;
        let campaign = self
            .campaign(json!({"outplan_id": plan.id, "outdial_id": list}))
            .await;
        self.set_rules(campaign.id, 500.0, 1_000).await;
        (campaign, plan)
    }

    // === looking ===

    pub(crate) async fn until<F: Future<Output = bool>>(
        &self,
        what: &str,
        condition: impl Fn() -> F,
    ) {
        let patience = Instant::now() + Duration::from_secs(3_600);
        while !condition().await {
            assert!(Instant::now() < patience, "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn until_status(&self, id: CampaignId, status: Status) {
        self.until(status.as_str(), || async {
            self.get(id).await.status == status
        })
        .await;
    }

    /// Every attempt, newest first.
    pub(crate) async fn attempts(&self) -> Vec<Campaigncall> {
        let page = Page {
            limit: None,
            token: self.now().plus_millis(1_000).fixed(),
        };
        campaigncall::list(&*self.db, &Filter::none(), &page)
            .await
            .unwrap()
    }

    pub(crate) async fn targets(&self, list: OutdialId) -> Vec<OutdialTarget> {
        let page = Page {
            limit: None,
            token: self.now().plus_millis(1_000).fixed(),
        };
        outdial_target::list(&*self.db, list, &page).await.unwrap()
    }

    /// Events of campaign-manager by type, once the outbox is empty.
    pub(crate) async fn events(&self) -> BTreeMap<String, usize> {
        self.settle().await;
        let mut counts = BTreeMap::new();
        for event in self.events.lock().unwrap().iter() {
            *counts.entry(event.kind.clone()).or_default() += 1;
        }
        counts
    }

    /// The payloads of one type of event, once the outbox is empty.
    pub(crate) async fn payloads(&self, kind: &str) -> Vec<Value> {
        self.settle().await;
        let events = self.events.lock().unwrap();
        let wanted = events.iter().filter(|event| event.kind == kind);
        wanted
            .map(|event| serde_json::from_str(event.payload()).unwrap())
            .collect()
    }

    /// Waits until no event and no report waits and no duty is due.
    pub(crate) async fn settle(&self) {
        let sql = "SELECT (SELECT count(*) FROM trunkline_outbox) + \
            (SELECT count(*) FROM trunkline_campaign_reports) + \
            (SELECT count(*) FROM trunkline_due WHERE due_at <= ?) AS n";
        self.until("nothing waits", || async {
            let rows = self.db.query(sql, vec![self.now().into()]).await.unwrap();
            rows.first().unwrap().int("n").unwrap() == 0
        })
        .await;
    }

    /// Whether an attempt's call was ever made.
    pub(crate) fn placed(&self, attempt: &Campaigncall) -> bool {
        self.calls
            .rows
            .lock()
            .unwrap()
            .contains_key(&CallId::from(attempt.reference_id.0))
    }

    /// Asserts what must always hold at the end of a campaign.
    pub(crate) async fn assert_sound(&self, plan: &Outplan) {
        self.settle().await;
        let attempts = self.attempts().await;
        let placed = |attempt: &Campaigncall| self.placed(attempt);
        assert_eq!(invariants::unfinished_attempts(&attempts), []);
        assert_eq!(invariants::attempts_without_one_result(&attempts), []);
        assert_eq!(invariants::overlapping_attempts(&attempts), []);
        assert_eq!(
            invariants::attempts_beyond_the_plan(&attempts, plan, placed),
            []
        );
        assert_eq!(invariants::attempts_too_early(&attempts, plan, placed), []);
        for attempt in &attempts {
            let id = CallId::from(attempt.reference_id.0);
            let answered = self
                .calls
                .rows
                .lock()
                .unwrap()
                .get(&id)
                .is_some_and(|call| call.tm_progressing.is_some());
            assert_eq!(attempt.result == Outcome::Success, answered, "{attempt:?}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Recorder(Arc<Mutex<Vec<Event>>>);

impl EventHandler for Recorder {
    fn accept(&self, message: Message) -> Work {
        let event = serde_json::from_slice(&message.body).unwrap();
        self.0.lock().unwrap().push(event);
        Work::nothing()
    }
}
