//! What the engine keeps of one link: its interface, its timers and the bounds on what is sent there.

use std::net::IpAddr;
use std::time::Duration;

use crate::answer::{ANSWERS, Election};
use crate::config::Config;
use crate::digest::LinkDigest;
use crate::interface::Interface;
use crate::limit::TokenBucket;
use crate::measure::Measurement;
use crate::message::Nonce;
use crate::page::{Newcomers, Pages};
use crate::pull::Puller;
use crate::ring::Ring;
use crate::time::Instant;
use crate::timers::{Timer, Timers};

/// How long announcements name the address that the present one replaced.
const PREVIOUS_ADDRESS_FOR: Duration = Duration::from_secs(60);
/// When a change is announced again, after the announcement at once: two copies survive most bursts of loss.
const REPEATS: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(750)];

/// Copies of a goodbye: at 20 % independent loss a receiver misses all of them once in 125 times.
const GOODBYES: u8 = 3;
/// A host that hears nobody for so long is alone, or the first.
const JOINING_FOR: Duration = Duration::from_millis(300);

/// One link that discovery uses.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) interface: Interface,
    pub(crate) timers: Timers,
    pub(crate) multicast: TokenBucket,
    pub(crate) unicast: TokenBucket,
    /// When this link's searches began, and how many of them were sent.
    pub(crate) search_start: Instant,
    pub(crate) searches_sent: usize,
    /// That of the newest search to everybody.
    pub(crate) search_nonce: Option<Nonce>,
    /// Whether anybody was heard since the searches began, whether an extended peer was, and whether anybody came in
    /// since the last search whom digests do not tell of.
    pub(crate) answered: bool,
    pub(crate) answered_by_extended: bool,
    pub(crate) news: bool,
    /// Whether this host has spoken as loudly as by its first search since then.
    pub(crate) announced: bool,
    /// Whether the table agreed with another's since the searches began, and whether it is known to differ.
    pub(crate) joined: bool,
    pub(crate) differs: bool,
    /// What is known on this link, as a number; and when it changed last.
    pub(crate) digest: LinkDigest,
    pub(crate) digest_changed: Instant,
    /// The searches that this host may have to answer.
    pub(crate) elections: Vec<Election>,
    /// Bounds the answers to searches of extended peers.
    pub(crate) answers: TokenBucket,
    pub(crate) puller: Puller,
    /// What goes to the group of the table, and the bound on it.
    pub(crate) pages: Pages,
    pub(crate) page_bucket: TokenBucket,
    pub(crate) newcomers: Newcomers,
    /// When everybody on the link was last asked to answer.
    pub(crate) roll_called: Option<Instant>,
    pub(crate) ring: Ring,
    pub(crate) measurement: Measurement,
    pub(crate) last_notify: Option<Instant>,
    pub(crate) last_base_search: Option<Instant>,
    /// How many more times a change is announced, counted down.
    pub(crate) repeats_left: usize,
    pub(crate) goodbyes_left: u8,
    /// When the own multicast datagrams were last heard back; never, where a firewall drops what comes in.
    pub(crate) heard_self: Option<Instant>,
    /// When another host's multicast was last heard, or this link came into use.
    pub(crate) heard_group: Instant,
    /// Own multicast datagrams sent since any multicast was heard, own or another's.
    pub(crate) unheard: u32,
    previous_address: Option<(IpAddr, Instant)>,
}

impl Link {
    /// A new link, whose searches begin at once.
    pub(crate) fn new(interface: Interface, config: &Config, now: Instant) -> Self {
        let mut link = Self {
            interface,
            timers: Timers::default(),
            multicast: TokenBucket::new(config.multicast_rate),
            unicast: TokenBucket::new(config.unicast_rate),
            search_start: now,
            searches_sent: 0,
            search_nonce: None,
            answered: false,
            answered_by_extended: false,
            news: false,
            announced: false,
            joined: false,
            differs: false,
            digest: LinkDigest::default(),
            digest_changed: now,
            elections: Vec::new(),
            answers: TokenBucket::new(ANSWERS),
            puller: Puller::default(),
            pages: Pages::default(),
            page_bucket: TokenBucket::new(config.page_rate),
            newcomers: Newcomers::default(),
            roll_called: None,
            ring: Ring::default(),
            measurement: Measurement::default(),
            last_notify: None,
            last_base_search: None,
            repeats_left: 0,
            goodbyes_left: 0,
            heard_self: None,
            heard_group: now,
            unheard: 0,
            previous_address: None,
        };
        link.start_searching(now);
        link
    }

    /// Begins the series of searches anew.
    pub(crate) fn start_searching(&mut self, now: Instant) {
        self.search_start = now;
        self.searches_sent = 0;
        self.answered = false;
        self.answered_by_extended = false;
        self.news = false;
        self.announced = false;
        self.joined = false;
        self.differs = false;
        self.timers.set(Timer::Search, now);
    }

    /// Says goodbye from now on, and nothing else.
    pub(crate) fn start_leaving(&mut self, now: Instant) {
        self.timers = Timers::default();
        self.goodbyes_left = GOODBYES;
        self.timers.set(Timer::Goodbye, now);
    }

    /// Announces a change now and again a little later.
    pub(crate) fn start_announcing(&mut self, now: Instant) {
        self.repeats_left = REPEATS.len();
        self.timers.set(Timer::Announce, now);
    }

    /// The next announcement of a change, after one was sent.
    pub(crate) fn repeat_announcement(&mut self, now: Instant) {
        let sent = REPEATS.len() - self.repeats_left.min(REPEATS.len());
        self.repeats_left = self.repeats_left.saturating_sub(1);
        match REPEATS.get(sent) {
            Some(pause) => self.timers.set(Timer::Announce, now + *pause),
            None => self.timers.clear(Timer::Announce),
        }
    }

    /// Takes over the interface's new state and remembers the address that it replaces.
    pub(crate) fn change_interface(&mut self, interface: Interface, now: Instant) {
        if let Some(before) = self.interface.address()
            && Some(before) != interface.address()
        {
            self.previous_address = Some((before, now + PREVIOUS_ADDRESS_FOR));
        }
        self.interface = interface;
    }

    /// The address that the present one replaced a while ago.
    pub(crate) fn previous_address(&self, now: Instant) -> Option<IpAddr> {
        self.previous_address.filter(|(_, until)| *until > now).map(|(address, _)| address)
    }

    /// Whether one more search of the series makes sense: the first always, then only while something is missing.
    pub(crate) fn has_reason_to_search(&self) -> bool {
        match self.searches_sent {
            0 => true,
            1 => !self.answered_by_extended || self.differs || self.news,
            _ => !self.answered || self.differs || self.news,
        }
    }

    /// Whether this host is still finding out who is there.
    pub(crate) fn is_joining(&self, now: Instant) -> bool {
        !self.joined && now < self.search_start + JOINING_FOR
    }
}
