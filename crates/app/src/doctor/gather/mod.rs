//! Looks at everything that the checks judge.

mod daemon;
mod host;
mod kernel;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use kimchi_peers::remote::{CheckFailure, Policy, RemoteAddress, check};

use super::Facts;
use super::facts::{ConsoleFact, Subject};
use crate::settings::Settings;

pub(crate) use daemon::of_daemon;

/// How long the console may take: less than whoever asks the doctor waits.
const CONSOLE_LIMIT: Duration = Duration::from_secs(4);

/// What can be found out on this host where no daemon runs.
pub(crate) async fn without_daemon(settings: &Settings) -> Facts {
    let host = host::look(settings, false);
    let address = host.interfaces.iter().find(|interface| interface.used).and_then(|interface| interface.address);
    Facts {
        name: settings.name.clone(),
        port: settings.port,
        https_port: settings.https_port,
        state: host::state(&settings.state_dir),
        console: console(address, settings.https_port).await,
        host,
        daemon: None,
        subject: None,
    }
}

/// Tries this host's own console where other hosts are led to. Nothing of that leaves the host: the address is its own.
async fn console(address: Option<IpAddr>, port: u16) -> Option<ConsoleFact> {
    let address = address?;
    let at = SocketAddr::new(address, port).to_string();
    // An address that only a link knows cannot be connected to without naming the link, and it is this very host.
    let is_link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    let reached =
        if is_link_local { SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port).to_string() } else { at.clone() };
    let policy = Policy { allow_loopback: true };
    let mut is_refused = false;
    let failure = match RemoteAddress::parse(&reached, policy) {
        Ok(console) => match tokio::time::timeout(CONSOLE_LIMIT, check(&console, policy)).await {
            Ok(checked) => checked.err().map(|failure| {
                is_refused = matches!(failure, CheckFailure::Refused);
                failure.to_string()
            }),
            Err(_) => Some(format!("it was silent for {} s", CONSOLE_LIMIT.as_secs())),
        },
        Err(error) => Some(error.to_string()),
    };
    Some(ConsoleFact { at, failure, is_refused })
}

/// Whom a question is about that nobody can answer.
pub(crate) fn unasked(given: &str) -> Subject {
    Subject { given: given.to_owned(), ..Subject::default() }
}
