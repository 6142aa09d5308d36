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
mod questions;
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
use serde::de::DeserializeOwned;

use crate::cli::{Connection, RunArguments};
use crate::settings::{Settings, TOKEN_FILE_VARIABLE};
use crate::view::{ErrorView, StatusView};

pub(crate) use address::ApiAddress;
pub(crate) use belief::Belief;
pub(crate) use error::{ClientError, Credential};
pub(crate) use events::{Followed, Follower};
pub(crate) use known::Known;
pub(crate) use questions::peer_path;
pub(crate) use resolve::{resolve, resolve_among, resolve_beginning, resolve_either, resolve_whole};
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

    /// Whether the daemon that is asked would be this host's own.
    pub(crate) fn is_for_this_host(&self) -> bool {
        self.addresses.iter().all(ApiAddress::is_on_this_host)
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
            Err(self.refused(&address, status, &bytes, credential))
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
        if let ClientError::WrongToken { file, unreadable: not_read, .. } = refusal {
            return Err(ClientError::WrongToken { file, unreadable: not_read, daemon: Some((state_dir, unreadable)) });
        }
        let tried = self.token.path.parent().unwrap_or(&self.token.path).to_owned();
        Err(ClientError::NoToken { state_dir, tried, unreadable })
    }

    async fn ask(&self, question: Question<'_>) -> Result<(ApiAddress, Bytes), ClientError> {
        let asking = self.begin(question).await?;
        let address = asking.address.clone();
        let asked = async {
            let credential = asking.credential.clone();
            let (status, bytes) = whole(&address, asking.send().await?).await?;
            if status.is_success() { Ok(bytes) } else { Err(self.refused(&address, status, &bytes, credential)) }
        };
        let bytes = self.in_time(&address, asked).await?;
        Ok((address, bytes))
    }

    /// What a refusal means. Whoever named the file of a token is told of that one, not of where tokens usually are.
    fn refused(&self, address: &ApiAddress, status: StatusCode, bytes: &[u8], credential: Credential) -> ClientError {
        let Ok(ErrorView { reason, .. }) = serde_json::from_slice(bytes) else {
            return ClientError::Foreign(address.clone(), format!("it says {status}"));
        };
        if status == StatusCode::UNAUTHORIZED && self.token.is_meant && credential.is_a_token() {
            let unreadable = self.token.text.as_ref().err().copied();
            return ClientError::WrongToken { file: self.token.path.clone(), unreadable, daemon: None };
        }
        ClientError::Refused { status, reason, credential }
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
