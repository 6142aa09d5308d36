//! What a datagram proves of its sender, and how much this host is willing to spend on finding out.
//!
//! ```text
//!  old number ──▶ dropped          cheap
//!  group code wrong ──▶ dropped      │
//!  nothing new ──▶ passed over       │
//!  over the budget ──▶ dropped       │
//!  signature wrong ──▶ dropped     dear
//! ```
//!
//! The budgets of those who are known and of strangers are apart, so that a flood of one sort does not silence the other. An
//! answer to a question of this host, which echoes a random number that was sent to one peer alone, has a budget of its own:
//! so a peer in whose name somebody sends junk stays provable.

use std::net::IpAddr;

use crate::counters::{Budget, Drop};
use crate::event::Datagram;
use crate::group::GroupId;
use crate::learn::Arrival;
use crate::limit::{Rate, RateTable, TokenBucket};
use crate::message::{Extension, Message, Nonce};
use crate::node::Node;
use crate::peer::{Peer, PeerKey};
use crate::signature::Trailer;
use crate::time::Instant;
use crate::trust::Trust;

/// Answers to own questions that are verified whatever else comes in.
const ANSWERS: Rate = Rate { per_second: 200, burst: 400 };

/// What a datagram proves of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Proof {
    /// Nothing: it is not signed, or this host verifies nothing.
    #[default]
    Nothing,
    /// The host with this identity sent it.
    Host,
    /// That, and it has the group key of this name.
    Member(GroupId),
}

impl Proof {
    /// The class of a row whose newest datagram proved this.
    pub(crate) const fn trust(self) -> Trust {
        match self {
            Self::Nothing => Trust::Unsigned,
            Self::Host => Trust::Pinned,
            Self::Member(_) => Trust::Verified,
        }
    }

    /// The group key that it proved.
    pub(crate) const fn group(self) -> Option<GroupId> {
        match self {
            Self::Member(id) => Some(id),
            Self::Nothing | Self::Host => None,
        }
    }
}

/// The budgets of verification.
#[derive(Debug)]
pub(crate) struct Gate {
    known: TokenBucket,
    strangers: TokenBucket,
    answers: TokenBucket,
    senders: RateTable,
    sources: RateTable,
    salt: u64,
}

impl Gate {
    pub(crate) fn new(config: &crate::config::Config, salt: u64) -> Self {
        Self {
            known: TokenBucket::new(config.verify_rate),
            strangers: TokenBucket::new(config.stranger_rate),
            answers: TokenBucket::new(ANSWERS),
            senders: RateTable::new(config.sender_rate),
            sources: RateTable::new(config.source_rate),
            salt,
        }
    }

    /// One datagram of an address that nobody is known at.
    fn takes_source(&mut self, now: Instant, source: IpAddr) -> bool {
        let bits = match source {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        // Both halves count, and the salt keeps it unknown which addresses share a bucket.
        let (high, low) = ((bits >> 64) as u64, bits as u64);
        self.sources.take(now, mixed(high ^ mixed(low ^ self.salt)))
    }

    fn takes_sender(&mut self, now: Instant, prefix: u64) -> bool {
        self.senders.take(now, mixed(prefix ^ self.salt))
    }
}

/// The finalizer of SplitMix64: each bit of the number changes half of all bits.
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Node {
    /// Finds out what a datagram proves.
    ///
    /// # Errors
    /// Why it is dropped: an extended message that proves nothing is never taken as an unsigned one.
    pub(crate) fn prove(
        &mut self,
        arrival: Arrival,
        datagram: &Datagram<'_>,
        message: &Message,
    ) -> Result<Proof, Drop> {
        if !self.is_sealed() {
            return Ok(Proof::Nothing);
        }
        let Some(extension) = &message.info.extension else {
            return if self.takes_source(arrival) { Ok(Proof::Nothing) } else { Err(Drop::Flood) };
        };
        let Some(trailer) = Trailer::of(datagram.bytes) else { return Err(Drop::Unsigned) };
        let key = self.key_of(extension.id, arrival.from.ip());
        if self.is_replayed(&key, arrival, extension) {
            return Err(Drop::Stale);
        }
        let group = extension.group.filter(|id| self.keyring.get(*id).is_some());
        if let Some(key) = group.and_then(|id| self.keyring.get(id))
            && !trailer.is_of_group(key)
        {
            return Err(Drop::Code);
        }
        if self.is_familiar(arrival, datagram, message, &key) {
            self.pass_over(&key, extension);
            return Err(Drop::Familiar);
        }
        if !self.may_verify(arrival, &key, extension, group.is_some()) {
            return Err(Drop::Flood);
        }
        self.ledger.counters.verified += 1;
        if !trailer.is_signed_by(&extension.id) {
            return Err(Drop::Signature);
        }
        self.note_overtaken(&key, arrival, extension);
        Ok(group.map_or(Proof::Host, Proof::Member))
    }

    /// Whether the budget allows one more verification for this sender.
    fn may_verify(&mut self, arrival: Arrival, key: &PeerKey, extension: &Extension, member: bool) -> bool {
        let now = arrival.now;
        let known = self.table.get(key).is_some_and(Peer::is_proven);
        if known && extension.echo.is_some_and(|echo| self.has_asked(key, arrival.interface, echo)) {
            return self.ledger.allowed(Budget::Answers, self.gate.answers.take(now));
        }
        if known && !member {
            let allowed = self.gate.takes_sender(now, extension.id.prefix());
            if !self.ledger.allowed(Budget::Sender, allowed) {
                return false;
            }
        }
        if known || member {
            return self.ledger.allowed(Budget::Known, self.gate.known.take(now));
        }
        self.takes_source(arrival) && self.ledger.allowed(Budget::Strangers, self.gate.strangers.take(now))
    }

    /// Whether one more datagram of an address at which nobody is known is taken.
    fn takes_source(&mut self, arrival: Arrival) -> bool {
        let allowed = self.gate.takes_source(arrival.now, arrival.from.ip());
        self.ledger.allowed(Budget::Source, allowed)
    }

    /// Whether this host waits for an answer of that peer with this number.
    pub(crate) fn has_asked(&self, key: &PeerKey, interface: u32, echo: Nonce) -> bool {
        let probed = self.table.get(key).and_then(|peer| peer.probe).is_some_and(|probe| probe.nonce == echo);
        let Some((id, link)) = key.id().zip(self.links.get(&interface)) else { return probed };
        let ring = &link.ring;
        probed
            || (ring.nonce == echo && ring.asked.is_some_and(|asked| asked.id == *id))
            || ring.chains.get(id).is_some_and(|chain| chain.nonce == echo)
    }
}
