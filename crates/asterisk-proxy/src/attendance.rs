//! A queue that several proxies serve, in this process and in others: it is left
//! to them while this process reaches no Asterisk.
//!
//! A consumer that cannot do anything would still get its share of the requests,
//! and refuse what another one would do. Without any consumer a request waits in
//! its queue, as long as its sender has patience.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, QueueSpec};
use trunkline_model::service::Service;

use crate::asterisk::Asterisk;
use crate::metrics::{Metrics, QueueLabels};
use crate::requests::{Pick, Server};

/// Pause before a queue that could not be served is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves one permanent queue for the Asterisks that name it.
pub(crate) struct Attendance {
    bus: Arc<dyn Bus>,
    metrics: Metrics,
    queue: QueueSpec,
    server: Arc<Server>,
    asterisks: Vec<Arc<Asterisk>>,
}

impl Attendance {
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        metrics: Metrics,
        queue: String,
        asterisks: Vec<Arc<Asterisk>>,
    ) -> Self {
        let workers = asterisks
            .iter()
            .map(|asterisk| asterisk.config.max_concurrent_requests)
            .sum();
        let server = Server {
            pick: in_turn(asterisks.clone()),
            metrics: metrics.clone(),
        };
        Self {
            bus,
            metrics,
            queue: QueueSpec::new(queue, workers).tagged(Service::ASTERISK_PROXY.name()),
            server: Arc::new(server),
            asterisks,
        }
    }

    /// Comes and goes until `stop`; requests in progress are finished then.
    pub(crate) async fn run(self, stop: CancellationToken) {
        self.note(false);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.one_connected() => {}
            }
            self.serve(&stop).await;
            self.note(false);
        }
    }

    async fn serve(&self, stop: &CancellationToken) {
        let queue = self.queue.name.as_str();
        let server = Arc::clone(&self.server);
        let consumer = match self.bus.serve(self.queue.clone(), server).await {
            Ok(consumer) => consumer,
            Err(error) => {
                tracing::warn!(queue, %error, "a queue cannot be served and is tried again");
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = sleep(PAUSE) => {}
                }
                return;
            }
        };
        self.note(true);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.none_connected() => {
                tracing::info!(queue, "no Asterisk is connected; the requests are left to others");
            }
        }
        consumer.stop().await;
    }

    async fn one_connected(&self) {
        let mut changes: Vec<_> = self.asterisks.iter().map(|it| it.watch()).collect();
        let connections = changes
            .iter_mut()
            .map(|status| Box::pin(status.wait_for(|status| status.connected)));
        // An Asterisk outlives whoever serves it: the wait cannot fail.
        let _ = select_all(connections).await;
    }

    async fn none_connected(&self) {
        while let Some(connected) = self.asterisks.iter().find(|it| it.is_connected()) {
            let _ = connected.watch().wait_for(|it| !it.connected).await;
        }
    }

    fn note(&self, served: bool) {
        let labels = QueueLabels {
            queue: self.queue.name.clone(),
        };
        let gauge = self.metrics.queue_served.get_or_create(&labels);
        gauge.set(i64::from(served));
    }
}

/// The connected ones in turn.
fn in_turn(asterisks: Vec<Arc<Asterisk>>) -> Pick {
    let next = AtomicUsize::new(0);
    Box::new(move || {
        let start = next.fetch_add(1, Ordering::Relaxed);
        let after =
            (0..asterisks.len()).map(|at| &asterisks[(start.wrapping_add(at)) % asterisks.len()]);
        after
            .into_iter()
            .find(|asterisk| asterisk.is_connected())
            .cloned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_connected_ones_answer_in_turn() {
        let all = ["http://a", "http://b", "http://c"].map(Asterisk::at);
        let pick = in_turn(all.to_vec());
        assert!(pick().is_none());
        for (asterisk, id) in [(&all[0], "1"), (&all[2], "3")] {
            asterisk.set_connected(id.into(), "22".to_owned());
        }
        let picked: Vec<String> = (0..6).map(|_| pick().unwrap().url().to_owned()).collect();
        assert!(picked.iter().any(|url| url == "http://a"), "{picked:?}");
        assert!(picked.iter().any(|url| url == "http://c"), "{picked:?}");
        assert!(!picked.iter().any(|url| url == "http://b"), "{picked:?}");
    }
}
