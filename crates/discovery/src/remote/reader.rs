//! Looking at the certificate of one console, now, for somebody who asked for it.

use std::sync::Arc;
use std::time::Duration;

use super::address::RemoteAddress;
use super::error::CheckFailure;
use super::health::{Check as _, Checker, Reached};
use super::monitor::RemoteMonitorConfig;
use super::policy::Policy;
use super::resolver::system_lookup;

/// Looks that are under way at a time. The others wait; who asks for more than that does not get this host to open more.
const AT_ONCE: usize = 4;

/// Reads the certificates of consoles, apart from the schedule of [`RemoteMonitor`](super::RemoteMonitor): a look is a TCP
/// connection and a TLS handshake, and sends nothing above that.
///
/// Nothing is opened before the first look, and TLS is set up for the first console that answers.
#[derive(Debug)]
pub struct CertificateReader {
    checker: Checker,
}

impl CertificateReader {
    /// A reader that connects to what `policy` allows, with at most `limit` for each step of a look.
    pub fn new(policy: Policy, limit: Duration) -> Self {
        let usual = RemoteMonitorConfig::new(0);
        let config = RemoteMonitorConfig {
            policy,
            connections: AT_ONCE,
            lookup_threads: AT_ONCE,
            resolve_limit: limit,
            connect_limit: limit,
            handshake_limit: limit,
            ..usual
        };
        Self { checker: Checker::new(&config, Arc::new(system_lookup)) }
    }

    /// Looks once.
    ///
    /// # Errors
    /// Why no certificate was seen. What the policy forbids is not connected to.
    pub async fn read(&self, address: &RemoteAddress) -> Result<Reached, CheckFailure> {
        self.checker.check(address, false).await
    }
}
