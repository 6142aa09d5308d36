//! What the handle asks of the task, and its answers.

use super::{Driver, Request};
use crate::clock;
use crate::status::{LinkStatus, Status};
use crate::troubles::is_deaf;

impl Driver {
    pub(super) fn serve(&mut self, request: Request) {
        // A caller that gave up waiting needs no answer.
        match request {
            Request::Command(command) => self.command(command),
            Request::Peers(answer) => drop(answer.send(self.node.table().iter().cloned().collect())),
            Request::Peer(key, answer) => drop(answer.send(self.node.table().get(&key).cloned())),
            Request::LastHeard(answer) => {
                let heard = self.node.table().iter().filter_map(|peer| Some((peer.key.clone(), peer.last_heard?)));
                drop(answer.send(heard.collect()));
            }
            Request::RoundTrips(answer) => {
                let known = self.node.table().iter().filter_map(|peer| Some((peer.key.clone(), peer.round_trip?)));
                drop(answer.send(known.collect()));
            }
            Request::Status(answer) => drop(answer.send(self.status())),
            Request::Matrix(answer) => drop(answer.send(self.node.matrix(clock::now()))),
            Request::Interfaces(named) => {
                self.selection.named = named;
                self.look_at_interfaces();
            }
        }
    }

    fn status(&self) -> Status {
        let links = self.node.links().map(|link| LinkStatus {
            name: link.interface.name.clone(),
            index: link.interface.index,
            address: link.interface.address(),
            heard_self: link.heard_self,
            deaf: is_deaf(link.unheard),
            heard: link.heard,
            heard_group: link.heard_group,
            pruned: self.troubles.pruned().contains(&link.interface.index),
            rejoined: self.rejoined.get(&link.interface.index).copied(),
            loss: link.loss,
            isolated: link.isolated,
        });
        Status {
            identity: self.node.identity(),
            profile: self.node.profile().clone(),
            links: links.collect(),
            interfaces: self.snapshot.choices.clone(),
            counters: self.node.counters().clone(),
            kernel_drops: self.sockets.kernel_drops(),
            skipped: self.sockets.skipped(),
            send_errors: self.send_errors_total,
            unreachable: self.unreachable,
            hosts: self.node.hosts(),
            rows: self.node.table().len(),
            unproven: self.node.table().unproven_count(false),
            unproven_base: self.node.table().unproven_count(true),
            limits: self.node.limits(),
            mode: self.node.mode(),
            group_keys: self.node.keyring().keys().map(|(id, _)| id).collect(),
            port: self.sockets.port(),
            port_error: self.port_error.clone(),
            troubles: self.troubles.sentences(),
        }
    }
}
