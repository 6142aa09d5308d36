//! Signed datagrams that were tampered with, and bytes that look like signed ones.
#![no_main]

#[path = "../bodies/seal.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
