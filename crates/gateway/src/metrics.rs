//! Metrics of the HTTP API; the names are Trunkline's own.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::{ProcessTimes, ServiceMetrics, process_times};

/// A route of the table; label values are bounded by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// The path's template, `notfound` for what no route has.
    pub route: &'static str,
    pub method: &'static str,
}

/// A route and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabels {
    /// The path's template, `notfound` for what no route has.
    pub route: &'static str,
    pub method: &'static str,
    /// HTTP status.
    pub status: u16,
}

/// What the HTTP API counts.
#[derive(Clone)]
pub struct Metrics {
    /// Requests to the roles.
    pub service: ServiceMetrics,
    /// HTTP requests.
    pub requests: Family<ResultLabels, Counter>,
    /// HTTP requests, milliseconds.
    pub request_time: ProcessTimes<RouteLabels>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            service: ServiceMetrics::default(),
            requests: Family::default(),
            request_time: process_times(),
        }
    }
}

impl Metrics {
    pub(crate) fn count(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        elapsed_ms: f64,
    ) {
        self.requests
            .get_or_create(&ResultLabels {
                route,
                method,
                status,
            })
            .inc();
        self.request_time
            .get_or_create(&RouteLabels { route, method })
            .observe(elapsed_ms);
    }

    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        registry.register("http_requests", "HTTP requests", self.requests.clone());
        registry.register(
            "http_request_process_time",
            "HTTP requests, milliseconds",
            self.request_time.clone(),
        );
    }
}
