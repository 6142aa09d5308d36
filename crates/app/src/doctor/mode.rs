//! Whom this host lists, and who would vanish if it were stricter.

use super::report::some_of;
use super::{Facts, Finding};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    if daemon.mode == "require-group" && daemon.group_keys == 0 {
        let evidence = "trust is require-group and this host has no group key, so it lists nobody";
        return vec![Finding::problem("trust", evidence).mend("kimchi-peers key install FILE")];
    }
    let refused = daemon.traffic.dropped.get("not_admitted").copied().unwrap_or(0);
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
    vec![if unsigned > 0 {
        let evidence = format!(
            "{told}; {unsigned} datagrams had a wrong code of this host's group: somebody has another key of that name"
        );
        Finding::warning("trust", evidence).mend("kimchi-peers key show")
    } else if refused > 0 {
        let evidence = format!("{told}; {refused} datagrams came from hosts that it does not list");
        Finding::warning("trust", evidence).mend("kimchi-peers status")
    } else {
        Finding::ok("trust", told)
    }]
}
