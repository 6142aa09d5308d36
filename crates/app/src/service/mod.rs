//! Services in the words of SLP, in which Wok and Kimchi register themselves: `service:wokd://HOST:PORT`.
//!
//! ```text
//!  slptool register ──▶ API ──▶ Registered ──▶ file        the port that the host announces
//!        │ no daemon                ▲      └─▶ slptool findsrvs, beside the peers
//!        └──▶ Spool ────────────────┘
//! ```

pub(crate) mod registered;
pub(crate) mod spool;
mod url;

pub(crate) use url::{InvalidServiceUrl, ServiceType, ServiceUrl, is_host};
