//! Texts to addresses: what is accepted and what is refused, and which addresses the policy forbids.

use std::net::IpAddr;

use super::super::{Forbidden, Policy, RemoteAddress, RemoteAddressError};

const LOOPBACK: Policy = Policy { allow_loopback: true };

#[test]
fn accepted_forms_become_canonical() {
    for (text, url) in [
        ("kvm9", "https://kvm9:8001"),
        ("  KVM9.Example.ORG. \n", "https://kvm9.example.org:8001"),
        ("kvm9:8443", "https://kvm9:8443"),
        ("kvm9.:1", "https://kvm9:1"),
        ("kvm_9-a.example", "https://kvm_9-a.example:8001"),
        ("9kvm.7up", "https://9kvm.7up:8001"),
        ("192.0.2.7", "https://192.0.2.7:8001"),
        ("10.0.0.1:65535", "https://10.0.0.1:65535"),
        ("2001:DB8:0::1", "https://[2001:db8::1]:8001"),
        ("2001:db8::1:8001", "https://[2001:db8::1:8001]:8001"),
        ("[2001:db8::1]", "https://[2001:db8::1]:8001"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]:443"),
        ("fd00::7", "https://[fd00::7]:8001"),
        ("64:ff9b::192.0.2.7", "https://[64:ff9b::c000:207]:8001"),
        ("https://kvm9", "https://kvm9:8001"),
        ("HTTPS://kvm9:443/", "https://kvm9:443"),
        ("https://kvm9.example.org/wok/", "https://kvm9.example.org:8001/wok"),
        ("https://[2001:db8::1]:8001/a/b.c_~-9//", "https://[2001:db8::1]:8001/a/b.c_~-9"),
    ] {
        let address: RemoteAddress = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(address.url(), url, "{text}");
        assert_eq!(address.url().parse(), Ok(address.clone()), "{text}");
        assert_eq!(address.to_string(), address.key());
        assert_eq!(address.key().parse::<RemoteAddress>().unwrap().key(), address.key(), "{text}");
    }
    let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    assert_eq!(longest.parse::<RemoteAddress>().map(|address| address.port()), Ok(8001));
}

#[test]
fn refused_forms_say_why() {
    use RemoteAddressError as Error;
    let long_label = "a".repeat(64);
    let long_name = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(62));
    let endless = "a".repeat(513);
    for (text, error) in [
        ("", Error::Empty),
        (" \t ", Error::Empty),
        (&endless, Error::TooLong),
        ("http://kvm9", Error::PlainHttp),
        ("ftp://kvm9", Error::OtherScheme),
        ("://kvm9", Error::OtherScheme),
        ("javascript:alert(1)", Error::BadPort),
        ("root:secret@kvm9", Error::Credentials),
        ("https://root@kvm9/", Error::Credentials),
        ("https://kvm9/?a=b", Error::QueryOrFragment),
        ("kvm9#top", Error::QueryOrFragment),
        ("192.0.2.0/24", Error::PathWithoutScheme),
        ("kvm9/wok", Error::PathWithoutScheme),
        ("https://", Error::NoHost),
        ("https:///wok", Error::NoHost),
        (":8001", Error::NoHost),
        (".", Error::NoHost),
        ("2130706433", Error::NotCanonical),
        ("0x7f.1", Error::NotCanonical),
        ("0X7F000001", Error::NotCanonical),
        ("0x", Error::NotCanonical),
        ("010.0.0.1", Error::NotCanonical),
        ("127.1", Error::NotCanonical),
        ("192.0.2.7.", Error::NotCanonical),
        ("192.0.2.256", Error::PartTooGreat(256)),
        ("192.0.2.256:8001", Error::PartTooGreat(256)),
        ("300.400.0.1", Error::PartTooGreat(300)),
        ("192.0.2.0256", Error::NotCanonical),
        ("192.0.2.+256", Error::BadName),
        ("192.0.2.99999999999", Error::NotCanonical),
        ("192.0.256", Error::NotCanonical),
        ("192.0.2.7.256", Error::NotCanonical),
        ("kvm.0x1f", Error::NotCanonical),
        ("kvm..example", Error::BadName),
        ("kvm9..", Error::BadName),
        ("-kvm9", Error::BadName),
        ("kvm9-.example", Error::BadName),
        ("kvm 9", Error::BadName),
        ("kvm9\0", Error::BadName),
        ("kvm%39", Error::BadName),
        ("bücher.example", Error::BadName),
        ("１２７.0.0.a", Error::BadName),
        (&long_label, Error::BadName),
        (&long_name, Error::BadName),
    ] {
        assert_eq!(text.parse::<RemoteAddress>(), Err(error), "{text:?}");
    }
}

#[test]
fn bad_ports_and_brackets_are_refused() {
    use RemoteAddressError as Error;
    for (text, error) in [
        ("kvm9:", Error::BadPort),
        ("kvm9:0", Error::BadPort),
        ("kvm9:65536", Error::BadPort),
        ("kvm9:+80", Error::BadPort),
        ("kvm9:-1", Error::BadPort),
        ("[2001:db8::1]:", Error::BadPort),
        ("[2001:db8::1", Error::BadIpv6),
        ("[2001:db8::1]8001", Error::BadIpv6),
        ("[192.0.2.7]", Error::BadIpv6),
        ("1:2:3:4:5:6:7:8:9", Error::BadIpv6),
        ("https://2001:db8::1/", Error::BadIpv6),
        ("fe80::1%eth0", Error::Zone),
        ("[fe80::1%25eth0]:8001", Error::Zone),
        ("https:\\\\kvm9", Error::BadPort),
    ] {
        assert_eq!(text.parse::<RemoteAddress>(), Err(error), "{text:?}");
    }
}

#[test]
fn forbidden_addresses_are_refused() {
    for (text, reason) in [
        ("0.0.0.0", Forbidden::Wildcard),
        ("::", Forbidden::Wildcard),
        ("127.0.0.1", Forbidden::Loopback),
        ("127.255.0.9:8001", Forbidden::Loopback),
        ("::1", Forbidden::Loopback),
        ("localhost", Forbidden::Loopback),
        ("a.LOCALHOST.:80", Forbidden::Loopback),
        ("169.254.169.254", Forbidden::LinkLocal),
        ("fe80::1", Forbidden::LinkLocal),
        ("224.0.0.132", Forbidden::Multicast),
        ("ff02::1", Forbidden::Multicast),
        ("255.255.255.255", Forbidden::Broadcast),
        ("240.0.0.1", Forbidden::Reserved),
        ("0.1.2.3", Forbidden::Reserved),
        ("::ffff:127.0.0.1", Forbidden::WrappedIpv4),
        ("::ffff:192.0.2.7", Forbidden::WrappedIpv4),
        ("[::ffff:7f00:1]:80", Forbidden::WrappedIpv4),
        ("::127.0.0.1", Forbidden::WrappedIpv4),
        ("::ffff:0:7f00:1", Forbidden::WrappedIpv4),
        ("64:ff9b::127.0.0.1", Forbidden::Loopback),
        ("2002:a9fe:a9fe::1", Forbidden::LinkLocal),
    ] {
        assert_eq!(text.parse::<RemoteAddress>(), Err(RemoteAddressError::Forbidden(reason)), "{text:?}");
    }
}

#[test]
fn prefixes_that_need_quoting_are_refused() {
    let longest = format!("https://kvm9/{}", "a".repeat(63));
    assert!(longest.parse::<RemoteAddress>().is_ok());
    let too_long = format!("{longest}a");
    for text in [
        "https://kvm9/a//b",
        "https://kvm9/../b",
        "https://kvm9/.",
        "https://kvm9/a%2fb",
        "https://kvm9/a b",
        "https://kvm9/a\\b",
        &too_long,
    ] {
        assert_eq!(text.parse::<RemoteAddress>(), Err(RemoteAddressError::BadServerRoot), "{text:?}");
    }
}

#[test]
fn the_loopback_flag_opens_loopback_alone() {
    for text in ["127.0.0.1:1", "[::1]:1", "localhost", "kvm9.localhost"] {
        assert!(RemoteAddress::parse(text, LOOPBACK).is_ok(), "{text}");
    }
    for text in ["0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "127.1", "169.254.1.1"] {
        assert!(RemoteAddress::parse(text, LOOPBACK).is_err(), "{text}");
    }
}

#[test]
fn private_and_public_addresses_are_allowed() {
    for text in ["10.1.2.3", "172.16.0.1", "192.168.0.3", "100.64.0.1", "8.8.8.8", "fd00::1", "2a00::1"] {
        assert_eq!(Policy::default().judge(text.parse::<IpAddr>().unwrap()), Ok(()), "{text}");
    }
}

/// Texts made of the pieces that matter never panic the parser, and what it accepts is stable.
#[test]
fn random_texts_are_refused_or_stable() {
    const PIECES: [&str; 30] = [
        "https://",
        "http://",
        "://",
        "[",
        "]",
        ":",
        "::",
        "/",
        "//",
        ".",
        "..",
        "-",
        "_",
        "%",
        "@",
        "?",
        "#",
        " ",
        "\0",
        "ü",
        "kvm9",
        "example",
        "127.0.0.1",
        "192.0.2.7",
        "2001:db8::1",
        "0x7f",
        "8001",
        "65536",
        "ffff",
        "localhost",
    ];
    let seed = 1;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut accepted = 0;
    for round in 0..100_000 {
        let text: String = (0..random.usize(0..7)).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
        for policy in [Policy::default(), LOOPBACK] {
            let Ok(address) = RemoteAddress::parse(&text, policy) else { continue };
            accepted += 1;
            assert_eq!(
                RemoteAddress::parse(&address.url(), policy),
                Ok(address.clone()),
                "seed {seed}, {round}: {text:?}"
            );
            let key = RemoteAddress::parse(&address.key(), policy).map(|again| again.key());
            assert_eq!(key, Ok(address.key()), "seed {seed}, {round}: {text:?}");
        }
    }
    assert!(accepted > 1000, "only {accepted} texts were accepted");
}
