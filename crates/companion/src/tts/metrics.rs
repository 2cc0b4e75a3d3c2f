//! What tts-manager counts; the names are Trunkline's own.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::{millis, process_time};

use crate::role;

/// Why a text was not spoken.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// The error's reason, such as `SPEECH_ENGINE_TIMEOUT`.
    pub reason: &'static str,
}

/// Metrics of tts-manager.
#[derive(Clone)]
pub struct Metrics {
    /// Requests and events.
    pub role: role::Metrics,
    /// Texts whose sound was there already.
    pub kept: Counter,
    /// Texts that were not spoken.
    pub failures: Family<ReasonLabels, Counter>,
    /// Texts that were spoken, milliseconds.
    pub speech_process_time: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            role: role::Metrics::default(),
            kept: Counter::default(),
            failures: Family::default(),
            speech_process_time: process_time(),
        }
    }
}

impl Metrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.role.register(registry);
        registry.register(
            "speech_kept",
            "Texts whose sound was there already",
            self.kept.clone(),
        );
        registry.register(
            "speech_failed",
            "Texts that were not spoken",
            self.failures.clone(),
        );
        let help = "Texts that were spoken, milliseconds";
        registry.register(
            "speech_process_time",
            help,
            self.speech_process_time.clone(),
        );
    }

    pub(super) fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(super) fn spoken(&self, elapsed: Duration) {
        self.speech_process_time.observe(millis(elapsed));
    }
}
