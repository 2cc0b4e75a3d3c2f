//! Tokens of the API: made here, shown once, kept as a hash.
//!
//! A token has 256 random bits, so its SHA-256 needs neither salt nor work
//! factor, and the hash can be looked up. What was looked up is remembered for a
//! few seconds, so that a request does not read the store; whoever is revoked in
//! this process is forgotten at once. Last use is noted in memory and written by
//! [`Tokens::write_uses`].

use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use trunkline_model::Timestamp;
use trunkline_model::id::CustomerId;
use trunkline_store::token::{self, Token};
use trunkline_store::{Batch, Database, Error as StoreError};
use uuid::Uuid;

/// What every token begins with, so that one is recognised where it should
/// not be.
const PREFIX: &str = "tl_";

/// Random bytes of a token.
const LENGTH: usize = 32;

/// How long what was looked up is remembered, unless the configuration says.
const MEMORY: Duration = Duration::from_secs(5);

/// Most look-ups that are remembered; beyond, the memory begins anew.
const REMEMBERED: usize = 10_000;

/// Why a token cannot be made or checked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokensError {
    /// The store failed.
    #[error("the store does not answer for tokens")]
    Store(#[from] StoreError),
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Good {
        id: Uuid,
        customer: CustomerId,
    },
    Expired,
    Revoked,
    /// There is no such token.
    Unknown,
}

/// The tokens in a store.
#[derive(Clone)]
pub struct Tokens {
    db: Arc<dyn Database>,
    memory: Duration,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// By hash: the standing, and until when it may be believed.
    known: HashMap<String, (Standing, Instant)>,
    /// Used since the last time that it was written.
    used: HashSet<Uuid>,
}

impl Tokens {
    /// The tokens in `db`.
    #[must_use]
    pub fn new(db: Arc<dyn Database>) -> Self {
        Self {
            db,
            memory: MEMORY,
            seen: Arc::default(),
        }
    }

    /// The same, with another memory; zero is none.
    #[must_use]
    pub fn remembering(self, memory: Duration) -> Self {
        Self { memory, ..self }
    }

    /// Makes the first token, for `customer`, when there is none that can be
    /// used. Its text is returned this once and kept nowhere.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn first(&self, customer: CustomerId) -> Result<Option<String>, TokensError> {
        if self.are_there().await? {
            return Ok(None);
        }
        self.make(customer, "first").await.map(Some)
    }

    /// Whether there is a token that can be used.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn are_there(&self) -> Result<bool, TokensError> {
        Ok(token::any(&*self.db, self.db.now().await?).await?)
    }

    /// Makes a token for `customer` that does not end by itself. Its text is
    /// returned this once and kept nowhere.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn make(&self, customer: CustomerId, name: &str) -> Result<String, TokensError> {
        let (text, _) = self.make_until(customer, name, None).await?;
        Ok(text)
    }

    /// Makes a token that ends at `expire`.
    pub(crate) async fn make_until(
        &self,
        customer: CustomerId,
        name: &str,
        expire: Option<Timestamp>,
    ) -> Result<(String, Token), TokensError> {
        let text = random_text();
        let row = Token {
            id: Uuid::new_v4(),
            customer_id: customer,
            name: name.to_owned(),
            hash: hash(&text),
            tm_create: Some(self.db.now().await?),
            tm_expire: expire,
            ..Token::default()
        };
        self.db
            .apply(Batch::new().with(token::insert(&row)))
            .await?;
        Ok((text, row))
    }

    /// Revokes a token; false when it was not there.
    pub(crate) async fn revoke(&self, row: &Token) -> Result<bool, TokensError> {
        let now = self.db.now().await?;
        let batch = Batch::new().with(token::delete(row.id, row.customer_id, now));
        let done = match self.db.apply(batch).await {
            Ok(()) => true,
            Err(error) if error.is_conflict() => false,
            Err(error) => return Err(error.into()),
        };
        self.seen().known.remove(&row.hash);
        Ok(done)
    }

    /// What a token is good for, and that it was used.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn standing_of(&self, text: &str) -> Result<Standing, TokensError> {
        let given = hash(text);
        let now = Instant::now();
        let remembered = self.seen().known.get(&given).copied();
        let standing = match remembered {
            Some((standing, until)) if now < until => standing,
            Some(_) | None => self.look_up(given, now).await?,
        };
        if let Standing::Good { id, .. } = standing {
            self.seen().used.insert(id);
        }
        Ok(standing)
    }

    async fn look_up(&self, given: String, asked: Instant) -> Result<Standing, TokensError> {
        let row = token::by_hash(&*self.db, &given).await?;
        let row = row.filter(|row| same(&row.hash, &given));
        let now = self.db.now().await?;
        let standing = match &row {
            None => Standing::Unknown,
            Some(row) if row.tm_delete.is_some() => Standing::Revoked,
            Some(row) if row.tm_expire.is_some_and(|end| end <= now) => Standing::Expired,
            Some(row) => Standing::Good {
                id: row.id,
                customer: row.customer_id,
            },
        };
        // Only what can become worse is remembered: a token that is made with a
        // guessed text is good at once, and guesses do not fill the memory.
        if let (Standing::Good { .. }, Some(row)) = (standing, row) {
            let rest = row.tm_expire.map_or(self.memory, |end| end.since(now));
            let mut seen = self.seen();
            if seen.known.len() >= REMEMBERED {
                seen.known.clear();
            }
            let until = asked + rest.min(self.memory);
            seen.known.insert(given, (standing, until));
        }
        Ok(standing)
    }

    /// Writes which tokens were used since the last time.
    ///
    /// # Errors
    ///
    /// When the store fails; the uses are forgotten then.
    pub async fn write_uses(&self) -> Result<(), TokensError> {
        let used = std::mem::take(&mut self.seen().used);
        let now = self.db.now().await?;
        let batch: Batch = used
            .into_iter()
            .map(|id| token::set_last_used(id, now))
            .collect();
        if !batch.is_empty() {
            self.db.apply(batch).await?;
        }
        Ok(())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_text() -> String {
    let mut bytes = [0_u8; LENGTH];
    rand::rng().fill_bytes(&mut bytes);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256 in lower-case hexadecimal.
fn hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Compares in a time that does not depend on where the texts differ.
fn same(left: &str, right: &str) -> bool {
    let difference = left
        .bytes()
        .zip(right.bytes())
        .fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    left.len() == right.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_random_and_hashed_as_sha_256() {
        let (one, other) = (random_text(), random_text());
        assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 43 && one != other);
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(same("ab", "ab") && !same("ab", "ac") && !same("ab", "abc") && !same("ab", ""));
    }
}
