//! The deterministic world in which the discovery engine is tested.
//!
//! A [`World`] holds hosts, the segments that connect them, one virtual clock and one seed. What goes wrong is data
//! ([`Fault`]), what should be known is computed by an observer who sees everything ([`model`]), and what must never
//! happen is looked at after every step ([`check`]). The same seed gives the same run, byte for byte.
//!
//! ```
//! use kimchi_peers_sim::{Conditions, Goal, World, seconds};
//!
//! let (mut world, hosts) = World::lan(7, 10, Conditions::default());
//! world.boot_all(&hosts, seconds(1));
//! let took = world.reach(Goal::everybody(), seconds(10))?;
//! assert!(took < seconds(3));
//! # Ok::<(), kimchi_peers_sim::Broken>(())
//! ```

pub mod check;
pub mod model;

mod base;
mod compare;
mod deliver;
mod fault;
mod goal;
mod host;
mod machine;
mod naive;
mod net;
mod plot;
mod quiet;
mod report;
mod scenario;
mod seed;
mod settled;
mod start;
mod sweep;
mod tally;
mod trace;
mod trouble;
mod wire;
mod world;

pub use base::BasePeer;
pub use check::{Broken, Invariants};
pub use compare::compare;
pub use fault::{Fault, Forgery, Slander};
pub use goal::Goal;
pub use host::{Host, HostIndex, Life, Memory, Nic, Program, Role, Spec};
pub use naive::NaivePeer;
pub use net::{Burst, Conditions, Duplication, Net, Reordering, Segment, SegmentIndex};
pub use quiet::{Quiet, Weather};
pub use report::Report;
pub use scenario::{SCENARIOS, Scenario, Settings, scenario};
pub use seed::{Seed, seed};
pub use sweep::sweep;
pub use tally::Tally;
pub use trace::{Digest, Trace};
pub use wire::Packet;
pub use world::World;

use std::time::Duration;

/// So many seconds, for scenarios that read like a sentence.
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many milliseconds, for scenarios that read like a sentence.
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
