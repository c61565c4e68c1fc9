//! Names that resolve to what they should not: the address that was judged is the address that is connected to.

use std::net::SocketAddr;
use std::sync::Mutex;

use futures::future::BoxFuture;

use super::server::{Server, head, ok, picture};
use super::*;

type Found = BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;

/// Resolves every name to the next answer of a list, the last one for ever; and counts how often it was asked.
struct Resolver {
    answers: Vec<Vec<SocketAddr>>,
    asked: Mutex<usize>,
}

impl Resolver {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers =
            answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect()).collect();
        Arc::new(Resolver { answers, asked: Mutex::new(0) })
    }

    fn next(&self) -> Vec<SocketAddr> {
        let mut asked = self.asked.lock().unwrap();
        let answer = self.answers[(*asked).min(self.answers.len() - 1)].clone();
        *asked += 1;
        answer
    }
}

async fn through(resolver: &Arc<Resolver>, options: Options, assets: Vec<Asset>) -> BTreeMap<i64, Outcome> {
    let own = Arc::clone(resolver);
    let lookup = Arc::new(move |_: String, _: u16| -> Found {
        let answer = own.next();
        Box::pin(async move { Ok(answer) })
    });
    let fetcher = HttpFetcher::with_lookup(&options, lookup).unwrap();
    fetch_with(fetcher, options, assets, &mut Memory::default()).await.0
}

fn once() -> Options {
    Options { retries: 0, backoff: Duration::from_millis(1), ..Options::default() }
}

fn kind(outcome: &Outcome) -> FailureKind {
    match outcome {
        Outcome::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_is_judged_by_every_address_that_it_has() {
    let canary = Server::start(|_, _| ok(&picture())).await;
    let inside = canary.address();
    let port: u16 = inside.rsplit(':').next().unwrap().parse().unwrap();
    for answer in [
        &[inside.as_str()][..],
        &["10.0.0.1:0", "192.168.1.1:0", "[::1]:0"],
        &["0.0.0.0:0"],
        &["169.254.169.254:0"],
        &["[::ffff:127.0.0.1]:0"],
        &["[64:ff9b::7f00:1]:0", "[2002:7f00:1::]:0", "[2001:0:7f00:1::]:0"],
        &["198.18.0.4:0"],
    ] {
        let resolver = Resolver::new(&[answer]);
        let url = format!("http://pictures.test:{port}/x");
        let outcomes = through(&resolver, once(), vec![asset(1, &[url])]).await;
        assert_eq!(kind(&outcomes[&1]), FailureKind::OutOfScope, "{answer:?}: {outcomes:?}");
    }
    assert_eq!(canary.requests().len(), 0);
}

#[tokio::test]
async fn of_a_mixed_answer_only_what_is_in_scope_is_connected_to() {
    let (canary, open) = (Server::start(|_, _| ok(&picture())).await, Server::start(|_, _| ok(&picture())).await);
    // Only the second server's address and port are in scope, and the name has the first one's address too.
    let port = open.address().rsplit(':').next().unwrap().to_owned();
    let allowed = Options { allow: vec![format!("127.0.0.1:{port}").parse().unwrap()], ..once() };
    let resolver = Resolver::new(&[&["10.0.0.9:0", "127.0.0.1:0", "[::1]:0"]]);
    let outcomes =
        through(&resolver, allowed.clone(), vec![asset(1, &[format!("http://pictures.test:{port}/x")])]).await;
    assert!(matches!(outcomes[&1], Outcome::Captured(_)), "{outcomes:?}");
    let other = canary.address().rsplit(':').next().unwrap().to_owned();
    let outcomes = through(&resolver, allowed, vec![asset(1, &[format!("http://pictures.test:{other}/x")])]).await;
    assert_eq!(kind(&outcomes[&1]), FailureKind::OutOfScope);
    assert_eq!((open.requests().len(), canary.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let canary = Server::start(|_, _| ok(&picture())).await;
    let port = canary.address().rsplit(':').next().unwrap().to_owned();
    // In scope when it is first asked for, where nobody answers, and another address from then on.
    let allowed = Options { allow: vec!["127.0.0.2".parse().unwrap()], retries: 3, ..once() };
    let resolver = Resolver::new(&[&["127.0.0.2:0"], &["127.0.0.1:0"]]);
    let outcomes = through(&resolver, allowed, vec![asset(1, &[format!("http://pictures.test:{port}/x")])]).await;
    // Each try asked once and was judged by what it got.
    assert_eq!(kind(&outcomes[&1]), FailureKind::OutOfScope, "{outcomes:?}");
    assert_eq!((canary.requests().len(), *resolver.asked.lock().unwrap()), (0, 2));
}

#[tokio::test]
async fn a_redirect_to_a_name_inside_is_refused() {
    let canary = Server::start(|_, _| ok(&picture())).await;
    let port = canary.address().rsplit(':').next().unwrap().to_owned();
    let location = format!("Location: http://inside.test:{port}/x\r\n");
    let server = Server::start(move |_, _| head("302 Found", &location)).await;
    let resolver = Resolver::new(&[&["127.0.0.1:0"]]);
    let outcomes =
        through(&resolver, Options { retries: 0, ..options(&[&server]) }, vec![asset(1, &[server.url("/")])]).await;
    assert_eq!(kind(&outcomes[&1]), FailureKind::OutOfScope);
    let Outcome::Failed(failure) = &outcomes[&1] else { unreachable!() };
    assert!(failure.detail.contains("inside.test resolves to 127.0.0.1"), "{}", failure.detail);
    assert_eq!((server.requests().len(), canary.requests().len()), (1, 0));
}
