//! Metrics of requests and events, with the reference's names (chapter 01 §7.1).

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Buckets of every `*_process_time` histogram, milliseconds (chapter 01 §7).
pub const PROCESS_TIME_BUCKETS_MS: [f64; 5] = [50.0, 100.0, 500.0, 1000.0, 3000.0];

/// Labels of an outgoing request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// Queue that was asked.
    pub target: String,
    /// Tag of chapter 01 §9.
    pub resource: &'static str,
    pub method: &'static str,
}

/// Labels of a request that was received.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// The route's template.
    pub r#type: &'static str,
    pub method: &'static str,
}

/// Labels of an event that was published.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    pub r#type: String,
}

/// A histogram in milliseconds with the reference's buckets.
#[must_use]
pub fn process_time() -> Histogram {
    Histogram::new(PROCESS_TIME_BUCKETS_MS)
}

/// A family of such histograms.
pub type ProcessTimes<L> = Family<L, Histogram, fn() -> Histogram>;

/// An empty family of such histograms.
#[must_use]
pub fn process_times<L: Clone + std::hash::Hash + Eq>() -> ProcessTimes<L> {
    Family::new_with_constructor(process_time as fn() -> Histogram)
}

/// Milliseconds for a histogram.
#[must_use]
pub fn millis(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1_000.0
}

/// The common metrics of one service.
#[derive(Clone)]
pub struct ServiceMetrics {
    /// Outgoing requests, milliseconds.
    pub request_process_time: ProcessTimes<RequestLabels>,
    /// Incoming requests, milliseconds.
    pub receive_request_process_time: ProcessTimes<RouteLabels>,
    /// Events published.
    pub notify_total: Family<EventLabels, Counter>,
    /// Publishing of events, milliseconds.
    pub notify_process_time: ProcessTimes<EventLabels>,
}

impl Default for ServiceMetrics {
    fn default() -> Self {
        Self {
            request_process_time: process_times(),
            receive_request_process_time: process_times(),
            notify_total: Family::default(),
            notify_process_time: process_times(),
        }
    }
}

impl ServiceMetrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "request_process_time",
            "Outgoing requests, milliseconds",
            self.request_process_time.clone(),
        );
        registry.register(
            "receive_request_process_time",
            "Incoming requests, milliseconds",
            self.receive_request_process_time.clone(),
        );
        registry.register("notify", "Events published", self.notify_total.clone());
        registry.register(
            "notify_process_time",
            "Publishing of events, milliseconds",
            self.notify_process_time.clone(),
        );
    }
}
