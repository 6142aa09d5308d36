//! What gets lost on the way: for want of room, for its length, or on the link.

use super::facts::Facts;
use super::report::Finding;

/// Bytes of the longest datagram with its IPv4 and UDP heads, and with those of IPv6.
const LONGEST: (u64, u64) = (1_228, 1_248);
/// The receive buffer that the daemon asks for, in bytes.
const RECEIVE_BUFFER: u64 = 8 << 20;
/// Shares of datagrams that get lost: more than this is told, and more than that hides hosts.
const LOSS_TOLD: f64 = 0.05;
const LOSS_BAD: f64 = 0.3;

/// Whether the longest datagram fits the links.
pub(super) fn mtu(facts: &Facts) -> Vec<Finding> {
    let of_interface = |interface: &super::facts::InterfaceFact| {
        let needed = if interface.address.is_some_and(|address| address.is_ipv6()) { LONGEST.1 } else { LONGEST.0 };
        let name = &interface.name;
        let finding = match interface.mtu {
            Some(mtu) if mtu < needed => Finding::problem(
                "mtu",
                format!(
                    "its MTU is {mtu} bytes and the longest packets of discovery have {needed}: they are cut up or lost"
                ),
            )
            .mend(format!("ip link set dev {name} mtu 1500")),
            Some(mtu) => Finding::ok("mtu", format!("its MTU is {mtu} bytes, of which {needed} are needed")),
            None => Finding::unknown("mtu", "its MTU cannot be read"),
        };
        finding.about(name)
    };
    facts.host.interfaces.iter().filter(|interface| interface.used).map(of_interface).collect()
}

/// Whether what arrives is taken.
pub(super) fn receiving(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    let traffic = &daemon.traffic;
    let mut findings = Vec::new();
    if traffic.kernel_dropped > 0 {
        let max = facts.host.receive_max.map_or_else(String::new, |max| format!("; net.core.rmem_max is {max}"));
        let evidence = format!(
            "the kernel dropped {} datagrams for want of room in the receive buffer, and {} were taken{max}",
            traffic.kernel_dropped, traffic.received
        );
        let restart = "systemctl restart kimchi-peers";
        let more = format!("sysctl -w net.core.rmem_max={RECEIVE_BUFFER}");
        findings.push(Finding::warning("receiving", evidence).mend(more).mend(restart));
    }
    if traffic.skipped > 0 {
        let evidence = format!(
            "{} datagrams to the group waited for a second or more and were skipped: this host was too busy to read them, or \
             was flooded",
            traffic.skipped
        );
        findings.push(Finding::warning("receiving", evidence).mend("cat /proc/pressure/cpu"));
    }
    if traffic.send_errors > 0 && daemon.port_error.is_none() {
        let evidence = format!("{} datagrams could not be sent; the log names the reason", traffic.send_errors);
        findings.push(Finding::warning("receiving", evidence).mend("journalctl -u kimchi-peers -g 'sending failed'"));
    }
    let off_link = traffic.dropped.get("off_link").copied().unwrap_or(0);
    if off_link > 0 {
        let evidence = format!(
            "{off_link} datagrams came from addresses outside of the networks of the interface that they came in by: a host \
             of another network is on this link, or a netmask is wrong"
        );
        findings.push(Finding::warning("receiving", evidence).mend("ip -brief address"));
    }
    if findings.is_empty() {
        findings
            .push(Finding::ok("receiving", format!("{} datagrams were taken and none was dropped", traffic.received)));
    }
    findings
}

/// What the links lose.
pub(super) fn loss(facts: &Facts) -> Vec<Finding> {
    let measured = facts.open_links().filter_map(|link| Some((link, link.loss?)));
    let told = |(link, loss): (&super::facts::LinkFact, f64)| {
        let evidence = format!("{:.0} % of all datagrams are lost one way", loss * 100.0);
        let finding = match loss {
            loss if loss >= LOSS_BAD => {
                Finding::problem("loss", evidence).mend(format!("ip -s link show dev {}", link.name))
            }
            loss if loss >= LOSS_TOLD => {
                Finding::warning("loss", evidence).mend(format!("ip -s link show dev {}", link.name))
            }
            _ => Finding::ok("loss", "hardly anything is lost"),
        };
        finding.about(&link.name)
    };
    measured.map(told).collect()
}
