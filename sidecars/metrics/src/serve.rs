//! The HTTP server: `/metrics`, `/health`, `/live` and the page at `/`.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, stream};
use tokio::net::TcpListener;

use crate::exposition::{Shown, text};
use crate::follow::{Shared, mono_ns};
use crate::page::{PAGE, view};

/// Time between two views of the page.
const PAGE_PERIOD: Duration = Duration::from_millis(250);

/// Serves until `stop` is done.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    shared: Shared,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let router = Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/live", get(live))
        .with_state(shared);
    // An open page would hold a graceful stop for ever: the sockets are closed with the process.
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = stop => {}
    }
    Ok(())
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let now_ns = mono_ns();
    let followed = shared.look();
    let health = followed.health(now_ns);
    let shown = Shown {
        status: followed.status.as_ref(),
        info: followed.info.as_ref(),
        verdict: followed.verdict.as_ref(),
        portfolio: followed.portfolio.as_ref(),
        processes: &followed.processes,
        latency: &followed.latency,
        counts: &followed.counts,
        health: &health,
        now_ns,
    };
    match text(shown) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            log::error!("exposition: {error}");
            (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    let health = shared.look().health(mono_ns());
    let code = if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let json = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::to_string(&health) {
        Ok(text) => (code, json, text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn live(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let views = stream::unfold((shared, false), |(shared, waited)| async move {
        if waited {
            tokio::time::sleep(PAGE_PERIOD).await;
        }
        let json = serde_json::to_string(&view(&shared.look()));
        let event = match json {
            Ok(json) => Event::default().data(json),
            Err(error) => Event::default().event("error").data(error.to_string()),
        };
        Some((Ok(event), (shared, true)))
    });
    Sse::new(views).keep_alive(KeepAlive::default())
}
