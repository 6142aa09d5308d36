//! Whether this host's own console answers where other hosts are led to.

use super::facts::ConsoleFact;
use super::{Facts, Finding};

const CHECK: &str = "console";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(ConsoleFact { at, failure, is_refused }) = &facts.console else {
        return vec![Finding::unknown(CHECK, "this host has no address at which it could be reached")];
    };
    vec![match failure {
        None => Finding::ok(CHECK, "it answers in TLS").about(at),
        // A host without a console has nothing that could be started again.
        Some(_) if *is_refused && !ever_had_one(facts) => Finding::warning(
            CHECK,
            "no console answers there; if this host has none, other hosts' links to it lead nowhere",
        )
        .about(at)
        .mend("if it has one at another port: https_port = PORT in /etc/kimchi-peers/kimchi-peers.toml"),
        Some(failure) => {
            Finding::problem(CHECK, format!("other hosts are led there, and it does not answer: {failure}"))
                .about(at)
                .mend(format!("ss -ltnp 'sport = :{}'", facts.https_port))
                .mend("systemctl restart wokd")
                .mend("if it is at another port: https_port = PORT in /etc/kimchi-peers/kimchi-peers.toml")
        }
    }]
}

fn ever_had_one(facts: &Facts) -> bool {
    facts.host.has_console || facts.daemon.as_ref().is_some_and(|daemon| daemon.console_answered)
}
