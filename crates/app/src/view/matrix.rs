//! Who hears whom, as the API says it and the command line reads it.

use serde::{Deserialize, Serialize};

use crate::view::PeerState;

/// Who hears whom; the answer of `GET /v1/matrix`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MatrixView {
    /// This host, and all local peers that are there.
    pub(crate) hosts: Vec<MatrixHostView>,
    /// What each of them hears. Of more than 1,024 hosts those that hear everybody have no row.
    pub(crate) rows: Vec<MatrixRowView>,
}

/// A host of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MatrixHostView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: PeerState,
}

/// What one host hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MatrixRowView {
    /// Whose row it is.
    pub(crate) id: String,
    /// A character for each host, in their order: `1` heard, `0` not heard, `-` itself, `?` not known.
    pub(crate) heard: String,
    /// Milliseconds since that host said so; nothing where it never did.
    pub(crate) age_ms: Option<u64>,
}

impl MatrixView {
    /// The row of a host.
    pub(crate) fn row(&self, id: &str) -> Option<&MatrixRowView> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// Whether one host hears another one: `1`, `0` or `?`.
    pub(crate) fn hears(&self, hearer: &str, heard: &str) -> char {
        let place = self.hosts.iter().position(|host| host.id == heard);
        let cell = place.zip(self.row(hearer)).and_then(|(place, row)| row.heard.chars().nth(place));
        cell.unwrap_or('?')
    }

    /// Each host that does not hear others, with those that it does not hear.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (&MatrixHostView, Vec<&MatrixHostView>)> {
        let by_row = |row| self.hosts.iter().find(|host: &&MatrixHostView| is_of(row, host)).map(|host| (row, host));
        self.rows.iter().filter_map(by_row).filter_map(|(row, host)| {
            let unheard = row.heard.chars().zip(&self.hosts).filter(|(cell, _)| *cell == '0');
            let unheard: Vec<_> = unheard.map(|(_, host)| host).collect();
            (!unheard.is_empty()).then_some((host, unheard))
        })
    }
}

fn is_of(row: &MatrixRowView, host: &MatrixHostView) -> bool {
    row.id == host.id
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A matrix of hosts called `kvm-1`, `kvm-2`, ... with these rows.
    pub(crate) fn matrix(rows: &[&str]) -> MatrixView {
        let id = |index: usize| format!("id-{}", index + 1);
        let host =
            |index: usize| MatrixHostView { id: id(index), name: format!("kvm-{}", index + 1), state: PeerState::Up };
        let row = |(index, heard): (usize, &&str)| MatrixRowView {
            id: id(index),
            heard: (*heard).to_owned(),
            age_ms: heard.contains(['0', '1']).then_some(1_500),
        };
        MatrixView { hosts: (0..rows.len()).map(host).collect(), rows: rows.iter().enumerate().map(row).collect() }
    }

    #[test]
    fn gaps_are_found_by_name() {
        let matrix = matrix(&["-10", "1-1", "?0-"]);
        let told: Vec<_> = matrix.gaps().map(|(host, unheard)| (host.name.as_str(), unheard.len())).collect();
        assert_eq!(told, [("kvm-1", 1), ("kvm-3", 1)]);
        assert_eq!(matrix.hears("id-1", "id-3"), '0');
        assert_eq!(matrix.hears("id-3", "id-1"), '?');
        assert_eq!(matrix.hears("id-9", "id-1"), '?');
        assert_eq!(matrix.hears("id-1", "id-9"), '?');
    }
}
