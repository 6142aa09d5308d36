//! `add`: keeps a host of another network.

use hyper::StatusCode;
use kimchi_peers::HostName;
use kimchi_peers::remote::{Policy, RemoteAddress, RemoteAddressError};

use crate::cli::{AddArguments, Connection};
use crate::client::{Client, ClientError};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, printable};
use crate::view::AddRequest;

/// The form alone is judged here; where a host may be, the daemon decides.
const ANYWHERE: Policy = Policy { allow_loopback: true };

/// Adds the host.
pub(crate) async fn run(arguments: &AddArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(add(&client, arguments, &mut Screen::of_process()).await)
}

async fn add(client: &Client, arguments: &AddArguments, screen: &mut Screen) -> Result<(), Stop> {
    let peer = client.add(&request(arguments)).await.map_err(|error| explain(error, arguments))?;
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

fn explain(error: ClientError, arguments: &AddArguments) -> Failure {
    let hint = match error.status() {
        Some(StatusCode::CONFLICT) => Some(known_hint(&arguments.host)),
        Some(StatusCode::BAD_REQUEST) => form_hint(arguments).map(str::to_owned),
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.with_hint(printable(&hint)),
        None => failure,
    }
}

fn known_hint(host: &str) -> String {
    let key = RemoteAddress::parse(host, ANYWHERE).map_or_else(|_| host.to_owned(), |address| address.key());
    format!("see it with: kimchi-peers show {key}")
}

/// What was written in a form that nothing could be made of. What the daemon has against a good form, it says itself.
fn form_hint(arguments: &AddArguments) -> Option<&'static str> {
    let name = arguments.name.as_deref().map(str::parse::<HostName>);
    match RemoteAddress::parse(&arguments.host, ANYWHERE) {
        Err(RemoteAddressError::Forbidden(_)) => None,
        Err(_) => Some("give HOST, HOST:PORT or https://HOST[:PORT][/PATH], such as kvm9.example.org:8001"),
        Ok(_) if matches!(name, Some(Err(_))) => Some("give a name such as --name lab-7, or leave it out"),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, remote};
    use crate::command::status::tests::sample;
    use crate::failure::FAILED;
    use crate::output::{Surface, Written};
    use crate::view::{ErrorView, StatusView};

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
        let cases = [
            (409, "https://LAB/wok", Some("see it with: kimchi-peers show lab:8001")),
            (400, "lab:0", Some("give HOST, HOST:PORT or ")),
            (400, "lab", None),
            (400, "169.254.169.254", None),
            (401, "lab", Some("not this daemon's")),
            (403, "lab", Some("--state-dir")),
        ];
        for (status, host, hint) in cases {
            let api = Api::start(vec![("POST /v1/peers", status, error("it is\nso"))]).await;
            let failure = added(&api, host).await.0.unwrap_err();
            assert_eq!((failure.status, failure.message.as_str()), (FAILED, "it is\\u{a}so"));
            match hint {
                Some(hint) => assert!(failure.hint.as_ref().unwrap().contains(hint), "{status}: {failure:?}"),
                None => assert_eq!(failure.hint, None, "{host}"),
            }
        }
    }

    #[test]
    fn the_hint_is_about_what_is_wrong() {
        let hint = |host: &str, name: &str| {
            form_hint(&AddArguments { host: host.to_owned(), name: Some(name.to_owned()) }).unwrap_or_default()
        };
        assert!(hint("lab", "a b").contains("--name") && !hint("lab", "a b").contains("HOST"));
        assert!(hint("lab:x", "a b").contains("HOST:PORT"));
        assert_eq!(hint("lab", "lab-7"), "");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn where_the_token_is_the_daemon_tells() {
        let state_dir = tempfile::tempdir().unwrap().path().display().to_string();
        let status = StatusView { state_dir: state_dir.clone(), ..sample() };
        let answers = vec![
            ("POST /v1/peers", 401, error("a token is needed")),
            ("GET /v1/status", 200, serde_json::to_string(&status).unwrap()),
        ];
        let failure = added(&Api::start(answers).await, "lab").await.0.unwrap_err();
        assert!(failure.message.contains(&format!("keeps its state in {state_dir}")), "{failure:?}");
        assert_eq!(failure.hint, Some(format!("add --state-dir {state_dir}")));
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
