//! What happened to the peers, and when they were there.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::client::{ClientError, resolve};
use crate::daemon::Daemon;
use crate::output::changes_as_csv;
use crate::store::{Availability, AvailabilityQuestion, HistoryEntry, HistoryFilter};
use crate::view::{AvailabilityView, ChangeView, PeerAvailability, from_unix_milliseconds, rfc3339, unix_milliseconds};

/// Entries in an answer unless more are asked for.
const LIMIT_DEFAULT: u32 = 100;
/// Entries in an answer at most; some 3 MiB.
const LIMIT_MAX: u32 = 10_000;

/// Which part of the history is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesQuery {
    peer: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Over which time availability is wanted, and whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AvailabilityQuery {
    window: Window,
    peer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Window {
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
}

impl Window {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    /// Slices, and seconds of each.
    const fn slices(self) -> (usize, u32) {
        match self {
            Self::Day => (96, 900),
            Self::Month => (120, 21_600),
            Self::Quarter => (90, 86_400),
        }
    }
}

/// `GET /v1/history`
pub(crate) async fn changes(
    State(daemon): State<Arc<Daemon>>,
    query: Result<Query<ChangesQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|error| wrong(error.body_text()))?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(wrong(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    let (since, until) = (time("since", query.since)?, time("until", query.until)?);
    let peer = whose(&daemon, query.peer).await?;
    let entries = daemon.store.history(HistoryFilter { peer, since, until, limit }).await?;
    let changes: Vec<ChangeView> = entries.into_iter().map(change).collect();
    Ok(match query.format {
        Format::Json => Json(changes).into_response(),
        Format::Csv => {
            let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")];
            (kind, changes_as_csv(&changes, false)).into_response()
        }
    })
}

/// `GET /v1/availability`
pub(crate) async fn availability(
    State(daemon): State<Arc<Daemon>>,
    query: Result<Query<AvailabilityQuery>, QueryRejection>,
) -> Result<Json<AvailabilityView>, ApiError> {
    let Query(AvailabilityQuery { window, peer }) = query.map_err(|error| wrong(error.body_text()))?;
    let peer = whose(&daemon, peer).await?;
    let (slices, slice_seconds) = window.slices();
    let until = unix_milliseconds(SystemTime::now());
    let slice = i64::from(slice_seconds) * 1000;
    let (names, peers): (Vec<_>, Vec<_>) = daemon.registry().present(peer.as_deref()).into_iter().unzip();
    let length = slice * i64::try_from(slices).unwrap_or(i64::MAX);
    let question = AvailabilityQuestion { since: until.saturating_sub(length), slice, slices, peers };
    let since = question.since;
    // One for each that was asked for, in the same order.
    let answers = daemon.store.availability(question).await?;
    Ok(Json(AvailabilityView {
        window: window.as_str().to_owned(),
        since: rfc3339(from_unix_milliseconds(since)),
        until: rfc3339(from_unix_milliseconds(until)),
        slice_seconds: slice_seconds.into(),
        peers: names.into_iter().zip(answers).map(row).collect(),
    }))
}

/// The id of the peer that a text means: one in the list by its id, name or address, or one that left it and is in the history by
/// its id.
async fn whose(daemon: &Daemon, given: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(given) = given else { return Ok(None) };
    let peers = daemon.registry().views();
    match resolve(&peers, &given) {
        Ok(Some(found)) => return Ok(Some(found.peer.id.clone())),
        Ok(None) | Err(ClientError::NoSuchPeer(_)) => {}
        Err(several) => return Err(ApiError::new(StatusCode::CONFLICT, "KPPEER0411", several.to_string())),
    }
    let newest = HistoryFilter { peer: Some(given.clone()), limit: 1, ..HistoryFilter::default() };
    if daemon.store.history(newest).await?.is_empty() {
        let reason = format!(
            "nothing is known of a peer {given}: give the id of one in GET /v1/peers or of one that was, or the name or an \
             address of one in the list"
        );
        return Err(ApiError::new(StatusCode::NOT_FOUND, "KPPEER0404", reason));
    }
    Ok(Some(given))
}

fn row((name, answer): (String, Availability)) -> PeerAvailability {
    let Availability { key, share, flaps, slices } = answer;
    // Rounded down, so that 1 says that nothing was missed.
    let availability = share.map(|share| (share * 1e6).floor() / 1e6);
    PeerAvailability { peer: key, name, availability, flaps, slices }
}

fn change(entry: HistoryEntry) -> ChangeView {
    let HistoryEntry { time, peer, name, event, cause, address, certificate, .. } = entry;
    ChangeView { time: rfc3339(from_unix_milliseconds(time)), peer, name, event, cause, address, certificate }
}

fn time(name: &str, text: Option<String>) -> Result<Option<i64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    match humantime::parse_rfc3339(&text) {
        Ok(time) => Ok(Some(unix_milliseconds(time))),
        Err(_) => Err(wrong(format!("{name} must be a time in UTC, such as 2026-11-23T10:00:00Z"))),
    }
}

fn wrong(reason: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", reason)
}
