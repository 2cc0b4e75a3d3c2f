//! What the role counts; the namespace `campaign_manager` is the caller's.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use trunkline_bus::metrics::{ProcessTimes, ServiceMetrics, process_times};
use trunkline_delivery::DeliveryMetrics;

/// Labels of an event that was received.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReceivedLabels {
    pub publisher: &'static str,
    pub r#type: &'static str,
}

/// Labels of attempts that began.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CreateLabels {
    pub reference_type: &'static str,
}

/// Labels of attempts that ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DoneLabels {
    pub result: &'static str,
}

/// Labels of waits, stops, lease changes and dials.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    pub reason: &'static str,
}

/// Metrics of campaign-manager (chapter 05 A.11, 01 §7.3) and of its runners.
#[derive(Clone)]
pub struct Metrics {
    /// Requests and events.
    pub service: ServiceMetrics,
    /// Outbox and duties.
    pub delivery: DeliveryMetrics,
    pub campaign_create: Counter,
    pub campaign_status_run: Counter,
    pub campaign_status_stop: Counter,
    /// Every tick.
    pub campaign_execute: Counter,
    pub campaigncall_create: Family<CreateLabels, Counter>,
    pub campaigncall_done: Family<DoneLabels, Counter>,
    pub receive_subscribe_event_process_time: ProcessTimes<ReceivedLabels>,
    /// Campaigns that this process runs.
    pub runners: Gauge,
    /// Leases that were taken, lost and given back.
    pub lease_changes: Family<ReasonLabels, Counter>,
    /// What attempts to dial came to.
    pub dials: Family<ReasonLabels, Counter>,
    pub waits: Family<ReasonLabels, Counter>,
    pub stops: Family<ReasonLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            service: ServiceMetrics::default(),
            delivery: DeliveryMetrics::default(),
            campaign_create: Counter::default(),
            campaign_status_run: Counter::default(),
            campaign_status_stop: Counter::default(),
            campaign_execute: Counter::default(),
            campaigncall_create: Family::default(),
            campaigncall_done: Family::default(),
            receive_subscribe_event_process_time: process_times(),
            runners: Gauge::default(),
            lease_changes: Family::default(),
            dials: Family::default(),
            waits: Family::default(),
            stops: Family::default(),
        }
    }
}

impl Metrics {
    /// Registers them under the namespace of `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.service.register(registry);
        self.delivery.register(registry);
        let it = self.clone();
        registry.register("campaign_create", "Campaigns created", it.campaign_create);
        registry.register(
            "campaign_status_run",
            "Campaigns started",
            it.campaign_status_run,
        );
        registry.register(
            "campaign_status_stop",
            "Campaigns stopped",
            it.campaign_status_stop,
        );
        registry.register(
            "campaign_execute",
            "Ticks of campaigns",
            it.campaign_execute,
        );
        registry.register(
            "campaigncall_create",
            "Attempts begun",
            it.campaigncall_create,
        );
        registry.register("campaigncall_done", "Attempts ended", it.campaigncall_done);
        registry.register(
            "receive_subscribe_event_process_time",
            "Events handled, milliseconds",
            it.receive_subscribe_event_process_time,
        );
        registry.register(
            "campaign_runners",
            "Campaigns that this process runs",
            it.runners,
        );
        registry.register(
            "campaign_lease_changes",
            "Leases taken, lost, given back",
            it.lease_changes,
        );
        registry.register("campaign_dials", "What attempts to dial came to", it.dials);
        registry.register("campaign_waits", "Ticks that waited", it.waits);
        registry.register("campaign_stops", "Campaigns that ended", it.stops);
    }

    pub(crate) fn lease_change(&self, reason: &'static str) {
        self.lease_changes
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    pub(crate) fn dial(&self, reason: &'static str) {
        self.dials.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn wait(&self, reason: &'static str) {
        self.waits.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn stop(&self, reason: &'static str) {
        self.stops.get_or_create(&ReasonLabels { reason }).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use trunkline_bus::metrics::RouteLabels;

    use super::*;

    /// Chapter 01 §7.3, whole: name, labels, whether it is a histogram of milliseconds.
    /// The common ones of §7.1 are compared in call-manager.
    const CHAPTER: &[(&str, &[&str], bool)] = &[
        ("receive_request_process_time", &["type", "method"], true),
        (
            "receive_subscribe_event_process_time",
            &["publisher", "type"],
            true,
        ),
        ("campaign_create_total", &[], false),
        ("campaign_status_run_total", &[], false),
        ("campaign_status_stop_total", &[], false),
        ("campaign_execute_total", &[], false),
        ("campaigncall_create_total", &["reference_type"], false),
        ("campaigncall_done_total", &["result"], false),
    ];

    /// Every family with one value.
    fn touched() -> String {
        let it = Metrics::default();
        let route = RouteLabels {
            r#type: "x",
            method: "x",
        };
        it.service
            .receive_request_process_time
            .get_or_create(&route)
            .observe(1.0);
        let event = ReceivedLabels {
            publisher: "x",
            r#type: "x",
        };
        it.receive_subscribe_event_process_time
            .get_or_create(&event)
            .observe(1.0);
        it.campaigncall_create
            .get_or_create(&CreateLabels {
                reference_type: "x",
            })
            .inc();
        it.campaigncall_done
            .get_or_create(&DoneLabels { result: "x" })
            .inc();
        let mut registry = Registry::default();
        it.register(registry.sub_registry_with_prefix("campaign_manager"));
        let mut shown = String::new();
        prometheus_client::encoding::text::encode(&mut shown, &registry).unwrap();
        shown
    }

    /// The sets of label names with which a sample is shown.
    fn labels<'s>(shown: &'s str, sample: &str) -> BTreeSet<BTreeSet<&'s str>> {
        let of_line = |line: &'s str| {
            let rest = line.strip_prefix(sample)?;
            let names = match rest.strip_prefix('{') {
                Some(rest) => rest.rsplit_once('}')?.0,
                None => rest.strip_prefix(' ').map(|_| "")?,
            };
            let names = names.split(',').filter(|label| !label.is_empty());
            Some(names.filter_map(|label| label.split('=').next()).collect())
        };
        shown.lines().filter_map(of_line).collect()
    }

    #[test]
    fn names_labels_and_buckets_are_those_of_the_chapter() {
        let shown = touched();
        for (name, expected, is_histogram) in CHAPTER {
            let name = format!("campaign_manager_{name}");
            let sample = match is_histogram {
                true => format!("{name}_count"),
                false => name.clone(),
            };
            let expected = BTreeSet::from([expected.iter().copied().collect()]);
            assert_eq!(labels(&shown, &sample), expected, "{name}: {shown}");
            let begin = format!("{name}_bucket{{le=\"");
            let bounds = shown.lines().filter_map(|line| line.strip_prefix(&begin));
            let bounds: Vec<&str> = bounds.filter_map(|rest| rest.split('"').next()).collect();
            let chapters: &[&str] = match is_histogram {
                true => &["50.0", "100.0", "500.0", "1000.0", "3000.0", "+Inf"],
                false => &[],
            };
            assert_eq!(bounds, chapters, "{name}");
        }
    }
}
