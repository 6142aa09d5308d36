//! Connection URIs of libvirt, as `virsh -c` and `virt-manager -c` take them.

use crate::export::Destination;

/// One URI a line.
pub(crate) fn uris(destinations: &[Destination]) -> String {
    destinations.iter().map(|each| format!("qemu+ssh://{}/system\n", each.host.bracketed())).collect()
}
