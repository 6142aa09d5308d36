//! What the doctor found, as the API says it and the command line reads it.

use serde::{Deserialize, Serialize};

/// All findings about one host; the answer of `GET /v1/doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The host that was examined.
    pub(crate) host: String,
    /// Whether its daemon runs.
    pub(crate) daemon: bool,
    /// Whom the question was about, as it was asked; nothing where it was about the host.
    pub(crate) peer: Option<String>,
    /// The worst of the findings.
    pub(crate) verdict: Verdict,
    /// In the order in which one explains the next.
    pub(crate) findings: Vec<Finding>,
}

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// All is well.
    Ok,
    /// Not what it should be, or what it is about is elsewhere.
    Warning,
    /// It keeps this host from seeing or from being seen as it should.
    Problem,
    /// It cannot be told.
    Unknown,
}

/// What one check found of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The check, a stable word such as `firewall`.
    pub(crate) check: String,
    /// What it is about, such as an interface or a peer; nothing where that is the host.
    pub(crate) subject: Option<String>,
    pub(crate) verdict: Verdict,
    /// What it is judged by, a sentence.
    pub(crate) evidence: String,
    /// Commands that mend it, or that show what must be mended; to be run as root of this host unless they say otherwise.
    pub(crate) mend: Vec<String>,
}

impl Finding {
    fn new(check: &str, verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { check: check.to_owned(), subject: None, verdict, evidence: evidence.into(), mend: Vec::new() }
    }

    pub(crate) fn ok(check: &str, evidence: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, evidence)
    }

    pub(crate) fn warning(check: &str, evidence: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, evidence)
    }

    pub(crate) fn problem(check: &str, evidence: impl Into<String>) -> Self {
        Self::new(check, Verdict::Problem, evidence)
    }

    pub(crate) fn unknown(check: &str, evidence: impl Into<String>) -> Self {
        Self::new(check, Verdict::Unknown, evidence)
    }

    /// The same about this thing.
    pub(crate) fn about(self, subject: &str) -> Self {
        Self { subject: Some(subject.to_owned()), ..self }
    }

    /// The same with one more command that mends it.
    pub(crate) fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend.push(command.into());
        self
    }
}

/// The worst of the verdicts: what is not known weighs less than what is wrong, and counts where nothing else is known.
pub(crate) fn worst(findings: &[Finding]) -> Verdict {
    let order = [Verdict::Problem, Verdict::Warning, Verdict::Ok];
    let there = |verdict: &Verdict| findings.iter().any(|finding| finding.verdict == *verdict);
    order.into_iter().find(there).unwrap_or(Verdict::Unknown)
}

/// The first few of some names, and how many more there are.
pub(crate) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A number of things, such as `1 peer` and `3 peers`.
pub(crate) fn count_of(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_outweighs_a_warning_and_that_what_is_well() {
        let (ok, unknown) = (Finding::ok("a", ""), Finding::unknown("b", ""));
        let (warning, problem) = (Finding::warning("c", ""), Finding::problem("d", ""));
        assert_eq!(worst(&[]), Verdict::Unknown);
        assert_eq!(worst(std::slice::from_ref(&unknown)), Verdict::Unknown);
        assert_eq!(worst(&[unknown.clone(), ok.clone()]), Verdict::Ok);
        assert_eq!(worst(&[ok.clone(), warning.clone(), unknown]), Verdict::Warning);
        assert_eq!(worst(&[problem, warning, ok]), Verdict::Problem);
    }
}
