//! What a host tells of itself beyond its name and ports.

use std::ops::Deref;
use std::sync::Arc;

use crate::text::Fact;

/// What a host tells of itself beyond its name and ports. All of it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactSet {
    /// `version`: of the program that announces it.
    pub version: Option<Fact>,
    /// `root`: the path prefix of its console, such as `/wok`.
    pub server_root: Option<Fact>,
    /// `arch`: its processor architecture, such as `x86_64`.
    pub architecture: Option<Fact>,
    /// `hyp`: its hypervisor, such as `kvm`.
    pub hypervisor: Option<Fact>,
}

/// A [`FactSet`] that is shared: a clone costs nothing, and a row of the peer table holds one pointer. Reads like the set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts(Option<Arc<FactSet>>);

/// What no facts look like. `None` stands for it, and nothing else does, so that equal facts compare equal.
static NO_FACTS: FactSet = FactSet { version: None, server_root: None, architecture: None, hypervisor: None };

impl Facts {
    /// `others`, in this one's memory where they are equal: most hosts of a network are of one kind.
    pub(crate) fn shared_with(&self, others: &Self) -> Self {
        if self == others { self.clone() } else { others.clone() }
    }
}

impl From<FactSet> for Facts {
    fn from(facts: FactSet) -> Self {
        Self((facts != NO_FACTS).then(|| Arc::new(facts)))
    }
}

impl Deref for Facts {
    type Target = FactSet;

    fn deref(&self) -> &FactSet {
        self.0.as_deref().unwrap_or(&NO_FACTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_like_their_set_and_none_are_none() {
        let set = FactSet { version: "0.1.0".parse().ok(), ..FactSet::default() };
        let facts = Facts::from(set.clone());
        assert_eq!((&*facts, facts.clone() == facts), (&set, true));
        assert_eq!(Facts::from(FactSet::default()), Facts::default());
        assert_ne!(facts, Facts::default());
        let Facts(Some(shared)) = facts.shared_with(&set.into()) else { unreachable!("there is one") };
        assert!(facts.0.is_some_and(|own| Arc::ptr_eq(&own, &shared)));
        assert_eq!(size_of::<Facts>(), size_of::<usize>());
    }
}
