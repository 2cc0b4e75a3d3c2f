//! How much one token may ask at once: requests per second, with a burst, and
//! requests at the same time. Counted in this process; forgotten when idle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::config::Config;

/// Tokens that are looked after before idle ones are forgotten.
const FORGET_AT: usize = 4_096;

/// The counters of every token that is in use.
#[derive(Clone, Default)]
pub(crate) struct Limits {
    tokens: Arc<Mutex<HashMap<Uuid, Use>>>,
}

/// What a token has left, and what it is doing.
#[derive(Debug, Clone, Copy)]
struct Use {
    left: f64,
    at: Instant,
    running: usize,
}

/// A request that is being answered; gives its place back.
pub(crate) struct Turn {
    limits: Limits,
    token: Uuid,
}

impl Limits {
    /// Lets a request of `token` in.
    pub(crate) fn enter(
        &self,
        token: Uuid,
        config: &Config,
        now: Instant,
    ) -> Result<Turn, ApiError> {
        let (rate, burst) = (config.requests_per_second, f64::from(config.burst));
        let mut tokens = self.tokens();
        if tokens.len() >= FORGET_AT {
            tokens.retain(|_, used| used.running > 0 || used.filled(now, rate, burst) < burst);
        }
        let used = tokens.entry(token).or_insert(Use {
            left: burst,
            at: now,
            running: 0,
        });
        if used.running >= config.concurrent_requests {
            let most = config.concurrent_requests;
            let message = format!(
                "{most} requests of this token are being answered; wait for one of them to end"
            );
            return Err(busy("TOO_MANY_REQUESTS_AT_ONCE", message, 1));
        }
        if rate > 0.0 {
            used.left = used.filled(now, rate, burst);
            used.at = now;
            if used.left < 1.0 {
                let wait = ((1.0 - used.left) / rate).ceil().clamp(1.0, 3_600.0);
                let message = format!(
                    "this token may ask {rate} times per second; wait, or raise `gateway.requests_per_second`"
                );
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 1 and 3600"
                )]
                return Err(busy("RATE_LIMITED", message, wait as u64));
            }
            used.left -= 1.0;
        }
        used.running += 1;
        Ok(Turn {
            limits: self.clone(),
            token,
        })
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Uuid, Use>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Use {
    fn filled(&self, now: Instant, rate: f64, burst: f64) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * rate).min(burst)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(used) = self.limits.tokens().get_mut(&self.token) {
            used.running = used.running.saturating_sub(1);
        }
    }
}

/// A refusal that ends by itself.
pub(crate) fn busy(code: &str, message: impl Into<String>, retry_after: u64) -> ApiError {
    ApiError {
        retry_after: Some(retry_after),
        ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, message)
    }
}

/// Refuses headers that are larger than any caller needs.
pub(crate) fn check_headers(headers: &HeaderMap, config: &Config) -> Result<(), ApiError> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size <= config.header_limit_bytes {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "HEADERS_TOO_LARGE",
        format!(
            "the headers have {size} bytes; at most {} are read",
            config.header_limit_bytes
        ),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn code(result: Result<Turn, ApiError>) -> String {
        result.err().map(|error| error.code).unwrap_or_default()
    }

    #[test]
    fn a_token_has_its_burst_and_then_its_rate() {
        let config = Config {
            requests_per_second: 2.0,
            burst: 3,
            ..Config::default()
        };
        let (limits, token, start) = (Limits::default(), Uuid::from_u128(1), Instant::now());
        let asked = |after_ms| {
            let now = start + Duration::from_millis(after_ms);
            code(limits.enter(token, &config, now))
        };
        assert_eq!([0, 0, 0].map(asked), ["", "", ""]);
        assert_eq!([0, 499].map(asked), ["RATE_LIMITED", "RATE_LIMITED"]);
        assert_eq!([500, 501].map(asked), ["", "RATE_LIMITED"]);
        assert_eq!([1_000, 1_001].map(asked), ["", "RATE_LIMITED"]);
        let other = limits.enter(Uuid::from_u128(2), &config, start);
        assert_eq!(code(other), "", "tokens do not share");
        assert_eq!([9_000, 9_000, 9_000].map(asked), ["", "", ""]);
        assert_eq!(asked(9_000), "RATE_LIMITED", "no more than the burst");
    }

    #[test]
    fn requests_at_the_same_time_are_bounded_and_give_their_place_back() {
        let config = Config {
            requests_per_second: 0.0,
            concurrent_requests: 2,
            ..Config::default()
        };
        let (limits, token, now) = (Limits::default(), Uuid::from_u128(1), Instant::now());
        let turns = [0, 1].map(|_| limits.enter(token, &config, now).ok());
        let refused = limits.enter(token, &config, now);
        assert_eq!(code(refused), "TOO_MANY_REQUESTS_AT_ONCE");
        drop(turns);
        assert_eq!(code(limits.enter(token, &config, now)), "");
    }
}
