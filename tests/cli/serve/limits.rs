//! Clients that say nothing, too much, or do not listen.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::{Viewer, mirrored};

#[test]
fn clients_that_say_nothing_do_not_keep_others_waiting() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let silent: Vec<TcpStream> = (0..300)
        .map(|i| {
            let mut stream = viewer.connect();
            if i % 2 == 0 {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: ");
            }
            stream
        })
        .collect();
    assert!(viewer.page("/").contains("Aye"));
    drop(silent);
}

#[test]
fn the_oldest_of_too_many_connections_is_ended() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let mut first = viewer.connect();
    first.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let _others: Vec<TcpStream> = (0..200).map(|_| viewer.connect()).collect();
    // Ended or reset: either way it is over, and by no timeout of this test.
    let ended = first.read(&mut [0; 1]);
    assert!(matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
}

#[test]
fn heads_of_requests_are_bounded() {
    let (case, _origin) = mirrored(&[("a.html", "<p>")]);
    let viewer = Viewer::start(&case, &[]);
    let host = format!("Host: 127.0.0.1:{}\r\nConnection: close\r\n", viewer.port);
    let long = format!("GET /?q={} HTTP/1.1\r\n{host}\r\n", "x".repeat(1 << 20));
    let header = format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: x\r\n".repeat(10_000));
    for request in [long, header, many] {
        let mut stream = viewer.connect();
        // What is refused is not read to its end.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    viewer.page("/");
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let host = format!("Host: 127.0.0.1:{}\r\n", viewer.port);
    let mut stream = viewer.connect();
    let both = format!("HEAD / HTTP/1.1\r\n{host}\r\nGET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    stream.write_all(both.as_bytes()).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 2, "{all}");
    assert!(all.contains("Aye"));
}

#[test]
fn the_body_of_a_request_is_not_taken_for_the_next_one() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let host = format!("Host: 127.0.0.1:{}\r\n", viewer.port);
    let inner = format!("GET /smuggled HTTP/1.1\r\n{host}\r\n");
    let request =
        format!("GET / HTTP/1.1\r\n{host}Content-Length: {}\r\nConnection: close\r\n\r\n{inner}", inner.len());
    let answer = viewer.raw(request.as_bytes());
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("HTTP/1.1"), "{}", answer.text());
}

/// A browser-like client of another make than ours.
#[test]
fn an_ordinary_client_reads_pages_and_pictures() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title><img src='http://p.example/a.png'>")]);
    let viewer = Viewer::start(&case, &[]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base = format!("http://127.0.0.1:{}", viewer.port);
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let page = client.get(&base).send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
        let (_, picture) = page.split_once("<img src=\"").unwrap();
        let url = format!("{base}{}", picture.split('"').next().unwrap());
        let bytes = client.get(url).send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        assert_eq!(&bytes[..], crate::support::pictures::for_url("http://p.example/a.png"));
    });
}
