//! Metrics of the two tasks; the names are Trunkline's own.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the tasks count.
#[derive(Clone, Default)]
pub struct DeliveryMetrics {
    /// Events that wait in the outbox.
    pub outbox_depth: Gauge,
    /// Attempts to publish or to send that failed and will be repeated.
    pub retried: Counter,
    /// Duties that were sent.
    pub due_fired: Counter,
    /// Webhooks that webhook-manager has not taken for too long.
    pub webhooks_lost: Counter,
    /// Events that came again after they had been handled.
    pub inbox_repeated: Counter,
    /// What was parked because it cannot be handled.
    pub parked: Counter,
    /// What could not be handled and was dropped because too much is parked.
    pub parked_lost: Counter,
    /// What was put back by somebody.
    pub parked_released: Counter,
    /// What waits for somebody to look at it.
    pub parked_waiting: Gauge,
}

impl DeliveryMetrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "outbox_depth",
            "Events that wait to be published",
            self.outbox_depth.clone(),
        );
        registry.register(
            "delivery_retried",
            "Deliveries that failed and are repeated",
            self.retried.clone(),
        );
        registry.register("due_fired", "Duties that were sent", self.due_fired.clone());
        registry.register(
            "webhooks_lost",
            "Webhooks that were dropped because webhook-manager did not take them",
            self.webhooks_lost.clone(),
        );
        registry.register(
            "inbox_repeated",
            "Events that came again after they had been handled",
            self.inbox_repeated.clone(),
        );
        registry.register(
            "parked",
            "What was parked because it cannot be handled",
            self.parked.clone(),
        );
        registry.register(
            "parked_lost",
            "What could not be handled and was dropped because too much is parked",
            self.parked_lost.clone(),
        );
        registry.register(
            "parked_released",
            "What was parked and put back by somebody",
            self.parked_released.clone(),
        );
        registry.register(
            "parked_waiting",
            "What is parked and waits for somebody to look at it",
            self.parked_waiting.clone(),
        );
    }
}
