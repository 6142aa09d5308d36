//! Each limit of the decoder at its edge and one past it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests throughout")]

use kimchi_peers_proto::{DATAGRAM_MAX, DecodeError, INTEGER_MAX, Message, TIME_TO_LIVE_MAX};

const INFO: &str = r#""domain":"a","IP":"10.0.0.1","httpport":"1","httpsport":"1""#;
const ID: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn decode(body: &str) -> Result<Message, DecodeError> {
    let head = u32::try_from(body.len()).unwrap().to_be_bytes();
    Message::decode(&[&head, body.as_bytes(), b"\n"].concat())
}

/// A search with more members in front of its own, inside INFO.
fn with(more: &str) -> Result<Message, DecodeError> {
    decode(&format!(r#"{{"search":{{{more}{INFO}}}}}"#))
}

/// A search with one member of INFO replaced.
fn replaced(member: &str, by: &str) -> Result<Message, DecodeError> {
    let body = format!(r#"{{"search":{{{INFO}}}}}"#);
    assert!(body.contains(member));
    decode(&body.replace(member, by))
}

fn extended(epoch: &str, sequence: &str, time_to_live: &str) -> Result<Message, DecodeError> {
    with(&format!(r#""kp":{{"v":1,"id":"{ID}","epoch":{epoch},"seq":{sequence},"ttl":{time_to_live}}},"#))
}

#[test]
fn a_datagram_has_at_most_1200_bytes() {
    let body = format!(r#"{{"search":{{{INFO}}}}}"#);
    let padded = |length: usize| decode(&format!("{body}{}", " ".repeat(length - body.len() - 5)));
    assert!(padded(DATAGRAM_MAX).is_ok());
    assert_eq!(padded(DATAGRAM_MAX + 1), Err(DecodeError::TooLong));
    assert_eq!(Message::decode(&[0; 65_536]), Err(DecodeError::TooLong));
}

#[test]
fn nesting_ends_at_four_levels() {
    let nested = |levels: usize| format!(r#""x":{}{},"#, "[".repeat(levels), "]".repeat(levels));
    // INFO is the second level, its extension the third.
    assert!(with(&nested(2)).is_ok());
    assert_eq!(with(&nested(3)), Err(DecodeError::Depth));
    let beside = |levels: usize| decode(&format!(r#"{{{}"search":{{{INFO}}}}}"#, nested(levels)));
    assert!(beside(3).is_ok());
    assert_eq!(beside(4), Err(DecodeError::Depth));
    let inside =
        |levels: usize| with(&format!(r#""kp":{{{}"v":1,"id":"{ID}","epoch":1,"seq":1,"ttl":1}},"#, nested(levels)));
    assert!(inside(1).is_ok());
    assert_eq!(inside(2), Err(DecodeError::Depth));
    assert_eq!(with(&format!(r#""x":{}"#, "[".repeat(1000))), Err(DecodeError::Depth));
}

#[test]
fn members_and_elements_are_48_in_all() {
    // The kind and the four members of INFO are five, the array's own name is the sixth.
    let elements = |count: usize| with(&format!(r#""x":[{}],"#, vec!["1"; count].join(",")));
    assert!(elements(42).is_ok());
    assert_eq!(elements(43), Err(DecodeError::Members));
    let members = |count: usize| with(&(0..count).map(|number| format!(r#""m{number}":1,"#)).collect::<String>());
    assert!(members(43).is_ok());
    assert_eq!(members(44), Err(DecodeError::Members));
}

#[test]
fn names_have_at_most_32_bytes_and_strings_256() {
    let name = |text: &str| with(&format!(r#""{text}":1,"#));
    assert!(name(&"n".repeat(32)).is_ok());
    assert_eq!(name(&"n".repeat(33)), Err(DecodeError::NameLength));
    assert!(name(&"é".repeat(16)).is_ok());
    assert_eq!(name(&"é".repeat(17)), Err(DecodeError::NameLength));
    assert!(name(&"\\u0061".repeat(32)).is_ok(), "what counts is the name, not its escapes");
    let text = |text: &str| with(&format!(r#""x":"{text}","#));
    assert!(text(&"s".repeat(256)).is_ok());
    assert_eq!(text(&"s".repeat(257)), Err(DecodeError::TextLength));
    assert_eq!(text(&"é".repeat(129)), Err(DecodeError::TextLength));
    assert_eq!(replaced("10.0.0.1", &"1".repeat(257)), Err(DecodeError::TextLength));
}

#[test]
fn a_domain_has_at_most_253_bytes_and_labels_of_63() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    assert!(replaced(r#""a""#, &format!(r#""{longest}""#)).is_ok());
    assert_eq!(replaced(r#""a""#, &format!(r#""{longest}a""#)), Err(DecodeError::Domain));
    assert!(replaced(r#""a""#, &format!(r#""{label}""#)).is_ok());
    assert_eq!(replaced(r#""a""#, &format!(r#""{label}a""#)), Err(DecodeError::Domain));
    assert!(replaced(r#""a""#, r#""-_.9""#).is_ok());
}

#[test]
fn a_member_stands_once_however_it_is_spelt() {
    for twice in [
        r#""domain":"b","#,
        r#""d\u006fmain":"b","#,
        r#""IP":"10.0.0.1","#,
        r#""httpport":1,"#,
        r#""httpsport":"1","#,
        r#""x":1,"x":2,"#,
        r#""x":1,"\u0078":2,"#,
        r#""x":{"y":1,"y":1},"#,
    ] {
        assert_eq!(with(twice), Err(DecodeError::Duplicate), "{twice}");
    }
    let extension = format!(r#""v":1,"id":"{ID}","epoch":1,"seq":1,"ttl":1"#);
    for member in [r#""v":1"#, r#""seq":1"#, r#""epo\u0063h":1"#] {
        assert_eq!(with(&format!(r#""kp":{{{member},{extension}}},"#)), Err(DecodeError::Duplicate), "{member}");
    }
    let twice = format!(r#""kp":{{{extension}}},"kp":{{{extension}}},"#);
    assert_eq!(with(&twice), Err(DecodeError::Duplicate));
    assert!(with(r#""Domain":"b","ip":"c","#).is_ok(), "other capitals make another member");
    assert!(with(r#""x":{"y":1},"z":{"y":1},"#).is_ok(), "two objects may have one name each");
}

#[test]
fn no_nul_and_no_lone_surrogate_anywhere() {
    for text in [r"\u0000", r"a\u0000", r"\ud800", r"\udc00", r"\ud800\ud800", r"\udc00\ud800", "\u{0}", "\n"] {
        assert_eq!(with(&format!(r#""x":"{text}","#)), Err(DecodeError::Json), "value {text:?}");
        assert_eq!(with(&format!(r#""{text}":1,"#)), Err(DecodeError::Json), "name {text:?}");
        assert_eq!(with(&format!(r#""x":["{text}"],"#)), Err(DecodeError::Json), "element {text:?}");
    }
    assert!(with(r#""x":"\ud83c\udf36","#).is_ok());
}

#[test]
fn addresses_are_canonical_and_of_one_host() {
    let read = |address: &str| replaced("10.0.0.1", address);
    for good in ["1.0.0.0", "127.0.0.1", "223.255.255.255", "240.0.0.1", "::1", "fe80::1", "2001:db8::", "fd00::ff"] {
        assert_eq!(read(good).unwrap().info.address.to_string(), good);
    }
    for bad in [
        "010.0.0.1",
        "10.0.0.01",
        "10.1",
        "167772161",
        "0.0.0.0",
        "0.255.255.255",
        "224.0.0.0",
        "239.255.255.255",
        "255.255.255.255",
        "::",
        "ff02::1",
        "FE80::1",
        "fe80:0:0:0:0:0:0:1",
        "fe80::0001",
        "::ffff:10.0.0.1",
        "fe80::1%2",
    ] {
        assert_eq!(read(bad), Err(DecodeError::Address), "{bad}");
    }
}

#[test]
fn ports_are_1_to_65535_as_text_or_integer() {
    for good in [r#""1""#, "1", r#""65535""#, "65535", r#""00080""#] {
        assert!(replaced(r#""1""#, good).is_ok(), "{good}");
    }
    for bad in [r#""0""#, "0", r#""65536""#, "65536", "-1", r#""000080""#, r#""8 ""#, r#""٣""#, r#""""#] {
        assert_eq!(replaced(r#""1""#, bad), Err(DecodeError::Port), "{bad}");
    }
    for bad in ["1.0", "1e3", "null", "true", "[]", "{}", "-0"] {
        assert_eq!(replaced(r#""1""#, bad), Err(DecodeError::Shape), "{bad}");
    }
}

#[test]
fn integers_of_the_extension_end_where_every_json_reader_does() {
    let greatest = INTEGER_MAX.to_string();
    let past = (INTEGER_MAX + 1).to_string();
    let longest = TIME_TO_LIVE_MAX.to_string();
    assert!(extended(&greatest, &greatest, &longest).is_ok());
    assert!(extended("1", "0", "0").is_ok());
    for bad in
        [[&past, "1", "1"], ["1", &past, "1"], ["1", "1", "86401"], ["0", "1", "1"], ["18446744073709551615", "1", "1"]]
    {
        assert_eq!(extended(bad[0], bad[1], bad[2]), Err(DecodeError::Extension), "{bad:?}");
    }
    for bad in [["-1", "1", "1"], ["1.0", "1", "1"], ["1", "18446744073709551616", "1"], ["1", "1", "\"1\""]] {
        assert_eq!(extended(bad[0], bad[1], bad[2]), Err(DecodeError::Shape), "{bad:?}");
    }
}

#[test]
fn the_names_of_the_causes_are_different() {
    let causes: std::collections::BTreeSet<_> = DecodeError::ALL.iter().map(|error| error.cause()).collect();
    assert_eq!(causes.len(), DecodeError::ALL.len());
}
