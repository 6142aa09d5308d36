//! Which interfaces are used, and why the others are not.

use super::facts::InterfaceFact;
use super::{Facts, Finding};

const CHECK: &str = "interfaces";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let interfaces = &facts.host.interfaces;
    if interfaces.iter().any(|interface| interface.used) {
        return interfaces.iter().map(one).collect();
    }
    let reasons: Vec<String> =
        interfaces.iter().map(|interface| format!("{}: {}", interface.name, interface.why)).collect();
    let none = Finding::problem(CHECK, format!("no interface is used ({})", reasons.join("; ")));
    let candidate = interfaces.iter().find(|interface| interface.why == "down" && interface.name != "lo");
    vec![match candidate {
        Some(down) => none.mend(format!("ip link set dev {} up", down.name)),
        None => none.mend("kimchi-peers run --interface NAME"),
    }]
}

fn one(interface: &InterfaceFact) -> Finding {
    let InterfaceFact { name, why, .. } = interface;
    let finding = match interface.address {
        Some(address) if interface.used => Finding::ok(CHECK, format!("used, announcing {address}")),
        _ if interface.named && !interface.used => {
            let finding = Finding::problem(CHECK, format!("named in the settings and not used: {why}"));
            let command = if why == "down" {
                format!("ip link set dev {name} up")
            } else {
                format!("ip address show dev {name}")
            };
            finding.mend(command)
        }
        _ => Finding::ok(CHECK, format!("not used: {why}")),
    };
    finding.about(name)
}
