//! What the process takes of the machine, under the names that Go's default registry
//! has: `process_cpu_seconds_total` and so on. Linux tells it; elsewhere there is none.

use prometheus_client::registry::Registry;

/// Registers them.
pub(crate) fn register(registry: &mut Registry) {
    #[cfg(target_os = "linux")]
    registry
        .sub_registry_with_prefix("process")
        .register_collector(Box::new(linux::Process));
    #[cfg(not(target_os = "linux"))]
    let _ = registry;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fmt;

    use procfs::process::LimitValue;
    use procfs::{ProcError, boot_time_secs, page_size, ticks_per_second};
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
    use prometheus_client::metrics::counter::ConstCounter;
    use prometheus_client::metrics::gauge::ConstGauge;

    /// Read from `/proc` whenever somebody asks.
    #[derive(Debug)]
    pub(super) struct Process;

    /// At one moment. Numbers are `f64`, as all of Go's are.
    struct Usage {
        cpu_seconds: f64,
        open_fds: f64,
        max_fds: f64,
        virtual_memory: f64,
        max_virtual_memory: f64,
        resident_memory: f64,
        start_time: f64,
    }

    impl Collector for Process {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
            let usage = match Usage::read() {
                Ok(usage) => usage,
                Err(error) => {
                    tracing::debug!(%error, "/proc does not tell of this process");
                    return Ok(());
                }
            };
            let mut add = |name, help, metric: &dyn EncodeMetric| {
                let kind = metric.metric_type();
                metric.encode(encoder.encode_descriptor(name, help, None, kind)?)
            };
            add(
                "cpu_seconds",
                "Total user and system CPU time spent in seconds",
                &ConstCounter::new(usage.cpu_seconds),
            )?;
            let gauges = [
                (
                    "open_fds",
                    "Number of open file descriptors",
                    usage.open_fds,
                ),
                (
                    "max_fds",
                    "Maximum number of open file descriptors",
                    usage.max_fds,
                ),
                (
                    "virtual_memory_bytes",
                    "Virtual memory size in bytes",
                    usage.virtual_memory,
                ),
                (
                    "virtual_memory_max_bytes",
                    "Maximum amount of virtual memory available in bytes",
                    usage.max_virtual_memory,
                ),
                (
                    "resident_memory_bytes",
                    "Resident memory size in bytes",
                    usage.resident_memory,
                ),
                (
                    "start_time_seconds",
                    "Start time of the process since unix epoch in seconds",
                    usage.start_time,
                ),
            ];
            for (name, help, value) in gauges {
                add(name, help, &ConstGauge::new(value))?;
            }
            Ok(())
        }
    }

    impl Usage {
        fn read() -> Result<Self, ProcError> {
            let process = procfs::process::Process::myself()?;
            let (stat, limits) = (process.stat()?, process.limits()?);
            let seconds = |ticks: u64| float(ticks) / float(ticks_per_second());
            Ok(Self {
                cpu_seconds: seconds(stat.utime + stat.stime),
                open_fds: float(process.fd_count()?.try_into().unwrap_or(u64::MAX)),
                max_fds: limit(limits.max_open_files.soft_limit),
                virtual_memory: float(stat.vsize),
                max_virtual_memory: limit(limits.max_address_space.soft_limit),
                resident_memory: float(stat.rss) * float(page_size()),
                start_time: float(boot_time_secs()?) + seconds(stat.starttime),
            })
        }
    }

    fn limit(limit: LimitValue) -> f64 {
        match limit {
            LimitValue::Value(value) => float(value),
            LimitValue::Unlimited => float(u64::MAX),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a metric is a float, and none of these is near the limit of its digits"
    )]
    fn float(number: u64) -> f64 {
        number as f64
    }
}
