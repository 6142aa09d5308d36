//! Whose certificate is trusted where the API is asked over TLS: one that a given CA signed, or a given one alone.

use std::path::PathBuf;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use thiserror::Error;

use crate::api::hexadecimal;
use crate::cli::Connection;
use crate::client::ClientError;

/// Bytes of a SHA-256 in hexadecimal.
const FINGERPRINT_DIGITS: usize = 64;

/// Which certificates are trusted, as the user says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Belief {
    ca: Option<PathBuf>,
    fingerprint: Option<String>,
}

impl Belief {
    /// What the options say.
    pub(crate) fn of(connection: &Connection) -> Self {
        Self { ca: connection.ca.clone(), fingerprint: connection.fingerprint.clone() }
    }

    /// The client's side of TLS.
    ///
    /// # Errors
    /// The user did not say, or not in a form that can be used.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>, ClientError> {
        let provider = Arc::new(provider::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Belief(error.to_string()))?;
        let config = match (&self.fingerprint, &self.ca) {
            (Some(text), _) => {
                let verifier = Pinned { fingerprint: fingerprint(text)?, provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
            (None, Some(path)) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
            (None, None) => {
                let sentence = "asking over https:// needs --ca FILE or --fingerprint SHA256, to know whom to trust";
                return Err(ClientError::Belief(sentence.to_owned()));
            }
        };
        Ok(Arc::new(config))
    }
}

/// The fingerprint as OpenSSL or the daemon's log writes it, in lower case and without colons.
fn fingerprint(text: &str) -> Result<String, ClientError> {
    let digits: String = text.chars().filter(|letter| *letter != ':').collect::<String>().to_ascii_lowercase();
    if digits.len() == FINGERPRINT_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(ClientError::Belief("--fingerprint takes the SHA-256 of a certificate: 64 hexadecimal digits".to_owned()))
}

fn roots(path: &PathBuf) -> Result<RootCertStore, ClientError> {
    let wrong = |why: String| ClientError::Belief(format!("cannot read --ca {}: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("it holds no certificate".to_owned())) } else { Ok(roots) }
}

/// The certificate is another one than the one that may be trusted.
#[derive(Debug, Error)]
#[error("it has the SHA-256 fingerprint {shown}, and not the one of --fingerprint")]
struct NotPinned {
    shown: String,
}

/// Trusts one certificate, whatever it says of itself; that the other side has its key is proved by the handshake.
#[derive(Debug)]
struct Pinned {
    fingerprint: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = hexadecimal(digest(&SHA256, end_entity).as_ref());
        if shown == self.fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::Other(OtherError(Arc::new(NotPinned { shown }))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_trusted_without_a_word_of_the_user() {
        let error = Belief::default().client_config().unwrap_err().to_string();
        assert!(error.contains("--ca") && error.contains("--fingerprint"), "{error}");
    }

    #[test]
    fn a_fingerprint_is_read_in_all_its_forms() {
        let plain = "0123456789abcdef".repeat(4);
        let bytes: Vec<&str> = plain.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        for text in [plain.clone(), plain.to_ascii_uppercase(), bytes.join(":")] {
            assert_eq!(fingerprint(&text).unwrap(), plain);
        }
        for text in ["", "0123", &plain[1..], &format!("{plain}0"), &"g".repeat(64), &"é".repeat(32)] {
            assert!(fingerprint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_ca_file_holds_certificates() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let belief = Belief { ca: Some(path.clone()), fingerprint: None };
        assert!(belief.client_config().unwrap_err().to_string().contains("cannot read --ca"));
        std::fs::write(&path, "nothing").unwrap();
        assert!(belief.client_config().unwrap_err().to_string().contains("it holds no certificate"));
        let key = rcgen::KeyPair::generate().unwrap();
        let made = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&path, made.pem()).unwrap();
        assert!(belief.client_config().is_ok());
    }
}
