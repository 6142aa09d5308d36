//! Until when a certificate is good: the one thing of it that is read here, since a client with `--ca` refuses what is over.

use std::time::SystemTime;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which the oldest certificates do not have.
const VERSION: u8 = 0xa0;

/// When a certificate in DER form ends (RFC 5280 section 4.1.2.5), as `YYYYMMDDHHMMSS` in UTC; `None` where that cannot be read.
pub(super) fn end(certificate: &[u8]) -> Option<String> {
    let (body, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(body, SEQUENCE)?;
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    // Number, algorithm, issuer.
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, _, after) = any(validity)?;
    let (tag, time, _) = any(after)?;
    let time = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let digits = match tag {
        // Two digits of the year: 50 to 99 are of the last century.
        UTC_TIME => format!("{}{time}", if time.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => time.to_owned(),
        _ => return None,
    };
    (digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Whether such a time has passed.
pub(super) fn is_over(end: &str, now: SystemTime) -> bool {
    let now = humantime::format_rfc3339_seconds(now).to_string();
    let now: String = now.chars().filter(char::is_ascii_digit).collect();
    *end < *now
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    any(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// Tag and content of the first element, and what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(year: i32) -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["kvm-1".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 3, 4);
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_time() {
        assert_eq!(end(&made(2021)).as_deref(), Some("20210304000000"));
        assert_eq!(end(&made(1999)).as_deref(), Some("19990304000000"));
        assert_eq!(end(&made(2051)).as_deref(), Some("20510304000000"));
        let whole = made(2021);
        for length in 0..whole.len() {
            assert_eq!(end(&whole[..length]), None, "{length}");
        }
        assert_eq!(end(b"nonsense"), None);
    }

    #[test]
    fn what_has_passed_is_over() {
        let now = humantime::parse_rfc3339("2026-11-23T10:00:00Z").unwrap();
        assert!(is_over("20261123095959", now) && is_over("19990101000000", now));
        assert!(!is_over("20261123100001", now) && !is_over("20991231235959", now));
    }
}
