//! What a peer told last on a path: the digest of its table, and whom it hears. Every row has one of these, so it is packed:
//! nearly all peers hear everybody, and of them no more than that is kept.

use std::num::NonZeroU32;

use crate::digest::Digest;
use crate::hears::{Hears, IdBeginning};
use crate::message::Extension;
use crate::time::Instant;

/// The unit in which it is kept when something was told: four bytes of it last for 13 years.
const TENTH: u64 = 100_000;

/// What a peer told last on a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    sum: u64,
    /// The hosts of the digest and one more; `None` before there was a digest.
    hosts: Option<NonZeroU32>,
    /// When it told whom it hears, in tenths of a second and one more; `None` before the first time.
    hears_at: Option<NonZeroU32>,
    /// `None`: it hears all that this host listed then.
    gaps: Option<Box<Gaps>>,
}

/// What a peer that does not hear everybody told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gaps {
    hears: Hears,
    /// Whether all that are not named are heard.
    rest_is_heard: bool,
}

impl Said {
    /// The newest digest.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.hosts.map(|hosts| Digest { sum: self.sum, hosts: hosts.get() - 1 })
    }

    /// Takes over a newer digest.
    pub(crate) fn set_digest(&mut self, digest: Digest) {
        self.sum = digest.sum;
        self.hosts = Some(NonZeroU32::MIN.saturating_add(digest.hosts));
    }

    /// Takes over whom the peer hears. `rest_is_heard`: all that this host lists now and that are not named are.
    pub(crate) fn set_hears(&mut self, now: Instant, hears: &Hears, rest_is_heard: bool) {
        self.hears_at = Some(tenths(now));
        let hears_all = rest_is_heard && hears.unheard.is_empty();
        self.gaps = (!hears_all).then(|| Box::new(Gaps { hears: hears.clone(), rest_is_heard }));
    }

    /// Whether a heartbeat whose digest is that of this host tells of whom the peer hears what it told already, after
    /// `since`; also where it tells nothing of that.
    pub(crate) fn repeats(&self, extension: &Extension, since: Instant) -> bool {
        let Some((hears, digest)) = extension.hears.as_deref().zip(extension.digest) else { return true };
        let rest_is_heard = hears.covers(digest.hosts);
        let told_later = self.hears_at.is_some_and(|at| tenths(since) < at);
        told_later
            && match self.gaps.as_deref() {
                None => rest_is_heard && hears.unheard.is_empty(),
                Some(gaps) => gaps.hears == *hears && gaps.rest_is_heard == rest_is_heard,
            }
    }

    /// When the peer told whom it hears, to a tenth of a second.
    pub(crate) fn hears_at(&self) -> Option<Instant> {
        self.hears_at.map(|tenths| Instant::from_micros(u64::from(tenths.get() - 1) * TENTH))
    }

    /// Whether the peer hears a host that is there since then; `None` where its word does not tell.
    pub(crate) fn hears(&self, host: IdBeginning, since: Instant) -> Option<bool> {
        let told_later = self.hears_at.is_some_and(|at| tenths(since) < at);
        if !told_later {
            return None;
        }
        match self.gaps.as_deref() {
            None => Some(true),
            Some(gaps) if gaps.hears.heard == 0 || gaps.hears.unheard.binary_search(&host).is_ok() => Some(false),
            Some(gaps) => gaps.rest_is_heard.then_some(true),
        }
    }
}

fn tenths(at: Instant) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(u32::try_from(at.as_micros() / TENTH).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PeerId;

    fn at(tenths: u64) -> Instant {
        Instant::from_micros(tenths * TENTH + 7)
    }

    #[test]
    fn it_takes_no_more_room_than_a_digest_that_may_be_there() {
        assert_eq!(size_of::<Said>(), size_of::<Option<Digest>>());
    }

    #[test]
    fn what_was_said_is_kept() {
        let mut said = Said::default();
        assert_eq!((said.digest(), said.hears_at()), (None, None));
        for hosts in [0, 5, 99_999] {
            said.set_digest(Digest { sum: u64::MAX, hosts });
            assert_eq!(said.digest(), Some(Digest { sum: u64::MAX, hosts }));
        }
        let [one, other] = [1, 2].map(|number| IdBeginning::from(&PeerId::from_bytes([number; 32])));
        assert_eq!(said.hears(one, Instant::ZERO), None);
        said.set_hears(at(100), &Hears { heard: 4, unheard: Vec::new() }, true);
        assert_eq!(said.hears_at(), Some(Instant::from_micros(100 * TENTH)));
        let asked = [at(99), at(100), at(101)].map(|since| said.hears(one, since));
        assert_eq!(asked, [Some(true), None, None], "of who came later nothing is known");
        for (heard, rest_is_heard, told) in [(3, true, [Some(false), Some(true)]), (3, false, [Some(false), None])] {
            said.set_hears(at(200), &Hears { heard, unheard: vec![one] }, rest_is_heard);
            assert_eq!([one, other].map(|host| said.hears(host, at(0))), told);
        }
        said.set_hears(at(300), &Hears::default(), false);
        assert_eq!(said.hears(other, at(0)), Some(false), "who hears nobody does not hear that one either");
    }
}
