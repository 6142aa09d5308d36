//! Causes and reasons in plain words. Programs get the labels, people these.

use std::borrow::Cow;

/// A cause or reason for people; a label of a newer daemon at least without its underscores.
pub(crate) fn plain(label: &str) -> Cow<'_, str> {
    Cow::Borrowed(match label {
        "search" => "searched",
        "notify" => "announced",
        "quit" | "left" => "said goodbye",
        "told" => "told of by another peer",
        "silence" | "silent" => "silent",
        "no_answer" | "lost" => "did not answer",
        "verdict" => "heard by nobody",
        "hears_us_not" => "seems not to hear this host",
        "not_heard" => "heard by others only",
        "answers_again" => "answers again",
        "not_heard_since_start" => "not heard since start",
        "address_gone" => "lost an address",
        "replaced" => "told its identity",
        "expired" => "forgotten by and by",
        "forgotten" | "removed_by_hand" => "removed by hand",
        "planned" => "away as announced",
        "overdue" => "not back as announced",
        "added" => "added by hand",
        "name_conflict" => "same name twice",
        "key_conflict" => "another key for its name",
        "address_conflict" => "address of another",
        "not_admitted" => "not of a class that is listed",
        "admitted_again" => "of a class that is listed again",
        "identity_conflict" => "same identity twice",
        "conflict_ended" => "conflict is over",
        "certificate_changed" => "shows another certificate",
        "certificate_matches" => "shows its certificate",
        "certificate_announced" => "announces another certificate",
        "certificate_trusted" => "its certificate is trusted",
        "unresolvable" => "name not found",
        "forbidden_address" => "name leads to an address that is not allowed",
        "refused" => "refuses connections",
        "unreachable" => "cannot be reached",
        "resolve_timed_out" => "name look-up took too long",
        "connect_timed_out" => "did not answer",
        "handshake_timed_out" => "did not answer in TLS",
        "not_tls" => "does not speak TLS",
        "closed" => "closed the connection",
        "handshake_failed" => "TLS failed",
        "resolver_busy" => "name look-ups hang",
        "local" => "trouble on this host",
        _ => return if label.contains('_') { Cow::Owned(label.replace('_', " ")) } else { Cow::Borrowed(label) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kimchi_peers::Cause;

    #[test]
    fn one_thing_has_one_name_and_no_label_shows() {
        assert_eq!(plain("quit"), plain("left"));
        assert_eq!(plain("no_answer"), plain("lost"));
        assert_eq!(plain("silence"), plain("silent"));
        for cause in [
            Cause::Told,
            Cause::Verdict,
            Cause::HearsUsNot,
            Cause::NotHeard,
            Cause::AnswersAgain,
            Cause::NotHeardSinceStart,
            Cause::NameConflict,
            Cause::KeyConflict,
            Cause::AddressConflict,
            Cause::NotAdmitted,
            Cause::AdmittedAgain,
            Cause::ConflictEnded,
            Cause::AddressGone,
        ] {
            assert!(matches!(plain(cause.as_str()), Cow::Borrowed(words) if words != cause.as_str()), "{cause:?}");
        }
        assert_eq!(plain("of_a_newer_version"), "of a newer version");
        assert_eq!(plain("odd"), "odd");
    }
}
