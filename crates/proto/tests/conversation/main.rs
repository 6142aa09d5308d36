//! Conversations of two or three engines, and of one engine with a stranger whose datagrams are made by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests throughout")]

mod lan;

mod answering;
mod attacks;
mod base_peers;
mod bounds;
mod busy;
mod conflicts;
mod determinism;
mod expiry;
mod familiar;
mod hearsay;
mod interfaces;
mod joining;
mod leaving;
mod matrix;
mod measuring;
mod reminding;
mod restored;
mod ring;
mod sealed;
mod telling;
