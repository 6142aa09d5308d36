//! A machine that is too small for the hosts on it: they share its processors, and each waits for its turn.
//!
//! ```text
//!   datagram, time-out ──▶ host's own queue ──▶ run queue ──▶ processor: so long for each thing, so many in one turn
//! ```
//!
//! Where there is none, each host handles everything at the moment when it comes.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use kimchi_peers_proto::Instant;

use crate::host::HostIndex;
use crate::wire::Packet;
use crate::world::{Feed, Happening, More, World};

/// Most that one host does before the next one has its turn, as much as a program's time slice.
const TURN_MAX: u32 = 16;
/// Datagrams that wait in the socket of one program.
const QUEUE_MAX: usize = 4096;
/// For so long what is due waits until a program has read what came in (`driver.rs` of the library).
const HELD_MAX: Duration = Duration::from_millis(100);
/// A program lets go of multicasts while its queue has not been empty for so long (`backlog.rs` of the library).
const STANDING_MAX: Duration = Duration::from_secs(1);

/// Processors that hosts share.
#[derive(Debug)]
pub(crate) struct Machine {
    idle: usize,
    /// What handling one datagram or one time-out takes.
    cost: Duration,
    waiting: VecDeque<HostIndex>,
}

/// What one host on a crowded machine has to do.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    packets: VecDeque<(u32, Rc<Packet>)>,
    /// Its engine is to be woken.
    due: bool,
    /// It has a processor or waits for one.
    queued: bool,
    standing_since: Option<Instant>,
    /// Since when something is due and waits.
    held_since: Option<Instant>,
}

impl Inbox {
    /// The program ended; its place in the run queue stays until its turn comes.
    pub(crate) fn clear(&mut self) {
        self.packets.clear();
        (self.due, self.standing_since, self.held_since) = (false, None, None);
    }
}

impl World {
    /// Lets all hosts share so many processors, on which each datagram and each time-out takes `cost`.
    pub(crate) fn crowd(&mut self, processors: usize, cost: Duration) {
        self.machine = Some(Machine { idle: processors, cost, waiting: VecDeque::new() });
    }

    /// Takes what comes for a host whose machine is crowded; gives it back where it is not.
    pub(crate) fn enqueue(&mut self, index: HostIndex, nic: u32, packet: Rc<Packet>) -> Option<Rc<Packet>> {
        if self.machine.is_none() {
            return Some(packet);
        }
        if let Some(host) = self.hosts.get_mut(index.0)
            && host.inbox.packets.len() < QUEUE_MAX
        {
            host.inbox.packets.push_back((nic, packet));
        }
        self.want_turn(index);
        None
    }

    /// A host is to be woken; tells whether it has to wait for its turn.
    pub(crate) fn enqueue_wake(&mut self, index: HostIndex) -> bool {
        if self.machine.is_none() {
            return false;
        }
        if let Some(host) = self.hosts.get_mut(index.0) {
            host.inbox.due = true;
        }
        self.want_turn(index);
        true
    }

    fn want_turn(&mut self, index: HostIndex) {
        let (Some(host), Some(machine)) = (self.hosts.get_mut(index.0), &mut self.machine) else { return };
        if !host.inbox.queued {
            host.inbox.queued = true;
            machine.waiting.push_back(index);
            self.give_turns();
        }
    }

    fn give_turns(&mut self) {
        while let Some(machine) = self.machine.as_mut().filter(|machine| machine.idle > 0) {
            let Some(next) = machine.waiting.pop_front() else { return };
            machine.idle -= 1;
            self.push(self.now, Happening::Turn(next, 0));
        }
    }

    /// A host does one thing on its processor.
    pub(crate) fn take_turn(&mut self, index: HostIndex, done: u32) {
        let Some(cost) = self.machine.as_ref().map(|machine| machine.cost) else { return };
        let worked = self.work(index);
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        let more = !host.inbox.packets.is_empty() || host.inbox.due;
        if worked && more && done + 1 < TURN_MAX {
            return self.push(self.now + cost, Happening::Turn(index, done + 1));
        }
        host.inbox.queued = more;
        let free_at = self.now + if worked { cost } else { Duration::ZERO };
        self.push(free_at, Happening::Free(index));
    }

    /// A host leaves its processor to the next one.
    pub(crate) fn free(&mut self, index: HostIndex) {
        let still = self.hosts.get(index.0).is_some_and(|host| host.inbox.queued);
        let Some(machine) = &mut self.machine else { return };
        machine.idle += 1;
        if still {
            machine.waiting.push_back(index);
        }
        self.give_turns();
    }

    /// Notes whether something is due.
    fn note_held(&mut self, index: HostIndex) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        let due = host.wait.is_some_and(|(until, _)| until <= host.clock(now));
        host.inbox.held_since = due.then(|| host.inbox.held_since.unwrap_or(now));
    }

    /// Handles the next datagram, or else the time-out. Tells whether there was anything.
    fn work(&mut self, index: HostIndex) -> bool {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(index.0) else { return false };
        let inbox = &mut host.inbox;
        let old = inbox.standing_since.is_some_and(|since| now.since(since) >= STANDING_MAX);
        if old {
            inbox.packets.retain(|(_, packet)| !packet.to.ip().is_multicast());
        }
        let next = inbox.packets.pop_front();
        inbox.standing_since = (!inbox.packets.is_empty()).then(|| inbox.standing_since.unwrap_or(now));
        match next {
            Some((nic, packet)) => {
                let patience = match inbox.held_since {
                    _ if inbox.packets.is_empty() => More::No,
                    Some(since) if now.since(since) >= STANDING_MAX => More::No,
                    Some(since) if now.since(since) >= HELD_MAX => More::Urgent,
                    _ => More::Yes,
                };
                self.feed_more(index, &Feed::Packet(nic, packet), patience);
                self.note_held(index);
            }
            None if std::mem::take(&mut inbox.due) => self.wake_now(index),
            None => return false,
        }
        true
    }
}
