//! A LAN of network namespaces for ordinary tests, and the tests that need one.
//!
//! ```text
//! cargo test                    #[test] fn            one private set of user, pid, mount, UTS and network namespaces
//!   the test process ── inside() ──> itself again, --exact NAME, as pid 1 ── the body
//!                                                          Lan      a namespace with a bridge, the switch
//!                                                          Host     a namespace with eth0 on that bridge
//!                                                          Running  a process inside a Host: Daemon, BasePeer, Capture
//! ```
//!
//! Pid 1 takes everything with it: after a panic, a time limit or `kill -9` no process and no namespace is left.

mod base_peer;
mod capture;
mod daemon;
mod frame;
mod host;
mod inside;
mod lan;
mod namespace;
mod process;
mod sender;
#[path = "../daemon/skipped.rs"]
mod skipped;
#[path = "../daemon/tools.rs"]
mod tools;
mod wait;

mod absence;
mod certificates;
mod clock;
mod discovery;
mod disk_faults;
mod dns_sd;
mod doctor;
mod firewall;
mod guests;
mod harness;
mod hostile;
mod interfaces;
mod loss;
mod one_way;
mod prometheus;
mod reaching;
mod soak;
mod state;
mod store;
mod storms;
mod switch;
mod troubles;
mod trust;
mod wire;

use inside::{inside, inside_within};
