//! The state directory and the disk under it.

use super::{Facts, Finding};

const CHECK: &str = "state";
/// Bytes below which the disk is as good as full, and below which it soon is.
const FULL: u64 = 4 << 20;
const NEARLY_FULL: u64 = 64 << 20;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let state = &facts.state;
    let path = state.path.display().to_string();
    let look = format!("df -h {path}");
    let mut findings: Vec<Finding> = facts
        .daemon
        .iter()
        .flat_map(|daemon| &daemon.store_troubles)
        .map(|trouble| Finding::problem(CHECK, trouble.clone()).about(&path).mend(look.clone()))
        .collect();
    let finding = if !state.exists {
        Finding::ok(CHECK, "it is not there yet; the daemon makes it")
    } else if !state.writable {
        let evidence = "it cannot be written by this user, so nothing is kept over a restart";
        Finding::problem(CHECK, evidence).mend(format!("ls -ld {path}"))
    } else {
        match state.free_bytes {
            Some(free) if free < FULL => Finding::problem(CHECK, "the disk is full").mend(look),
            Some(free) if free < NEARLY_FULL => {
                Finding::warning(CHECK, format!("the disk has {} MiB left", free >> 20)).mend(look)
            }
            Some(free) => Finding::ok(CHECK, format!("it can be written, and the disk has {} MiB left", free >> 20)),
            None => Finding::ok(CHECK, "it can be written"),
        }
    };
    findings.push(finding.about(&path));
    findings
}
