//! The carrier of a node: inside the process, or a broker.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use trunkline_bus::breaker::{BreakerMetrics, Breakers};
use trunkline_bus::{Bus, Guarded, InProcess};
use trunkline_bus_rabbitmq::{Metrics, RabbitMq, State};

use crate::config::Config;

/// What carries requests and events.
#[derive(Clone)]
pub(crate) enum Carrier {
    Inside(Arc<InProcess>),
    Broker(Arc<RabbitMq>),
}

impl Carrier {
    /// The one that the configuration names. A broker is waited for, as long as it
    /// takes: nothing can be done without it.
    pub(crate) async fn start(config: &Config, registry: &mut Registry) -> Self {
        let Some(address) = &config.bus.url.0 else {
            return Self::Inside(Arc::new(InProcess::new()));
        };
        let metrics = Metrics::default();
        metrics.register(registry);
        let limits = config.bus.rabbitmq.clone();
        let broker = RabbitMq::start(address.clone(), limits, &name(config), metrics);
        let mut state = broker.state();
        let _ = state
            .wait_for(|state| matches!(state, State::Connected { .. } | State::Blocked { .. }))
            .await;
        Self::Broker(broker)
    }

    pub(crate) fn bus(&self) -> Arc<dyn Bus> {
        match self {
            Self::Inside(bus) => Arc::clone(bus) as Arc<dyn Bus>,
            Self::Broker(broker) => Arc::clone(broker) as Arc<dyn Bus>,
        }
    }

    /// Whether other processes may be at the other end.
    pub(crate) fn is_broker(&self) -> bool {
        matches!(self, Self::Broker(_))
    }

    /// The connection to a broker, for health; none inside one process.
    pub(crate) fn health(&self) -> Option<Value> {
        match self {
            Self::Inside(_) => None,
            Self::Broker(broker) => Some(describe(&broker.state().borrow())),
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

/// What the broker shows as the connection's name.
fn name(config: &Config) -> String {
    match config.roles.as_slice() {
        [only] => only.name().to_owned(),
        _ => "trunkline".to_owned(),
    }
}

fn describe(state: &State) -> Value {
    let (connected, trouble) = match state {
        State::Connected { .. } => (true, None),
        State::Blocked { reason } => (true, Some(reason.as_str())),
        State::Away { why } => (false, Some(why.as_str())),
        State::Connecting | State::Closed => (false, None),
    };
    json!({ "connected": connected, "trouble": trouble })
}

/// The bus of one role. Over a broker each role has breakers of its own, counted
/// under its name (chapter 01 §10.1).
pub(crate) fn of_role(config: &Config, bus: Arc<dyn Bus>, registry: &mut Registry) -> Arc<dyn Bus> {
    if config.bus.url.0.is_none() {
        return bus;
    }
    let metrics = BreakerMetrics::default();
    metrics.register(registry);
    Guarded::new(bus, Breakers::new(config.bus.breaker.limits(), metrics))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn a_connection_has_the_name_of_its_only_role() {
        let mut config = Config::default();
        assert_eq!(name(&config), "trunkline");
        config.roles = vec![Role::CallManager];
        assert_eq!(name(&config), "call-manager");
    }
}
