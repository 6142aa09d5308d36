//! Bytes as base64url without padding (RFC 4648 section 5): one text for each sequence of bytes, and no other is read.

/// The alphabet of RFC 4648 section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many letters `bytes` bytes take.
pub(crate) const fn text_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// The letters of `bytes`, which are as many as [`text_length`] says.
pub(crate) fn letters<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    fill(bytes, &mut text);
    text
}

/// The text of `bytes`.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = vec![0; text_length(bytes.len())];
    fill(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn fill(bytes: &[u8], text: &mut [u8]) {
    for (letters, group) in text.chunks_mut(4).zip(bytes.chunks(3)) {
        let byte = |index: usize| group.get(index).copied().map_or(0, u32::from);
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (letter, shift) in letters.iter_mut().zip([18, 12, 6, 0]) {
            *letter = ALPHABET.get((word >> shift & 63) as usize).copied().unwrap_or(b'A');
        }
    }
}

/// Reads exactly `N` bytes. The spare bits of the last letter must be zero, so that no two texts mean the same.
pub(crate) fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != text_length(N) {
        return None;
    }
    let mut bytes = [0_u8; N];
    let mut slots = bytes.iter_mut();
    for group in text.chunks(4) {
        let mut word = 0_u32;
        for letter in group {
            word = (word << 6) | six_bits(*letter)?;
        }
        word <<= 6 * (4 - group.len());
        for byte in word.to_be_bytes().into_iter().skip(1) {
            match slots.next() {
                Some(slot) => *slot = byte,
                None if byte != 0 => return None,
                None => {}
            }
        }
    }
    Some(bytes)
}

/// The six bits that a letter stands for.
fn six_bits(letter: u8) -> Option<u32> {
    SIX_BITS.get(usize::from(letter)).copied().filter(|six| *six < 64).map(u32::from)
}

/// For each byte the six bits that it stands for as a letter, 64 where it is none.
const SIX_BITS: [u8; 256] = {
    let mut table = [64; 256];
    let mut six = 0;
    while six < ALPHABET.len() {
        table[ALPHABET[six] as usize] = six as u8;
        six += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn survives<const N: usize>(random: &mut fastrand::Rng) {
        let sample: [u8; N] = std::array::from_fn(|_| random.u8(..));
        let written = text(&sample);
        assert_eq!((written.len(), bytes(written.as_bytes())), (text_length(N), Some(sample)));
    }

    #[test]
    fn every_bit_survives_at_every_length() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..500 {
            survives::<8>(&mut random);
            survives::<16>(&mut random);
            survives::<32>(&mut random);
            survives::<64>(&mut random);
            survives::<128>(&mut random);
        }
    }

    #[test]
    fn it_agrees_with_rfc_4648() {
        assert_eq!((text(b"f"), text(b"fo"), text(b"foo")), ("Zg".to_owned(), "Zm8".to_owned(), "Zm9v".to_owned()));
        assert_eq!(text(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_text_has_one_form() {
        assert_eq!(bytes::<1>(b"Zg"), Some(*b"f"));
        for wrong in [&b"Zh"[..], b"Zg=", b"Zg==", b"Z", b"", b"Z+", b"Z/", b"Zgg", b" Zg"] {
            assert_eq!(bytes::<1>(wrong), None, "{wrong:?}");
        }
    }
}
