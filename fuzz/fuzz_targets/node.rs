//! A sequence of datagrams, time steps, interface changes and commands into the engine.
#![no_main]

#[path = "../bodies/node.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
