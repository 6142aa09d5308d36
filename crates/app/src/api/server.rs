//! Serving: from an accepted connection to the router, with bounds on what a connection may cost.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::api::guard::{Door, Way};
use crate::api::listener::{self, Listener};
use crate::api::places::{Guest, Place, Places};
use crate::api::watched::Watched;

/// How long the TLS handshake of a connection may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to send its request's head, and may be idle between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request in bytes; the library's smallest.
const HEAD_MAX: usize = 8 * 1024;
/// After an accept that failed for want of descriptors there is no sense in trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on all listeners for ever.
pub(crate) async fn serve(listeners: Vec<Listener>, router: Router) {
    let places = Arc::new(Places::default());
    let mut tasks = tokio::task::JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept(listener, router.clone(), Arc::clone(&places)));
    }
    while tasks.join_next().await.is_some() {}
}

async fn accept(listener: Listener, router: Router, places: Arc<Places>) {
    let name: Arc<str> = listener.address().into();
    let way = |door, from: String| Way { listener: Arc::clone(&name), door, from: from.into() };
    loop {
        let accepted = match &listener {
            Listener::Loopback(listener) => listener.accept().await.map(|(stream, from)| {
                // Small answers, wanted at once.
                let _ = stream.set_nodelay(true);
                let place = places.enter(Guest::Loopback);
                spawn(stream, None, way(Door::Loopback, from.to_string()), router.clone(), place);
            }),
            Listener::Tls(listener, tls) => listener.accept().await.map(|(stream, from)| {
                let _ = stream.set_nodelay(true);
                let door = Door::Tls { local: listener::local_address(&stream) };
                let place = places.enter(Guest::Tls);
                spawn(stream, Some(tls.acceptor()), way(door, from.to_string()), router.clone(), place);
            }),
            Listener::Unix(listener, file) => listener.accept().await.and_then(|(stream, _)| {
                let credentials = stream.peer_cred()?;
                let door = Door::Unix { may_change: listener::may_change(&file.path, &credentials) };
                let place = places.enter(listener::guest(&credentials));
                let from = format!("user {}", credentials.uid());
                spawn(stream, None, way(door, from), router.clone(), place);
                Ok(())
            }),
        };
        if let Err(error) = accepted {
            tracing::debug!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
        // The new connection gets its turn before the next one, which may take its place.
        tokio::task::yield_now().await;
    }
}

fn spawn(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    tls: Option<TlsAcceptor>,
    way: Way,
    router: Router,
    place: Place,
) {
    tokio::spawn(async move {
        let watched = Watched::new(stream, place.activity());
        let talked = async {
            match tls {
                None => talk(watched, way, router, &place).await,
                Some(acceptor) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(watched)).await {
                    Ok(Ok(stream)) => talk(stream, way, router, &place).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        };
        tokio::select! {
            () = talked => {}
            () = place.lost() => tracing::debug!("a connection was ended for another one, or for its silence"),
        }
    });
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, way: Way, router: Router, place: &Place) {
    let activity = place.activity();
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        activity.ask();
        request.extensions_mut().insert(way.clone());
        let mut router = router.clone();
        async move { tower_service::Service::call(&mut router, request).await }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
