//! The frame around a message: `head | body | tail`, where the head is the body's length and the tail ends the line.
//!
//! The request names the head `sizeof(messageBody)` and the tail `EOL` and says no more, so programs of the field differ.
//! One form is sent (32 bit big endian, `\n`); every reading that the datagram's own length proves right is taken.

use crate::error::DecodeError;

/// Longest datagram that is sent or taken, in bytes: it fits every link's frame, so nothing is ever fragmented.
pub const DATAGRAM_MAX: usize = 1200;
/// Bytes of the binary head.
const HEAD: usize = 4;
/// Most digits of a decimal head: `00001200` is as long as anything in the field.
const DECIMAL_HEAD_MAX: usize = 10;

/// Puts `body` into its canonical frame.
pub(crate) fn wrap(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut datagram = Vec::with_capacity(body.len() + HEAD + 1);
    datagram.extend_from_slice(&length.to_be_bytes());
    datagram.extend_from_slice(body);
    datagram.push(b'\n');
    datagram
}

/// The body inside a datagram, whichever of the known readings its length proves.
///
/// # Errors
/// `TooShort`, `TooLong`, `Tail` or `Length`; the sender is to blame.
pub(crate) fn unwrap(datagram: &[u8]) -> Result<&[u8], DecodeError> {
    if datagram.len() > DATAGRAM_MAX {
        return Err(DecodeError::TooLong);
    }
    if datagram.len() < 4 {
        return Err(DecodeError::TooShort);
    }
    let line = datagram.strip_suffix(b"\n").ok_or(DecodeError::Tail)?;
    // A body never ends in a carriage return, so with one the tail was CR LF.
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    binary_head(line).or_else(|| decimal_head(line)).ok_or(DecodeError::Length)
}

fn binary_head(line: &[u8]) -> Option<&[u8]> {
    let (head, body) = line.split_first_chunk::<HEAD>()?;
    let length = u32::try_from(body.len()).ok()?;
    (length == u32::from_be_bytes(*head) || length == u32::from_le_bytes(*head)).then_some(body)
}

fn decimal_head(line: &[u8]) -> Option<&[u8]> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=DECIMAL_HEAD_MAX).contains(&digits) {
        return None;
    }
    let (head, body) = line.split_at_checked(digits)?;
    let length: usize = std::str::from_utf8(head).ok()?.parse().ok()?;
    (length == body.len()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_frame_comes_back() {
        assert_eq!(wrap(b"{}"), b"\0\0\0\x02{}\n");
        assert_eq!(unwrap(&wrap(b"{}")), Ok(&b"{}"[..]));
    }

    #[test]
    fn every_proven_reading_is_taken() {
        for datagram in [
            &b"\0\0\0\x02{}\n"[..],
            b"\x02\0\0\0{}\n",
            b"2{}\n",
            b"0002{}\n",
            b"\0\0\0\x02{}\r\n",
            b"\x02\0\0\0{}\r\n",
            b"2{}\r\n",
        ] {
            assert_eq!(unwrap(datagram), Ok(&b"{}"[..]), "{datagram:?}");
        }
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        for datagram in
            [&b"\0\0\0\x03{}\n"[..], b"3{}\n", b"\0\0\0\0{}\n", b"abcdefgh\n", b"99999999999{}\n", b"-2{}\n"]
        {
            assert_eq!(unwrap(datagram), Err(DecodeError::Length), "{datagram:?}");
        }
    }

    #[test]
    fn size_and_tail_are_checked_first() {
        assert_eq!(unwrap(b""), Err(DecodeError::TooShort));
        assert_eq!(unwrap(b"1\n"), Err(DecodeError::TooShort));
        assert_eq!(unwrap(b"\0\0\0\x02{}"), Err(DecodeError::Tail));
        assert_eq!(unwrap(&[b'\n'; DATAGRAM_MAX + 1]), Err(DecodeError::TooLong));
    }
}
