//! Tokens of the API: made here, shown once, kept as a hash.
//!
//! A token has 256 random bits, so its SHA-256 needs neither salt nor work
//! factor, and the hash can be looked up.

use std::hint::black_box;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use trunkline_model::id::CustomerId;
use trunkline_store::token::{self, Token};
use trunkline_store::{Batch, Database, Error as StoreError};
use uuid::Uuid;

/// What every token begins with, so that one is recognised where it should
/// not be.
const PREFIX: &str = "tl_";

/// Random bytes of a token.
const LENGTH: usize = 32;

/// Why a token cannot be made or checked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokensError {
    /// The store failed.
    #[error("the store does not answer for tokens")]
    Store(#[from] StoreError),
}

/// The tokens in a store.
#[derive(Clone)]
pub struct Tokens {
    db: Arc<dyn Database>,
}

impl Tokens {
    /// The tokens in `db`.
    #[must_use]
    pub fn new(db: Arc<dyn Database>) -> Self {
        Self { db }
    }

    /// Makes the first token, for `customer`, when there is none at all. Its
    /// text is returned this once and kept nowhere.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn first(&self, customer: CustomerId) -> Result<Option<String>, TokensError> {
        if token::any(&*self.db).await? {
            return Ok(None);
        }
        self.make(customer, "first").await.map(Some)
    }

    /// Makes a token for `customer`. Its text is returned this once and kept
    /// nowhere.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn make(&self, customer: CustomerId, name: &str) -> Result<String, TokensError> {
        let text = random_text();
        let row = Token {
            id: Uuid::new_v4(),
            customer_id: customer,
            name: name.to_owned(),
            hash: hash(&text),
            tm_create: Some(self.db.now().await?),
            tm_delete: None,
        };
        self.db
            .apply(Batch::new().with(token::insert(&row)))
            .await?;
        Ok(text)
    }

    /// The customer of a token; `None` when there is no such token.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn customer_of(&self, text: &str) -> Result<Option<CustomerId>, TokensError> {
        let given = hash(text);
        let row = token::by_hash(&*self.db, &given).await?;
        Ok(row
            .filter(|row| same(&row.hash, &given))
            .map(|row| row.customer_id))
    }
}

fn random_text() -> String {
    let mut bytes = [0_u8; LENGTH];
    rand::rng().fill_bytes(&mut bytes);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256 in lower-case hexadecimal.
fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
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
