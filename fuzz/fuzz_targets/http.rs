//! Queries, headers and bodies of requests into what reads them.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the whole program is here, and a target uses a part of it")]

include!("../program.rs");

#[path = "../bodies/http.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
