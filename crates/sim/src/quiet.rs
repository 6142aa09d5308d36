//! Quiet days: for how long nobody is taken for dead who is not.

use std::fmt;

use crate::check::{Broken, Invariants};
use crate::net::{Burst, Conditions};
use crate::seconds;
use crate::world::World;

/// What a link does all day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Independent loss of every datagram and receiver, 0 to 1.
    pub loss: f64,
    /// Whether each host is besides deaf for exactly two seconds once a minute in the mean.
    pub bursts: bool,
}

impl Weather {
    fn conditions(self) -> Conditions {
        let burst = Burst { every: seconds(60), lasting: seconds(2), fixed: true, loss: 1.0 };
        Conditions { burst: self.bursts.then_some(burst), ..Conditions::lossy(self.loss) }
    }
}

/// What happened in some quiet days.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quiet {
    /// Days, each counted for each host.
    pub host_days: f64,
    /// Times a host took another for dead that was there.
    pub false_deaths: u64,
    /// Times a host doubted another.
    pub suspicions: u64,
    /// Datagrams that came in.
    pub datagrams: u64,
}

impl Quiet {
    /// Lets `hosts` hosts live for so many hours from their boot on. One of them is looked at closely.
    ///
    /// # Errors
    /// What an invariant found broken.
    pub fn live(hosts: usize, hours: u64, weather: Weather, seed: u64) -> Result<Self, Broken> {
        let (mut world, all) = World::lan(seed, hosts, weather.conditions());
        world.invariants(Invariants::Sampled(hosts));
        world.boot_all(&all, seconds(1));
        world.run_for(seconds(3600 * hours))?;
        let total = world.total();
        Ok(Self {
            host_days: hosts as f64 * hours as f64 / 24.0,
            false_deaths: total.false_downs,
            suspicions: total.suspects,
            datagrams: total.received,
        })
    }

    /// Adds what happened in other days.
    pub fn add(&mut self, other: &Self) {
        self.host_days += other.host_days;
        self.false_deaths += other.false_deaths;
        self.suspicions += other.suspicions;
        self.datagrams += other.datagrams;
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host_days, false_deaths, suspicions, datagrams } = self;
        write!(
            out,
            "{host_days:.1} host-days, {false_deaths} false deaths, {suspicions} suspicions, {datagrams} datagrams"
        )
    }
}
