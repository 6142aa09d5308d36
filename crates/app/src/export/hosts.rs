//! Lines of hosts(5), and names alone.

use crate::export::Destination;

/// One line for each whose name and address are known.
pub(crate) fn lines(destinations: &[Destination]) -> String {
    let line = |each: &Destination| Some(format!("{} {}\n", each.address?, each.name.as_ref()?));
    destinations.iter().filter_map(line).collect()
}

/// One name for each whose name is known.
pub(crate) fn names(destinations: &[Destination]) -> String {
    destinations.iter().filter_map(|each| Some(format!("{}\n", each.name.as_ref()?))).collect()
}
