//! The seed of a test: fixed, unless `SIM_SEED` replays another one, and named when the test fails.

use std::ops::Deref;

/// The seed of one test. When the test panics, it prints how to repeat the run.
#[derive(Debug)]
pub struct Seed(u64);

/// The value of `SIM_SEED` where that is set, else `default`.
///
/// This is the only thing that a test takes from its environment; the world itself takes nothing.
#[expect(clippy::disallowed_methods, reason = "replaying a failed run is asked for from outside")]
pub fn seed(default: u64) -> Seed {
    let asked = std::env::var("SIM_SEED").ok().and_then(|text| text.parse().ok());
    Seed(asked.unwrap_or(default))
}

impl Deref for Seed {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.0
    }
}

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "a failing test tells how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this run is repeated by SIM_SEED={}", self.0);
        }
    }
}
