//! Lines of hosts(5).

use crate::export::Destination;

/// One line for each whose name and address are known.
pub(crate) fn lines(destinations: &[Destination]) -> String {
    let line = |each: &Destination| Some(format!("{} {}\n", each.address?, each.name.as_ref()?));
    destinations.iter().filter_map(line).collect()
}
