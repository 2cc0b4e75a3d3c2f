//! Metrics of call-manager (chapter 01 §7.2) and Trunkline's own.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::{ProcessTimes, ServiceMetrics, process_times};
use trunkline_delivery::DeliveryMetrics;
use trunkline_model::Timestamp;
use trunkline_model::call::Call;

/// Buckets of call durations, seconds (chapter 01 §7).
const DURATION_BUCKETS_S: [f64; 9] = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0];

/// Labels of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    pub direction: String,
    pub r#type: String,
}

/// Labels of a call that ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HangupLabels {
    pub direction: String,
    pub r#type: String,
    pub reason: String,
}

/// Labels of an ARI event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AriLabels {
    pub r#type: String,
    pub asterisk_id: String,
}

/// Labels of a consumed event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EventLabels {
    pub publisher: String,
    pub r#type: String,
}

/// Label of an action.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabels {
    pub r#type: String,
}

/// Label of a refused destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CountryLabels {
    pub destination_country: String,
}

/// Label of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReferenceLabels {
    pub reference_type: String,
}

/// Label of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RepairLabels {
    pub kind: &'static str,
}

fn durations() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
}

/// What call-manager counts.
#[derive(Clone)]
pub struct Metrics {
    /// The common ones of every service.
    pub service: ServiceMetrics,
    /// Those of the outbox and the due rows.
    pub delivery: DeliveryMetrics,
    pub call_create: Family<CallLabels, Counter>,
    pub call_hangup: Family<HangupLabels, Counter>,
    pub call_duration_seconds: Family<CallLabels, Histogram, fn() -> Histogram>,
    pub call_action: Family<ActionLabels, Counter>,
    pub ari_event_listen: Family<AriLabels, Counter>,
    pub ari_event_listen_process_time: ProcessTimes<AriLabels>,
    pub subscribe_event_process_time: ProcessTimes<EventLabels>,
    pub outbound_whitelist_rejected: Family<CountryLabels, Counter>,
    pub recording_start: Family<ReferenceLabels, Counter>,
    pub recording_end: Family<ReferenceLabels, Counter>,
    pub repairs: Family<RepairLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            service: ServiceMetrics::default(),
            delivery: DeliveryMetrics::default(),
            call_create: Family::default(),
            call_hangup: Family::default(),
            call_duration_seconds: Family::new_with_constructor(durations as fn() -> Histogram),
            call_action: Family::default(),
            ari_event_listen: Family::default(),
            ari_event_listen_process_time: process_times(),
            subscribe_event_process_time: process_times(),
            outbound_whitelist_rejected: Family::default(),
            recording_start: Family::default(),
            recording_end: Family::default(),
            repairs: Family::default(),
        }
    }
}

impl Metrics {
    /// Registers them; `registry` has the prefix `call_manager`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        self.delivery.register(registry);
        registry.register("call_create", "Calls created", self.call_create.clone());
        registry.register("call_hangup", "Calls ended", self.call_hangup.clone());
        registry.register(
            "call_duration_seconds",
            "Time from answer to hangup, seconds",
            self.call_duration_seconds.clone(),
        );
        registry.register("call_action", "Actions executed", self.call_action.clone());
        registry.register(
            "ari_event_listen",
            "ARI events received",
            self.ari_event_listen.clone(),
        );
        registry.register(
            "ari_event_listen_process_time",
            "Handling of ARI events, milliseconds",
            self.ari_event_listen_process_time.clone(),
        );
        registry.register(
            "subscribe_event_process_time",
            "Handling of events, milliseconds",
            self.subscribe_event_process_time.clone(),
        );
        registry.register(
            "call_outbound_whitelist_rejected",
            "Calls refused because of the destination's country",
            self.outbound_whitelist_rejected.clone(),
        );
        registry.register(
            "recording_start",
            "Recordings begun",
            self.recording_start.clone(),
        );
        registry.register(
            "recording_end",
            "Recordings ended",
            self.recording_end.clone(),
        );
        registry.register(
            "repairs",
            "Differences to an Asterisk that were repaired",
            self.repairs.clone(),
        );
    }

    pub(crate) fn created(&self, call: &Call) {
        self.call_create.get_or_create(&labels(call)).inc();
    }

    pub(crate) fn hung_up(&self, call: &Call, now: Timestamp) {
        let CallLabels { direction, r#type } = labels(call);
        let ended = HangupLabels {
            direction,
            r#type,
            reason: call.hangup_reason.to_string(),
        };
        self.call_hangup.get_or_create(&ended).inc();
        if let Some(answered) = call.tm_progressing {
            let seconds = now.since(answered).as_secs_f64();
            self.call_duration_seconds
                .get_or_create(&labels(call))
                .observe(seconds);
        }
    }
}

fn labels(call: &Call) -> CallLabels {
    CallLabels {
        direction: call.direction.to_string(),
        r#type: call.kind.to_string(),
    }
}
