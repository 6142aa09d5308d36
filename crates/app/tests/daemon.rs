//! Tests of the program as its users meet it: the daemon's REST API, its life and signals, and the command line.
//!
//! Every test runs inside namespaces of its own that have nothing but a loopback, so that no packet can leave the
//! machine. Where namespaces are not permitted the tests say so loudly and pass, except with `CI=true`.

#[cfg(test)]
#[path = "daemon/mod.rs"]
mod daemon;
