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
}
