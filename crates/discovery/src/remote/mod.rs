//! Remote peers: hosts of other networks that a user adds by hand, and the test of their health.
//!
//! A remote peer is kept until the user removes it. Its health is a TCP connection and a TLS handshake with its console;
//! nothing is sent above TLS, so no request ever reaches the application there.
//!
//! ```text
//!  text ──parse──► RemoteAddress ──watch──► monitor (when)  ──► resolver (name → addresses, bounded threads)
//!                       ▲                     │   ▲               │ every address judged by Policy
//!                       └── Policy            │   └─ outcome ── health (TCP, TLS, hash of the certificate)
//!                                             ▼
//!                                       RemoteReports ──► RemoteHealth ──► transition
//!
//!                 one check answered
//!      ┌────────────────────────────────────────┐
//!      │                                        ▼
//!   unknown ──2 failures──► down ──answered──► up ──1 failure──► suspect
//!                            ▲                  ▲                 │   │
//!                            │                  └────answered─────┘   │
//!                            └────────────────1 more failure──────────┘
//! ```
//!
//! * [`RemoteAddress`]: what the user typed, checked and made canonical.
//! * [`Policy`]: which addresses may be connected to, asked at parsing and again after each resolution.
//! * [`RemoteMonitor`] and [`RemoteReports`]: the schedule and its results.
//! * [`CertificateReader`]: one look at one console, now.
//! * [`RemoteHealth`]: what a row of failures means; no input or output, for the library and the daemon alike.

mod address;
mod certificate;
mod error;
mod health;
mod lanes;
mod monitor;
mod policy;
mod reader;
mod resolver;
mod schedule;
mod state;
#[cfg(test)]
mod tests;

pub use address::{DEFAULT_PORT, Host, RemoteAddress};
pub use certificate::certificate_of_file;
pub use error::{CheckFailure, Phase, RemoteAddressError, TooManyRemotes};
pub use health::{Reached, check};
pub use monitor::{RemoteMonitor, RemoteMonitorConfig, RemoteReports};
pub use policy::{Forbidden, Policy};
pub use reader::CertificateReader;
pub use schedule::{MAX_REMOTES, RemoteReport};
pub use state::{RemoteHealth, RemoteState, Transition};
