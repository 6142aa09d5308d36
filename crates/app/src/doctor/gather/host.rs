//! What the operating system tells of this host. All of it blocks for a moment, so none of it is done where packets wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use kimchi_peers::{Choice, InterfaceChoice};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::kernel::{UdpSocket, inode_of, members, neighbours, sockets_on};
use crate::daemon::token::TOKEN_FILE;
use crate::doctor::facts::{Firewall, Holder, HostFacts, InterfaceFact, StateFacts, group_v4_in_proc};
use crate::private_file;
use crate::settings::Settings;

/// Where programs of the administrator are.
const PROGRAM_DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Where Wok has its configuration, and where Kimchi had it before there was Wok.
const CONSOLE_FILES: [&str; 2] = ["/etc/wok/wok.conf", "/etc/kimchi/kimchi.conf"];

/// Looks at the host. `own_sockets` leaves out what this very process has open.
pub(super) fn look(settings: &Settings, own_sockets: bool) -> HostFacts {
    let read = |path: &str| fs::read_to_string(path).ok();
    let number = |path: &str| read(path)?.trim().parse().ok();
    let igmp = read("/proc/net/igmp");
    let igmp6 = read("/proc/net/igmp6").unwrap_or_default();
    HostFacts {
        interfaces: interfaces(settings),
        members: igmp.map(|igmp| members(&igmp, &igmp6, &group_v4_in_proc(settings.group))),
        memberships_max: number("/proc/sys/net/ipv4/igmp_max_memberships"),
        port_holders: holders(settings.port, own_sockets),
        firewall: firewall(|path| Path::new(path).exists(), &read("/etc/ufw/ufw.conf").unwrap_or_default()),
        receive_max: number("/proc/sys/net/core/rmem_max"),
        neighbours: neighbours(&read("/proc/net/arp").unwrap_or_default()),
        has_console: has_console(settings, |path| Path::new(path).exists()),
    }
}

/// Whether somebody told of a console, or installed one where it usually is.
fn has_console(settings: &Settings, exists: impl Fn(&str) -> bool) -> bool {
    settings.console_cert.is_some() || settings.wok_conf.is_some() || CONSOLE_FILES.into_iter().any(exists)
}

fn interfaces(settings: &Settings) -> Vec<InterfaceFact> {
    let fact = |interface: InterfaceChoice| {
        let named = settings.interfaces.contains(&interface.name);
        // A name with a slash cannot exist, but a path must not be built from one either.
        let path = (!interface.name.contains('/')).then(|| format!("/sys/class/net/{}/mtu", interface.name));
        InterfaceFact {
            used: interface.choice == Choice::Used,
            named,
            why: interface.choice.as_str().to_owned(),
            mtu: path.and_then(|path| fs::read_to_string(path).ok()).and_then(|text| text.trim().parse().ok()),
            address: interface.networks.first().map(|network| network.address),
            name: interface.name,
        }
    };
    let found = kimchi_peers::interfaces(&settings.interfaces, settings.ipv6).unwrap_or_default();
    let missing = settings.interfaces.iter().filter(|name| !found.iter().any(|interface| interface.name == **name));
    let missing: Vec<InterfaceFact> = missing
        .map(|name| InterfaceFact {
            name: name.clone(),
            named: true,
            why: "it does not exist".to_owned(),
            ..InterfaceFact::default()
        })
        .collect();
    found.into_iter().map(fact).chain(missing).collect()
}

/// Who has sockets on the port, each program once.
fn holders(port: u16, own_sockets: bool) -> Vec<Holder> {
    let listing = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut sockets = sockets_on(port, &listing("/proc/net/udp"));
    sockets.extend(sockets_on(port, &listing("/proc/net/udp6")));
    if own_sockets {
        let own = sockets_of("self");
        sockets.retain(|socket| !own.contains(&socket.inode));
    }
    if sockets.is_empty() {
        return Vec::new();
    }
    let programs = programs_with(&sockets);
    let mut holders: Vec<Holder> = Vec::new();
    for socket in sockets {
        let program = programs.get(&socket.inode).cloned();
        let known = holders.iter_mut().find(|holder| holder.program == program && holder.user == socket.user);
        match known {
            Some(holder) => holder.for_all_addresses |= socket.for_all_addresses,
            None => holders.push(Holder { program, user: socket.user, for_all_addresses: socket.for_all_addresses }),
        }
    }
    holders
}

/// Process and name of those that have these sockets open, as far as this user may see them.
fn programs_with(sockets: &[UdpSocket]) -> BTreeMap<u64, (u32, String)> {
    let wanted: BTreeSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        for inode in sockets_of(&pid.to_string()).intersection(&wanted) {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            found.insert(*inode, (pid, name.trim().to_owned()));
        }
        if found.len() == wanted.len() {
            break;
        }
    }
    found
}

/// The inodes of all sockets that a process has open.
fn sockets_of(process: &str) -> BTreeSet<u64> {
    let links = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    links.filter_map(|entry| inode_of(fs::read_link(entry.path()).ok()?.to_str()?)).collect()
}

/// What administers the firewall: the one in whose words an administrator of this host thinks.
fn firewall(exists: impl Fn(&str) -> bool, ufw_settings: &str) -> Firewall {
    let installed =
        |program: &str| PROGRAM_DIRECTORIES.iter().any(|directory| exists(&format!("{directory}/{program}")));
    let ufw_is_on = ufw_settings.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes"));
    if installed("firewall-cmd") {
        Firewall::Firewalld
    } else if ufw_is_on {
        Firewall::Ufw
    } else if installed("nft") {
        Firewall::Nftables
    } else if installed("iptables") {
        Firewall::Iptables
    } else {
        Firewall::Unseen
    }
}

/// Looks at the state directory.
pub(super) fn state(path: &Path) -> StateFacts {
    let space = statvfs(path).ok();
    let token = path.join(TOKEN_FILE);
    StateFacts {
        open_token: private_file::open_mode(&token).map(|mode| (token, mode)),
        path: path.to_owned(),
        exists: path.is_dir(),
        writable: access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok(),
        free_bytes: space.map(|space| space.blocks_available().saturating_mul(space.fragment_size())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_firewall_is_that_in_whose_words_the_administrator_thinks() {
        let with = |programs: &'static [&'static str], ufw: &str| {
            firewall(|path| programs.iter().any(|program| path.ends_with(&format!("/{program}"))), ufw)
        };
        assert_eq!(with(&["nft", "firewall-cmd", "iptables"], "ENABLED=yes"), Firewall::Firewalld);
        assert_eq!(with(&["nft", "iptables"], "# comment\nENABLED=yes\n"), Firewall::Ufw);
        assert_eq!(with(&["nft", "iptables"], "ENABLED=no"), Firewall::Nftables);
        assert_eq!(with(&["iptables"], ""), Firewall::Iptables);
        assert_eq!(with(&[], ""), Firewall::Unseen);
    }

    #[test]
    fn a_console_is_told_of_by_the_settings_or_by_its_own_file() {
        let path = Some("/etc/pki/console.pem".into());
        let none = |_: &str| false;
        assert!(!has_console(&Settings::default(), none));
        assert!(has_console(&Settings::default(), |path| path == "/etc/wok/wok.conf"));
        assert!(has_console(&Settings { console_cert: path.clone(), ..Settings::default() }, none));
        assert!(has_console(&Settings { wok_conf: path, ..Settings::default() }, none));
    }

    #[test]
    fn a_socket_of_this_process_is_found_and_can_be_left_out() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = holders(port, false);
        let [holder] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(holder.program.as_ref().map(|(pid, _)| *pid), Some(std::process::id()));
        assert!(!holder.for_all_addresses);
        assert_eq!(holders(port, true), []);
    }

    #[test]
    fn a_directory_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let found = state(directory.path());
        assert!(found.exists && found.writable && found.free_bytes.is_some() && found.open_token.is_none());
        let token = directory.path().join(TOKEN_FILE);
        fs::write(&token, "x").unwrap();
        for (mode, told) in [(0o600, None), (0o640, None), (0o644, Some(0o644)), (0o620, Some(0o620))] {
            fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(state(directory.path()).open_token.map(|(_, mode)| mode), told, "{mode:o}");
        }
        let missing = state(&directory.path().join("none"));
        assert!(!missing.exists && !missing.writable && missing.free_bytes.is_none());
    }
}
