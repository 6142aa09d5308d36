//! A daemon with canned answers, for the tests of the commands; and the client against it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use super::questions::peer_path;
use super::*;
use crate::command::status::tests::sample;
use crate::failure::{FAILED, Failure, NO_DAEMON};
use crate::view::{CertificateState, EventView, Origin, PeerState, PeerView, Reach, Trust};

/// Method and path, status, body.
type Answer = (&'static str, u16, String);

const TIME: &str = "2026-11-23T10:00:00.000Z";

/// A local peer that is up.
pub(crate) fn peer(name: &str, address: &str) -> PeerView {
    PeerView {
        id: format!("{name}@{address}"),
        name: name.to_owned(),
        addresses: vec![address.to_owned()],
        http_port: Some(8000),
        https_port: 8001,
        url: format!("https://{address}:8001"),
        origin: Origin::Local,
        state: PeerState::Up,
        reason: None,
        trust: Trust::Unsigned,
        reach: Some(Reach::Both),
        first_seen: TIME.to_owned(),
        last_seen: Some(TIME.to_owned()),
        state_since: TIME.to_owned(),
        rtt_ms: Some(0.42),
        facts: BTreeMap::new(),
        certificate_state: CertificateState::Unknown,
        planned: None,
    }
}

/// A remote peer that is being checked.
pub(crate) fn remote(host: &str) -> PeerView {
    PeerView {
        id: format!("{host}:8001"),
        addresses: vec![],
        url: format!("https://{host}:8001"),
        origin: Origin::Remote,
        state: PeerState::Unknown,
        reach: None,
        last_seen: None,
        rtt_ms: None,
        ..peer(host, host)
    }
}

/// An event about a local peer.
pub(crate) fn event(word: &str, name: &str) -> EventView {
    EventView { event: word.to_owned(), time: TIME.to_owned(), cause: None, peer: Some(peer(name, "10.0.0.1")) }
}

/// A daemon on loopback that says what it was told to.
pub(crate) struct Api {
    address: ApiAddress,
    token: Token,
    requests: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Api {
    /// Gives the answer that fits the request, as often as it is asked.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        Self::serve(answers, false).await
    }

    /// Gives the answers one after the other and checks that each is the one asked for.
    pub(crate) async fn start_in_turn(answers: Vec<Answer>) -> Self {
        Self::serve(answers, true).await
    }

    async fn serve(answers: Vec<Answer>, in_turn: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = ApiAddress::Tcp(listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                converse(stream, &answers, in_turn, &record).await.unwrap();
            }
        });
        let token = Token { path: "/state/api-token".into(), text: Ok("s3cret".to_owned()), is_meant: false };
        Self { address, token, requests, server }
    }

    /// A client of this daemon.
    pub(crate) fn client(&self) -> Client {
        let addresses = vec![self.address.clone()];
        Client { addresses, belief: Belief::default(), token: self.token.clone(), answer_limit: ANSWER_LIMIT }
    }

    /// A client where no daemon is.
    pub(crate) fn nowhere() -> Client {
        let token = Token { path: "/state/api-token".into(), text: Err(io::ErrorKind::NotFound), is_meant: false };
        let addresses = vec![ApiAddress::Unix("/nonexistent/api.sock".into())];
        Client { addresses, belief: Belief::default(), token, answer_limit: ANSWER_LIMIT }
    }

    /// From now on clients have no token.
    pub(crate) fn forget_token(&mut self) {
        self.token.text = Err(io::ErrorKind::PermissionDenied);
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: &[Answer],
    in_turn: bool,
    record: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let turn = record.lock().unwrap().len();
    let fits = |answer: &&Answer| request.starts_with(&format!("{} HTTP/1.1\r\n", answer.0));
    let candidates = if in_turn { answers.get(turn..=turn).unwrap_or_default() } else { answers };
    let (status, body) = candidates.iter().find(fits).map_or((404, "{}"), |(_, status, body)| (*status, body.as_str()));
    record.lock().unwrap().push(request);
    // Without a length the body ends with the connection, as that of an event stream does.
    stream.write_all(format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n{body}").as_bytes()).await?;
    stream.shutdown().await
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await?;
        text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) || count == 0 {
            return Ok(text);
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn reading_carries_no_token() {
    let api = Api::start(vec![("GET /v1/peers", 200, "[]".to_owned())]).await;
    assert_eq!(api.client().peers().await.unwrap(), []);
    assert!(!api.requests()[0].contains("authorization"), "{}", api.requests()[0]);
    assert!(api.requests()[0].contains("\r\nhost: 127.0.0.1:"));
}

#[tokio::test(flavor = "current_thread")]
async fn over_a_socket_nothing_needs_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let record = Mutex::new(Vec::new());
    let answers = [("POST /v1/search", 202, "{}".to_owned())];
    let token = Token { path: path.clone(), text: Ok("s3cret".to_owned()), is_meant: false };
    // A socket that nobody serves any more is passed over.
    let stale = directory.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let client = Client { addresses: vec![ApiAddress::Unix(stale), ApiAddress::Unix(path)], token, ..Api::nowhere() };
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        converse(stream, &answers, false, &record).await.unwrap();
    };
    let (asked, ()) = tokio::join!(client.search(), serve);
    asked.unwrap();
    assert!(!record.lock().unwrap()[0].contains("authorization"));
}

#[tokio::test(flavor = "current_thread")]
async fn where_no_daemon_is_all_addresses_are_named() {
    let mut client = Api::nowhere();
    client.addresses.push(ApiAddress::Unix("/nonexistent/\u{1b}".into()));
    let failure = Failure::from(client.peers().await.unwrap_err());
    assert_eq!(failure.status, NO_DAEMON);
    assert_eq!(
        failure.message,
        "no daemon reached; tried unix:/nonexistent/api.sock (no such file) and \
         unix:/nonexistent/\\u{1b} (no such file)"
    );
    assert_eq!(failure.hint.as_deref(), Some("start it with: systemctl start kimchi-peers, or kimchi-peers run"));
}

#[tokio::test(flavor = "current_thread")]
async fn another_program_at_the_address_is_told_from_a_daemon() {
    let api = Api::start(vec![("GET /v1/peers", 200, "<html>".to_owned())]).await;
    let failure = Failure::from(api.client().peers().await.unwrap_err());
    assert_eq!(failure.status, FAILED);
    assert!(failure.message.contains("is not this version of kimchi-peers"), "{}", failure.message);
    let failure = Failure::from(api.client().status().await.unwrap_err());
    assert!(failure.message.contains("404"), "{}", failure.message);
}

#[tokio::test(flavor = "current_thread")]
async fn a_daemon_that_hangs_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = ApiAddress::Tcp(listener.local_addr().unwrap());
    let client = Client { addresses: vec![address], answer_limit: Duration::from_millis(20), ..Api::nowhere() };
    let failure = Failure::from(client.peers().await.unwrap_err());
    assert_eq!(failure.status, FAILED);
    assert!(failure.message.ends_with("does not answer"), "{}", failure.message);
}

#[test]
fn the_token_never_leaves_this_host_in_clear() {
    let api = |text: &str| ApiAddress::parse(text).unwrap().remove(0);
    let token = Token::read(Path::new("/nonexistent"));
    let client =
        Client { addresses: vec![], token: Token { text: Ok("s3cret".to_owned()), ..token }, ..Api::nowhere() };
    assert_eq!(client.credential(&api("192.0.2.7:1"), &Method::POST), Credential::Withheld);
    assert!(matches!(client.credential(&api("127.0.0.1:1"), &Method::DELETE), Credential::Sent(_)));
    assert_eq!(client.credential(&api("127.0.0.1:1"), &Method::GET), Credential::Unneeded);
    assert_eq!(client.credential(&api("https://kvm-1"), &Method::GET), Credential::Unnamed);
    assert!(matches!(client.credential(&api("https://[::1]"), &Method::GET), Credential::Sent(_)));
    let named = Token { is_meant: true, ..client.token.clone() };
    let client = Client { token: named, ..client };
    assert!(matches!(client.credential(&api("https://kvm-1"), &Method::GET), Credential::Sent(_)));
    assert_eq!(client.credential(&api("192.0.2.7:1"), &Method::POST), Credential::Withheld);
}

#[test]
fn an_id_is_one_segment_of_the_path() {
    assert_eq!(peer_path("a/b@[::1]:80?x#é%"), "/v1/peers/a%2Fb%40%5B%3A%3A1%5D%3A80%3Fx%23%C3%A9%25");
}

#[tokio::test(flavor = "current_thread")]
async fn who_names_the_file_of_a_token_is_told_of_that_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("api-token"), "s3cret").unwrap();
    let status = StatusView { state_dir: directory.path().display().to_string(), ..sample() };
    let refusal = r#"{"code":"KPAPI0401","reason":"a change needs the token"}"#.to_owned();
    let answers =
        vec![("DELETE /v1/peers/a", 401, refusal), ("GET /v1/status", 200, serde_json::to_string(&status).unwrap())];
    let mut api = Api::start(answers).await;
    let there = directory.path().join("api-token");
    let hint = format!("give --token-file {}", there.display());
    for (text, message) in [
        (Ok("other".to_owned()), "the token in badtoken is not this daemon's"),
        (Err(io::ErrorKind::NotFound), "cannot read badtoken: no such file"),
    ] {
        api.token = Token { path: "badtoken".into(), text, is_meant: true };
        let failure = Failure::from(api.client().remove("a").await.unwrap_err());
        assert_eq!((failure.message.as_str(), failure.hint.as_deref()), (message, Some(hint.as_str())));
    }
    // The usual one was not named, so the way to the right one is what is missing.
    api.token.is_meant = false;
    let failure = Failure::from(api.client().remove("a").await.unwrap_err());
    assert!(failure.message.starts_with("a change needs this daemon's token"), "{failure:?}");
}
