//! What the role counts; the namespace `flow_manager` is the caller's.
//!
//! `action_exeucte_duration` (the reference's spelling) is that of `fetch`: the
//! other actions take no time worth measuring.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::{ServiceMetrics, process_time};
use trunkline_delivery::DeliveryMetrics;
use trunkline_model::action::Kind;
use trunkline_model::activeflow::{Activeflow, ReferenceType};

/// Buckets of `*_duration_seconds` (chapter 01 §7).
const DURATION_BUCKETS_S: [f64; 9] = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0];
/// Moves of one request; the limit of an activeflow is 101.
const ITERATION_BUCKETS: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0];

/// Labels of changes of flows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OperationLabels {
    pub operation: &'static str,
}

/// Labels of activeflows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReferenceLabels {
    pub reference_type: String,
}

/// Labels of actions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabels {
    pub r#type: String,
}

/// Labels of actions that somebody else executes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DispatchLabels {
    pub target: &'static str,
    pub r#type: String,
}

/// Labels of variables that came with a create request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    pub outcome: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Metrics of flow-manager (chapter 05 D.8).
#[derive(Clone)]
pub struct Metrics {
    /// Requests and events.
    pub service: ServiceMetrics,
    /// Outbox and duties.
    pub delivery: DeliveryMetrics,
    pub flow_crud: Family<OperationLabels, Counter>,
    pub activeflow_created: Family<ReferenceLabels, Counter>,
    pub activeflow_ended: Family<ReferenceLabels, Counter>,
    /// Those that this process has created, less those that it has ended.
    pub activeflow_running: Family<ReferenceLabels, Gauge>,
    pub activeflow_duration_seconds: Histograms<ReferenceLabels>,
    pub activeflow_execute_iterations: Histograms<ReferenceLabels>,
    pub action_exeucte_duration: Histograms<ActionLabels>,
    pub action_executed: Family<ActionLabels, Counter>,
    pub action_error: Family<ActionLabels, Counter>,
    pub action_dispatch: Family<DispatchLabels, Counter>,
    pub activeflow_variable_injection: Family<OutcomeLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            service: ServiceMetrics::default(),
            delivery: DeliveryMetrics::default(),
            flow_crud: Family::default(),
            activeflow_created: Family::default(),
            activeflow_ended: Family::default(),
            activeflow_running: Family::default(),
            activeflow_duration_seconds: Family::new_with_constructor(
                durations as fn() -> Histogram,
            ),
            activeflow_execute_iterations: Family::new_with_constructor(
                iterations as fn() -> Histogram,
            ),
            action_exeucte_duration: Family::new_with_constructor(
                process_time as fn() -> Histogram,
            ),
            action_executed: Family::default(),
            action_error: Family::default(),
            action_dispatch: Family::default(),
            activeflow_variable_injection: Family::default(),
        }
    }
}

fn durations() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
}

fn iterations() -> Histogram {
    Histogram::new(ITERATION_BUCKETS)
}

impl Metrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        self.delivery.register(registry);
        let it = self.clone();
        registry.register("flow_crud", "Changes of flows", it.flow_crud);
        registry.register(
            "activeflow_created",
            "Activeflows created",
            it.activeflow_created,
        );
        registry.register("activeflow_ended", "Activeflows ended", it.activeflow_ended);
        registry.register(
            "activeflow_running",
            "Activeflows that have not ended",
            it.activeflow_running,
        );
        registry.register(
            "activeflow_duration_seconds",
            "From creation to end, seconds",
            it.activeflow_duration_seconds,
        );
        registry.register(
            "activeflow_execute_iterations",
            "Moves of one request",
            it.activeflow_execute_iterations,
        );
        registry.register(
            "action_exeucte_duration",
            "Time that an action took, milliseconds",
            it.action_exeucte_duration,
        );
        registry.register(
            "action_executed",
            "Actions executed here",
            it.action_executed,
        );
        registry.register("action_error", "Actions that failed here", it.action_error);
        registry.register(
            "action_dispatch",
            "Actions handed to another service",
            it.action_dispatch,
        );
        registry.register(
            "activeflow_variable_injection",
            "Variables that came with a create request",
            it.activeflow_variable_injection,
        );
    }

    pub(crate) fn flow(&self, operation: &'static str) {
        self.flow_crud
            .get_or_create(&OperationLabels { operation })
            .inc();
    }

    pub(crate) fn created(&self, activeflow: &Activeflow) {
        let labels = reference(&activeflow.reference_type);
        self.activeflow_created.get_or_create(&labels).inc();
        self.activeflow_running.get_or_create(&labels).inc();
    }

    pub(crate) fn ended(&self, activeflow: &Activeflow) {
        let labels = reference(&activeflow.reference_type);
        self.activeflow_ended.get_or_create(&labels).inc();
        self.activeflow_running.get_or_create(&labels).dec();
        if let (Some(begun), Some(ended)) = (activeflow.tm_create, activeflow.tm_update) {
            let lasted = ended.since(begun).as_secs_f64();
            self.activeflow_duration_seconds
                .get_or_create(&labels)
                .observe(lasted);
        }
    }

    pub(crate) fn iterations(&self, activeflow: &Activeflow, moves: i64) {
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        let moves = moves as f64;
        self.activeflow_execute_iterations
            .get_or_create(&reference(&activeflow.reference_type))
            .observe(moves);
    }

    pub(crate) fn executed(&self, kind: &Kind) {
        self.action_executed.get_or_create(&action(kind)).inc();
    }

    pub(crate) fn took(&self, kind: &Kind, millis: f64) {
        self.action_exeucte_duration
            .get_or_create(&action(kind))
            .observe(millis);
    }

    pub(crate) fn failed(&self, kind: &Kind) {
        self.action_error.get_or_create(&action(kind)).inc();
    }

    pub(crate) fn handed_over(&self, kind: &Kind) {
        let labels = DispatchLabels {
            target: "call-manager",
            r#type: action(kind).r#type,
        };
        self.action_dispatch.get_or_create(&labels).inc();
    }

    pub(crate) fn injected(&self, outcome: &'static str) {
        self.activeflow_variable_injection
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }
}

/// Unknown values share one label: they come from requests.
fn reference(kind: &ReferenceType) -> ReferenceLabels {
    let known = ReferenceType::known().contains(kind);
    ReferenceLabels {
        reference_type: if known {
            kind.to_string()
        } else {
            "other".to_owned()
        },
    }
}

fn action(kind: &Kind) -> ActionLabels {
    ActionLabels {
        r#type: if Kind::known().contains(kind) {
            kind.to_string()
        } else {
            "other".to_owned()
        },
    }
}
