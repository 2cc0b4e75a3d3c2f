//! Why the proxies do not start.

/// What stops the start. That an Asterisk is away does not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the configuration.
    #[error("asterisk.{field} {problem}")]
    Config {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A queue that cannot be served.
    #[error("failed to serve the queue `{queue}`")]
    Serve {
        /// Its name.
        queue: String,
        #[source]
        source: trunkline_bus::Error,
    },
}
