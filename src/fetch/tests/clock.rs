//! Who is asked when: with a server that is a function, and a clock that runs only when everybody waits.

use std::sync::Mutex;

use reqwest::header::{HeaderMap, HeaderName};
use tokio::time::Instant;

use super::server::picture;
use super::*;

/// What was asked for, and how long after the start.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    url: String,
    at: Duration,
}

/// The answer to a URL that was asked for so often before.
type Script = Box<dyn Fn(&str, usize) -> Reply + Send + Sync>;

/// Answers as `script` says to a URL and how often it was asked before. Every answer takes `takes`.
struct Scripted {
    script: Script,
    takes: Duration,
    began: Instant,
    log: Arc<Mutex<Vec<Asked>>>,
}

enum Reply {
    Picture,
    Status(u16, &'static [(&'static str, &'static str)]),
    Refused,
}

impl Fetch for Scripted {
    async fn exchange(&self, request: Exchange, sent: &mut u64) -> Result<Answer, Trouble> {
        *sent += 1;
        let url = request.url.to_string();
        let before = {
            let mut log = self.log.lock().unwrap();
            let before = log.iter().filter(|asked| asked.url == url).count();
            log.push(Asked { url: url.clone(), at: self.began.elapsed() });
            before
        };
        tokio::time::sleep(self.takes).await;
        let (status, fields, body) = match (self.script)(&url, before) {
            Reply::Picture => (200, &[][..], picture()),
            Reply::Status(status, fields) => (status, fields, Vec::new()),
            Reply::Refused => return Err(Trouble::new(FailureKind::Connection, "connection refused")),
        };
        let fields = fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Ok(Answer::Response(Response {
            status,
            final_url: request.url,
            redirects: Vec::new(),
            headers: fields.collect::<HeaderMap>(),
            framing: http::Framing::Known,
            body: Box::pin(futures::stream::iter([Ok(body.into())])),
        }))
    }
}

struct Run {
    outcomes: BTreeMap<i64, Outcome>,
    log: Vec<Asked>,
    memory: Memory,
}

impl Run {
    /// Seconds after the start at which URLs that begin like this were asked for.
    fn seconds(&self, url: &str) -> Vec<f64> {
        let fitting = self.log.iter().filter(|asked| asked.url.starts_with(url));
        fitting.map(|asked| (asked.at.as_secs_f64() * 1000.0).round() / 1000.0).collect()
    }

    fn kinds(&self) -> Vec<Option<FailureKind>> {
        let kind = |outcome: &Outcome| match outcome {
            Outcome::Failed(failure) => Some(failure.kind),
            _ => None,
        };
        self.outcomes.values().map(kind).collect()
    }
}

async fn run(
    options: Options,
    urls: &[&str],
    memory: Memory,
    script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
) -> Run {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (script, began) = (Box::new(script), Instant::now());
    let fetcher = Scripted { script, takes: Duration::from_millis(100), began, log: Arc::clone(&log) };
    let assets = (1..).zip(urls).map(|(id, url)| asset(id, &[(*url).to_owned()])).collect();
    let mut memory = memory;
    let (outcomes, _) = fetch_with(fetcher, options, assets, &mut memory).await;
    let log = log.lock().unwrap().clone();
    Run { outcomes, log, memory }
}

fn settings() -> Options {
    Options { backoff: Duration::from_secs(1), ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn retry_after_defers_its_host_alone_and_to_the_second() {
    let script = |url: &str, before| match url {
        "http://busy.test/1" if before == 0 => Reply::Status(429, &[("retry-after", "30")]),
        _ => Reply::Picture,
    };
    let urls = ["http://busy.test/1", "http://busy.test/2", "http://free.test/1", "http://free.test/2"];
    let alone = Options { per_host: 1, ..settings() };
    let run = run(alone, &urls, Memory::default(), script).await;
    assert_eq!(run.kinds(), [None; 4]);
    assert_eq!(run.seconds("http://free.test/"), [0.0, 0.1], "the others go on");
    assert_eq!(run.seconds("http://busy.test/"), [0.0, 30.1, 30.2], "nobody asks the busy host before");
    assert_eq!(run.seconds("http://busy.test/1").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn retry_after_may_be_a_date() {
    // A date has whole seconds, and the system's clock is not stopped: a minute or a little less.
    let until = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(60));
    let field: &'static [(&str, &str)] = Box::leak(Box::new([("retry-after", &*Box::leak(until.into_boxed_str()))]));
    let script = move |_: &str, before| if before == 0 { Reply::Status(503, field) } else { Reply::Picture };
    let run = run(settings(), &["http://busy.test/1"], Memory::default(), script).await;
    let waited = run.seconds("http://busy.test/1")[1];
    assert!((30.0..61.0).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn waits_double_with_jitter_and_end_with_an_answer() {
    let script = |_: &str, before| if before < 3 { Reply::Status(503, &[]) } else { Reply::Picture };
    let run = run(settings(), &["http://weak.test/1"], Memory::default(), script).await;
    let at = run.seconds("http://weak.test/1");
    assert_eq!((at.len(), run.kinds()), (4, vec![None]));
    for (nth, pair) in at.windows(2).enumerate() {
        let (wait, full) = (pair[1] - pair[0] - 0.1, f64::from(1 << nth));
        assert!(wait >= full / 2.0 - 0.001 && wait <= full + 0.001, "wait {nth}: {wait} of {full}");
    }
    assert_eq!(run.memory, Memory::default());
}

#[tokio::test(start_paused = true)]
async fn a_rate_spaces_what_is_asked_of_each_host() {
    let urls = ["http://a.test/1", "http://a.test/2", "http://a.test/3", "http://b.test/1"];
    let spaced = Options { rate: Some("30/m".parse().unwrap()), ..settings() };
    let run = run(spaced, &urls, Memory::default(), |_, _| Reply::Picture).await;
    assert_eq!(run.seconds("http://a.test/"), [0.0, 2.0, 4.0]);
    assert_eq!(run.seconds("http://b.test/"), [0.0]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_keeps_failing_is_left_alone_and_its_first_cause_is_told() {
    let urls: Vec<String> = (0..50).map(|n| format!("http://dead.test/{n}")).collect();
    let mut urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    urls.push("http://live.test/1");
    let script = |url: &str, _| if url.contains("dead") { Reply::Refused } else { Reply::Picture };
    let first = run(settings(), &urls, Memory::default(), script).await;
    let asked = first.seconds("http://dead.test/").len();
    // Six together at first, then one at a time until it is enough.
    assert!(asked <= 12, "{asked} requests");
    assert_eq!(first.kinds().iter().filter(|kind| **kind == Some(FailureKind::Connection)).count(), 50);
    assert_eq!(first.kinds()[50], None);
    let Outcome::Failed(failure) = &first.outcomes[&50] else { panic!() };
    assert!(failure.detail.contains("connection refused"), "{}", failure.detail);
    assert_eq!(first.memory.iter().count(), 1);

    // The next run tries again, more carefully.
    let second = run(settings(), &urls, first.memory.clone(), script).await;
    assert_eq!(second.seconds("http://dead.test/").len(), 2);
    assert_eq!(second.memory, first.memory);
    // And a host that is well again is as any other.
    let third = run(settings(), &urls, second.memory, |_, _| Reply::Picture).await;
    assert_eq!(third.kinds(), vec![None; 51]);
    assert_eq!(third.memory, Memory::default());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_asks_for_a_day_is_not_asked_by_the_next_run() {
    let script = |_: &str, _| Reply::Status(429, &[("retry-after", "80000")]);
    let first = run(settings(), &["http://busy.test/1", "http://busy.test/2"], Memory::default(), script).await;
    assert_eq!(first.kinds(), [Some(FailureKind::Throttled); 2]);
    assert!(matches!(first.memory.iter().next().unwrap().1.rest, Some(Rest::Until(_))));
    let second = run(settings(), &["http://busy.test/1"], first.memory.clone(), |_, _| Reply::Picture).await;
    assert_eq!((second.kinds(), second.log.len()), (vec![Some(FailureKind::Throttled)], 0));
    assert_eq!(second.memory, first.memory);
}
