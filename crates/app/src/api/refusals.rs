//! Requests that were refused for want of a token, told in the log: a line a minute for each cause, since anybody who reaches a
//! listener can cause them. A token never gets there.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::request::Parts;

use crate::budget::Budget;

/// What was told of each cause.
#[derive(Debug)]
pub(crate) struct Refusals {
    wrong: Mutex<Budget>,
    missing: Mutex<Budget>,
}

impl Default for Refusals {
    fn default() -> Self {
        let once = || Mutex::new(Budget::of(1));
        Self { wrong: once(), missing: once() }
    }
}

impl Refusals {
    /// Tells of a request from there, whose token `is_wrong` or that has none.
    pub(crate) fn tell(&self, is_wrong: bool, from: &str, request: &Parts) {
        let (budget, why) = if is_wrong { (&self.wrong, "wrong") } else { (&self.missing, "missing") };
        let spent = budget.lock().unwrap_or_else(PoisonError::into_inner).spend(Instant::now());
        let Some(left_out) = spent else { return };
        let (method, path) = (&request.method, request.uri.path().escape_debug());
        tracing::info!(from, %method, %path, left_out, "refused: the token is {why}");
    }
}
