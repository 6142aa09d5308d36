//! What does not work on this host, in sentences for the operator.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{MutexGuard, PoisonError};

use crate::daemon::Daemon;

impl Daemon {
    /// What does not work, a sentence each.
    pub(crate) async fn degraded(&self) -> Vec<String> {
        let mut sentences = match self.discovery.status().await {
            Ok(status) => {
                let of_trust = self.trust_troubles(&status);
                status.troubles.into_iter().chain(of_trust).collect()
            }
            Err(ended) => vec![ended.to_string()],
        };
        sentences.extend(self.store.status().degraded);
        sentences.extend(self.listening().troubles.iter().cloned());
        sentences.extend(self.reload_troubles().values().cloned());
        sentences.extend(self.hook_troubles.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        sentences
    }

    /// What the last reload could not take over.
    pub(crate) fn reload_troubles(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.reload_troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note whether a part of a reload failed, and logs that it did. It is told in the status until that part succeeds.
    pub(crate) fn note_reload<E: fmt::Display>(&self, part: &'static str, stays: &str, failed: Option<E>) {
        let sentence = failed.map(|error| format!("{stays}: {error}"));
        if let Some(sentence) = &sentence {
            tracing::error!("{sentence}");
        }
        let mut troubles = self.reload_troubles();
        troubles.remove(part);
        troubles.extend(sentence.map(|sentence| (part, sentence)));
    }

    /// That the API's certificate is over.
    pub(crate) fn api_certificate(&self) -> MutexGuard<'_, Option<String>> {
        self.api_certificate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
