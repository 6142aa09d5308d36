//! `add`: keeps a host of another network.

use hyper::StatusCode;

use crate::cli::{AddArguments, Connection};
use crate::client::{Client, ClientError};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, printable};
use crate::view::AddRequest;

/// Adds the host.
pub(crate) async fn run(arguments: &AddArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(add(&client, arguments, &mut Screen::of_process()).await)
}

async fn add(client: &Client, arguments: &AddArguments, screen: &mut Screen) -> Result<(), Stop> {
    let peer = client.add(&request(arguments)).await.map_err(|error| explain(error, &arguments.host))?;
    let (name, url, id) = (printable(&peer.name), printable(&peer.url), printable(&peer.id));
    screen.data(&format!("added {name}  {url}\n"))?;
    screen.say(&format!("it is kept for good and is being checked now; see: kimchi-peers show {id}"));
    Ok(())
}

fn request(arguments: &AddArguments) -> AddRequest {
    let host = Some(arguments.host.trim().to_owned());
    let name = arguments.name.clone();
    if arguments.host.contains("://") {
        AddRequest { url: host, name, address: None }
    } else {
        AddRequest { address: host, name, url: None }
    }
}

fn explain(error: ClientError, host: &str) -> Failure {
    let hint = match error.status() {
        Some(StatusCode::CONFLICT) => Some(format!("see it with: kimchi-peers show {host}")),
        Some(StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) => {
            Some("give HOST, HOST:PORT or https://HOST[:PORT][/PATH], such as kvm9.example.org:8001".to_owned())
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.with_hint(printable(&hint)),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, remote};
    use crate::failure::FAILED;
    use crate::output::{Surface, Written};
    use crate::view::ErrorView;

    fn arguments(host: &str) -> AddArguments {
        AddArguments { host: host.to_owned(), name: Some("lab".to_owned()) }
    }

    async fn added(api: &Api, host: &str) -> (Result<(), Failure>, String) {
        let (mut screen, data, _): (Screen, Written, Written) = Screen::in_memory(Surface::default());
        let result = finish(add(&api.client(), &arguments(host), &mut screen).await);
        (result, data.text())
    }

    fn error(reason: &str) -> String {
        serde_json::to_string(&ErrorView { code: "KPPEER".to_owned(), reason: reason.to_owned() }).unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_added_is_told_and_the_token_is_sent() {
        let answer = serde_json::to_string(&remote("lab.example.org")).unwrap();
        let api = Api::start(vec![("POST /v1/peers", 201, answer)]).await;
        let (result, data) = added(&api, "https://lab.example.org/wok").await;
        assert_eq!((result, data.as_str()), (Ok(()), "added lab.example.org  https://lab.example.org:8001\n"));
        let request = api.requests().remove(0);
        assert!(request.contains("\r\nauthorization: Bearer s3cret\r\n"), "{request}");
        assert!(request.ends_with("{\"url\":\"https://lab.example.org/wok\",\"name\":\"lab\"}"), "{request}");
        added(&api, "lab:8001").await.0.unwrap();
        assert!(api.requests()[1].ends_with("{\"address\":\"lab:8001\",\"name\":\"lab\"}"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn refusals_come_with_what_to_do() {
        let cases =
            [(409, "kimchi-peers show lab"), (400, "HOST:PORT"), (401, "not this daemon's"), (403, "--state-dir")];
        for (status, hint) in cases {
            let api = Api::start(vec![("POST /v1/peers", status, error("it is\nso"))]).await;
            let failure = added(&api, "lab").await.0.unwrap_err();
            assert_eq!((failure.status, failure.message.as_str()), (FAILED, "it is\\u{a}so"));
            assert!(failure.hint.as_ref().unwrap().contains(hint), "{status}: {failure:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn without_a_token_the_hint_names_the_file() {
        let mut api = Api::start(vec![("POST /v1/peers", 401, error("a token is needed"))]).await;
        api.forget_token();
        let failure = added(&api, "lab").await.0.unwrap_err();
        assert!(failure.hint.unwrap().contains("/api-token"));
        assert!(!api.requests()[0].contains("authorization"));
    }
}
