//! `remove`: forgets a host that was added, or one that is down.

use hyper::StatusCode;

use crate::cli::{Connection, RemoveArguments};
use crate::client::{Client, ClientError, resolve_whole};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, printable};

/// Removes the peer.
pub(crate) async fn run(arguments: &RemoveArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(remove(&client, arguments, &mut Screen::of_process()).await)
}

async fn remove(client: &Client, arguments: &RemoveArguments, screen: &mut Screen) -> Result<(), Stop> {
    let peers = client.peers().await?;
    let peer = resolve_whole(&peers, &arguments.peer)?;
    client.remove(&peer.id).await.map_err(explain)?;
    screen.data(&format!("removed {}  {}\n", printable(&peer.name), printable(&peer.id)))
}

fn explain(error: ClientError) -> Failure {
    let is_there = error.status() == Some(StatusCode::CONFLICT);
    let failure = Failure::from(error);
    if is_there { failure.with_hint("a host of this network can be removed once it is down") } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, remote};
    use crate::failure::{FAILED, NO_SUCH_PEER};
    use crate::output::Surface;

    #[tokio::test(flavor = "current_thread")]
    async fn only_the_peer_that_is_named_in_full_is_removed() {
        let list = serde_json::to_string(&[remote("lab.example.org")]).unwrap();
        let path = "DELETE /v1/peers/lab.example.org%3A8001";
        let api = Api::start(vec![("GET /v1/peers", 200, list), (path, 204, String::new())]).await;
        let (mut screen, data, _) = Screen::in_memory(Surface::default());
        let arguments = |peer: &str| RemoveArguments { peer: peer.to_owned() };
        let part = finish(remove(&api.client(), &arguments("lab"), &mut screen).await).unwrap_err();
        assert_eq!(part.status, FAILED);
        assert!(part.message.contains("did you mean lab.example.org"), "{}", part.message);
        assert_eq!(part.hint.as_deref(), Some("give the whole name, address or id"));
        assert!(api.requests().iter().all(|request| !request.starts_with("DELETE")));
        remove(&api.client(), &arguments("lab.example.org"), &mut screen).await.unwrap();
        assert_eq!(data.text(), "removed lab.example.org  lab.example.org:8001\n");
        let missing = finish(remove(&api.client(), &arguments("other"), &mut screen).await).unwrap_err();
        assert_eq!(missing.status, NO_SUCH_PEER);
    }
}
