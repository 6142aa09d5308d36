//! An identity as words that two people can compare over the telephone.

use kimchi_peers::PeerId;

/// Sixteen consonants and four vowels: five letters are 16 bits (proquints, arXiv:0901.4016).
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";
/// Words shown: 96 bits, too many to make another key with the same ones.
const WORDS: usize = 6;

/// The words of an identity; `None` where the text is none.
pub(crate) fn fingerprint(id: &str) -> Option<String> {
    let id: PeerId = id.parse().ok()?;
    let words = id
        .as_bytes()
        .chunks_exact(2)
        .take(WORDS)
        .map(|pair| word(pair.iter().fold(0, |sum, byte| (sum << 8) | u16::from(*byte))));
    Some(words.collect::<Vec<_>>().join("-"))
}

fn word(bits: u16) -> String {
    let letter = |letters: &[u8], index: u16| char::from(letters.get(usize::from(index)).copied().unwrap_or(b'?'));
    [
        letter(CONSONANTS, bits >> 12),
        letter(VOWELS, (bits >> 10) & 3),
        letter(CONSONANTS, (bits >> 6) & 15),
        letter(VOWELS, (bits >> 4) & 3),
        letter(CONSONANTS, bits & 15),
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_scheme() {
        // The examples of its paper: 127.0.0.1 and 147.67.119.2.
        assert_eq!((word(0x7f00), word(0x0001)), ("lusab".to_owned(), "babad".to_owned()));
        assert_eq!((word(0x9343), word(0x7702)), ("natag".to_owned(), "lisaf".to_owned()));
        let id = PeerId::from_bytes([0x7f; 32]).to_string();
        assert_eq!(fingerprint(&id).unwrap().split('-').count(), WORDS);
        assert_eq!(fingerprint("kvm-1@10.0.0.1"), None);
    }
}
