//! A house of roles for a test: real store, real bus, real companions. Every test runs
//! inside one process and over a RabbitMQ (`carrier.rs`).

pub mod asterisk;
mod carrier;
pub mod counting;
pub mod handled;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{
    Bus, Consumer, EventHandler, Message, Method, QueueSpec, Request, RequestHandler, Response,
    Rpc, Subscription, Work,
};
use trunkline_companion::{DEFAULT_CUSTOMER, Deps, Metrics};
use trunkline_model::Timestamp;
use trunkline_model::service::Service;
use trunkline_store::Database;
use trunkline_store_sqlite::SqliteDatabase;
use uuid::Uuid;

use crate::asterisk::{Asterisk, Manner};
use crate::carrier::Carrier;
pub use crate::carrier::skip_pauses;
use crate::counting::{CountingBus, CountingStore, Counts, Served};
use crate::handled::Handled;

/// How long anything in a test may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at whether something has come about.
const LOOK: Duration = Duration::from_millis(1);

/// The number that the default customer calls from.
pub const SOURCE: &str = "+493023125000";

/// call-manager with everybody whom it asks, and no Asterisk unless a test adds
/// one.
pub struct House {
    pub db: CountingStore,
    pub bus: CountingBus,
    carrier: Carrier,
    metrics: trunkline_call::Metrics,
    rpc: Rpc,
    stop: CancellationToken,
    call: trunkline_call::Running,
    // A role whose handle is dropped stops serving.
    others: Vec<Box<dyn std::any::Any + Send>>,
}

impl House {
    /// Starts the roles on an empty store.
    ///
    /// # Panics
    ///
    /// When a role does not start.
    pub async fn start() -> Self {
        Self::start_with(trunkline_call::Config::default()).await
    }

    /// The same with other options of call-manager.
    ///
    /// # Panics
    ///
    /// When a role does not start.
    pub async fn start_with(config: trunkline_call::Config) -> Self {
        let inner = SqliteDatabase::in_memory(Timestamp::system_now).expect("a store");
        let db = CountingStore {
            inner: Arc::new(inner),
            away: Arc::default(),
            batches: Counts::default(),
            queries: Counts::default(),
            failing: Counts::default(),
        };
        let carrier = Carrier::start().await;
        let bus = CountingBus {
            inner: carrier.bus(),
            requests: Counts::default(),
            busy: Counts::default(),
            unknown: Counts::default(),
            served: Served::default(),
            handled: Handled::default(),
        };
        let stop = CancellationToken::new();
        trunkline_companion::seed(&db, Timestamp::system_now())
            .await
            .expect("the default customer");
        let others = neighbours(&bus, &db, &stop).await;
        let metrics = trunkline_call::Metrics::default();
        let call = trunkline_call::start(
            Arc::new(bus.clone()),
            Arc::new(db.clone()),
            config,
            trunkline_delivery::Config::default(),
            metrics.clone(),
            &stop,
        )
        .await
        .expect("call-manager");
        let rpc = Rpc::new(
            Arc::new(bus.clone()),
            Service::GATEWAY,
            ServiceMetrics::default(),
        );
        Self {
            db,
            bus,
            carrier,
            metrics,
            rpc,
            stop,
            call,
            others,
        }
    }

    /// Adds the only Asterisk for calls, connected.
    pub async fn asterisk(&self, manner: Manner) -> Asterisk {
        let bus = self.bus.clone();
        let asterisk = Asterisk::start(bus, "42:01:00:00:00:01", manner, true).await;
        asterisk.connect().await;
        asterisk
    }

    /// Sends a request to a service and returns the reply as it is.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    pub async fn ask(
        &self,
        service: Service,
        method: Method,
        uri: &str,
        body: Option<&Value>,
    ) -> Response {
        let mut request = self.rpc.request(method, uri);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.rpc
            .send(&service.request_queue(), &request, "test", PATIENCE)
            .await
            .expect("a reply")
    }

    /// Status and payload of a reply of call-manager.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    pub async fn call(&self, method: Method, uri: &str, body: Option<&Value>) -> (u16, Value) {
        let reply = self.ask(Service::CALL, method, uri, body).await;
        let data = reply.data.map_or(Value::Null, |data| {
            serde_json::from_str(data.get()).expect("JSON")
        });
        (reply.status_code, data)
    }

    /// A request of call-manager as a broker delivers it, once or again: `identity` is
    /// the request's.
    ///
    /// # Panics
    ///
    /// When there is no reply.
    pub async fn deliver(
        &self,
        identity: Uuid,
        method: Method,
        uri: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = self.rpc.request(method, uri).json(body).encode();
        let queue = Service::CALL.request_queue();
        let reply = self.bus.served.deliver(&queue, request, identity).await;
        let reply = reply.expect("a reply");
        let reply: Response = serde_json::from_slice(&reply).expect("a reply");
        let data = reply.data.map_or(Value::Null, |data| {
            serde_json::from_str(data.get()).expect("JSON")
        });
        (reply.status_code, data)
    }

    /// Creates something at a service and returns its id.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn make(&self, service: Service, uri: &str, body: &Value) -> String {
        let reply = self.ask(service, Method::Post, uri, Some(body)).await;
        assert_eq!(reply.status_code, 200, "POST {uri}: {:?}", reply.data);
        let data: Value = serde_json::from_str(reply.data.expect("a payload").get()).expect("JSON");
        data["id"].as_str().expect("an id").to_owned()
    }

    /// Lets the default customer call German numbers over a carrier that nobody
    /// is; returns a flow of his.
    ///
    /// # Panics
    ///
    /// When something is refused.
    pub async fn allow_calls(&self) -> String {
        let provider = json!({"type": "sip", "name": "nobody", "hostname": "127.0.0.1:9"});
        let provider = self.make(Service::ROUTE, "/v1/providers", &provider).await;
        let route = json!({"customer_id": DEFAULT_CUSTOMER, "name": "r", "provider_id": provider, "target": "+49"});
        self.make(Service::ROUTE, "/v1/routes", &route).await;
        let number = json!({"customer_id": DEFAULT_CUSTOMER, "number": SOURCE, "type": "normal", "status": "active"});
        self.make(Service::NUMBER, "/v1/numbers", &number).await;
        let config = json!({"customer_id": DEFAULT_CUSTOMER, "name": "c", "destination_whitelist": ["de", "fr"]});
        self.make(Service::CALL, "/v1/outbound_configs", &config)
            .await;
        self.flow(&json!([{"type": "hangup"}])).await
    }

    /// A flow of the default customer.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn flow(&self, actions: &Value) -> String {
        let flow = json!({"customer_id": DEFAULT_CUSTOMER, "type": "flow", "actions": actions, "persist": true});
        self.make(Service::FLOW, "/v1/flows", &flow).await
    }

    /// Puts a service there that answers every request in this way, and is given
    /// method, path and payload of each.
    ///
    /// # Panics
    ///
    /// When its queue is served already.
    pub async fn stand_in(
        &self,
        service: Service,
        answer: impl Fn(&str, &str, &Value) -> Response + Send + Sync + 'static,
    ) -> Consumer {
        let queue = QueueSpec::new(service.request_queue(), 8);
        let served = self.bus.serve(queue, Arc::new(StandIn(answer))).await;
        served.expect("a queue")
    }

    /// Collects the events of a service.
    ///
    /// # Panics
    ///
    /// When it cannot subscribe.
    pub async fn events_of(&self, service: Service) -> (Consumer, mpsc::UnboundedReceiver<Value>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = QueueSpec::new(format!("test.{}", service.name()), 1);
        let subscription = Subscription::new(queue, [service.event_exchange()]);
        let consumer = self
            .bus
            .subscribe(subscription, Arc::new(Collect(sender)))
            .await
            .expect("a subscription");
        (consumer, receiver)
    }

    /// Waits until every event that was written is published, and its webhook handed over.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub async fn quiet(&self) {
        let counted = "SELECT count(*) AS n FROM trunkline_outbox";
        let wait = async {
            loop {
                let rows = self.db.query(counted, vec![]).await.expect("a store");
                let left = rows.first().expect("a row").int("n");
                if left.expect("a number") == 0 {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, wait).await;
        in_time.expect("nothing waits to be published");
    }

    /// What call-manager has counted under a name with its labels, such as
    /// `call_create_total{direction="outgoing",type="flow"}`.
    ///
    /// # Panics
    ///
    /// When it is no number.
    #[must_use]
    pub fn counted(&self, sample: &str) -> Option<f64> {
        let (mut registry, mut shown) = (Registry::default(), String::new());
        self.metrics.register(&mut registry);
        encode(&mut shown, &registry).expect("text");
        let begin = format!("{sample} ");
        let line = shown.lines().find_map(|line| line.strip_prefix(&begin))?;
        Some(line.parse().expect("a number"))
    }

    /// Stops the roles, and then the carrier.
    pub async fn stop(self) {
        self.stop.cancel();
        self.call.stopped().await;
        drop(self.others);
        self.carrier.close().await;
    }
}

/// The roles that call-manager asks.
async fn neighbours(
    bus: &CountingBus,
    db: &CountingStore,
    stop: &CancellationToken,
) -> Vec<Box<dyn std::any::Any + Send>> {
    let deps = || Deps {
        bus: Arc::new(bus.clone()) as Arc<dyn Bus>,
        db: Arc::new(db.clone()) as Arc<dyn Database>,
        metrics: Metrics::default(),
    };
    let config = trunkline_companion::Config::default;
    let mut others: Vec<Box<dyn std::any::Any + Send>> = Vec::new();
    let running = trunkline_companion::start_customer(deps(), config(), stop.clone()).await;
    others.push(Box::new(running.expect("customer-manager")));
    let running = trunkline_companion::start_billing(deps(), config(), stop.clone()).await;
    others.push(Box::new(running.expect("billing-manager")));
    let running = trunkline_companion::start_number(deps(), config(), stop.clone()).await;
    others.push(Box::new(running.expect("number-manager")));
    let running = trunkline_companion::start_route(deps(), config(), stop.clone()).await;
    others.push(Box::new(running.expect("route-manager")));
    let running = trunkline_companion::start_agent(deps(), config(), stop.clone()).await;
    others.push(Box::new(running.expect("agent-manager")));
    let webhook = trunkline_companion::webhook::Deps {
        bus: Arc::new(bus.clone()),
        db: Arc::new(db.clone()),
        metrics: trunkline_companion::webhook::Metrics::default(),
        egress: trunkline_egress::Client::default(),
    };
    let options = trunkline_companion::webhook::Config::default();
    let running = trunkline_companion::start_webhook(webhook, options, stop.clone()).await;
    others.push(Box::new(running.expect("webhook-manager")));
    let flow = trunkline_flow::Deps {
        bus: Arc::new(bus.clone()),
        db: Arc::new(db.clone()),
        metrics: trunkline_flow::Metrics::default(),
        egress: trunkline_egress::Client::default(),
    };
    let running =
        trunkline_flow::start(flow, trunkline_flow::Config::default(), stop.clone()).await;
    others.push(Box::new(running.expect("flow-manager")));
    others
}

struct StandIn<F>(F);

#[async_trait::async_trait]
impl<F: Fn(&str, &str, &Value) -> Response + Send + Sync + 'static> RequestHandler for StandIn<F> {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).expect("a request");
        let data = request.data.as_deref().map_or(Value::Null, |data| {
            serde_json::from_str(data.get()).expect("JSON")
        });
        Some((self.0)(&request.method, &request.uri, &data).encode())
    }
}

struct Collect(mpsc::UnboundedSender<Value>);

impl EventHandler for Collect {
    fn accept(&self, message: Message) -> Work {
        if let Ok(event) = serde_json::from_slice(&message.body) {
            let _ = self.0.send(event);
        }
        Work::nothing()
    }
}

/// Waits for something that nothing tells of.
///
/// # Panics
///
/// When it does not come in time.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("in time");
}

/// The next event of this type.
///
/// # Panics
///
/// When none comes in time.
pub async fn event(receiver: &mut mpsc::UnboundedReceiver<Value>, kind: &str) -> Value {
    let wanted = async {
        loop {
            let event = receiver.recv().await.expect("events");
            if event["type"] == kind {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wanted)
        .await
        .unwrap_or_else(|_| panic!("no {kind} in time"))
}
