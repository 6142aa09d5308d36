//! The command line's side of the API.
//!
//! Every question is a connection of its own: a command asks once or twice, and a kept connection would only be one
//! more thing that can break.

mod address;
mod belief;
mod connect;
mod error;
mod events;
mod known;
mod resolve;
mod sse;
#[cfg(test)]
pub(crate) mod tests;
mod token;

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use kimchi_peers::GroupId;
use serde::de::DeserializeOwned;

use crate::cli::{Connection, RunArguments};
use crate::doctor::Report;
use crate::settings::{Settings, TOKEN_FILE_VARIABLE};
use crate::view::{
    AddRequest, AvailabilityView, ChangeView, CheckView, CodeView, ErrorView, KeysView, LeaveRequest, MatrixView,
    PeerAvailability, PeerDetail, PeerView, PlannedView, RegisterRequest, SelfView, ServiceView, StatusView,
};

pub(crate) use address::ApiAddress;
pub(crate) use belief::Belief;
pub(crate) use error::{ClientError, Credential};
pub(crate) use events::{Followed, Follower};
pub(crate) use known::Known;
pub(crate) use resolve::{resolve, resolve_among, resolve_beginning, resolve_whole};
pub(crate) use token::{Token, state_directory};

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Far more than the list of the greatest network.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The daemon as the command line sees it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    addresses: Vec<ApiAddress>,
    belief: Belief,
    token: Token,
    answer_limit: Duration,
}

/// What to ask.
struct Question<'a> {
    method: Method,
    path: &'a str,
    body: Option<Vec<u8>>,
    /// The event after which a stream of events is to go on.
    after: Option<&'a str>,
}

impl<'a> Question<'a> {
    const fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, after: None }
    }
}

/// A question on its way.
struct Asking {
    address: ApiAddress,
    sender: connect::Sender,
    credential: Credential,
    request: Request<Full<Bytes>>,
}

impl Asking {
    async fn send(mut self) -> Result<Response<Incoming>, ClientError> {
        self.sender.send_request(self.request).await.map_err(|error| ClientError::Broken(self.address, error))
    }
}

/// Where the daemon of this host would have its state; with a configuration that is wrong or not readable, the usual place.
pub(crate) fn usual_state_directory(connection: &Connection) -> PathBuf {
    let is_root = nix::unistd::geteuid().is_root();
    let configured = Settings::load(&RunArguments::default(), connection).map(|loaded| loaded.settings.state_dir);
    configured
        .unwrap_or_else(|_| state_directory(connection.state_dir.as_ref(), is_root, |name| std::env::var_os(name)))
}

impl Client {
    /// Finds out where the daemon is to be; whether it is there shows with the first question.
    pub(crate) fn find(connection: &Connection) -> Result<Self, ClientError> {
        let variable = |name: &str| std::env::var_os(name);
        let directory = usual_state_directory(connection);
        let addresses = ApiAddress::candidates(connection, variable)?;
        let named = connection.token_file.clone();
        let named = named.or_else(|| variable(TOKEN_FILE_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from));
        let token = named.map_or_else(|| Token::read(&directory), Token::of_file);
        Ok(Self { addresses, belief: Belief::of(connection), token, answer_limit: ANSWER_LIMIT })
    }

    /// All peers in all states.
    pub(crate) async fn peers(&self) -> Result<Vec<PeerView>, ClientError> {
        self.read("/v1/peers").await
    }

    /// The same, and the daemon measures the round trips to them meanwhile, for the next reading.
    pub(crate) async fn measured_peers(&self) -> Result<Vec<PeerView>, ClientError> {
        self.read("/v1/peers?measure=true").await
    }

    /// One peer with what led to its row.
    pub(crate) async fn peer(&self, id: &str) -> Result<PeerDetail, ClientError> {
        self.read(&peer_path(id)).await.map_err(|error| not_found(error, id))
    }

    /// The newest changes, of one peer or of all.
    pub(crate) async fn history(
        &self,
        peer: Option<&str>,
        since: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ChangeView>, ClientError> {
        let mut path = format!("/v1/history?limit={limit}");
        for (name, value) in [("peer", peer), ("since", since)] {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={}", segment(value)));
            }
        }
        self.read(&path).await
    }

    /// When one peer was there in a window that the API knows, such as `24h`; nothing of one that is not in the list.
    pub(crate) async fn availability(&self, window: &str, id: &str) -> Result<Option<PeerAvailability>, ClientError> {
        let path = format!("/v1/availability?window={window}&peer={}", segment(id));
        let view: AvailabilityView = self.read(&path).await?;
        Ok(view.peers.into_iter().next())
    }

    /// The daemon's own host.
    pub(crate) async fn myself(&self) -> Result<SelfView, ClientError> {
        self.read("/v1/self").await
    }

    /// How the daemon is doing.
    pub(crate) async fn status(&self) -> Result<StatusView, ClientError> {
        self.read("/v1/status").await
    }

    /// Who hears whom.
    pub(crate) async fn matrix(&self) -> Result<MatrixView, ClientError> {
        self.read("/v1/matrix").await
    }

    /// What may be wrong with the daemon's host, or why it does or does not see this peer.
    pub(crate) async fn doctor(&self, peer: Option<&str>) -> Result<Report, ClientError> {
        match peer {
            Some(peer) => self.read(&path_below("/v1/doctor?peer=", peer)).await,
            None => self.read("/v1/doctor").await,
        }
    }

    /// Whether the daemon that is asked would be this host's own.
    pub(crate) fn is_for_this_host(&self) -> bool {
        self.addresses.iter().all(ApiAddress::is_on_this_host)
    }

    /// Keeps a host for good.
    pub(crate) async fn add(&self, request: &AddRequest) -> Result<PeerView, ClientError> {
        let body = serde_json::to_vec(request).unwrap_or_default();
        let question = Question { body: Some(body), ..Question::new(Method::POST, "/v1/peers") };
        let (address, bytes) = self.change(question).await?;
        parse(&address, &bytes)
    }

    /// Forgets a peer.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), ClientError> {
        let asked = self.change(Question::new(Method::DELETE, &peer_path(id))).await;
        asked.map(drop).map_err(|error| not_found(error, id))
    }

    /// Has the daemon announce an absence and end.
    pub(crate) async fn leave(&self, request: &LeaveRequest) -> Result<PlannedView, ClientError> {
        let body = serde_json::to_vec(request).unwrap_or_default();
        let question = Question { body: Some(body), ..Question::new(Method::POST, "/v1/leave") };
        let (address, bytes) = self.change(question).await?;
        parse(&address, &bytes)
    }

    /// Whether nobody accepts connections any more.
    pub(crate) async fn is_gone(&self) -> bool {
        matches!(self.ask(Question::new(Method::GET, "/healthz")).await, Err(ClientError::Unreachable(_)))
    }

    /// A link that signs a browser in.
    pub(crate) async fn sign_in_code(&self) -> Result<CodeView, ClientError> {
        let (address, bytes) = self.change(Question::new(Method::POST, "/v1/session/code")).await?;
        parse(&address, &bytes)
    }

    /// Has the daemon look at the certificate of a peer's console.
    pub(crate) async fn check(&self, id: &str) -> Result<CheckView, ClientError> {
        let path = format!("{}/check", peer_path(id));
        let asked = self.change(Question::new(Method::POST, &path)).await;
        let (address, bytes) = asked.map_err(|error| not_found(error, id))?;
        parse(&address, &bytes)
    }

    /// Gives a name to the peer that bears it.
    pub(crate) async fn trust(&self, id: &str) -> Result<(), ClientError> {
        let path = format!("{}/trust", peer_path(id));
        let asked = self.change(Question::new(Method::POST, &path)).await;
        asked.map(drop).map_err(|error| not_found(error, id))
    }

    /// The ids of the group keys, and who uses them.
    pub(crate) async fn keys(&self) -> Result<KeysView, ClientError> {
        self.read("/v1/keys").await
    }

    /// Has the daemon read the group keys again.
    pub(crate) async fn reload_keys(&self) -> Result<KeysView, ClientError> {
        let (address, bytes) = self.change(Question::new(Method::POST, "/v1/keys/reload")).await?;
        parse(&address, &bytes)
    }

    /// Has the daemon use a group key. Its id is a `GroupId`, of which every letter fits a path.
    pub(crate) async fn use_key(&self, id: GroupId) -> Result<(), ClientError> {
        self.change(Question::new(Method::POST, &format!("/v1/keys/{id}/use"))).await.map(drop)
    }

    /// Has the daemon take a group key away.
    pub(crate) async fn remove_key(&self, id: GroupId) -> Result<(), ClientError> {
        self.change(Question::new(Method::DELETE, &format!("/v1/keys/{id}"))).await.map(drop)
    }

    /// What the programs of this host registered.
    pub(crate) async fn services(&self) -> Result<Vec<ServiceView>, ClientError> {
        self.read("/v1/services").await
    }

    /// Registers a service of this host.
    pub(crate) async fn register(&self, url: &str) -> Result<(), ClientError> {
        let body = serde_json::to_vec(&RegisterRequest { url: url.to_owned() }).unwrap_or_default();
        let question = Question { body: Some(body), ..Question::new(Method::POST, "/v1/services") };
        self.change(question).await.map(drop)
    }

    /// Takes a registration back.
    pub(crate) async fn deregister(&self, url: &str) -> Result<(), ClientError> {
        self.change(Question::new(Method::DELETE, &path_below("/v1/services/", url))).await.map(drop)
    }

    /// Has the daemon ask the network who is there.
    pub(crate) async fn search(&self) -> Result<(), ClientError> {
        self.ask(Question::new(Method::POST, "/v1/search")).await.map(drop)
    }

    /// The stream of events after the one of this id, or from now on. Its body has no limit in time.
    pub(crate) async fn events(&self, after: Option<&str>) -> Result<Response<Incoming>, ClientError> {
        let asking = self.begin(Question { after, ..Question::new(Method::GET, "/v1/events") }).await?;
        let address = asking.address.clone();
        let asked = async {
            let credential = asking.credential.clone();
            let answer = asking.send().await?;
            if answer.status() == StatusCode::OK {
                return Ok(answer);
            }
            let (status, bytes) = whole(&address, answer).await?;
            Err(refused(&address, status, &bytes, credential))
        };
        self.in_time(&address, asked).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let (address, bytes) = self.ask(Question::new(Method::GET, path)).await?;
        parse(&address, &bytes)
    }

    /// Asks for what needs the token. Where that was not the right one, the daemon knows where to find it.
    async fn change(&self, question: Question<'_>) -> Result<(ApiAddress, Bytes), ClientError> {
        let refusal = match self.ask(question).await {
            Err(error) if error.is_for_want_of_the_token() => error,
            asked => return asked,
        };
        let Ok(StatusView { state_dir, .. }) = self.status().await else { return Err(refusal) };
        let state_dir = PathBuf::from(state_dir);
        let unreadable = Token::read(&state_dir).text.err();
        let tried = self.token.path.parent().unwrap_or(&self.token.path).to_owned();
        Err(ClientError::NoToken { state_dir, tried, unreadable })
    }

    async fn ask(&self, question: Question<'_>) -> Result<(ApiAddress, Bytes), ClientError> {
        let asking = self.begin(question).await?;
        let address = asking.address.clone();
        let asked = async {
            let credential = asking.credential.clone();
            let (status, bytes) = whole(&address, asking.send().await?).await?;
            if status.is_success() { Ok(bytes) } else { Err(refused(&address, status, &bytes, credential)) }
        };
        let bytes = self.in_time(&address, asked).await?;
        Ok((address, bytes))
    }

    async fn in_time<T>(
        &self,
        address: &ApiAddress,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        tokio::time::timeout(self.answer_limit, asked)
            .await
            .unwrap_or_else(|_| Err(ClientError::Silent(address.clone())))
    }

    async fn begin(&self, question: Question<'_>) -> Result<Asking, ClientError> {
        let (address, sender) = connect::connect(&self.addresses, &self.belief).await?;
        let credential = self.credential(&address, &question.method);
        let request = self.request(question, &address, &credential)?;
        Ok(Asking { address, sender, credential, request })
    }

    fn credential(&self, address: &ApiAddress, method: &Method) -> Credential {
        let is_secret = matches!(address, ApiAddress::Https { .. });
        if matches!(address, ApiAddress::Unix(_)) || (*method == Method::GET && !is_secret) {
            return Credential::Unneeded;
        }
        match (address.is_on_this_host(), is_secret) {
            (false, false) => return Credential::Withheld,
            (false, true) if !self.token.is_meant => return Credential::Unnamed,
            (true, _) | (false, true) => {}
        }
        match &self.token.text {
            Ok(_) => Credential::Sent(self.token.path.clone()),
            Err(why) => Credential::Unreadable(self.token.path.clone(), *why),
        }
    }

    fn request(
        &self,
        question: Question<'_>,
        address: &ApiAddress,
        credential: &Credential,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let stream = question.path == "/v1/events";
        let accepted = if stream { "text/event-stream" } else { "application/json" };
        let mut request = Request::builder()
            .method(question.method)
            .uri(question.path)
            .header(header::HOST, address.authority())
            .header(header::USER_AGENT, concat!("kimchi-peers/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, accepted);
        if let (Credential::Sent(_), Ok(token)) = (credential, &self.token.text) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if question.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(after) = question.after {
            request = request.header("last-event-id", after);
        }
        let body = Full::new(Bytes::from(question.body.unwrap_or_default()));
        // Only the id of an event could be unfit for a header, and it came from there.
        request.body(body).map_err(|error| ClientError::Foreign(address.clone(), error.to_string()))
    }
}

async fn whole(address: &ApiAddress, answer: Response<Incoming>) -> Result<(StatusCode, Bytes), ClientError> {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| match error.downcast::<hyper::Error>() {
        Ok(error) => ClientError::Broken(address.clone(), *error),
        Err(error) => ClientError::Foreign(address.clone(), error.to_string()),
    };
    Ok((status, body.map_err(broken)?.to_bytes()))
}

fn parse<T: DeserializeOwned>(address: &ApiAddress, bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Foreign(address.clone(), error.to_string()))
}

fn refused(address: &ApiAddress, status: StatusCode, bytes: &[u8], credential: Credential) -> ClientError {
    match serde_json::from_slice::<ErrorView>(bytes) {
        Ok(error) => ClientError::Refused { status, reason: error.reason, credential },
        Err(_) => ClientError::Foreign(address.clone(), format!("it says {status}")),
    }
}

/// A peer can go between the look at the list and the question about it.
fn not_found(error: ClientError, id: &str) -> ClientError {
    if error.status() == Some(StatusCode::NOT_FOUND) { ClientError::NoSuchPeer(id.to_owned()) } else { error }
}

/// The path of one peer, its id as one segment.
fn peer_path(id: &str) -> String {
    path_below("/v1/peers/", id)
}

/// The path with this text as its last segment.
fn path_below(path: &str, text: &str) -> String {
    format!("{path}{}", segment(text))
}

/// A text as one segment of a path, or as one value of a query.
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => segment.push(char::from(byte)),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}
