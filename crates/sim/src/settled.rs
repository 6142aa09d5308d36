//! A network at rest, made at once: a scenario that begins after the boot of thousands of hosts need not simulate it.

use std::rc::Rc;
use std::time::Duration;

use kimchi_peers_proto::{Digest, Extension, Info, Kind, KnownPeer, Message, PeerKey, Trust};

use crate::check::Broken;
use crate::host::{Host, HostIndex, Life, Role};
use crate::millis;
use crate::wire::{Packet, group_of};
use crate::world::{Feed, World};

/// After so long a host that found its whole table confirmed has said its first words. Its first probe comes later.
const FIRST_WORDS: Duration = millis(800);

impl World {
    /// Starts hosts so that each knows all the others and is known by them.
    ///
    /// Each starts with a memory of all others and hears one heartbeat of its neighbour, whose digest confirms that all of
    /// them are there: the way of a warm start, by the inputs that every host has. What is left out is the wire. The words of
    /// the hosts' first 800 ms, a search and an announcement each, go nowhere, since nobody could learn anything by them.
    /// So N hosts cost N^2 rows and no datagram.
    ///
    /// # Errors
    /// What an invariant found broken.
    pub fn settle_all(&mut self, hosts: &[HostIndex]) -> Result<(), Broken> {
        let known: Vec<KnownPeer> = hosts.iter().filter_map(|host| self.known(*host, 1)).collect();
        self.muted = true;
        for host in hosts {
            self.boot_with(*host, known.clone());
        }
        let digest = self.digest_of(hosts);
        let neighbours = hosts.iter().cycle().skip(1);
        for (host, neighbour) in hosts.iter().zip(neighbours) {
            let nic = self.host(*host).and_then(|host| host.nics.first()).map(|nic| nic.index);
            if let (Some(nic), Some(packet)) = (nic, self.heartbeat_of(*neighbour, hosts.len(), digest)) {
                self.feed(*host, &Feed::Packet(nic, Rc::new(packet)));
            }
        }
        let said = self.run_for(FIRST_WORDS);
        self.muted = false;
        said
    }

    /// Starts `hosts` within `spread`, each knowing `remembered` from its last run.
    ///
    /// # Errors
    /// What an invariant found broken.
    pub fn boot_all_warm(
        &mut self,
        hosts: &[HostIndex],
        remembered: &[HostIndex],
        spread: Duration,
    ) -> Result<(), Broken> {
        let pause = spread / u32::try_from(hosts.len().max(1)).unwrap_or(u32::MAX);
        let known: Vec<KnownPeer> = remembered.iter().filter_map(|host| self.known(*host, 0)).collect();
        for host in hosts {
            self.boot_with(*host, known.clone());
            self.run_for(pause)?;
        }
        Ok(())
    }

    /// What others remember of a host, of its last run or of one that much later.
    fn known(&self, index: HostIndex, later: u64) -> Option<KnownPeer> {
        let host = self.host(index).filter(|host| host.role == Role::Extended && host.life == Life::Off)?;
        let profile = host.profile();
        Some(KnownPeer {
            key: PeerKey::Identity(host.id),
            name: host.name.clone(),
            http_port: profile.http_port,
            https_port: profile.https_port,
            epoch: host.epoch + later,
            sequence: 0,
            facts: profile.facts,
            certificate: profile.certificate,
            addresses: host.addresses().collect(),
            down: None,
            trust: Trust::Unsigned,
            holds_name: false,
        })
    }

    /// What all of them tell once each knows all others: the sum of what each tells while it knows nobody.
    fn digest_of(&self, hosts: &[HostIndex]) -> Digest {
        let own = hosts.iter().filter_map(|host| {
            let host = self.host(*host)?;
            host.node()?.digest(host.nics.first()?.index)
        });
        own.fold(Digest { sum: 0, hosts: 0 }, |all, one| Digest {
            sum: all.sum.wrapping_add(one.sum),
            hosts: all.hosts + one.hosts,
        })
    }

    fn heartbeat_of(&self, index: HostIndex, hosts: usize, digest: Digest) -> Option<Packet> {
        let host = self.host(index)?;
        let (profile, address) = (host.profile(), host.addresses().next()?);
        let info = Info {
            name: profile.name,
            address,
            http_port: profile.http_port,
            https_port: profile.https_port,
            extension: Some(Extension {
                digest: Some(digest),
                facts: profile.facts,
                // Its search, which nobody heard, had the first number.
                ..Extension::new(host.id, (host.epoch, 1), lifetime_of(host, hosts))
            }),
        };
        let message = Message { kind: Kind::Notify, info };
        let to = group_of(address);
        let bytes = message.encode().into();
        Some(Packet { sender: index, from: (address, to.port()).into(), to, bytes, message: Ok(message) })
    }
}

/// In seconds: for how long others shall not doubt a host in a network of so many.
fn lifetime_of(host: &Host, hosts: usize) -> u32 {
    let lifetime = host.config.heartbeat_interval(hosts) * host.config.missed_heartbeats;
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX)
}
