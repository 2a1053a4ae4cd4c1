//! By what a text is known: SHA-256, in hexadecimal digits.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a text.
pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}
