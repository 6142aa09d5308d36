//! The list in the forms of other tools: one file for each, and one gate before all of them.
//!
//! ```text
//!  rows ──▶ destinations() ──▶ ansible, prometheus, ssh_config, hosts, libvirt, cockpit
//!           checks, leaves out
//! ```
//!
//! What a file here writes is made of a [`Destination`]'s typed parts alone, in none of which anything has a meaning in any
//! of the formats; JSON goes through its serializer.

pub(crate) mod ansible;
pub(crate) mod cockpit;
mod destination;
pub(crate) mod hosts;
pub(crate) mod libvirt;
pub(crate) mod prometheus;
pub(crate) mod ssh_config;

pub(crate) use destination::{Destination, destinations};

#[cfg(test)]
mod tests;
