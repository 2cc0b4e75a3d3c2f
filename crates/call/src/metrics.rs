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
use trunkline_model::channel::Channel;

/// Buckets of call durations, seconds (chapter 01 §7).
const DURATION_BUCKETS_S: [f64; 9] = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0];

/// Type of a call's channel, and of what a call's bridge refers to.
const CALL: &str = "call";

/// Why an outbound config could not be read; the reference has no other reason.
const DB_ERROR: &str = "db_error";

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

/// Label of a look-up of an outbound config that failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FetchErrorLabels {
    pub error_type: &'static str,
}

/// Label of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReferenceLabels {
    pub reference_type: String,
}

/// Labels of a channel that began. `tech` carries the channel's type, as in the
/// reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChannelLabels {
    pub direction: String,
    pub tech: String,
}

/// Labels of how a channel's SIP travels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransportLabels {
    pub transport: String,
    pub direction: String,
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
    pub call_action_process_time: ProcessTimes<ActionLabels>,
    pub bridge_create: Family<ReferenceLabels, Counter>,
    pub bridge_destroy: Family<ReferenceLabels, Counter>,
    pub channel_create: Family<ChannelLabels, Counter>,
    pub channel_hangup: Family<HangupLabels, Counter>,
    pub channel_transport_direction: Family<TransportLabels, Counter>,
    pub ari_event_listen: Family<AriLabels, Counter>,
    pub ari_event_listen_process_time: ProcessTimes<AriLabels>,
    pub subscribe_event_process_time: ProcessTimes<EventLabels>,
    pub outbound_whitelist_rejected: Family<CountryLabels, Counter>,
    pub outbound_config_fetch_error: Family<FetchErrorLabels, Counter>,
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
            call_action_process_time: process_times(),
            bridge_create: Family::default(),
            bridge_destroy: Family::default(),
            channel_create: Family::default(),
            channel_hangup: Family::default(),
            channel_transport_direction: Family::default(),
            ari_event_listen: Family::default(),
            ari_event_listen_process_time: process_times(),
            subscribe_event_process_time: process_times(),
            outbound_whitelist_rejected: Family::default(),
            outbound_config_fetch_error: Family::default(),
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
            "call_action_process_time",
            "Starting of actions, milliseconds",
            self.call_action_process_time.clone(),
        );
        self.register_channels(registry);
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
            "outbound_config_fetch_error",
            "Outbound configs that could not be read when a call was to be made",
            self.outbound_config_fetch_error.clone(),
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

    fn register_channels(&self, registry: &mut Registry) {
        registry.register(
            "bridge_create",
            "Bridges of calls created",
            self.bridge_create.clone(),
        );
        registry.register(
            "bridge_destroy",
            "Bridges of calls removed",
            self.bridge_destroy.clone(),
        );
        registry.register(
            "channel_create",
            "Channels of calls begun",
            self.channel_create.clone(),
        );
        registry.register(
            "channel_hangup",
            "Channels of calls ended",
            self.channel_hangup.clone(),
        );
        registry.register(
            "channel_transport_direction",
            "How the SIP of channels travels",
            self.channel_transport_direction.clone(),
        );
    }

    /// The outbound config of a call could not be read.
    pub(crate) fn config_not_read(&self) {
        let labels = FetchErrorLabels {
            error_type: DB_ERROR,
        };
        let errors = &self.outbound_config_fetch_error;
        errors.get_or_create(&labels).inc();
    }

    /// A call that was stored with its channel.
    pub(crate) fn created(&self, call: &Call) {
        self.call_create.get_or_create(&labels(call)).inc();
        self.channel_began(call);
    }

    /// A channel of a call that was stored.
    pub(crate) fn channel_began(&self, call: &Call) {
        let labels = ChannelLabels {
            direction: call.direction.to_string(),
            tech: CALL.to_owned(),
        };
        self.channel_create.get_or_create(&labels).inc();
    }

    /// The channel of a call that is in its bridge from here on.
    pub(crate) fn placed(&self, channel: &Channel) {
        let of_call = ReferenceLabels {
            reference_type: CALL.to_owned(),
        };
        self.bridge_create.get_or_create(&of_call).inc();
        let labels = TransportLabels {
            transport: channel.sip_transport.to_string(),
            direction: channel.direction.to_string(),
        };
        self.channel_transport_direction
            .get_or_create(&labels)
            .inc();
    }

    /// The end of a call's channel, and of its bridge if it had one.
    pub(crate) fn channel_ended(&self, call: &Call, cause: i64) {
        let ended = HangupLabels {
            direction: call.direction.to_string(),
            r#type: CALL.to_owned(),
            reason: cause.to_string(),
        };
        self.channel_hangup.get_or_create(&ended).inc();
        if !call.bridge_id.is_empty() {
            let of_call = ReferenceLabels {
                reference_type: CALL.to_owned(),
            };
            self.bridge_destroy.get_or_create(&of_call).inc();
        }
    }

    /// The end of a call, whose channel ended with this cause.
    pub(crate) fn hung_up(&self, call: &Call, cause: i64, now: Timestamp) {
        self.channel_ended(call, cause);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use trunkline_bus::breaker::{BreakerMetrics, TargetLabels, TransitionLabels};
    use trunkline_bus::metrics::{EventLabels as NotifyLabels, RequestLabels, RouteLabels};

    use super::*;

    /// What kind a metric has, with its buckets.
    #[derive(Debug, Clone, Copy)]
    enum Kind {
        Counter,
        Gauge,
        Milliseconds,
        Seconds,
    }

    use Kind::{Counter as C, Gauge as G, Milliseconds as Ms, Seconds as S};

    /// Chapter 01 §7.1 and §7.2, as far as it is there.
    const THERE: &[(&str, Kind, &[&str])] = &[
        (
            "request_process_time",
            Ms,
            &["target", "resource", "method"],
        ),
        ("notify_process_time", Ms, &["type"]),
        ("notify_total", C, &["type"]),
        ("circuitbreaker_state", G, &["target"]),
        (
            "circuitbreaker_state_transitions_total",
            C,
            &["target", "from", "to"],
        ),
        ("circuitbreaker_rejected_total", C, &["target"]),
        ("receive_request_process_time", Ms, &["type", "method"]),
        ("subscribe_event_process_time", Ms, &["publisher", "type"]),
        ("ari_event_listen_total", C, &["type", "asterisk_id"]),
        (
            "ari_event_listen_process_time",
            Ms,
            &["asterisk_id", "type"],
        ),
        ("call_create_total", C, &["direction", "type"]),
        ("call_hangup_total", C, &["direction", "type", "reason"]),
        ("call_action_total", C, &["type"]),
        ("call_action_process_time", Ms, &["type"]),
        ("call_duration_seconds", S, &["direction", "type"]),
        (
            "call_outbound_whitelist_rejected_total",
            C,
            &["destination_country"],
        ),
        ("outbound_config_fetch_error_total", C, &["error_type"]),
        ("bridge_create_total", C, &["reference_type"]),
        ("bridge_destroy_total", C, &["reference_type"]),
        ("channel_create_total", C, &["direction", "tech"]),
        ("channel_hangup_total", C, &["direction", "type", "reason"]),
        (
            "channel_transport_direction_total",
            C,
            &["transport", "direction"],
        ),
        ("recording_start_total", C, &["reference_type"]),
        ("recording_end_total", C, &["reference_type"]),
    ];

    /// What the chapter has and this version has not, and why.
    const NOT_YET: &[(&str, &str)] = &[
        (
            "event_publish_total",
            "no direct event is sent (chapter 01 §3.6)",
        ),
        ("conference_leave_total", "the reference never counts it"),
        ("confbridge_create_total", "no conference bridges"),
        ("confbridge_close_total", "no conference bridges"),
        ("confbridge_join_total", "no conference bridges"),
        ("confbridge_duration_seconds", "no conference bridges"),
        ("external_media_start_total", "no external media"),
        ("external_media_stop_total", "no external media"),
        (
            "groupcall_create_total",
            "no group calls; the reference never counts it",
        ),
    ];

    /// Every family with one value.
    fn touched() -> String {
        let (it, breakers) = (Metrics::default(), BreakerMetrics::default());
        let text = || "x".to_owned();
        let call = Call {
            bridge_id: "b".into(),
            tm_progressing: Some(Timestamp::from_micros(0)),
            ..Call::default()
        };
        it.created(&call);
        it.placed(&Channel::default());
        it.hung_up(&call, 16, Timestamp::from_micros(1));
        let action = ActionLabels { r#type: text() };
        it.call_action.get_or_create(&action).inc();
        it.call_action_process_time
            .get_or_create(&action)
            .observe(1.0);
        let ari = AriLabels {
            r#type: text(),
            asterisk_id: text(),
        };
        it.ari_event_listen.get_or_create(&ari).inc();
        it.ari_event_listen_process_time
            .get_or_create(&ari)
            .observe(1.0);
        let event = EventLabels {
            publisher: text(),
            r#type: text(),
        };
        it.subscribe_event_process_time
            .get_or_create(&event)
            .observe(1.0);
        let country = CountryLabels {
            destination_country: text(),
        };
        it.outbound_whitelist_rejected.get_or_create(&country).inc();
        it.config_not_read();
        let recording = ReferenceLabels {
            reference_type: text(),
        };
        it.recording_start.get_or_create(&recording).inc();
        it.recording_end.get_or_create(&recording).inc();
        let request = RequestLabels {
            target: text(),
            resource: "x",
            method: "x",
        };
        it.service
            .request_process_time
            .get_or_create(&request)
            .observe(1.0);
        let route = RouteLabels {
            r#type: "x",
            method: "x",
        };
        it.service
            .receive_request_process_time
            .get_or_create(&route)
            .observe(1.0);
        let notified = NotifyLabels { r#type: text() };
        it.service.notify_total.get_or_create(&notified).inc();
        it.service
            .notify_process_time
            .get_or_create(&notified)
            .observe(1.0);
        let target = TargetLabels { target: text() };
        breakers.state.get_or_create(&target).set(1);
        breakers.rejected.get_or_create(&target).inc();
        let changed = TransitionLabels {
            target: text(),
            from: "x",
            to: "x",
        };
        breakers.transitions.get_or_create(&changed).inc();
        let mut registry = Registry::default();
        let own = registry.sub_registry_with_prefix("call_manager");
        it.register(own);
        breakers.register(own);
        let mut shown = String::new();
        prometheus_client::encoding::text::encode(&mut shown, &registry).unwrap();
        shown
    }

    /// The sets of label names with which a sample is shown.
    fn labels<'s>(shown: &'s str, sample: &str) -> BTreeSet<BTreeSet<&'s str>> {
        let begin = format!("{sample}{{");
        let samples = shown.lines().filter_map(|line| line.strip_prefix(&begin));
        let of_sample = samples.map(|rest| {
            let (labels, _) = rest.rsplit_once('}').unwrap();
            labels
                .split(',')
                .filter_map(|label| label.split('=').next())
                .collect()
        });
        of_sample.collect()
    }

    /// The upper bounds of a histogram.
    fn buckets(shown: &str, name: &str) -> Vec<f64> {
        let begin = format!("{name}_bucket{{le=\"");
        let bounds = shown.lines().filter_map(|line| line.strip_prefix(&begin));
        let bounds = bounds.filter_map(|rest| rest.split('"').next()?.parse().ok());
        bounds.filter(|bound: &f64| bound.is_finite()).collect()
    }

    #[test]
    fn names_labels_and_buckets_are_the_chapters() {
        let shown = touched();
        for (name, kind, expected) in THERE {
            let name = format!("call_manager_{name}");
            let (sample, bounds): (_, &[f64]) = match kind {
                C | G => (name.clone(), &[]),
                Ms => (
                    format!("{name}_count"),
                    &[50.0, 100.0, 500.0, 1000.0, 3000.0],
                ),
                S => (
                    format!("{name}_count"),
                    &[1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0],
                ),
            };
            let expected = BTreeSet::from([expected.iter().copied().collect()]);
            assert_eq!(labels(&shown, &sample), expected, "{name}: {shown}");
            assert_eq!(buckets(&shown, &name), bounds, "{name}");
        }
        for (name, why) in NOT_YET {
            let line = format!("call_manager_{name}");
            assert!(
                !shown.contains(&line),
                "{name} is there, and was not: {why}"
            );
        }
    }
}
