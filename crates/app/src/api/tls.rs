//! The certificate of listeners that other hosts can reach: from files, or made once and kept in the state directory.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::api::validity;
use crate::settings::Settings;

/// The certificate that the daemon makes, in the state directory.
const OWN_CERTIFICATE: &str = "api-cert.pem";
/// Its private key.
const OWN_KEY: &str = "api-key.pem";
/// Who beside owner and group may do anything with a private key, or who may write it beside the owner.
const TOO_OPEN: u32 = 0o037;

/// Why there is no certificate to serve.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("cannot read the certificate {}: {why}", path.display())]
    Certificate { path: PathBuf, why: String },
    #[error("cannot read the private key {}: {why}", path.display())]
    Key { path: PathBuf, why: String },
    #[error("the private key {} is open to others (mode {mode:03o}); make it 0600, or 0640 for a group", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("the certificate {} cannot be used with its key: {why}", path.display())]
    Unfit { path: PathBuf, why: String },
    #[error("cannot make a certificate in {}: {why}", path.display())]
    Make { path: PathBuf, why: String },
}

/// The certificate in force, which a reload may replace while connections are open.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    fingerprint: String,
    /// When it ends, where that can be read.
    end: Option<String>,
}

impl Tls {
    /// Reads the certificate that the settings name, or makes one in `state_dir` for `names`; `None` where none is asked
    /// for.
    ///
    /// # Errors
    /// A file is missing, is no PEM, does not fit the other one, or the key is open to others.
    pub(crate) fn load(settings: &Settings, state_dir: &Path, names: Vec<String>) -> Result<Option<Self>, TlsError> {
        let (certificate, key) = match (&settings.tls_cert, &settings.tls_key) {
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            _ if settings.tls_self_signed => {
                let (certificate, key) = (state_dir.join(OWN_CERTIFICATE), state_dir.join(OWN_KEY));
                make_if_missing(&certificate, &key, &settings.name, names)
                    .map_err(|why| TlsError::Make { path: state_dir.to_owned(), why })?;
                (certificate, key)
            }
            _ => return Ok(None),
        };
        let current = RwLock::new(read(&certificate, &key)?);
        Ok(Some(Self { certificate, key, current }))
    }

    /// Reads the same files again. New connections get what is there now; with an error all stays as it was.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// SHA-256 of the certificate in force, in hexadecimal: what a client pins with `--fingerprint`.
    pub(crate) fn fingerprint(&self) -> String {
        self.current().fingerprint
    }

    /// That the certificate in force is over, in a sentence.
    pub(crate) fn is_over(&self) -> Option<String> {
        let end = self.current().end.filter(|end| validity::is_over(end, SystemTime::now()))?;
        let day = end.get(..8).unwrap_or_default();
        let file = self.certificate.display();
        Some(format!(
            "the API's certificate {file} ended on {day} (UTC): clients that have its CA refuse it; renew it and reload"
        ))
    }

    /// What shakes hands with the certificate in force.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current().config)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Current, TlsError> {
    let no_certificate = |why: String| TlsError::Certificate { path: certificate.to_owned(), why };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(|error| no_certificate(error.to_string()))?.collect();
    let chain = chain.map_err(|error| no_certificate(error.to_string()))?;
    let first = chain.first().ok_or_else(|| no_certificate("it holds no certificate".to_owned()))?;
    let fingerprint = hexadecimal(ring::digest::digest(&ring::digest::SHA256, first).as_ref());
    let end = validity::end(first);
    let no_key = |why: String| TlsError::Key { path: key.to_owned(), why };
    let mode = fs::metadata(key).map_err(|error| no_key(error.to_string()))?.mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        return Err(TlsError::Open { path: key.to_owned(), mode });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| no_key(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
    let mut config =
        config.map_err(|error| TlsError::Unfit { path: certificate.to_owned(), why: error.to_string() })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), fingerprint, end })
}

/// Makes a certificate unless there is one. It is written after its key, so a certificate that is there has one.
fn make_if_missing(certificate: &Path, key: &Path, name: &str, mut names: Vec<String>) -> Result<(), String> {
    if certificate.exists() {
        return Ok(());
    }
    names.insert(0, name.to_owned());
    let secret = rcgen::KeyPair::generate().map_err(|error| error.to_string())?;
    let mut parameters = rcgen::CertificateParams::new(names).map_err(|error| error.to_string())?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let made = parameters.self_signed(&secret).map_err(|error| error.to_string())?;
    write(key, &secret.serialize_pem()).map_err(|error| error.to_string())?;
    write(certificate, &made.pem()).map_err(|error| error.to_string())
}

/// Never seen half written, and never readable by others.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("new");
    // One that a killed daemon left could have been made with other rights.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn self_signed(directory: &Path) -> Result<Tls, TlsError> {
        let settings = Settings { name: "kvm-1".to_owned(), tls_self_signed: true, ..Settings::default() };
        Tls::load(&settings, directory, vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).map(Option::unwrap)
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let first = self_signed(directory.path()).unwrap().fingerprint();
        assert_eq!(first.len(), 64);
        assert_eq!(self_signed(directory.path()).unwrap().fingerprint(), first);
        let key = directory.path().join(OWN_KEY);
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        fs::remove_file(directory.path().join(OWN_CERTIFICATE)).unwrap();
        assert_ne!(self_signed(directory.path()).unwrap().fingerprint(), first);
        assert!(Tls::load(&Settings::default(), directory.path(), Vec::new()).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_with_the_files_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let tls = self_signed(directory.path()).unwrap();
        let before = tls.fingerprint();
        let (certificate, key) = (directory.path().join(OWN_CERTIFICATE), directory.path().join(OWN_KEY));
        let good = fs::read(&key).unwrap();
        let wrong = |told: &str| {
            let error = tls.reload().unwrap_err().to_string();
            assert!(error.contains(told), "{told}: {error}");
            assert_eq!(tls.fingerprint(), before);
        };
        for mode in [0o604, 0o644, 0o660, 0o610] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            wrong("is open to others");
        }
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        tls.reload().unwrap();
        fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        wrong("cannot be used with its key");
        fs::write(&key, "nonsense").unwrap();
        wrong("private key");
        fs::write(&key, good).unwrap();
        fs::write(&certificate, "nonsense").unwrap();
        wrong("certificate");
        fs::remove_file(&certificate).unwrap();
        wrong("certificate");
    }
}
