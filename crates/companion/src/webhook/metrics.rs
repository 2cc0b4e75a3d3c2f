//! What the webhook role counts; the names are Trunkline's own.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::process_time;

use crate::role;

/// Metrics of webhook-manager.
#[derive(Clone)]
pub struct Metrics {
    /// Requests and events.
    pub role: role::Metrics,
    /// Webhooks that a server took.
    pub delivered: Counter,
    /// Attempts that failed and will be repeated.
    pub failed: Counter,
    /// Webhooks that were given up, or not accepted because too many wait.
    pub dropped: Counter,
    /// Duration of one attempt, milliseconds.
    pub attempt_process_time: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            role: role::Metrics::default(),
            delivered: Counter::default(),
            failed: Counter::default(),
            dropped: Counter::default(),
            attempt_process_time: process_time(),
        }
    }
}

impl Metrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.role.register(registry);
        registry.register(
            "webhook_delivered",
            "Webhooks that a server took",
            self.delivered.clone(),
        );
        registry.register(
            "webhook_failed",
            "Attempts to deliver that failed",
            self.failed.clone(),
        );
        registry.register(
            "webhook_dropped",
            "Webhooks that were given up",
            self.dropped.clone(),
        );
        let help = "Attempts to deliver, milliseconds";
        registry.register(
            "webhook_attempt_process_time",
            help,
            self.attempt_process_time.clone(),
        );
    }
}
