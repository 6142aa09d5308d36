//! `trust` and `forget`: settling who a name belongs to.

use hyper::StatusCode;

use crate::cli::{Connection, RemoveArguments, TrustArguments};
use crate::client::{Client, ClientError, resolve_among};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, fingerprint, printable};
use crate::view::{CertificateState, Origin, PeerState, PeerView, Trust};

/// Gives a name to the host that bears it.
pub(crate) async fn trust(arguments: &TrustArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(give_name(&client, &arguments.peer, &mut Screen::of_process()).await)
}

/// Forgets a host that is down.
pub(crate) async fn forget(arguments: &RemoveArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(drop_row(&client, &arguments.peer, &mut Screen::of_process()).await)
}

async fn give_name(client: &Client, given: &str, screen: &mut Screen) -> Result<(), Stop> {
    let peers = client.peers().await?;
    let peer = in_conflict(&peers, given)?;
    client.trust(&peer.id).await?;
    let words = match peer.origin {
        Origin::Local => fingerprint(&peer.id).map(|words| format!("  {words}")).unwrap_or_default(),
        Origin::Remote => {
            let certificate = client.peer(&peer.id).await?.certificate_expected;
            certificate.map(|certificate| format!("  SHA-256 {}", printable(&certificate))).unwrap_or_default()
        }
    };
    screen.data(&format!("trusted {}  {}{words}\n", printable(&peer.name), printable(&peer.id)))
}

/// The peer that is meant: of several the one in conflict, since the one that has the name already needs no trust.
fn in_conflict<'a>(peers: &'a [PeerView], given: &str) -> Result<&'a PeerView, ClientError> {
    let is_at_odds = |peer: &PeerView| match peer.origin {
        Origin::Local => peer.trust == Trust::Conflict,
        Origin::Remote => peer.certificate_state == CertificateState::Changed,
    };
    // One that signs nothing cannot be trusted; it is meant where no other is.
    resolve_among(peers, given, |peer| is_at_odds(peer) && !peer.id.contains('@'))
        .or_else(|_| resolve_among(peers, given, is_at_odds))
}

async fn drop_row(client: &Client, given: &str, screen: &mut Screen) -> Result<(), Stop> {
    let peers = client.peers().await?;
    let is_gone = |peer: &PeerView| peer.origin == Origin::Local && peer.state == PeerState::Down;
    let peer = resolve_among(&peers, given, is_gone)?;
    if peer.origin == Origin::Remote {
        let failure = Failure::new(format!("{} was added by hand", printable(&peer.name)));
        return Err(failure.with_hint("take it off the list with: kimchi-peers remove").into());
    }
    client.remove(&peer.id).await.map_err(explain)?;
    screen.data(&format!("forgot {}  {}\n", printable(&peer.name), printable(&peer.id)))?;
    tell_who_has_the_name(client, peer, screen).await;
    Ok(())
}

/// A name that is free goes to whoever claims it: no less a decision than to trust him.
async fn tell_who_has_the_name(client: &Client, forgotten: &PeerView, screen: &mut Screen) {
    // It is forgotten, whether or not the daemon still answers.
    let Ok(peers) = client.peers().await else { return };
    let claims = |peer: &&PeerView| {
        peer.origin == Origin::Local && peer.name == forgotten.name && peer.id != forgotten.id && !peer.id.contains('@')
    };
    for peer in peers.iter().filter(claims) {
        let words = fingerprint(&peer.id).unwrap_or_else(|| peer.id.clone());
        let address = peer.addresses.first().map_or("no address", String::as_str);
        let has = if peer.trust == Trust::Conflict { "claims" } else { "has" };
        screen.say(&printable(&format!(
            "the host at {address} {has} the name {} now, with the key {words}: compare it with kimchi-peers key show there",
            peer.name
        )));
    }
}

fn explain(error: ClientError) -> Failure {
    let is_there = error.status() == Some(StatusCode::CONFLICT);
    let failure = Failure::from(error);
    if is_there { failure.with_hint("to give the name to another host, trust that one") } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer, remote};
    use crate::failure::FAILED;
    use crate::output::Surface;
    use crate::view::PeerDetail;

    fn namesakes() -> Vec<PeerView> {
        let (mut old, mut new) = (peer("kvm-1", "10.0.0.1"), peer("kvm-1", "10.0.0.2"));
        (old.id, new.id) = ("OLD".to_owned(), "NEW".to_owned());
        (old.state, old.trust, new.trust) = (PeerState::Down, Trust::Pinned, Trust::Conflict);
        vec![old, new, remote("lab.example.org")]
    }

    async fn api() -> Api {
        let list = serde_json::to_string(&namesakes()).unwrap();
        Api::start(vec![
            ("GET /v1/peers", 200, list),
            ("POST /v1/peers/NEW/trust", 204, String::new()),
            ("DELETE /v1/peers/OLD", 204, String::new()),
        ])
        .await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn of_two_namesakes_the_one_in_conflict_is_trusted_and_the_dead_one_forgotten() {
        let api = api().await;
        let (mut screen, data, words) = Screen::in_memory(Surface::default());
        give_name(&api.client(), "kvm-1", &mut screen).await.unwrap();
        drop_row(&api.client(), "kvm-1", &mut screen).await.unwrap();
        assert_eq!(data.text(), "trusted kvm-1  NEW\nforgot kvm-1  OLD\n");
        let heir = "the host at 10.0.0.2 claims the name kvm-1 now, with the key NEW: compare it with kimchi-peers key show there\n";
        assert_eq!(words.text(), heir);
    }

    #[test]
    fn one_that_signs_nothing_is_meant_where_no_other_is_in_conflict() {
        let mut rows = namesakes();
        rows[0].state = PeerState::Up;
        rows.push(PeerView { trust: Trust::Conflict, ..peer("kvm-1", "10.0.0.9") });
        assert_eq!(in_conflict(&rows, "kvm-1").unwrap().id, "NEW");
        rows[1].trust = Trust::Pinned;
        assert_eq!(in_conflict(&rows, "kvm-1").unwrap().id, "kvm-1@10.0.0.9");
        rows[3].trust = Trust::Unsigned;
        assert!(matches!(in_conflict(&rows, "kvm-1"), Err(ClientError::Ambiguous { .. })));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_certificate_that_is_taken_is_told() {
        let mut lab = remote("lab.example.org");
        lab.certificate_state = CertificateState::Changed;
        let list = serde_json::to_string(&[&lab]).unwrap();
        let detail = PeerDetail {
            peer: lab,
            conflict: None,
            failure: None,
            evidence: Vec::new(),
            certificate: Some("ab12".to_owned()),
            certificate_expected: Some("ab12".to_owned()),
            history: Vec::new(),
        };
        let api = Api::start(vec![
            ("GET /v1/peers", 200, list),
            ("POST /v1/peers/lab.example.org%3A8001/trust", 204, String::new()),
            ("GET /v1/peers/lab.example.org%3A8001", 200, serde_json::to_string(&detail).unwrap()),
        ])
        .await;
        let (mut screen, data, _) = Screen::in_memory(Surface::default());
        give_name(&api.client(), "lab.example.org", &mut screen).await.unwrap();
        assert_eq!(data.text(), "trusted lab.example.org  lab.example.org:8001  SHA-256 ab12\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_remote_is_removed_and_not_forgotten() {
        let api = api().await;
        let (mut screen, _, _) = Screen::in_memory(Surface::default());
        let failure = finish(drop_row(&api.client(), "lab.example.org", &mut screen).await).unwrap_err();
        assert_eq!(failure.status, FAILED);
        assert!(failure.hint.is_some_and(|hint| hint.ends_with("kimchi-peers remove")));
    }
}
