//! What the role counts; the namespace `outdial_manager` is the caller's.

use prometheus_client::registry::Registry;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_delivery::DeliveryMetrics;

/// Metrics of outdial-manager (chapter 01 §7.1, 05 B.8).
#[derive(Clone, Default)]
pub struct Metrics {
    /// Requests and events.
    pub service: ServiceMetrics,
    /// Outbox and duties.
    pub delivery: DeliveryMetrics,
}

impl Metrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        self.delivery.register(registry);
    }
}
