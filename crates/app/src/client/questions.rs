//! What the command line asks of the API, and what comes back.

use hyper::{Method, StatusCode};
use kimchi_peers::GroupId;

use super::{Client, ClientError, Question, parse};
use crate::doctor::Report;
use crate::view::{
    AddRequest, AvailabilityView, ChangeView, CheckView, CodeView, KeysView, LeaveRequest, MatrixView,
    PeerAvailability, PeerDetail, PeerView, PlannedView, RegisterRequest, SelfView, ServiceView, StatusView,
};

impl Client {
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
        self.read(&path).await.map_err(|error| not_found(error, peer.unwrap_or_default()))
    }

    /// When one peer was there in a window that the API knows, such as `24h`; nothing of one that is not in the list.
    pub(crate) async fn availability(&self, window: &str, id: &str) -> Result<Option<PeerAvailability>, ClientError> {
        let path = format!("/v1/availability?window={window}&peer={}", segment(id));
        match self.read::<AvailabilityView>(&path).await {
            Ok(view) => Ok(view.peers.into_iter().next()),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
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
    pub(crate) async fn use_key(&self, id: GroupId) -> Result<KeysView, ClientError> {
        let (address, bytes) = self.change(Question::new(Method::POST, &format!("/v1/keys/{id}/use"))).await?;
        parse(&address, &bytes)
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
}

/// A peer can go between the look at the list and the question about it.
fn not_found(error: ClientError, id: &str) -> ClientError {
    if error.status() == Some(StatusCode::NOT_FOUND) { ClientError::NoSuchPeer(id.to_owned()) } else { error }
}

/// The path of one peer, its id as one segment.
pub(crate) fn peer_path(id: &str) -> String {
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
