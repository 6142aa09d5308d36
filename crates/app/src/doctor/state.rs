//! The state directory and the disk under it, and what of this host's own files is not as it should be.

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
    if let Some((token, mode)) = &state.open_token {
        let evidence = format!(
            "the API's token is open to others (mode {mode:o}): who reads it can change what this host lists. Where somebody may have, \
             remove it too, and restart the daemon for a new one"
        );
        let token = token.display().to_string();
        findings.push(Finding::warning(CHECK, evidence).about(&token).mend(format!("chmod 600 {token}")));
    }
    let daemon = facts.daemon.iter();
    let reloads = daemon.clone().flat_map(|daemon| &daemon.reload_troubles);
    findings.extend(reloads.map(|trouble| {
        Finding::problem("reload", trouble.clone()).mend("mend that, then: systemctl reload kimchi-peers")
    }));
    let certificates = daemon.filter_map(|daemon| daemon.api_certificate.as_ref());
    findings.extend(
        certificates.map(|over| {
            Finding::warning("api", over.clone()).mend("renew tls_cert, then: systemctl reload kimchi-peers")
        }),
    );
    findings
}
