//! A switch: a bridge in a namespace of its own, to which hosts are plugged.

use std::time::Duration;

use super::capture::Capture;
use super::host::Host;
use super::namespace::Namespace;
use super::process::Running;

/// The name of the bridge inside the switch namespace.
const BRIDGE: &str = "br0";
const SWITCH: &str = include_str!("scripts/switch.py");

/// One link, 10.77.NUMBER.0/24: every frame goes to every port that needs it, at once (no spanning tree, no snooping).
pub(crate) struct Lan {
    switch: Namespace,
    number: u8,
    has_bridge: bool,
}

impl Lan {
    pub(crate) fn new(number: u8) -> Self {
        let switch = Namespace::new(&format!("switch-{number}"));
        switch.ip(&format!(
            "link add {BRIDGE} type bridge stp_state 0 mcast_snooping 0 forward_delay 0\nlink set {BRIDGE} up"
        ));
        Self { switch, number, has_bridge: true }
    }

    /// A link on which no frame goes anywhere before [`Lan::switch`].
    pub(crate) fn without_bridge(number: u8) -> Self {
        Self { switch: Namespace::new(&format!("switch-{number}")), number, has_bridge: false }
    }

    /// Starts a switch of our own, scripts/switch.py, between the hosts that are plugged in now.
    pub(crate) fn switch(&self, options: &[&str]) -> Running {
        let mut switch = self.switch.spawn_script("switch.py", SWITCH, options);
        switch.wait_line(Duration::from_secs(20), "\"ready\"", 0, |line| line.contains("ready"));
        switch
    }

    /// A host with `eth0` on this link; its name is `host-LAN-NUMBER`, its address 10.77.LAN.NUMBER.
    pub(crate) fn host(&self, number: u8) -> Host {
        let host = Host::unplugged(&format!("host-{}-{number}", self.number));
        host.plug("eth0", self, number);
        host
    }

    /// The address of a host on this link.
    pub(crate) fn address(&self, number: u8) -> String {
        format!("10.77.{}.{number}", self.number)
    }

    /// Gives the namespace an interface whose other end is a port of the switch. It is up when this returns, and
    /// carries no address.
    pub(crate) fn connect(&self, namespace: &Namespace, interface: &str) {
        let port = self.port(namespace.pid(), interface);
        let bridge = if self.has_bridge { format!("master {BRIDGE}") } else { String::new() };
        self.switch.ip(&format!(
            "link add {port} type veth peer name {interface} netns {}\nlink set {port} {bridge} up",
            namespace.pid()
        ));
        namespace.ip(&format!("link set {interface} up"));
    }

    /// Pulls the cable of a host, or puts it back: its interface stays up without a carrier.
    pub(crate) fn set_cable(&self, host: &Host, interface: &str, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        self.switch.ip(&format!("link set {} {state}", self.port(host.namespace().pid(), interface)));
    }

    /// Puts the port of a host into another VLAN, as when a cable is plugged into the wrong one: a bridge of its own, since not
    /// every kernel has bridges that filter VLANs.
    pub(crate) fn set_vlan(&self, host: &Host, interface: &str, vlan: u16) {
        let port = self.port(host.namespace().pid(), interface);
        self.switch.ip(&format!(
            "link add vlan{vlan} type bridge stp_state 0 mcast_snooping 0 forward_delay 0\nlink set vlan{vlan} up\n\
             link set {port} master vlan{vlan}"
        ));
    }

    /// Captures all that the switch sees, each frame once.
    pub(crate) fn capture(&self) -> Capture {
        Capture::start(&self.switch, BRIDGE)
    }

    /// The port that the interface of a namespace is plugged to; at most 15 characters.
    fn port(&self, pid: u32, interface: &str) -> String {
        let digest = interface.bytes().fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(u16::from(byte)));
        format!("p{pid}-{digest:04x}")
    }
}
