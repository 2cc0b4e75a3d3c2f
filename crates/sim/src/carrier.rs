//! What carries messages between the processes of a world.

use std::sync::{Arc, Mutex, PoisonError};

use trunkline_bus::{Bus, InProcess};

use crate::broker::{Connection, SimBus};

/// The bus of a world.
pub enum Carrier {
    /// The carrier inside the one process: it dies with it.
    Embedded(Mutex<InProcess>),
    /// A broker that all share.
    Broker(SimBus),
}

/// The bus of one life of a process.
pub struct Life {
    pub bus: Arc<dyn Bus>,
    connection: Option<Arc<Connection>>,
}

impl Carrier {
    /// A carrier inside one process.
    #[must_use]
    pub fn embedded() -> Self {
        Self::Embedded(Mutex::default())
    }

    /// A broker.
    #[must_use]
    pub fn broker(seed: u64) -> Self {
        Self::Broker(SimBus::new(seed))
    }

    /// What a process that starts now has as its bus.
    #[must_use]
    pub fn connect(&self) -> Life {
        match self {
            Self::Embedded(current) => {
                let bus = InProcess::new();
                *current.lock().unwrap_or_else(PoisonError::into_inner) = bus.clone();
                Life {
                    bus: Arc::new(bus),
                    connection: None,
                }
            }
            Self::Broker(broker) => {
                let connection = Arc::new(broker.connect());
                Life {
                    bus: Arc::clone(&connection) as Arc<dyn Bus>,
                    connection: Some(connection),
                }
            }
        }
    }

    /// The bus as somebody outside of all processes reaches it.
    #[must_use]
    pub fn outside(&self) -> Arc<dyn Bus> {
        match self {
            Self::Embedded(current) => {
                let current = current.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::new(current.clone())
            }
            Self::Broker(broker) => Arc::new(broker.connect()),
        }
    }

    /// Queues in which something waits or is being handled.
    #[must_use]
    pub fn undelivered(&self) -> Vec<(String, usize, usize)> {
        match self {
            // What it holds dies with the process; the rows say what is to do.
            Self::Embedded(_) => Vec::new(),
            Self::Broker(broker) => broker.undelivered(),
        }
    }

    /// The end of the world: lets go of every consumer.
    pub fn clear(&self) {
        match self {
            Self::Embedded(current) => {
                *current.lock().unwrap_or_else(PoisonError::into_inner) = InProcess::new();
            }
            Self::Broker(broker) => broker.clear(),
        }
    }
}

impl Life {
    /// The process has not been heard of for too long.
    pub fn cut(&self) {
        if let Some(connection) = &self.connection {
            connection.cut();
        }
    }

    /// The process is heard of again.
    pub fn restored(&self) {
        if let Some(connection) = &self.connection {
            connection.restored();
        }
    }

    /// The process has died.
    pub fn lost(&self) {
        if let Some(connection) = &self.connection {
            connection.lost();
        }
    }
}
