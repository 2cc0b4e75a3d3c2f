//! Signing a webhook, so that the customer's server can tell ours from others.
//!
//! The scheme is the one of <https://www.standardwebhooks.com>: HMAC-SHA256 over
//! `<id>.<unix seconds>.<body>` in base64. Libraries that check it exist for
//! most languages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use trunkline_model::customer::Secret;

/// Bytes that SHA-256 works on at once.
const BLOCK: usize = 64;

/// Header with the delivery's id: the same in every attempt.
pub(crate) const ID_HEADER: &str = "webhook-id";
/// Header with the attempt's time, seconds since the Unix epoch.
pub(crate) const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with the signature.
pub(crate) const SIGNATURE_HEADER: &str = "webhook-signature";

/// The value of [`SIGNATURE_HEADER`].
pub(crate) fn sign(secret: &Secret, id: &str, unix_seconds: i64, body: &str) -> String {
    let message = format!("{id}.{unix_seconds}.{body}");
    format!(
        "v1,{}",
        STANDARD.encode(hmac_sha256(&key(secret), message.as_bytes()))
    )
}

/// A secret with the scheme's prefix is base64; any other is taken as it is.
fn key(secret: &Secret) -> Vec<u8> {
    let decoded = secret
        .0
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok());
    decoded.unwrap_or_else(|| secret.0.clone().into_bytes())
}

/// RFC 2104 over SHA-256.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_gives_the_values_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, expected) in cases {
            assert_eq!(hex(&hmac_sha256(key, message)), expected);
        }
    }

    #[test]
    fn a_secret_in_the_schemes_form_is_decoded() {
        let plain = sign(&Secret("test-key".to_owned()), "id", 1, "{}");
        let encoded = sign(
            &Secret(format!("whsec_{}", STANDARD.encode("test-key"))),
            "id",
            1,
            "{}",
        );
        assert_eq!(plain, encoded);
        assert!(plain.starts_with("v1,"));
    }
}
