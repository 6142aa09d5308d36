//! Which interfaces discovery uses when nobody names any.
//!
//! On a KVM host the first attacker is a guest: what leads to guests or containers is never used by default.

use std::path::Path;

/// Name prefixes of interfaces that lead to guests, containers or tunnels.
const GUEST_PREFIXES: [&str; 10] = ["virbr", "vnet", "docker", "veth", "cni", "tap", "tun", "wg", "macvtap", "lxcbr"];
/// Docker names the bridges of its networks `br-` and twelve hexadecimal digits.
const DOCKER_BRIDGE_DIGITS: usize = 12;

/// What the operating system tells of an interface, as far as the choice depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits<'a> {
    pub(crate) name: &'a str,
    pub(crate) up: bool,
    pub(crate) running: bool,
    pub(crate) multicast: bool,
    pub(crate) loopback: bool,
    pub(crate) addressed: bool,
}

/// Whether an interface is used, and why or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Choice {
    /// It is used: nothing speaks against it, or it was named.
    Used,
    /// It is not among the named ones.
    NotNamed,
    /// It is switched off.
    Down,
    /// It has no carrier: no cable, no peer.
    NoCarrier,
    /// It cannot multicast.
    NoMulticast,
    /// It carries no address that can be announced.
    NoAddress,
    /// The loopback interface is used only when it is named.
    Loopback,
    /// Its name is one of guests', containers' or tunnels'; used only when it is named.
    Guest,
    /// It is a port of a bridge or of a bond, which is used in its place; used itself only when it is named.
    Port,
    /// A bridge that connects guests with each other and with nothing else; used only when it is named.
    GuestBridge,
}

impl Choice {
    /// A short reason for a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::NotNamed => "not among the configured interfaces",
            Self::Down => "down",
            Self::NoCarrier => "no carrier",
            Self::NoMulticast => "cannot multicast",
            Self::NoAddress => "no address to announce",
            Self::Loopback => "loopback, used only if configured",
            Self::Guest => "leads to guests or containers, used only if configured",
            Self::Port => "port of a bridge or bond, used only if configured",
            Self::GuestBridge => "bridge without a physical port, used only if configured",
        }
    }
}

/// Decides on one interface. `named` are the configured ones; empty means all that are suitable.
pub(crate) fn choose(traits: Traits<'_>, named: &[String], role: impl FnOnce(&str) -> Role) -> Choice {
    if !named.is_empty() && !named.iter().any(|name| name == traits.name) {
        return Choice::NotNamed;
    }
    if !traits.up {
        return Choice::Down;
    }
    if !traits.running {
        return Choice::NoCarrier;
    }
    if named.is_empty() {
        if traits.loopback {
            return Choice::Loopback;
        }
        if is_guest_name(traits.name) {
            return Choice::Guest;
        }
        match role(traits.name) {
            Role::Plain => {}
            Role::Port => return Choice::Port,
            Role::GuestBridge => return Choice::GuestBridge,
        }
    }
    // Linux does not flag its loopback as able to multicast, yet it is.
    if !traits.multicast && !traits.loopback {
        return Choice::NoMulticast;
    }
    if traits.addressed { Choice::Used } else { Choice::NoAddress }
}

/// Whether the name is one of those that hypervisors and container engines give.
fn is_guest_name(name: &str) -> bool {
    let docker_bridge = name
        .strip_prefix("br-")
        .is_some_and(|rest| rest.len() == DOCKER_BRIDGE_DIGITS && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    docker_bridge || GUEST_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What an interface is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing special.
    Plain,
    /// A port of a bridge or bond.
    Port,
    /// A bridge none of whose ports leads out of the host.
    GuestBridge,
}

/// Asks the kernel for the role of `name`.
pub(crate) fn role_of(name: &str) -> Role {
    // A name with a slash cannot exist, but a path must not be built from one either.
    if name.contains('/') {
        return Role::Plain;
    }
    let interface = Path::new("/sys/class/net").join(name);
    if interface.join("brport").exists() || interface.join("bonding_slave").exists() {
        return Role::Port;
    }
    let Ok(ports) = std::fs::read_dir(interface.join("brif")) else { return Role::Plain };
    let leads_out = |port: &std::ffi::OsStr| port.to_str().is_some_and(|port| !is_guest_name(port));
    if ports.flatten().any(|port| leads_out(&port.file_name())) { Role::Plain } else { Role::GuestBridge }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: Traits<'static> =
        Traits { name: "eth0", up: true, running: true, multicast: true, loopback: false, addressed: true };

    #[test]
    fn guests_and_containers_are_left_alone_by_default() {
        for name in ["virbr0", "vnet7", "docker0", "br-0123456789ab", "veth12ab", "cni0", "tap0", "tun0", "wg0"] {
            assert_eq!(choose(Traits { name, ..ETHERNET }, &[], |_| Role::Plain), Choice::Guest, "{name}");
            let named = [name.to_owned()];
            assert_eq!(choose(Traits { name, ..ETHERNET }, &named, |_| Role::GuestBridge), Choice::Used, "{name}");
        }
        for name in ["eth0", "enp3s0", "bond0", "br0", "br-lan", "eth0.100", "wlan0"] {
            assert_eq!(choose(Traits { name, ..ETHERNET }, &[], |_| Role::Plain), Choice::Used, "{name}");
        }
        assert_eq!(choose(ETHERNET, &[], |_| Role::GuestBridge), Choice::GuestBridge);
        assert_eq!(choose(ETHERNET, &[], |_| Role::Port), Choice::Port);
        assert_eq!(choose(ETHERNET, &["eth0".to_owned()], |_| Role::Port), Choice::Used);
    }

    #[test]
    fn the_first_thing_that_is_wrong_is_told() {
        let none: &[String] = &[];
        let of = |traits: Traits<'_>| choose(traits, none, |_| Role::Plain);
        assert_eq!(of(Traits { up: false, ..ETHERNET }), Choice::Down);
        assert_eq!(of(Traits { running: false, ..ETHERNET }), Choice::NoCarrier);
        assert_eq!(of(Traits { multicast: false, ..ETHERNET }), Choice::NoMulticast);
        assert_eq!(of(Traits { addressed: false, ..ETHERNET }), Choice::NoAddress);
        assert_eq!(of(Traits { loopback: true, ..ETHERNET }), Choice::Loopback);
        assert_eq!(choose(ETHERNET, &["eth1".to_owned()], |_| Role::Plain), Choice::NotNamed);
    }
}
