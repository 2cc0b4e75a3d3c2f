//! One Asterisk, as its link and the queues share it.

use std::sync::Arc;

use tokio::sync::watch;
use trunkline_model::id::AsteriskId;

use crate::ami::Ami;
use crate::config::Config;
use crate::error::Error;
use crate::http::Http;
use crate::metrics::{AsteriskLabels, Metrics};
use crate::recording::Mover;
use crate::status::Status;
use crate::transport::Transport;

pub(crate) struct Asterisk {
    pub(crate) config: Config,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) http: Http,
    /// None when no AMI is configured.
    pub(crate) ami: Option<Ami>,
    pub(crate) metrics: Metrics,
    pub(crate) mover: Option<Mover>,
    status: watch::Sender<Status>,
}

impl Asterisk {
    pub(crate) fn new(
        config: Config,
        transport: Arc<dyn Transport>,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        config.validate()?;
        let http = Http::new(&config, Arc::clone(&transport), metrics.clone());
        let ami = Ami::new(&config);
        let status = Status {
            url: config.url.clone(),
            ..Status::default()
        };
        let mover = config.recordings.clone().map(Mover::new);
        Ok(Self {
            config,
            mover,
            transport,
            http,
            ami,
            metrics,
            status: watch::Sender::new(status),
        })
    }

    /// One that nobody has connected to yet.
    #[cfg(test)]
    pub(crate) fn at(url: &str) -> Arc<Self> {
        let config = Config {
            url: url.to_owned(),
            ..Config::default()
        };
        let wire = Arc::new(crate::wire::Wire::new(&config).unwrap());
        Arc::new(Self::new(config, wire, Metrics::default()).unwrap())
    }

    pub(crate) fn url(&self) -> &str {
        &self.config.url
    }

    pub(crate) fn labels(&self) -> AsteriskLabels {
        AsteriskLabels {
            asterisk: self.config.url.clone(),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.status.borrow().connected
    }

    /// Whether it is connected and has this id.
    pub(crate) fn is_connected_as(&self, id: &AsteriskId) -> bool {
        let status = self.status.borrow();
        status.connected && status.asterisk_id.as_ref() == Some(id)
    }

    pub(crate) fn set_connected(&self, id: AsteriskId, version: String) {
        self.metrics.connected.get_or_create(&self.labels()).set(1);
        if self.status.borrow().asterisk_id.is_some() {
            self.metrics
                .reconnections
                .get_or_create(&self.labels())
                .inc();
        }
        self.status.send_modify(|status| {
            status.connected = true;
            status.asterisk_id = Some(id);
            status.version = Some(version);
            status.last_error = None;
        });
    }

    pub(crate) fn set_away(&self, error: Option<String>) {
        self.metrics.connected.get_or_create(&self.labels()).set(0);
        self.status.send_modify(|status| {
            status.connected = false;
            status.last_error = error;
        });
    }
}
