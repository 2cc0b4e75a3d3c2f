//! What registrar-manager counts; the names are Trunkline's own.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::role;

/// How a push went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PushLabels {
    /// `pushed`, `removed` or `failed`.
    pub outcome: &'static str,
}

/// What a test of a trunk found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TestLabels {
    /// The word of the report.
    pub result: String,
}

/// Metrics of registrar-manager.
#[derive(Clone, Default)]
pub struct Metrics {
    /// Requests and events.
    pub role: role::Metrics,
    /// Trunks and phones pushed into an Asterisk or taken away.
    pub pushes: Family<PushLabels, Counter>,
    /// Tests of trunks.
    pub tests: Family<TestLabels, Counter>,
}

impl Metrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.role.register(registry);
        registry.register(
            "pushes",
            "Trunks and phones that were pushed into an Asterisk or taken away",
            self.pushes.clone(),
        );
        registry.register("trunk_tests", "Tests of trunks", self.tests.clone());
    }

    pub(super) fn pushed(&self, outcome: &'static str) {
        self.pushes.get_or_create(&PushLabels { outcome }).inc();
    }
}
