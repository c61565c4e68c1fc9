//! The whole of fetching against servers that misbehave in one way each.

mod bodies;
mod clock;
mod names;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::ladder::Rung;
use super::memory::{Host, Memory, Rest};
use super::polite::Manners;
use super::*;
use crate::frontier::{Frontier, Pending, PendingError};
use crate::mirror::store::{Durability, LocalStore};
use server::{Server, cut, head, ok, picture};

struct Listed(Vec<Asset>);

impl Pending for Listed {
    fn origins(&mut self) -> Result<Vec<(String, u64)>, PendingError> {
        let mut counts = BTreeMap::new();
        for asset in &self.0 {
            *counts.entry(origin(&asset.target)).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn take(&mut self, of: &str, after: i64, max: usize) -> Result<Vec<Asset>, PendingError> {
        let fitting = self.0.iter().filter(|asset| origin(&asset.target) == of && asset.id > after);
        Ok(fitting.take(max).cloned().collect())
    }
}

fn asset(id: i64, sources: &[String]) -> Asset {
    let sources: Vec<Url> = sources.iter().map(|url| url.parse().unwrap()).collect();
    let target = sources[0].clone();
    Asset { id, target, sources, site: None, referer_hint: None, validators: None }
}

/// Quick to try again, and allowed to ask `servers`.
fn options(servers: &[&Server]) -> Options {
    Options {
        allow: servers.iter().map(|server| server.address().parse().unwrap()).collect(),
        backoff: Duration::from_millis(1),
        ..Options::default()
    }
}

/// Fetches `assets`; outcomes by id, and what is remembered.
async fn fetch(options: Options, assets: Vec<Asset>) -> (BTreeMap<i64, Outcome>, Memory, Totals) {
    let fetcher = HttpFetcher::new(&options).unwrap();
    let mut memory = Memory::default();
    let (outcomes, totals) = fetch_with(fetcher, options, assets, &mut memory).await;
    (outcomes, memory, totals)
}

async fn fetch_with<F: Fetch>(
    fetcher: F,
    options: Options,
    assets: Vec<Asset>,
    memory: &mut Memory,
) -> (BTreeMap<i64, Outcome>, Totals) {
    let folder = TempDir::new().unwrap();
    let store = LocalStore::new(folder.path().join("assets"), folder.path().join("tmp"), Durability::None);
    let frontier = Frontier::new(Listed(assets), Manners::new(&options)).unwrap();
    let (record, mut recorded) = mpsc::channel(1);
    let never = std::future::pending();
    let (fetcher, store, options) = (Arc::new(fetcher), Arc::new(store), Arc::new(options));
    let mut outcomes = BTreeMap::new();
    let all = fetch_all(fetcher, store, frontier, options, memory, record, never);
    let recording = async {
        while let Some((id, outcome)) = recorded.recv().await {
            assert!(outcomes.insert(id, outcome).is_none(), "two outcomes for {id}");
        }
    };
    let (totals, ()) = tokio::join!(all, recording);
    (outcomes, totals.unwrap())
}

async fn fetch_one(options: Options, asset: Asset) -> Outcome {
    let id = asset.id;
    fetch(options, vec![asset]).await.0.remove(&id).unwrap()
}

/// The capture of `server`'s `/x`, which must be the picture.
async fn captured(server: &Server, options: Options) -> Capture {
    match fetch_one(options, asset(1, &[server.url("/x")])).await {
        Outcome::Captured(mut capture) => {
            let mut body = Vec::new();
            std::io::Read::read_to_end(&mut capture.received.view().unwrap(), &mut body).unwrap();
            assert_eq!(body, picture());
            *capture
        }
        other => panic!("{other:?}"),
    }
}

async fn failed(options: Options, sources: &[String]) -> Failure {
    match fetch_one(options, asset(1, sources)).await {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_picture_is_captured_with_what_the_server_said() {
    let reply = [b"HTTP/1.1 200 OK\r\nETag: \"e\"\r\nCache-Control: max-age=9\r\nSet-Cookie: s=1\r\n".to_vec()];
    let rest = format!("Content-Type: text/html\r\nContent-Length: {}\r\n\r\n", picture().len()).into_bytes();
    let reply = [reply.concat(), rest, picture()].concat();
    let server = Server::start(move |_, _| reply.clone()).await;
    let capture = captured(&server, options(&[&server])).await;
    assert_eq!((capture.status, capture.media_type), (200, MediaType::Png));
    assert_eq!(capture.dimensions, Some((16, 16)));
    assert_eq!(capture.validators.etag.as_deref(), Some("\"e\""));
    assert_eq!(capture.cache_control.as_deref(), Some("max-age=9"));
    assert_eq!((capture.attempts, capture.bytes_received), (1, picture().len() as u64));
    assert!(!format!("{:?}", capture.headers).contains("s=1"));
    let request = &server.requests()[0];
    assert!(request.contains("accept-encoding: identity") && !request.contains("referer"), "{request}");
}

#[tokio::test]
async fn statuses_fail_with_their_kind_and_as_many_tries_as_make_sense() {
    for (status, kind, tries) in [
        ("404 Not Found", FailureKind::Gone, 1),
        ("410 Gone", FailureKind::Gone, 1),
        ("451 No", FailureKind::Forbidden, 1),
        ("403 No", FailureKind::Forbidden, 2),
        ("500 Oh", FailureKind::ServerError, 3),
        ("429 Slow", FailureKind::Throttled, 3),
    ] {
        let reply = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes();
        let server = Server::start(move |_, _| reply.clone()).await;
        let failure = failed(Options { retries: 2, ..options(&[&server]) }, &[server.url("/x")]).await;
        assert_eq!((failure.kind, failure.attempts), (kind, tries), "{status}");
        assert_eq!(server.requests().len(), tries as usize, "{status}");
    }
}

#[tokio::test]
async fn a_forbidden_picture_climbs_the_ladder_and_the_rung_is_remembered() {
    let reply = |request: &str, _| {
        if request.contains("referer: https://blog.test/\r\n") { ok(&picture()) } else { head("403 No", "") }
    };
    let server = Server::start(reply).await;
    let guarded =
        Asset { site: Some("https://u:p@blog.test/post#x".parse().unwrap()), ..asset(1, &[server.url("/x")]) };
    let next = Asset { id: 2, ..guarded.clone() };
    let alone = Options { per_host: 1, ..options(&[&server]) };
    let (outcomes, memory, totals) = fetch(alone, vec![guarded, next]).await;
    assert!(outcomes.values().all(|outcome| matches!(outcome, Outcome::Captured(_))), "{outcomes:?}");
    let host = Host { rung: Some(Rung::Site), rest: None };
    assert_eq!(memory.iter().collect::<Vec<_>>(), [(server.url("").trim_end_matches('/'), host)]);
    assert_eq!(totals.requests, 4, "three rungs, then the right one at once");
}

#[tokio::test]
async fn a_throttled_picture_is_asked_for_again() {
    let reply = |_: &str, n| if n == 0 { head("429 Slow", "Retry-After: 0\r\n") } else { ok(&picture()) };
    let server = Server::start(reply).await;
    assert_eq!(captured(&server, options(&[&server])).await.attempts, 2);
}

#[tokio::test]
async fn a_wait_longer_than_a_run_sets_the_host_aside_for_all_its_assets() {
    let server = Server::start(|_, _| head("503 Later", "Retry-After: 86400\r\n")).await;
    let assets = (0..20).map(|id| asset(id, &[server.url(&format!("/{id}"))])).collect();
    let (outcomes, _, totals) = fetch(Options { per_host: 1, ..options(&[&server]) }, assets).await;
    assert_eq!(totals.requests, 1);
    assert_eq!(outcomes.len(), 20);
    for outcome in outcomes.values() {
        assert!(matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Throttled), "{outcome:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_recorded_and_bounded() {
    let chain = |request: &str, _| {
        let step: usize = request[5..].split(' ').next().unwrap().parse().unwrap_or(0);
        if step == 3 { ok(&picture()) } else { head("302 Found", &format!("Location: /{}\r\n", step + 1)) }
    };
    let server = Server::start(chain).await;
    let capture = captured(&server, options(&[&server])).await;
    assert_eq!(capture.redirects, [server.url("/x"), server.url("/1"), server.url("/2")]);
    assert_eq!(capture.final_url, server.url("/3"));
    let before = server.requests().len();
    let bounded = Options { redirects: 2, ..options(&[&server]) };
    let (outcomes, _, totals) = fetch(bounded, vec![asset(1, &[server.url("/x")])]).await;
    assert!(
        matches!(&outcomes[&1], Outcome::Failed(failure) if failure.kind == FailureKind::Redirects),
        "{outcomes:?}"
    );
    assert_eq!((totals.requests, server.requests().len() - before), (3, 3));
}

#[tokio::test]
async fn a_redirect_to_another_host_waits_for_its_turn_there() {
    let store = Server::start(|request, _| match request {
        request if request.contains("authorization") => head("400 Bad", ""),
        _ => ok(&picture()),
    })
    .await;
    let there = store.url("");
    let gate = Server::start(move |request, _| {
        let path = request.split(' ').nth(1).unwrap();
        head("302 Found", &format!("Location: {there}{path}\r\n"))
    })
    .await;
    let assets = (0..30).map(|id| asset(id, &[gate.url(&format!("/{id}")).replace("://", "://me:secret@")])).collect();
    let (outcomes, _, totals) = fetch(Options { per_host: 2, ..options(&[&gate, &store]) }, assets).await;
    assert_eq!((outcomes.len(), totals.requests), (30, 60));
    assert!(store.most_at_once() <= 2, "{}", store.most_at_once());
    for (id, outcome) in outcomes {
        let Outcome::Captured(capture) = outcome else { panic!("{outcome:?}") };
        let path = format!("/{id}");
        assert_eq!((capture.attempts, &capture.redirects), (1, &vec![gate.url(&path)]));
        assert_eq!(capture.final_url, store.url(&path));
    }
}

#[tokio::test]
async fn a_host_behind_a_redirect_is_troubled_for_itself() {
    let reply = |_: &str, n| if n == 0 { head("503 Later", "Retry-After: 0\r\n") } else { ok(&picture()) };
    let weak = Server::start(reply).await;
    let there = weak.url("/y");
    let gate = Server::start(move |_, _| head("302 Found", &format!("Location: {there}\r\n"))).await;
    let capture = captured(&gate, options(&[&gate, &weak])).await;
    assert_eq!((capture.attempts, gate.requests().len(), weak.requests().len()), (2, 2, 2));
}

#[tokio::test]
async fn a_target_that_leads_inside_may_still_be_had_elsewhere() {
    let gate = Server::start(|_, _| head("302 Found", "Location: http://10.0.0.1/x\r\n")).await;
    let proxy = Server::start(|_, _| ok(&picture())).await;
    let sources = [gate.url("/x"), proxy.url("/?x")];
    let Outcome::Captured(capture) = fetch_one(options(&[&gate, &proxy]), asset(1, &sources)).await else { panic!() };
    assert_eq!(capture.source, sources[1]);
    // But no other source is told of what may not be asked for itself.
    let failure = failed(options(&[&proxy]), &["http://10.0.0.1/x".to_owned(), sources[1].clone()]).await;
    assert_eq!((failure.kind, proxy.requests().len()), (FailureKind::OutOfScope, 1));
}

#[tokio::test]
async fn interim_responses_are_passed_over_but_not_for_ever() {
    let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let server = Server::start(move |_, _| [early.repeat(3), ok(&picture())].concat()).await;
    captured(&server, options(&[&server])).await;
    let server = Server::start_and_hold(move |_, _| early.repeat(50_000)).await;
    let brief = Duration::from_millis(50);
    let impatient = Options { retries: 0, connect_timeout: brief, stall_timeout: brief, ..options(&[&server]) };
    assert_eq!(failed(impatient, &[server.url("/x")]).await.kind, FailureKind::Timeout);
}

#[tokio::test]
async fn redirects_that_lead_nowhere_fail() {
    for (location, kind) in [
        ("Location: /x\r\n", FailureKind::Redirects),
        (&*format!("Location: /{}\r\n", "x".repeat(9000)).leak(), FailureKind::Redirects),
        ("", FailureKind::Redirects),
        ("Location: http://[\r\n", FailureKind::Redirects),
        ("Location: file:///etc/passwd\r\n", FailureKind::OutOfScope),
        ("Location: ftp://example.test/\r\n", FailureKind::OutOfScope),
        ("Location: data:image/png,x\r\n", FailureKind::OutOfScope),
        ("Location: http://127.0.0.1:9/\r\n", FailureKind::OutOfScope),
        ("Location: http://2130706433:9/\r\n", FailureKind::OutOfScope),
        ("Location: //[::ffff:10.0.0.1]/\r\n", FailureKind::OutOfScope),
        ("Location: http://localhost/\r\n", FailureKind::OutOfScope),
    ] {
        let server = Server::start(move |_, _| head("301 Moved", location)).await;
        let failure = failed(options(&[&server]), &[server.url("/x")]).await;
        assert_eq!((failure.kind, failure.attempts), (kind, 1), "{location}: {}", failure.detail);
    }
}

#[tokio::test]
async fn a_site_may_send_a_visitor_back_with_a_cookie() {
    let reply = |request: &str, _| {
        if request.contains("cookie: seen=1") {
            ok(&picture())
        } else {
            head("302 Found", "Location: /x\r\nSet-Cookie: seen=1\r\n")
        }
    };
    let server = Server::start(reply).await;
    assert_eq!(captured(&server, options(&[&server])).await.attempts, 1);
}

#[tokio::test]
async fn nothing_is_asked_of_this_machine_unless_allowed() {
    let server = Server::start(|_, _| ok(&picture())).await;
    let failure = failed(Options::default(), &[server.url("/x")]).await;
    assert_eq!((failure.kind, server.requests().len()), (FailureKind::OutOfScope, 0));
    assert!(failure.detail.contains(&format!("--allow {}", server.address())), "{}", failure.detail);
    let by_name = server.url("/x").replace("127.0.0.1", "localhost");
    assert_eq!(failed(Options::default(), std::slice::from_ref(&by_name)).await.kind, FailureKind::OutOfScope);
    let named = Options { allow: vec![by_name[7..].trim_end_matches("/x").parse().unwrap()], ..Options::default() };
    assert!(matches!(fetch_one(named, asset(1, &[by_name])).await, Outcome::Captured(_)));
}

#[tokio::test]
async fn connect_to_leads_names_ports_and_addresses_elsewhere_under_their_own_host_header() {
    let server = Server::start(|_, _| ok(&picture())).await;
    let rule = format!("::{}", server.address());
    let led = Options { connect_to: vec![rule.parse().unwrap()], ..Options::default() };
    for (url, host) in [
        ("http://pictures.test/x", "pictures.test"),
        ("http://pictures.test:8081/x", "pictures.test:8081"),
        ("http://8.8.8.8/x", "8.8.8.8"),
        ("http://10.0.0.1:99/x", "10.0.0.1:99"),
        ("http://[::1]/x", "[::1]"),
    ] {
        let Outcome::Captured(capture) = fetch_one(led.clone(), asset(1, &[url.to_owned()])).await else {
            panic!("{url}")
        };
        assert_eq!(capture.final_url, url);
        let requests = server.requests();
        let request = requests.last().unwrap();
        assert!(request.contains(&format!("host: {host}\r\n")), "{request}");
    }
    let scheme = failed(led, &["ftp://pictures.test/x".to_owned()]).await;
    assert_eq!(scheme.kind, FailureKind::OutOfScope);
}

#[tokio::test]
async fn credentials_go_to_their_origin_alone_and_are_never_told() {
    let other = Server::start(|_, _| head("404 Not Found", "")).await;
    let there = other.url("/y");
    let server = Server::start(move |_, _| head("302 Found", &format!("Location: {there}\r\n"))).await;
    let url = server.url("/x").replace("://", "://user:hunter2@");
    let failure = failed(options(&[&server, &other]), &[url]).await;
    assert!(server.requests()[0].contains("authorization: Basic dXNlcjpodW50ZXIy\r\n"));
    assert!(!other.requests()[0].contains("authorization"));
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_next_source_is_tried_and_recorded() {
    let reply = |request: &str, _| {
        if request.starts_with("GET /proxy") { ok(&picture()) } else { head("404 Not Found", "") }
    };
    let server = Server::start(reply).await;
    let Outcome::Captured(capture) =
        fetch_one(options(&[&server]), asset(1, &[server.url("/x"), server.url("/proxy?x")])).await
    else {
        panic!()
    };
    assert_eq!((capture.source, capture.attempts), (server.url("/proxy?x"), 2));
}

#[tokio::test]
async fn a_revisit_is_conditional_and_may_find_nothing_new() {
    let reply = |request: &str, _| {
        if request.contains("if-none-match: \"e\"\r\n") { head("304 Not Modified", "ETag: \"f\"\r\n") } else { ok(b"") }
    };
    let server = Server::start(reply).await;
    let validators = Validators { etag: Some("\"e\"".to_owned()), last_modified: None };
    let held = Asset { validators: Some(validators), ..asset(1, &[server.url("/x")]) };
    let Outcome::NotModified(revisit) = fetch_one(options(&[&server]), held).await else { panic!() };
    assert_eq!(revisit.validators.etag.as_deref(), Some("\"f\""));
}

#[tokio::test]
async fn a_server_that_says_nothing_or_stalls_times_out() {
    for reply in [Vec::new(), cut(100, "")] {
        let server = Server::start_and_hold(move |_, _| reply.clone()).await;
        let brief = Duration::from_millis(50);
        let patient = Options { retries: 0, ..options(&[&server]) };
        let stalled = Options { connect_timeout: brief, stall_timeout: brief, ..patient.clone() };
        for limited in [stalled, Options { deadline: brief, ..patient }] {
            let failure = failed(limited, &[server.url("/x")]).await;
            assert_eq!(failure.kind, FailureKind::Timeout, "{}", failure.detail);
        }
    }
}

#[tokio::test]
async fn unreachable_and_unspeakable_hosts_fail_by_kind() {
    let server = Server::start(|_, _| b"SSH-2.0-nothing here\r\n".to_vec()).await;
    let once = Options { retries: 0, ..options(&[&server]) };
    assert_eq!(failed(once.clone(), &[server.url("/x")]).await.kind, FailureKind::Connection);
    let address = server.address();
    drop(server);
    let gone = failed(once, &[format!("http://{address}/")]).await;
    assert_eq!(gone.kind, FailureKind::Connection, "{}", gone.detail);
}

#[tokio::test]
async fn a_certificate_is_verified_under_the_urls_own_name_and_never_skipped() {
    let (server, pem) = Server::start_tls("pictures.test", |_, _| ok(&picture())).await;
    let rule = format!("::{}", server.address());
    let led = Options { connect_to: vec![rule.parse().unwrap()], ..Options::default() };
    let trusting = Options { cacert: Some(pem), ..led.clone() };
    for (url, options, fits) in [
        ("https://pictures.test/x", &trusting, true),
        ("https://pictures.test:8443/x", &trusting, true),
        ("https://other.test/x", &trusting, false),
        ("https://pictures.test/x", &led, false),
    ] {
        match fetch_one(options.clone(), asset(1, &[url.to_owned()])).await {
            Outcome::Captured(_) => assert!(fits, "{url}"),
            Outcome::Failed(failure) => {
                assert!(!fits, "{url}: {}", failure.detail);
                assert_eq!((failure.kind, failure.attempts), (FailureKind::Tls, 1), "{}", failure.detail);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(HttpFetcher::new(&Options { cacert: Some(b"nothing".to_vec()), ..led }).is_err());
}

#[tokio::test]
async fn an_outgoing_proxy_is_the_users_own_and_scope_still_holds_for_what_is_asked_of_it() {
    let proxy = Server::start(|_, _| ok(&picture())).await;
    for address in [proxy.url("/"), proxy.url("/").replace("127.0.0.1", "localhost")] {
        let through = Options { via_proxy: Some(address.parse().unwrap()), ..Options::default() };
        let outcome = fetch_one(through.clone(), asset(1, &["http://pictures.test/x".to_owned()])).await;
        assert!(matches!(outcome, Outcome::Captured(_)), "{outcome:?}");
        let asked = proxy.requests();
        assert!(asked.last().unwrap().starts_with("GET http://pictures.test/x HTTP/1.1\r\n"), "{asked:?}");
        for inside in ["http://10.0.0.1/x", "http://localhost/x", &proxy.url("/x")] {
            assert_eq!(failed(through.clone(), &[inside.to_owned()]).await.kind, FailureKind::OutOfScope, "{inside}");
        }
        assert_eq!(proxy.requests().len(), asked.len());
    }
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed() {
    let server = Server::start(|_, _| ok(&picture())).await;
    let assets = (0..40).map(|id| asset(id, &[server.url(&format!("/{id}"))])).collect();
    let (outcomes, _, totals) = fetch(Options { per_host: 3, ..options(&[&server]) }, assets).await;
    assert_eq!((outcomes.len(), totals.requests), (40, 40));
    assert!(server.most_at_once() <= 3, "{}", server.most_at_once());
}

#[tokio::test]
async fn a_stopped_run_starts_nothing_more_and_ends() {
    let server = Server::start_and_hold(|_, _| Vec::new()).await;
    let options = Options { grace: Duration::ZERO, per_host: 2, ..options(&[&server]) };
    let assets = (0..9).map(|id| asset(id, &[server.url(&format!("/{id}"))])).collect();
    let folder = TempDir::new().unwrap();
    let store = LocalStore::new(folder.path(), folder.path(), Durability::None);
    let fetcher = HttpFetcher::new(&options).unwrap();
    let frontier = Frontier::new(Listed(assets), Manners::new(&options)).unwrap();
    let mut memory = Memory::default();
    let (record, mut recorded) = mpsc::channel(9);
    let stop = server.asked(2);
    fetch_all(Arc::new(fetcher), Arc::new(store), frontier, Arc::new(options), &mut memory, record, stop)
        .await
        .unwrap();
    assert!(recorded.recv().await.is_none());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    for kind in FailureKind::ALL {
        assert_eq!(FailureKind::from_word(kind.as_str()), Some(kind));
    }
}

#[test]
fn text_from_outside_is_one_bounded_line() {
    assert_eq!(one_line("a\u{1b}[31m\r\nb\u{202e}c"), "a [31m  b c");
    assert_eq!(one_line(&"é".repeat(999)).chars().count(), DETAIL_MAX);
}

#[test]
fn an_origin_is_that_of_the_url_standard() {
    for url in [
        "http://a.test/x?y#z",
        "https://a.test:443/",
        "https://a.test:8443",
        "http://user:word@a.test:81/x",
        "http://user@a.test",
        "http://[2001:db8::1]:80/",
        "https://[::1]:8443/@",
        "http://127.0.0.1?a@b",
        "https://\u{e9}.test./x",
        "ftp://a.test:2121/x",
        "file:///x",
    ] {
        let url: Url = url.parse().unwrap();
        assert_eq!(origin(&url), url.origin().ascii_serialization(), "{url}");
    }
}
