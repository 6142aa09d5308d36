//! Tests of the remote peers. Sockets are on loopback only, and no name is ever asked of the system.

mod address;
mod health;
mod monitor;
mod schedule;
mod server;
