//! One connection to a broker, and what can be said about one that fails.

use std::time::Duration;

use lapin::{Connection, ConnectionProperties, ErrorKind};
use tokio::time::timeout;

use crate::address::Address;
use crate::config::Config;
use crate::topology::{self, DELAY_EXCHANGE, delays};

/// Why there is no connection, in words for whoever has to do something about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// Nothing answers, or not as a broker does.
    #[error("no broker answers at {at} within {} ms: is RabbitMQ running there?", waited.as_millis())]
    Silent {
        /// Host and port.
        at: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The broker does not let us in.
    #[error("the broker at {at} refuses user, password or virtual host: {reason}")]
    Refused {
        /// Host and port.
        at: String,
        /// What the broker said.
        reason: String,
    },
    /// Anything else: no such host, nothing listens.
    #[error("the broker at {at} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        at: String,
        /// What the system said.
        reason: String,
    },
}

/// Connects.
pub(crate) async fn connect(
    address: &Address,
    config: &Config,
    name: &str,
) -> Result<Connection, ConnectError> {
    let mut uri = address.uri();
    uri.query.heartbeat.get_or_insert(config.heartbeat_s);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let waited = config.connect_timeout();
    let at = || address.host_and_port();
    match timeout(waited, Connection::connect_uri(uri, properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(explain(at(), &error)),
        Err(_) => Err(ConnectError::Silent { at: at(), waited }),
    }
}

fn explain(at: String, error: &lapin::Error) -> ConnectError {
    let reason = error.to_string();
    if matches!(
        error.kind(),
        ErrorKind::ProtocolError(_) | ErrorKind::AuthProviderError(_)
    ) {
        return ConnectError::Refused { at, reason };
    }
    ConnectError::Unreachable { at, reason }
}

/// Whether a broker lets us in, and whether it has the plugin for delayed messages:
/// for `trunkline doctor`.
///
/// # Errors
///
/// Why there is no connection.
pub async fn probe(address: &Address, config: &Config) -> Result<bool, ConnectError> {
    let connection = connect(address, config, "trunkline doctor").await?;
    close(&connection, config).await;
    Ok(has_delays(address, config).await)
}

/// Whether the broker has the plugin for delayed messages. Asked on a connection of
/// its own, which ends when it has not.
pub(crate) async fn has_delays(address: &Address, config: &Config) -> bool {
    let asked = async {
        let connection = connect(address, config, "trunkline: is there a delay plugin?").await;
        let connection = connection.ok()?;
        let channel = connection.create_channel().await.ok()?;
        let name = DELAY_EXCHANGE.into();
        let declared = topology::declare_exchange(&channel, &name, delays());
        declared.await.ok()?;
        close(&connection, config).await;
        Some(())
    };
    matches!(timeout(config.connect_timeout(), asked).await, Ok(Some(())))
}

/// Closes a connection in good order, if the broker answers in time.
pub(crate) async fn close(connection: &Connection, config: &Config) {
    let _ = timeout(
        config.answer_timeout(),
        connection.close(200, "done".into()),
    )
    .await;
}
