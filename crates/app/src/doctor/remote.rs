//! The peers that were added by hand, one by one, by their newest check.

use super::facts::RemoteFact;
use super::{Facts, Finding};
use crate::view::PeerState;

const CHECK: &str = "remote";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    facts.daemon.iter().flat_map(|daemon| &daemon.remotes).map(one).collect()
}

/// What the newest check of one of them says.
pub(super) fn one(remote: &RemoteFact) -> Finding {
    let finding = match &remote.failure {
        None if remote.state == PeerState::Unknown => Finding::unknown(CHECK, "it was not checked yet"),
        None => {
            let connected = remote.rtt_ms.map_or_else(String::new, |time| format!(" in {time:.1} ms"));
            Finding::ok(
                CHECK,
                format!("its name has an address, it was connected to{connected}, and it answered in TLS"),
            )
        }
        Some((cause, sentence)) => {
            let (host, port) = remote.id.rsplit_once(':').unwrap_or((&remote.id, "8001"));
            let host = host.trim_matches(['[', ']']);
            let (step, command) = match cause.as_str() {
                "unresolvable" | "resolve_timed_out" | "forbidden_address" => {
                    ("resolve", format!("getent hosts {host}"))
                }
                "refused" | "unreachable" | "connect_timed_out" => ("connect", format!("nc -vz -w 5 {host} {port}")),
                "not_tls" | "closed" | "handshake_failed" | "handshake_timed_out" => {
                    ("TLS", format!("openssl s_client -connect {} </dev/null", remote.id))
                }
                _ => ("check", "journalctl -u kimchi-peers".to_owned()),
            };
            let finding = Finding::problem(CHECK, format!("{step}: {sentence}")).mend(command);
            if step == "resolve" {
                finding.mend(format!("if it is mistyped: kimchi-peers remove {}", remote.id))
            } else {
                finding
            }
        }
    };
    finding.about(&remote.name)
}
