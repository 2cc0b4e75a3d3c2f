//! The proxies of a process: who serves which queue.
//!
//! A queue has one consumer per process. A permanent queue is therefore served
//! once, for all Asterisks that name it, while one of them is connected, and answered
//! otherwise when nobody else serves it ([`Attendance`]); the queue of an Asterisk's id
//! is served for whichever of them has that id at the moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use trunkline_bus::{Bus, Consumer, QueueSpec};
use trunkline_model::id::AsteriskId;
use trunkline_model::service::{Service, asterisk_queue};

use crate::asterisk::Asterisk;
use crate::attendance::Attendance;
use crate::config::Config;
use crate::error::Error;
use crate::link::Link;
use crate::link_error::LinkError;
use crate::metrics::Metrics;
use crate::requests::{Pick, Server};
use crate::status::Status;
use crate::transport::Transport;
use crate::wire::Wire;

/// Starts the proxies of this process over HTTP and websockets, one per Asterisk;
/// see [`start_over`].
///
/// # Errors
///
/// Those of [`start_over`], and when an HTTP client cannot be built.
pub async fn start(
    configs: Vec<Config>,
    bus: Arc<dyn Bus>,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<Running, Error> {
    let mut ways: Vec<(Config, Arc<dyn Transport>)> = Vec::new();
    for config in configs {
        let wire = Wire::new(&config)?;
        ways.push((config, Arc::new(wire)));
    }
    start_over(ways, bus, metrics, shutdown).await
}

/// Starts the proxies of this process, each over its way to its Asterisk. They connect in
/// the background, for ever. The queue of an Asterisk is served once its id is known, a
/// permanent one while an Asterisk is connected; it is there from the beginning.
/// `shutdown` ends them: no more requests are taken, those in progress are finished, the
/// websockets are closed.
///
/// # Errors
///
/// When a configuration is wrong. That an Asterisk is away is not an error.
pub async fn start_over(
    ways: Vec<(Config, Arc<dyn Transport>)>,
    bus: Arc<dyn Bus>,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<Running, Error> {
    let mut asterisks = Vec::new();
    for (config, transport) in ways {
        let asterisk = Asterisk::new(config, transport, metrics.clone())?;
        asterisks.push(Arc::new(asterisk));
    }
    refuse_twins(&asterisks)?;
    let group = Arc::new(Group::new(Arc::clone(&bus), metrics.clone()));
    let mut attendances = JoinSet::new();
    for (queue, asterisks) in by_permanent_queue(&asterisks) {
        let attendance = Attendance::new(Arc::clone(&bus), metrics.clone(), queue, asterisks);
        attendances.spawn(attendance.run(shutdown.clone()));
    }
    let closing = CancellationToken::new();
    let mut links = JoinSet::new();
    for asterisk in &asterisks {
        let link = Link::new(Arc::clone(asterisk), Arc::clone(&group), closing.clone());
        links.spawn(link.run());
    }
    let task = tokio::spawn(supervise(group, attendances, links, closing, shutdown));
    Ok(Running { asterisks, task })
}

/// The running proxies. Dropping it does not end them.
pub struct Running {
    asterisks: Vec<Arc<Asterisk>>,
    task: JoinHandle<()>,
}

impl Running {
    /// What is known of each Asterisk, in the order of the configurations.
    #[must_use]
    pub fn statuses(&self) -> Vec<Status> {
        self.asterisks
            .iter()
            .map(|asterisk| asterisk.status())
            .collect()
    }

    /// The same, to wait for changes.
    #[must_use]
    pub fn watch(&self) -> Vec<watch::Receiver<Status>> {
        self.asterisks
            .iter()
            .map(|asterisk| asterisk.watch())
            .collect()
    }

    /// Waits for the end that `shutdown` brings about.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the proxies did not end in order");
        }
    }
}

async fn supervise(
    group: Arc<Group>,
    mut attendances: JoinSet<()>,
    mut links: JoinSet<()>,
    closing: CancellationToken,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(Err(error)) = links.join_next() => {
                tracing::error!(%error, "the link to an Asterisk ended; restart Trunkline");
            }
            Some(Err(error)) = attendances.join_next() => {
                tracing::error!(%error, "a queue of requests to Asterisk is not served any more; restart Trunkline");
            }
        }
    }
    let left = async { while attendances.join_next().await.is_some() {} };
    tokio::join!(group.stop(), left);
    closing.cancel();
    while links.join_next().await.is_some() {}
}

fn refuse_twins(asterisks: &[Arc<Asterisk>]) -> Result<(), Error> {
    for (at, asterisk) in asterisks.iter().enumerate() {
        if asterisks[..at]
            .iter()
            .any(|other| other.url() == asterisk.url())
        {
            let problem = format!("{} is configured twice", asterisk.url());
            return Err(Error::Config {
                field: "url",
                problem,
            });
        }
    }
    Ok(())
}

fn by_permanent_queue(asterisks: &[Arc<Asterisk>]) -> BTreeMap<String, Vec<Arc<Asterisk>>> {
    let mut queues: BTreeMap<String, Vec<Arc<Asterisk>>> = BTreeMap::new();
    for asterisk in asterisks {
        for queue in &asterisk.config.permanent_queues {
            queues
                .entry(queue.clone())
                .or_default()
                .push(Arc::clone(asterisk));
        }
    }
    queues
}

pub(crate) struct Group {
    pub(crate) bus: Arc<dyn Bus>,
    metrics: Metrics,
    /// Who has which id at the moment.
    owners: Mutex<HashMap<AsteriskId, Arc<Asterisk>>>,
    /// None once the end has begun.
    consumers: Mutex<Option<Vec<Consumer>>>,
}

impl Group {
    fn new(bus: Arc<dyn Bus>, metrics: Metrics) -> Self {
        Self {
            bus,
            metrics,
            owners: Mutex::default(),
            consumers: Mutex::new(Some(Vec::new())),
        }
    }

    /// Serves the queue of this id for this Asterisk. It stays served when the
    /// Asterisk goes away or comes back with another id: requests about what it
    /// held are then answered at once.
    pub(crate) async fn serve_own(
        self: Arc<Self>,
        id: &AsteriskId,
        asterisk: &Arc<Asterisk>,
    ) -> Result<(), LinkError> {
        if self.take_over(id, asterisk)? {
            return Ok(());
        }
        let group = Arc::downgrade(&self);
        let owned = id.clone();
        let pick: Pick = Box::new(move || group.upgrade()?.owner(&owned));
        let workers = asterisk.config.max_concurrent_requests;
        self.serve(asterisk_queue(id.as_str()), workers, pick)
            .await
            .map_err(|error| {
                self.owners
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(id);
                LinkError::Queue {
                    url: asterisk.url().to_owned(),
                    cause: error.to_string(),
                }
            })
    }

    /// Makes this Asterisk the one with this id; whether the queue is served
    /// already.
    fn take_over(&self, id: &AsteriskId, asterisk: &Arc<Asterisk>) -> Result<bool, LinkError> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = owners.get(id)
            && !Arc::ptr_eq(other, asterisk)
            && other.is_connected_as(id)
        {
            let (url, other) = (asterisk.url().to_owned(), other.url().to_owned());
            return Err(LinkError::Same {
                url,
                other,
                id: id.to_string(),
            });
        }
        Ok(owners.insert(id.clone(), Arc::clone(asterisk)).is_some())
    }

    fn owner(&self, id: &AsteriskId) -> Option<Arc<Asterisk>> {
        self.owners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    async fn serve(
        &self,
        queue: String,
        workers: usize,
        pick: Pick,
    ) -> Result<(), trunkline_bus::Error> {
        let server = Server {
            pick,
            metrics: self.metrics.clone(),
        };
        let consumer = self
            .bus
            .serve(own_queue(queue, workers), Arc::new(server))
            .await?;
        // At the end the list is gone, and the consumer goes with this call.
        if let Some(consumers) = self
            .consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            consumers.push(consumer);
        }
        Ok(())
    }

    /// Takes no more requests and waits for those in progress.
    async fn stop(&self) {
        let consumers = self
            .consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let stopping = consumers.into_iter().flatten().map(Consumer::stop);
        futures_util::future::join_all(stopping).await;
    }
}

/// The queue of one Asterisk: it goes with the proxy.
fn own_queue(queue: String, workers: usize) -> QueueSpec {
    QueueSpec::new(queue, workers)
        .volatile()
        .telling_waiting()
        .tagged(Service::ASTERISK_PROXY.name())
}

#[cfg(test)]
mod tests {
    use trunkline_bus::InProcess;

    use super::*;

    #[tokio::test]
    async fn an_id_belongs_to_one_asterisk_at_a_time() {
        let group = Arc::new(Group::new(Arc::new(InProcess::new()), Metrics::default()));
        let [first, second] = ["http://a", "http://b"].map(Asterisk::at);
        let id = AsteriskId::from("02:00:00:00:00:01");
        Arc::clone(&group).serve_own(&id, &first).await.unwrap();
        first.set_connected(id.clone(), "22".to_owned());
        let error = Arc::clone(&group)
            .serve_own(&id, &second)
            .await
            .unwrap_err();
        assert!(matches!(error, LinkError::Same { .. }), "{error}");
        first.set_away(None);
        Arc::clone(&group).serve_own(&id, &second).await.unwrap();
        assert!(Arc::ptr_eq(&group.owner(&id).unwrap(), &second));
        group.stop().await;
    }

    #[tokio::test]
    async fn one_asterisk_is_configured_once() {
        let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
        let twins = vec![Config::default(), Config::default()];
        let error = start(twins, bus, Metrics::default(), CancellationToken::new())
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains("asterisk.url"), "{error}");
    }
}
