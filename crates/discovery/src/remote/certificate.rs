//! The certificate of a remote console: accepted whoever signed it, recognised by its hash.
//!
//! Why any certificate is accepted: Kimchi makes a self-signed one at installation, so there is no authority to ask, and
//! the check sends nothing that needed secrecy. What counts is that the same certificate is served as before; therefore
//! its SHA-256 is reported, and the caller compares it with the one it pinned. So that the hash means something, the
//! handshake's signature *is* verified: the server does hold the certificate's private key.
//!
//! The key is read from the certificate by a reader of our own and not by webpki, which refuses whole certificates for
//! reasons that do not matter here, such as the version 1 certificates that `openssl x509 -req` has made for decades. A
//! host must not be shown as down because of that.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring as provider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

/// The client side of a check: TLS 1.2 and 1.3, any certificate, no resumption.
///
/// Without resumption every check is a full handshake in which the server shows its certificate and proves the key.
pub(super) fn client_config() -> Result<Arc<ClientConfig>, Error> {
    let provider = provider::default_provider();
    let verifier = AnyCertificate { algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The SHA-256 of a certificate in DER form: what `openssl x509 -fingerprint -sha256` prints.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// The SHA-256 of the first certificate in a PEM file, in DER form.
///
/// # Errors
/// The file cannot be read, is no PEM, or has no certificate; the sentence is the system's or the reader's.
pub fn certificate_of_file(path: &Path) -> Result<[u8; 32], String> {
    let first = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?.next();
    let certificate = first.ok_or("it holds no certificate")?.map_err(|error| error.to_string())?;
    Ok(fingerprint(&certificate))
}

#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = public_key(certificate).ok_or(CertificateError::BadEncoding)?;
        let known = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        // A scheme of TLS 1.2 leaves the curve open, so it maps to several algorithms; the key says which one it is for.
        let verified = known.into_iter().flat_map(|(_, algorithms)| *algorithms).any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key.algorithm
                && algorithm.verify_signature(key.bits, message, signed.signature()).is_ok()
        });
        match known {
            None => Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()),
            Some(_) if verified => Ok(HandshakeSignatureValid::assertion()),
            Some(_) => Err(CertificateError::BadSignature.into()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = public_key(certificate).ok_or(CertificateError::BadEncoding)?;
        let whole = SubjectPublicKeyInfoDer::from(key.whole);
        verify_tls13_signature_with_raw_key(message, &whole, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The SubjectPublicKeyInfo of a certificate (RFC 5280 section 4.1).
struct PublicKey<'a> {
    /// The whole structure, with its head.
    whole: &'a [u8],
    /// The content of its AlgorithmIdentifier.
    algorithm: &'a [u8],
    /// The key itself.
    bits: &'a [u8],
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed: the version field, which version 1 certificates lack.
const VERSION: u8 = 0xa0;

fn public_key<'a>(certificate: &'a CertificateDer<'_>) -> Option<PublicKey<'a>> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        (_, fields) = element(fields, tag)?;
    }
    let (key, rest) = element(fields, SEQUENCE)?;
    let whole = fields.get(..fields.len() - rest.len())?;
    let (algorithm, rest) = element(key, SEQUENCE)?;
    let (bits, _) = element(rest, BIT_STRING)?;
    // The first byte of a bit string counts its unused bits; a key is whole bytes.
    let bits = bits.strip_prefix(&[0])?;
    Some(PublicKey { whole, algorithm, bits })
}

/// Splits one DER element of the wanted tag into its content and what follows it. Lengths of up to two bytes: rustls takes
/// no certificate over 64 KiB.
fn element(input: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (length, content) = match *input {
        [tag, short @ 0..=0x7f, ref content @ ..] if tag == wanted => (usize::from(short), content),
        [tag, 0x81, length, ref content @ ..] if tag == wanted => (usize::from(length), content),
        [tag, 0x82, high, low, ref content @ ..] if tag == wanted => {
            (usize::from(u16::from_be_bytes([high, low])), content)
        }
        _ => return None,
    };
    content.split_at_checked(length)
}
