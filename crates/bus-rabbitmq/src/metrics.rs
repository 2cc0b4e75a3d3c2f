//! What is counted about the broker.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A queue and which delivery again it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RetryLabels {
    pub queue: String,
    pub retry_count: u32,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueueLabels {
    pub queue: String,
}

/// Counters of one connection to a broker.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Events that will be delivered again (chapter 01 §7.1).
    pub event_retried: Family<RetryLabels, Counter>,
    /// Events that will not, and that nobody parks (chapter 01 §7.1).
    pub event_dropped: Family<QueueLabels, Counter>,
    /// Connections made after the first one.
    pub reconnections: Counter,
    /// 1 while there is a connection.
    pub connected: Gauge,
    /// Requests that wait for their reply.
    pub requests_in_flight: Gauge,
}

impl Metrics {
    /// Registers them; `registry` is the root, because two names have no prefix.
    pub fn register(&self, registry: &mut Registry) {
        let handler = registry.sub_registry_with_prefix("rabbitmqhandler");
        handler.register(
            "event_retried",
            "Events that are delivered again",
            self.event_retried.clone(),
        );
        handler.register(
            "event_dropped",
            "Events that could not be handled or parked",
            self.event_dropped.clone(),
        );
        let own = registry.sub_registry_with_prefix("trunkline_rabbitmq");
        own.register(
            "reconnections",
            "Connections made after the first one",
            self.reconnections.clone(),
        );
        own.register(
            "connected",
            "Whether there is a connection to the broker",
            self.connected.clone(),
        );
        own.register(
            "requests_in_flight",
            "Requests that wait for their reply",
            self.requests_in_flight.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 01 §7.1: these two have no prefix.
    #[test]
    fn the_counters_of_the_reference_have_its_names_and_labels() {
        let metrics = Metrics::default();
        let queue = || "q".to_owned();
        let retry = RetryLabels {
            queue: queue(),
            retry_count: 2,
        };
        metrics.event_retried.get_or_create(&retry).inc();
        let dropped = QueueLabels { queue: queue() };
        metrics.event_dropped.get_or_create(&dropped).inc();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut shown = String::new();
        prometheus_client::encoding::text::encode(&mut shown, &registry).unwrap();
        for line in [
            "rabbitmqhandler_event_retried_total{queue=\"q\",retry_count=\"2\"} 1",
            "rabbitmqhandler_event_dropped_total{queue=\"q\"} 1",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
        }
    }
}
