//! One connection to a broker, and what can be said about one that fails.

use std::time::Duration;

use lapin::{Connection, ConnectionProperties, ErrorKind};
use tokio::time::timeout;

use crate::address::Address;
use crate::config::Config;
use crate::topology::{self, DELAY_EXCHANGE};

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
    let waited = patience(address, config);
    let at = || address.host_and_port();
    match timeout(waited, Connection::connect_uri(uri, properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(explain(at(), &error)),
        Err(_) => Err(ConnectError::Silent { at: at(), waited }),
    }
}

/// The address may say it otherwise, as the reference's can.
fn patience(address: &Address, config: &Config) -> Duration {
    let of_address = address.connect_timeout();
    of_address.unwrap_or_else(|| config.connect_timeout())
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
    has_delays(address, config).await
}

/// Whether the broker has the plugin for delayed messages. Asked on a connection of
/// its own, which ends when it has not.
///
/// # Errors
///
/// It did not say: that is no reason to do without for as long as a connection lasts.
pub(crate) async fn has_delays(address: &Address, config: &Config) -> Result<bool, ConnectError> {
    let waited = patience(address, config);
    let at = || address.host_and_port();
    let asked = async {
        let connection = connect(address, config, "trunkline: is there a delay plugin?").await?;
        let has = ask_for_delays(&connection).await;
        close(&connection, config).await;
        has.map_err(|error| ConnectError::Unreachable {
            at: at(),
            reason: error.to_string(),
        })
    };
    let silent = ConnectError::Silent { at: at(), waited };
    timeout(waited, asked).await.unwrap_or(Err(silent))
}

async fn ask_for_delays(connection: &Connection) -> lapin::Result<bool> {
    let name = DELAY_EXCHANGE.into();
    let channel = connection.create_channel().await?;
    let declared = topology::declare_exchange(&channel, &name, topology::delays()).await;
    let Err(error) = declared else {
        return Ok(true);
    };
    if topology::is_unknown(&error) {
        return Ok(false);
    }
    if !error.is_amqp_soft_error() {
        return Err(error);
    }
    // We may not declare it, or it has another form: what counts is whether it is there.
    let channel = connection.create_channel().await?;
    match topology::look_for_exchange(&channel, &name).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_amqp_soft_error() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Closes a connection in good order, if the broker answers in time.
pub(crate) async fn close(connection: &Connection, config: &Config) {
    let _ = timeout(
        config.answer_timeout(),
        connection.close(200, "done".into()),
    )
    .await;
}
