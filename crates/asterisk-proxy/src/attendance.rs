//! A queue that several proxies serve, in this process and in others: while this
//! process reaches no Asterisk, it stands in for them and no more.
//!
//! A consumer that cannot do anything would get its share of the requests, and refuse
//! what another one would do. A queue without any would keep the requests, and whoever
//! comes would dial for callers who have left: a Go service's requests never expire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::select_all;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, Error, QueueSpec, RequestHandler};
use trunkline_model::service::Service;

use crate::asterisk::Asterisk;
use crate::metrics::{Metrics, QueueLabels};
use crate::requests::{Pick, Server};

/// Pause before a queue that could not be taken is tried again.
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
            queue: QueueSpec::new(queue, workers)
                .tagged(Service::ASTERISK_PROXY.name())
                .telling_waiting(),
            server: Arc::new(server),
            asterisks,
        }
    }

    /// Stands in and serves in turn until `stop`; requests in progress are finished
    /// then.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let queue = self.queue.name.as_str();
        while !stop.is_cancelled() {
            self.note(false);
            let standing_in = self.bus.stand_in(self.queue.clone(), self.handler());
            self.during(standing_in, self.one_connected(), &stop).await;
            if stop.is_cancelled() {
                return;
            }
            let serving = self.bus.serve(self.queue.clone(), self.handler());
            self.during(serving, self.served(), &stop).await;
            if !stop.is_cancelled() {
                tracing::info!(
                    queue,
                    "no Asterisk is connected; the requests are left to others"
                );
            }
        }
    }

    fn handler(&self) -> Arc<dyn RequestHandler> {
        Arc::clone(&self.server) as _
    }

    /// Takes the queue until `end`, or `stop`. A queue that cannot be taken is left
    /// alone for a moment.
    async fn during(
        &self,
        taking: impl Future<Output = Result<Consumer, Error>>,
        end: impl Future<Output = ()>,
        stop: &CancellationToken,
    ) {
        let taken = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            taken = taking => taken,
        };
        let consumer = match taken {
            Ok(consumer) => consumer,
            Err(error) => {
                let queue = self.queue.name.as_str();
                tracing::warn!(queue, %error, "a queue cannot be taken and is tried again");
                let _ = timeout(PAUSE, stop.cancelled()).await;
                return;
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = end => {}
        }
        consumer.stop().await;
    }

    async fn served(&self) {
        self.note(true);
        self.none_connected().await;
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
