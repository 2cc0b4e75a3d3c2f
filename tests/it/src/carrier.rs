//! What carries requests and events in this run: the carrier inside the process, or a
//! RabbitMQ when `TRUNKLINE_IT_CARRIER` says so.
//!
//! One broker serves many tests, each in a virtual host that no other has had: the names
//! of queues are fixed. It ends with the process of the tests, however that ends.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use tokio::runtime::Runtime;
use trunkline_bus::{Bus, InProcess};
use trunkline_bus_rabbitmq::{Config, Metrics, RabbitMq, State};
use trunkline_rig::{Broker, Tools};

use crate::PATIENCE;

/// Names the carrier: `in-process`, which it also is when nobody names one, or `rabbitmq`.
const VARIABLE: &str = "TRUNKLINE_IT_CARRIER";

/// Virtual hosts that a broker is started with: more than there are tests. When all are
/// taken another broker is started.
const VHOSTS: u16 = 80;

/// Brokers that were started here; nobody ever drops them.
static BROKERS: Mutex<Brokers> = Mutex::new(Brokers {
    started: Vec::new(),
    free: Vec::new(),
});

struct Brokers {
    /// With what looks after their processes.
    started: Vec<(Runtime, Broker)>,
    /// Addresses of virtual hosts that nobody has had.
    free: Vec<String>,
}

/// The carrier of one house.
#[derive(Clone)]
pub(crate) enum Carrier {
    Inside(InProcess),
    Broker(Arc<RabbitMq>),
}

impl Carrier {
    /// The one that the environment names.
    pub(crate) async fn start() -> Self {
        if is_inside() {
            return Self::Inside(InProcess::new());
        }
        let address = vhost().parse().expect("an address");
        let broker = RabbitMq::start(address, Config::default(), "it", Metrics::default());
        let mut state = broker.state();
        let connected = state.wait_for(|state| matches!(state, State::Connected { .. }));
        let connected = tokio::time::timeout(PATIENCE, connected).await;
        connected.expect("in time").expect("a connection");
        Self::Broker(broker)
    }

    pub(crate) fn bus(&self) -> Arc<dyn Bus> {
        match self {
            Self::Inside(bus) => Arc::new(bus.clone()),
            Self::Broker(broker) => Arc::clone(broker) as Arc<dyn Bus>,
        }
    }

    /// Ends the connection in good order.
    pub(crate) async fn close(&self) {
        match self {
            Self::Inside(_) => {}
            Self::Broker(broker) => broker.close().await,
        }
    }
}

/// Whether no byte leaves the process.
fn is_inside() -> bool {
    match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("" | "in-process") => true,
        Ok("rabbitmq") => false,
        Ok(other) => panic!("{VARIABLE} is in-process or rabbitmq, not {other}"),
    }
}

/// Lets time pass only while nothing else happens, so that pauses take none. Where bytes
/// are on their way outside of the process that is nobody's to decide: there, pauses take
/// what they take.
pub fn skip_pauses() {
    if is_inside() {
        tokio::time::pause();
    }
}

/// The address of a virtual host that nobody has had.
fn vhost() -> String {
    let mut brokers = BROKERS.lock().unwrap_or_else(PoisonError::into_inner);
    if brokers.free.is_empty() {
        // A runtime cannot be waited for inside of another one.
        let started = thread::spawn(start_broker)
            .join()
            .expect("it does not panic");
        let (runtime, broker) = started.expect("a RabbitMQ");
        brokers.free = (1..=VHOSTS).map(|n| broker.address_of_vhost(n)).collect();
        brokers.started.push((runtime, broker));
    }
    brokers.free.pop().expect("a virtual host")
}

fn start_broker() -> Result<(Runtime, Broker)> {
    let tools = Tools::find(Path::new(env!("CARGO_MANIFEST_DIR")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let broker = runtime.block_on(Broker::start_temporary(&tools, VHOSTS))?;
    Ok((runtime, broker))
}
