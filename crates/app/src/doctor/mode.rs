//! Whom this host lists, and who would vanish if it were stricter.

use super::facts::DaemonFacts;
use super::report::some_of;
use super::{Facts, Finding};

/// Whom this host hears and does not list because of its mode; nothing where there is nobody.
pub(super) fn kept_out(daemon: &DaemonFacts) -> Option<Finding> {
    let refused = daemon.traffic.dropped.get("not_admitted").copied().filter(|count| *count > 0)?;
    let heard = |whom: &str| format!("trust is {}, and {refused} datagrams came from hosts {whom}", daemon.mode);
    Some(if daemon.mode == "require-group" {
        Finding::warning("trust", heard("that have no group key of this host, so it does not list them"))
            .mend("compare the ids here and on the other host: kimchi-peers key show")
    } else {
        Finding::warning("trust", heard("that sign nothing, so it does not list them"))
            .mend("to list them as unsigned: trust = \"mark\" in /etc/kimchi-peers/kimchi-peers.toml")
    })
}

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    if daemon.mode == "require-group" && daemon.group_keys == 0 {
        let evidence = "trust is require-group and this host has no group key, so it lists nobody";
        return vec![Finding::problem("trust", evidence).mend("kimchi-peers key install FILE")];
    }
    let unsigned = daemon.traffic.dropped.get("group_code").copied().unwrap_or(0);
    let mut told = vec![format!("trust is {}", daemon.mode)];
    let stricter =
        ["mark", "require-signed", "require-group"].into_iter().skip_while(|mode| *mode != daemon.mode).skip(1);
    for mode in stricter {
        let gone = daemon.would_vanish.get(mode).map(Vec::as_slice).unwrap_or_default();
        let whom = if gone.is_empty() { "nobody".to_owned() } else { some_of(gone) };
        told.push(format!("in {mode} {whom} would vanish"));
    }
    let told = told.join("; ");
    let mut findings = vec![if unsigned > 0 {
        let evidence = format!(
            "{told}; {unsigned} datagrams had a wrong code of this host's group: somebody has another key of that name"
        );
        Finding::warning("trust", evidence).mend("kimchi-peers key show")
    } else {
        Finding::ok("trust", told)
    }];
    findings.extend(kept_out(daemon));
    findings
}
