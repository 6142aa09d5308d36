//! Numbers and addresses as text, without the formatting machinery: that costs more than all the rest of encoding.

use std::fmt::Write as _;
use std::net::IpAddr;

/// Digits of the greatest number.
const DIGITS: usize = 20;

/// Writes a number in decimal digits.
pub(crate) fn decimal(text: &mut String, number: u64) {
    let mut digits = [b'0'; DIGITS];
    let (mut rest, mut length) = (number, 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        (rest, length) = (rest / 10, length + 1);
        if rest == 0 {
            break;
        }
    }
    let digits = digits.get(DIGITS - length..).unwrap_or_default();
    text.push_str(std::str::from_utf8(digits).unwrap_or_default());
}

/// Writes a number in 16 lower-case hexadecimal digits.
pub(crate) fn hexadecimal(text: &mut String, number: u64) {
    let digits: [u8; 16] = std::array::from_fn(|index| {
        let digit = (number >> (60 - 4 * index)) as u8 & 15;
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    });
    text.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// Writes an address as the standard library does.
pub(crate) fn address(text: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    text.push('.');
                }
                decimal(text, octet.into());
            }
        }
        // Writing to a String cannot fail.
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_what_the_standard_library_does() {
        let mut random = fastrand::Rng::with_seed(1);
        let numbers = (0..2_000).map(|_| random.u64(..) >> random.u32(..64)).chain([0, 9, 10, 99, 100, u64::MAX]);
        for number in numbers {
            let v4 = IpAddr::from((number as u32).to_be_bytes());
            let v6 = IpAddr::from(u128::from(number).rotate_right(17).to_be_bytes());
            let mut text = String::new();
            decimal(&mut text, number);
            hexadecimal(&mut text, number);
            address(&mut text, v4);
            address(&mut text, v6);
            assert_eq!(text, format!("{number}{number:016x}{v4}{v6}"));
        }
    }
}
