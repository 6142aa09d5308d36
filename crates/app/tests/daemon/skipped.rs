//! What is said where a test cannot run.

use std::io::Write as _;

/// Says in every run that this was not tested, and why. With `CI=true` that is a failure.
pub(crate) fn not_tested(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "NOT TESTED: {what}");
    show_not_tested(what);
}

/// The same, also with `CI=true`: for what the gate cannot have.
pub(crate) fn show_not_tested(what: &str) {
    // libtest hides what the macros print in a passing test, and not what is written to the stream itself.
    let _ = std::io::stderr().write_all(format!("\n!!! NOT TESTED: {what}\n").as_bytes());
}
