//! Who hears whom.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kimchi_peers::{Hearing, Matrix, MatrixRow, PeerId, now};

use crate::api::error::ApiError;
use crate::daemon::{Daemon, present};
use crate::view::{MatrixHostView, MatrixRowView, MatrixView};

/// `GET /v1/matrix`
pub(crate) async fn matrix(State(daemon): State<Arc<Daemon>>) -> Result<Json<MatrixView>, ApiError> {
    who_hears_whom(&daemon).await.map(Json)
}

/// The matrix as this host knows it now.
pub(crate) async fn who_hears_whom(daemon: &Daemon) -> Result<MatrixView, ApiError> {
    let own = daemon.discovery.status().await.map_err(|_| ApiError::ended())?.identity.id;
    let matrix = daemon.discovery.matrix().await.map_err(|_| ApiError::ended())?;
    Ok(view(&matrix, &own))
}

fn view(matrix: &Matrix, own: &PeerId) -> MatrixView {
    let hosts: Vec<MatrixHostView> = matrix
        .hosts
        .iter()
        .map(|host| MatrixHostView {
            id: host.key.as_ref().map_or_else(|| own.to_string(), ToString::to_string),
            name: host.name.to_string(),
            state: present::state(host.state),
        })
        .collect();
    let row = |row: &MatrixRow| MatrixRowView {
        id: hosts.get(row.host).map(|host| host.id.clone()).unwrap_or_default(),
        heard: row.cells.iter().map(|cell| letter(*cell)).collect(),
        age_ms: row.told_at.map(|at| u64::try_from(now().since(at).as_millis()).unwrap_or(u64::MAX)),
    };
    MatrixView { rows: matrix.rows.iter().map(row).collect(), hosts }
}

const fn letter(cell: Hearing) -> char {
    match cell {
        Hearing::Heard => '1',
        Hearing::NotHeard => '0',
        Hearing::Itself => '-',
        Hearing::Unknown => '?',
    }
}
