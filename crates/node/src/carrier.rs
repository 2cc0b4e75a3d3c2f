//! The carrier of a node: inside the process, or a broker.

use std::sync::{Arc, Weak};

use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::watch;
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
    /// The one that the configuration names. Whether a broker is there shows later.
    pub(crate) fn start(config: &Config, registry: &mut Registry) -> Self {
        let Some(address) = &config.bus.url.0 else {
            return Self::Inside(Arc::new(InProcess::new()));
        };
        let metrics = Metrics::default();
        metrics.register(registry);
        let limits = config.bus.rabbitmq.clone();
        Self::Broker(RabbitMq::start(
            address.clone(),
            limits,
            &name(config),
            metrics,
        ))
    }

    /// Waits until a broker is there, as long as it takes: nothing can be done
    /// without it.
    pub(crate) async fn there(&self) {
        let Self::Broker(broker) = self else { return };
        let mut state = broker.state();
        let _ = state
            .wait_for(|state| matches!(state, State::Connected { .. } | State::Blocked { .. }))
            .await;
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
            Self::Broker(broker) => {
                let state = broker.state().borrow().clone();
                Some(describe(&state, &broker.queues_not_consumed()))
            }
        }
    }

    /// The bus of one role. Over a broker each role has breakers of its own, counted
    /// under its name (chapter 01 §10.1).
    pub(crate) fn of_role(
        &self,
        config: &Config,
        bus: Arc<dyn Bus>,
        registry: &mut Registry,
    ) -> Arc<dyn Bus> {
        let Self::Broker(broker) = self else {
            return bus;
        };
        let metrics = BreakerMetrics::default();
        metrics.register(registry);
        let breakers = Breakers::new(config.bus.breaker.limits(), metrics);
        let guarded = Guarded::new(bus, breakers);
        tokio::spawn(try_anew(broker.state(), Arc::downgrade(&guarded)));
        guarded
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

/// `not_consumed`: queues that the roles here are to answer and do not.
fn describe(state: &State, not_consumed: &[String]) -> Value {
    let (connected, trouble) = match state {
        State::Connected { .. } if !not_consumed.is_empty() => {
            let queues = not_consumed.join(", ");
            (true, Some(format!("not consumed: {queues}")))
        }
        State::Connected { .. } => (true, None),
        State::Blocked { reason } => (true, Some(reason.clone())),
        State::Away { why } => (false, Some(why.clone())),
        State::Connecting | State::Closed => (false, None),
    };
    json!({ "connected": connected, "trouble": trouble, "not_consumed": not_consumed })
}

/// Has whoever is left alone tried again when the connection has been made anew.
async fn try_anew(mut state: watch::Receiver<State>, guarded: Weak<Guarded>) {
    while state.changed().await.is_ok() {
        if !matches!(*state.borrow_and_update(), State::Connected { .. }) {
            continue;
        }
        let Some(guarded) = guarded.upgrade() else {
            return;
        };
        guarded.breakers().tried_anew();
    }
}

#[cfg(test)]
mod tests {
    use trunkline_bus::breaker::Limits;

    use super::*;
    use crate::config::Role;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_made_anew_is_a_reason_to_try_again() {
        let breakers = Breakers::new(Limits::default(), BreakerMetrics::default());
        let guarded = Guarded::new(Arc::new(InProcess::new()), breakers);
        let (state, seen) = watch::channel(State::Connecting);
        let watching = tokio::spawn(try_anew(seen, Arc::downgrade(&guarded)));
        let is_tried = || guarded.breakers().admit("q").is_some();
        for _ in 0..Limits::default().failures {
            let admitted = guarded.breakers().admit("q");
            admitted.unwrap().ended(false);
        }
        state.send_replace(State::Away { why: "x".into() });
        tokio::task::yield_now().await;
        assert!(!is_tried());
        state.send_replace(State::Connected { delays: false });
        tokio::task::yield_now().await;
        assert!(is_tried());
        drop(state);
        watching.await.unwrap();
    }

    #[test]
    fn queues_that_are_not_consumed_are_trouble() {
        let state = State::Connected { delays: false };
        assert_eq!(describe(&state, &[])["trouble"], Value::Null);
        let told = describe(&state, &["a".to_owned(), "b".to_owned()]);
        assert_eq!(told["connected"], true);
        assert_eq!(told["trouble"], "not consumed: a, b");
        assert_eq!(told["not_consumed"], json!(["a", "b"]));
    }

    #[test]
    fn a_connection_has_the_name_of_its_only_role() {
        let mut config = Config::default();
        assert_eq!(name(&config), "trunkline");
        config.roles = vec![Role::CallManager];
        assert_eq!(name(&config), "call-manager");
    }
}
