//! Connections: how many, for how long, and what is made of their requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::guard::{self, Refusal};
use super::reply::Reply;
use super::{Site, pages};
use crate::sanitize;

/// More connections end the oldest ones, so that silent ones cannot keep others out.
const MAX_CONNECTIONS: usize = 128;

/// Pages that are made at a time: each takes the memory of a document.
const MAX_WORK: usize = 4;

/// From the first byte of a request's head, or from the end of the answer before, to its end.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest head of a request; bytes.
const MAX_HEAD: usize = 16 << 10;

/// How long to leave a system alone that gives out no more connections.
const BREATH: Duration = Duration::from_millis(50);

/// Opens a port of this machine; 0 stands for a free one.
///
/// # Errors
/// The address is none of this machine's own loopback (which nobody else can reach), or the port is taken.
pub async fn bind(host: IpAddr, port: u16) -> io::Result<TcpListener> {
    if !host.is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a loopback address"));
    }
    TcpListener::bind((host, port)).await
}

/// Answers until `stop`.
pub async fn serve(listener: TcpListener, site: Site, stop: &CancellationToken) -> io::Result<()> {
    let at = listener.local_addr()?;
    let room = Arc::new(Room { site, at, work: Arc::new(Semaphore::new(MAX_WORK)) });
    let mut connections: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        connections.retain(|connection| !connection.is_finished());
        while connections.len() >= MAX_CONNECTIONS {
            connections.pop_front().inspect(AbortHandle::abort);
        }
        connections.push_back(tokio::spawn(converse(stream, room.clone())).abort_handle());
    }
    connections.iter().for_each(AbortHandle::abort);
    Ok(())
}

/// What all connections share.
struct Room {
    site: Site,
    at: SocketAddr,
    work: Arc<Semaphore>,
}

async fn converse(stream: TcpStream, room: Arc<Room>) {
    // Small answers are not held back.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let room = room.clone();
        async move { Ok::<_, Infallible>(respond(request, room).await) }
    });
    // A connection that fails is the client's affair.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(request: Request<Incoming>, room: Arc<Room>) -> Response {
    let (parts, _) = request.into_parts();
    let only_head = parts.method == Method::HEAD;
    let asked = match guard::check(&parts, room.at) {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal).into_response(only_head),
    };
    let Ok(permit) = room.work.clone().acquire_owned().await else { return failed("").into_response(only_head) };
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        room.site.answer(&asked)
    });
    let reply = match work.await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => failed(&format!("{error:#}")),
        Err(_) => failed("this page cannot be made; that is a defect of imgmirror"),
    };
    reply.into_response(only_head)
}

fn refused(refusal: Refusal) -> Reply {
    let reply = pages::message(refusal.status, refusal.told);
    match refusal.status {
        StatusCode::METHOD_NOT_ALLOWED => reply.with(header::ALLOW, "GET, HEAD"),
        _ => reply,
    }
}

fn failed(told: &str) -> Reply {
    pages::message(StatusCode::INTERNAL_SERVER_ERROR, &sanitize::for_terminal(told))
}
