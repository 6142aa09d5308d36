//! A host: a namespace with interfaces on one or more links.

use std::process::Output;
use std::time::Duration;

use super::capture::Capture;
use super::lan::Lan;
use super::namespace::Namespace;
use super::process::Running;
use super::wait::until;

const FETCH: &str = include_str!("scripts/fetch.py");

/// A host on a LAN, or on several, or on none yet.
pub(crate) struct Host {
    namespace: Namespace,
}

impl Host {
    /// A host with nothing but `lo`.
    pub(crate) fn unplugged(name: &str) -> Self {
        Self { namespace: Namespace::new(name) }
    }

    pub(crate) fn name(&self) -> &str {
        self.namespace.name()
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A directory that outlives the daemons of this host, but not the test.
    pub(crate) fn directory(&self) -> String {
        self.namespace.directory()
    }

    /// Adds an interface with address 10.77.LAN.NUMBER/24, and waits until it has a carrier.
    pub(crate) fn plug(&self, interface: &str, lan: &Lan, number: u8) {
        lan.connect(&self.namespace, interface);
        self.add_address(interface, &lan.address(number));
        until(Duration::from_secs(5), "carrier", || {
            self.namespace.run_with(&["cat", &format!("/sys/class/net/{interface}/operstate")], "").trim() == "up"
        });
    }

    /// Adds `eth1` on another link.
    pub(crate) fn second_interface(&self, lan: &Lan, number: u8) {
        self.plug("eth1", lan, number);
    }

    /// Removes an interface altogether, as when a USB adapter is pulled.
    pub(crate) fn unplug(&self, interface: &str) {
        self.namespace.ip(&format!("link delete {interface}"));
    }

    /// Sets an interface administratively up or down.
    pub(crate) fn set_link(&self, interface: &str, up: bool) {
        self.namespace.ip(&format!("link set {interface} {}", if up { "up" } else { "down" }));
    }

    pub(crate) fn add_address(&self, interface: &str, address: &str) {
        self.namespace.ip(&format!("address add {address}/24 broadcast + dev {interface}"));
    }

    /// Gives the interface one address in place of another, in the order in which a DHCP client does it.
    pub(crate) fn replace_address(&self, interface: &str, old: &str, new: &str) {
        self.namespace
            .ip(&format!("address delete {old}/24 dev {interface}\naddress add {new}/24 broadcast + dev {interface}"));
    }

    /// Adds an interface such as `vnet0` or `tap0` with an address; its other end is in a guest, not on a switch.
    pub(crate) fn add_guest_interface(&self, guest: &Namespace, interface: &str, address: &str) {
        let guest_pid = guest.pid();
        self.namespace.ip(&format!("link add {interface} type veth peer name {interface} netns {guest_pid}"));
        guest.ip(&format!("link set {interface} up"));
        self.set_link(interface, true);
        self.add_address(interface, address);
    }

    /// Adds a bridge with these interfaces as its ports.
    pub(crate) fn add_bridge(&self, bridge: &str, ports: &[&str], address: &str) {
        self.namespace.ip(&format!("link add {bridge} type bridge stp_state 0 mcast_snooping 0 forward_delay 0"));
        for port in ports {
            self.namespace.ip(&format!("link set {port} master {bridge} up"));
        }
        self.namespace.ip(&format!("link set {bridge} up"));
        self.add_address(bridge, address);
    }

    /// Loses this share of the UDP datagrams that arrive; TCP is not touched.
    pub(crate) fn lose(&self, percent: u8) {
        let rules = format!(
            "table inet loss {{\n chain arriving {{\n  type filter hook input priority 0;\n  \
             iifname != \"lo\" meta l4proto udp numgen random mod 100 < {percent} drop;\n }}\n}}\n"
        );
        self.namespace.run_with(&["nft", "-f", "-"], &rules);
    }

    /// Ends [`Host::lose`].
    pub(crate) fn lose_nothing(&self) {
        self.namespace.run_with(&["nft", "delete table inet loss"], "");
    }

    /// Drops all UDP from this address.
    pub(crate) fn ignore(&self, address: &str) {
        self.drop_arriving(&format!("ip saddr {address}"));
    }

    /// Drops all UDP but its own from this address, looped back: a cut somewhere behind the next switch.
    pub(crate) fn ignore_all_but(&self, address: &str) {
        self.drop_arriving(&format!("iifname != \"lo\" ip saddr != {address}"));
    }

    /// Ends [`Host::ignore`] and [`Host::ignore_all_but`].
    pub(crate) fn ignore_nobody(&self) {
        self.namespace.run_with(&["nft", "delete table inet ignoring"], "");
    }

    fn drop_arriving(&self, what: &str) {
        let rules = format!(
            "table inet ignoring {{\n chain arriving {{\n  type filter hook input priority 0;\n  \
             meta l4proto udp {what} drop;\n }}\n}}\n"
        );
        self.namespace.run_with(&["nft", "-f", "-"], &rules);
    }

    /// Makes a router of this host.
    pub(crate) fn forward(&self) {
        self.namespace.run_with(&["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], "");
    }

    pub(crate) fn add_default_route(&self, router: &str) {
        self.namespace.ip(&format!("route add default via {router}"));
    }

    /// Whether the interface is a member of 224.0.0.132 or of ff12::132.
    pub(crate) fn is_member(&self, interface: &str) -> bool {
        self.memberships().iter().any(|member| member == interface)
    }

    /// The interfaces that are members of our groups.
    pub(crate) fn memberships(&self) -> Vec<String> {
        let listing = self.namespace.run_with(&["cat", "/proc/net/igmp", "/proc/net/igmp6"], "");
        members_in(&listing)
    }

    /// The body of one HTTP GET from inside the host.
    pub(crate) fn fetch(&self, url: &str) -> String {
        self.namespace.run_with(&["python3", "-c", FETCH, url], "")
    }

    pub(crate) fn capture(&self, interface: &str) -> Capture {
        Capture::start(&self.namespace, interface)
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        self.namespace.spawn(arguments)
    }

    /// Starts a Python script with its arguments.
    pub(crate) fn spawn_script(&self, what: &str, source: &str, arguments: &[&str]) -> Running {
        self.namespace.spawn_script(what, source, arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.namespace.run(arguments)
    }
}

/// Reads `/proc/net/igmp` (an interface line, then indented groups in the byte order of a little-endian machine) and
/// `/proc/net/igmp6` (one line for each interface and group).
fn members_in(listing: &str) -> Vec<String> {
    let group = format!("{:08X}", u32::from_ne_bytes([224, 0, 0, 132]));
    let mut interface = "";
    let mut members = Vec::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [_, name, group, ..] if *group == "ff120000000000000000000000000132" => members.push((*name).to_owned()),
            [first, ..] if line.starts_with('\t') && *first == group => members.push(interface.to_owned()),
            [_, name, ..] if !line.starts_with('\t') => interface = name.trim_end_matches(':'),
            _ => {}
        }
    }
    members
}
