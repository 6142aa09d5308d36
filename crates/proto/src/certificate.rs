//! The certificate of a host's console, as the host itself announces it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::base64;

/// The SHA-256 of the certificate, in DER form, that a host serves at its HTTPS port (FIPS 180-4: 32 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateHash([u8; 32]);

/// Characters of the text form: 32 bytes in base64url without padding.
const TEXT: usize = base64::text_length(32);

/// Why a text is no hash of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the hash of a certificate: use 43 characters of base64url")]
pub struct InvalidCertificateHash;

impl CertificateHash {
    /// The hash of these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The letters of the text form.
    pub(crate) fn letters(&self) -> [u8; TEXT] {
        base64::letters(&self.0)
    }
}

impl fmt::Display for CertificateHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&base64::text(&self.0))
    }
}

impl FromStr for CertificateHash {
    type Err = InvalidCertificateHash;

    /// Reads what `Display` writes, the spare bits zero, and nothing else.
    fn from_str(text: &str) -> Result<Self, InvalidCertificateHash> {
        base64::bytes(text.as_bytes()).map(Self).ok_or(InvalidCertificateHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_text() {
        let hash = CertificateHash::from_bytes(std::array::from_fn(|index| index as u8));
        let text = hash.to_string();
        assert_eq!(text, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!((text.parse(), &hash.letters()[..]), (Ok(hash), text.as_bytes()));
        for wrong in ["", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", &text[1..], &format!("{text}=")] {
            assert_eq!(wrong.parse::<CertificateHash>(), Err(InvalidCertificateHash), "{wrong:?}");
        }
    }
}
