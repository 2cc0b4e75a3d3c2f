//! What the proxies count: the common metrics (chapter 01 §7.4) and their own.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::{EventLabels, ProcessTimes, ServiceMetrics, millis, process_times};

/// Which Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AsteriskLabels {
    /// Its URL.
    pub asterisk: String,
}

/// Which of the queues that several proxies may serve.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueueLabels {
    /// Its name.
    pub queue: String,
}

/// A request to Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AriLabels {
    pub method: &'static str,
    /// Asterisk's status, or `error` when it gave none.
    pub status: String,
}

/// Metrics of all proxies of a process.
#[derive(Clone)]
pub struct Metrics {
    /// The common ones.
    pub service: ServiceMetrics,
    /// Whether an Asterisk's events arrive and it answers: 1 or 0.
    pub connected: Family<AsteriskLabels, Gauge>,
    /// Whether a permanent queue is served: 1, or 0 while no Asterisk is connected.
    pub queue_served: Family<QueueLabels, Gauge>,
    /// Asterisks that were connected again after a loss.
    pub reconnections: Family<AsteriskLabels, Counter>,
    /// Websocket messages that were no JSON.
    pub garbage: Family<AsteriskLabels, Counter>,
    /// Events that were lost because the bus takes none of their size.
    pub too_large: Family<AsteriskLabels, Counter>,
    /// Requests to Asterisk, milliseconds.
    pub ari_request_process_time: ProcessTimes<AriLabels>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            service: ServiceMetrics::default(),
            connected: Family::default(),
            queue_served: Family::default(),
            reconnections: Family::default(),
            garbage: Family::default(),
            too_large: Family::default(),
            ari_request_process_time: process_times(),
        }
    }
}

impl Metrics {
    /// Registers them under the namespace of `registry`, which is
    /// `asterisk_proxy`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        registry.register(
            "connected",
            "Whether the events of an Asterisk arrive and it answers requests",
            self.connected.clone(),
        );
        registry.register(
            "queue_served",
            "Whether a permanent queue is served, which takes a connected Asterisk",
            self.queue_served.clone(),
        );
        registry.register(
            "reconnections",
            "How often an Asterisk was connected again",
            self.reconnections.clone(),
        );
        registry.register(
            "garbage",
            "Websocket messages of an Asterisk that were no JSON",
            self.garbage.clone(),
        );
        registry.register(
            "too_large",
            "Events of an Asterisk that were lost because the bus takes none of their size",
            self.too_large.clone(),
        );
        registry.register(
            "ari_request_process_time",
            "Requests to Asterisk, milliseconds",
            self.ari_request_process_time.clone(),
        );
    }
}

/// The counters of one type of event, looked up once.
pub(crate) struct Tally {
    total: Counter,
    time: Histogram,
}

impl Tally {
    pub(crate) fn of(metrics: &Metrics, kind: &str) -> Self {
        let service = &metrics.service;
        let labels = EventLabels {
            r#type: kind.to_owned(),
        };
        Self {
            total: service.notify_total.get_or_create(&labels).clone(),
            time: service.notify_process_time.get_or_create(&labels).clone(),
        }
    }

    /// One event was published, and took this long.
    pub(crate) fn count(&self, elapsed: Duration) {
        self.total.inc();
        self.time.observe(millis(elapsed));
    }
}
