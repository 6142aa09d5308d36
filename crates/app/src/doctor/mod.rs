//! Why somebody is not seen: facts in, findings out.
//!
//! ```text
//!  the daemon ──▶ gather ──Facts──▶ examine ──Report──▶ GET /v1/doctor, `doctor`
//!  /proc, /sys ──▶   ▲
//!                    └── the command line, where no daemon runs
//! ```
//!
//! Only `gather` looks at anything. The other files are one check each, or a few that belong together: they judge the facts
//! alone, in an order in which what comes first explains what comes after.

mod certificate;
mod clock;
mod console;
mod facts;
mod firewall;
pub(crate) mod gather;
mod hearing;
mod identity;
mod interfaces;
mod membership;
mod mode;
mod one_way;
mod peer;
mod port;
mod remote;
mod report;
mod running;
mod state;
mod traffic;
mod versions;

pub(crate) use facts::Facts;
pub(crate) use report::{Finding, Report, Verdict};

use report::worst;

/// The checks in their order.
const CHECKS: [fn(&Facts) -> Vec<Finding>; 20] = [
    running::check,
    interfaces::check,
    port::check,
    membership::check,
    firewall::check,
    traffic::mtu,
    hearing::check,
    hearing::switch,
    one_way::check,
    traffic::receiving,
    traffic::loss,
    clock::check,
    identity::names,
    identity::check,
    versions::check,
    mode::check,
    state::check,
    console::check,
    remote::check,
    certificate::check,
];

/// Judges the facts.
pub(crate) fn examine(facts: &Facts) -> Report {
    let of_host = CHECKS.iter().flat_map(|check| check(facts));
    let findings: Vec<Finding> = match &facts.subject {
        None => of_host.collect(),
        // What is wrong with this host may be the reason for what is asked.
        Some(subject) => {
            let wrong = of_host.filter(|finding| finding.verdict == Verdict::Problem && concerns_all(finding));
            peer::check(facts, subject).into_iter().chain(wrong).collect()
        }
    };
    Report {
        host: facts.name.clone(),
        daemon: facts.daemon.is_some(),
        peer: facts.subject.as_ref().map(|subject| subject.given.clone()),
        verdict: worst(&findings),
        findings,
    }
}

/// Whether a problem keeps this host from seeing anybody.
fn concerns_all(finding: &Finding) -> bool {
    ["daemon", "interfaces", "port", "membership", "firewall", "mtu", "hearing", "switch"]
        .contains(&finding.check.as_str())
}

#[cfg(test)]
pub(crate) mod tests;
