//! The order in which people expect names: `kvm-2` before `kvm-10`.

use std::cmp::Ordering;
use std::net::IpAddr;

use crate::view::PeerView;

/// The peers by name, then address, then id.
pub(crate) fn sorted(mut peers: Vec<PeerView>) -> Vec<PeerView> {
    peers.sort_by(by_name);
    peers
}

/// Compares two peers by name, then address, then id.
pub(crate) fn by_name(one: &PeerView, other: &PeerView) -> Ordering {
    let address = |peer: &PeerView| peer.addresses.first().and_then(|address| address.parse::<IpAddr>().ok());
    natural(&one.name, &other.name).then_with(|| address(one).cmp(&address(other))).then_with(|| one.id.cmp(&other.id))
}

/// Compares texts with the numbers in them by their value and letters without their case; texts that differ in nothing
/// else are compared as they are.
pub(crate) fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    while !left.is_empty() && !right.is_empty() {
        let (left_part, left_rest) = split(left);
        let (right_part, right_rest) = split(right);
        let order = compare(left_part, right_part);
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// The leading number, or the text before the next one.
fn split(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|character: char| character.is_ascii_digit());
    let end = text.find(|character: char| character.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

fn compare(one: &str, other: &str) -> Ordering {
    let is_number = |text: &str| text.starts_with(|character: char| character.is_ascii_digit());
    if is_number(one) && is_number(other) {
        // Longer numbers are greater once zeros in front are gone; no number is too long for that.
        let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
        return one.len().cmp(&other.len()).then_with(|| one.cmp(other));
    }
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    fold(one).cmp(&fold(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_by_value() {
        let ordered =
            ["", "1", "2", "10", "a", "A1", "a1b", "a02", "a2", "a10", "b", "kvm-2", "KVM-3", "kvm-10", "kvm-10a"];
        for pair in ordered.windows(2) {
            assert_eq!(natural(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(natural(&"9".repeat(99), &format!("1{}", "0".repeat(99))), Ordering::Less);
    }

    proptest! {
        #[test]
        fn it_is_a_total_order(names in proptest::array::uniform3("[aAb0-2é-]{0,5}")) {
            let [one, two, three] = &names;
            prop_assert_eq!(natural(one, two), natural(two, one).reverse());
            prop_assert_eq!(natural(one, two) == Ordering::Equal, one == two);
            if natural(one, two).is_le() && natural(two, three).is_le() {
                prop_assert!(natural(one, three).is_le());
            }
        }
    }
}
