//! `history`: what happened to the peers.

use std::time::SystemTime;

use crate::cli::{Connection, HistoryArguments, Records};
use crate::client::{Client, ClientError, resolve_either};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, changes_as_csv, changes_as_json, changes_as_table};
use crate::view::rfc3339;

/// Prints the changes, newest first.
pub(crate) async fn run(arguments: &HistoryArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(history(&client, arguments, &mut Screen::of_process()).await)
}

async fn history(client: &Client, arguments: &HistoryArguments, screen: &mut Screen) -> Result<(), Stop> {
    let id = match &arguments.peer {
        Some(given) => Some(id_of(client, given).await?),
        None => None,
    };
    let since = arguments.since.map(|since| rfc3339(since.time(SystemTime::now())));
    let changes = client.history(id.as_deref(), since.as_deref(), arguments.limit).await?;
    let surface = screen.surface;
    match arguments.format() {
        Records::Json => screen.data(&changes_as_json(&changes, surface.is_terminal)?)?,
        Records::Csv => screen.data(&changes_as_csv(&changes, surface.is_terminal))?,
        Records::Table if changes.is_empty() => screen.say("nothing is known to have happened in that time"),
        Records::Table => screen.data(&changes_as_table(&changes, surface))?,
    }
    if u32::try_from(changes.len()).is_ok_and(|count| count == arguments.limit) {
        screen.say(&format!("these are the newest {}; there may be more: give a greater --limit", arguments.limit));
    }
    Ok(())
}

/// Whom a text means. One that is in the list no more is meant by its whole id.
async fn id_of(client: &Client, given: &str) -> Result<String, ClientError> {
    let peers = client.peers().await?;
    let id = given.trim();
    let error = match resolve_either(&peers, given) {
        Ok(peer) => return Ok(peer.id.clone()),
        Err(error) => error,
    };
    let may_be_gone = matches!(error, ClientError::NoSuchPeer(_)) && !id.is_empty();
    if may_be_gone && is_in_history(client, id).await? { Ok(id.to_owned()) } else { Err(error) }
}

async fn is_in_history(client: &Client, id: &str) -> Result<bool, ClientError> {
    match client.history(Some(id), None, 1).await {
        Ok(changes) => Ok(!changes.is_empty()),
        Err(ClientError::NoSuchPeer(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer};
    use crate::failure::NO_SUCH_PEER;
    use crate::output::Surface;
    use crate::output::change;
    use crate::view::ChangeView;

    /// As the API answers about whom nobody knows.
    const UNKNOWN: &str = r#"{"code":"KPPEER0404","reason":"nothing is known of a peer kvm-8"}"#;

    async fn asked(api: &Api, arguments: &HistoryArguments) -> (Result<(), Failure>, String, String) {
        let (mut screen, data, words) = Screen::in_memory(Surface::default());
        let outcome = finish(history(&api.client(), arguments, &mut screen).await);
        (outcome, data.text(), words.text())
    }

    fn json(changes: &[ChangeView]) -> String {
        serde_json::to_string(changes).unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_peer_is_meant_by_its_beginning_and_a_forgotten_one_by_its_id() {
        let gone = change("removed", Some("expired"), "kvm-9");
        let api = Api::start(vec![
            ("GET /v1/peers", 200, serde_json::to_string(&[peer("kvm-1", "10.0.0.1")]).unwrap()),
            ("GET /v1/history?limit=100&peer=kvm-1%4010.0.0.1", 200, json(&[change("up", Some("search"), "kvm-1")])),
            ("GET /v1/history?limit=1&peer=kvm-9%4010.0.0.1", 200, json(std::slice::from_ref(&gone))),
            ("GET /v1/history?limit=100&peer=kvm-9%4010.0.0.1", 200, json(&[gone])),
            ("GET /v1/history?limit=1&peer=kvm-8", 404, UNKNOWN.to_owned()),
        ])
        .await;
        let (outcome, data, _) = asked(&api, &HistoryArguments::of(Some("kv"), Records::Table)).await;
        assert!(outcome.is_ok() && data.contains("  kvm-1  up     searched  "), "{data}");
        let (outcome, data, _) = asked(&api, &HistoryArguments::of(Some("kvm-9@10.0.0.1"), Records::Csv)).await;
        assert!(outcome.is_ok() && data.contains(",removed,expired,"), "{data}");
        let (outcome, ..) = asked(&api, &HistoryArguments::of(Some("kvm-8"), Records::Table)).await;
        assert_eq!(outcome.unwrap_err().status, NO_SUCH_PEER);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_may_have_missed_something_is_told() {
        let changes = vec![change("up", Some("search"), "kvm-1"); 100];
        let api = Api::start(vec![("GET /v1/history?limit=100", 200, json(&changes))]).await;
        let (outcome, data, words) = asked(&api, &HistoryArguments::of(None, Records::Json)).await;
        assert!(outcome.is_ok() && words.contains("--limit"), "{words}");
        assert_eq!(serde_json::from_str::<Vec<ChangeView>>(&data).unwrap(), changes);
        let api = Api::start(vec![("GET /v1/history?limit=100", 200, json(&[]))]).await;
        let (_, data, words) = asked(&api, &HistoryArguments::of(None, Records::Table)).await;
        assert_eq!((data.as_str(), words.as_str()), ("", "nothing is known to have happened in that time\n"));
    }
}
