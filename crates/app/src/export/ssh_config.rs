//! `Host` blocks of ssh_config(5), to be taken in by `Include`.

use std::fmt::Write as _;

use crate::export::Destination;

/// One block for each that has a name. The key of a host belongs to its name, not to the address that it has today.
pub(crate) fn blocks(destinations: &[Destination]) -> String {
    let mut text = String::new();
    let named = destinations.iter().filter_map(|each| Some((each.name.as_ref()?, &each.host)));
    for (name, host) in named {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "Host {name}\n    HostName {host}\n    HostKeyAlias {name}");
    }
    text
}
