use super::*;
use crate::fetch::FailureKind;

const SECOND: Duration = Duration::from_secs(1);

/// A catalog in memory, which remembers how much was asked of it.
#[derive(Default)]
struct Listed {
    assets: Vec<(String, Asset)>,
}

impl Pending for Listed {
    fn origins(&mut self) -> Result<Vec<(String, u64)>, PendingError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (origin, _) in &self.assets {
            *counts.entry(origin.clone()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn take(&mut self, origin: &str, after: i64, max: usize) -> Result<Vec<Asset>, PendingError> {
        let fitting = self.assets.iter().filter(|(at, asset)| at == origin && asset.id > after);
        Ok(fitting.map(|(_, asset)| asset.clone()).take(max).collect())
    }
}

fn listed(sources: &[&[&str]]) -> Listed {
    let asset = |(id, urls): (usize, &&[&str])| {
        let sources: Vec<url::Url> = urls.iter().map(|url| url.parse().unwrap()).collect();
        let target = sources[0].clone();
        let origin = crate::fetch::origin(&target);
        let id = i64::try_from(id).unwrap();
        (origin, Asset { id, target, sources, site: None, referer_hint: None, validators: None })
    };
    Listed { assets: sources.iter().enumerate().map(asset).collect() }
}

fn manners() -> Manners {
    Manners { per_host: 2, interval: None, backoff: SECOND, max_wait: SECOND * 60, set_aside_after: 3 }
}

fn frontier(sources: &[&[&str]]) -> Frontier<Listed> {
    Frontier::new(listed(sources), manners()).unwrap()
}

/// What comes next, as text: an id, a wait in milliseconds, or a word.
fn next(frontier: &mut Frontier<Listed>, start: Instant, now: Instant) -> String {
    match frontier.next(now).unwrap() {
        Next::Ready(job) => format!("start {}", job.id()),
        Next::Aside(job, aside) => format!("{} {}", aside.kind, job.id()),
        Next::Wait(until) => format!("wait {}", (until - start).as_millis()),
        Next::Busy => "busy".to_owned(),
        Next::Done => "done".to_owned(),
    }
}

fn started(frontier: &mut Frontier<Listed>, now: Instant) -> Job {
    match frontier.next(now).unwrap() {
        Next::Ready(job) => job,
        other => panic!("{other:?}"),
    }
}

fn troubled(retry_after: Option<Duration>) -> Verdict {
    Verdict::Troubled { kind: FailureKind::Throttled, detail: "HTTP 429".to_owned(), retry_after }
}

#[test]
fn the_largest_origin_comes_first_and_limits_hold_for_each() {
    let mut frontier =
        frontier(&[&["http://b.test/0"], &["http://a.test/1"], &["http://a.test/2"], &["http://a.test/3"]]);
    let now = Instant::now();
    let order: Vec<String> = (0..4).map(|_| next(&mut frontier, now, now)).collect();
    assert_eq!(order, ["start 1", "start 2", "start 0", "busy"]);
    frontier.done(&"http://a.test".into(), Verdict::Alive, now, now);
    assert_eq!(next(&mut frontier, now, now), "start 3");
    for origin in ["http://a.test", "http://a.test", "http://b.test"] {
        assert_eq!(next(&mut frontier, now, now), "busy");
        frontier.done(&origin.into(), Verdict::Alive, now, now);
    }
    assert_eq!(next(&mut frontier, now, now), "done");
    assert!(frontier.queues.is_empty(), "a finished origin leaves nothing behind");
}

#[test]
fn retry_after_defers_one_host_and_lets_the_others_go_on() {
    let mut frontier = frontier(&[&["http://a.test/0"], &["http://a.test/1"], &["http://b.test/2"]]);
    let start = Instant::now();
    let job = started(&mut frontier, start);
    frontier.done(job.queue(), troubled(Some(SECOND * 30)), start, start);
    frontier.defer(job, start + SECOND * 30);
    assert_eq!(next(&mut frontier, start, start), "start 2");
    assert_eq!(next(&mut frontier, start, start), "wait 30000");
    assert_eq!(next(&mut frontier, start, start + SECOND * 29), "wait 30000");
    assert_eq!(next(&mut frontier, start, start + SECOND * 30), "start 1", "the window was given back and taken again");
    assert_eq!(next(&mut frontier, start, start + SECOND * 30), "busy", "a host in trouble is probed by one");
    frontier.done(&"http://a.test".into(), Verdict::Alive, start + SECOND * 30, start + SECOND * 31);
    assert_eq!(next(&mut frontier, start, start + SECOND * 31), "start 0");
}

#[test]
fn a_rate_spaces_the_starts_at_one_host() {
    let sources: [&[&str]; 3] = [&["http://a.test/0"], &["http://a.test/1"], &["http://b.test/2"]];
    let rated = Manners { interval: Some(SECOND), ..manners() };
    let mut frontier = Frontier::new(listed(&sources), rated).unwrap();
    let start = Instant::now();
    let order: Vec<String> = (0..3).map(|_| next(&mut frontier, start, start)).collect();
    assert_eq!(order, ["start 0", "start 2", "wait 1000"]);
    assert_eq!(next(&mut frontier, start, start + SECOND), "start 1");
    assert_eq!(next(&mut frontier, start, start + SECOND), "busy", "a host without work keeps nobody waiting");
}

#[test]
fn a_host_that_keeps_failing_is_set_aside_with_all_its_assets() {
    let mut frontier = frontier(&[&["http://a.test/0"], &["http://a.test/1"], &["http://a.test/2"]]);
    let mut now = Instant::now();
    let start = now;
    for _ in 0..3 {
        let job = started(&mut frontier, now);
        frontier.done(job.queue(), troubled(None), now, now);
        frontier.defer(job, now + SECOND);
        now += SECOND * 60;
    }
    let rest: Vec<String> = (0..4).map(|_| next(&mut frontier, start, now)).collect();
    assert_eq!(rest, ["throttled 0", "throttled 1", "throttled 2", "done"]);
}

#[test]
fn nobody_waits_for_a_host_that_was_set_aside_while_waiting() {
    let mut frontier = frontier(&[&["http://a.test/0"], &["http://a.test/1"]]);
    let start = Instant::now();
    let (one, two) = (started(&mut frontier, start), started(&mut frontier, start));
    frontier.done(one.queue(), troubled(Some(SECOND * 50)), start, start);
    frontier.defer(one, start + SECOND * 50);
    assert_eq!(next(&mut frontier, start, start), "busy");
    frontier.done(two.queue(), troubled(Some(SECOND * 3600)), start, start);
    assert_eq!(next(&mut frontier, start, start), "throttled 0");
    assert_eq!(next(&mut frontier, start, start), "done");
}

#[test]
fn memory_is_a_window_however_many_assets_there_are() {
    let urls: Vec<String> = (0..1000).map(|n| format!("http://h{}.test/{n}", n % 10)).collect();
    let sources: Vec<[&str; 1]> = urls.iter().map(|url| [url.as_str()]).collect();
    let sources: Vec<&[&str]> = sources.iter().map(|one| one.as_slice()).collect();
    let (mut frontier, now) = (frontier(&sources), Instant::now());
    let mut seen = BTreeSet::new();
    let mut flying = VecDeque::new();
    loop {
        let held: usize = frontier.queues.values().map(|queue| queue.fresh.len()).sum();
        assert!(held <= WINDOW * 3, "{held} assets held with 4 in flight");
        match frontier.next(now).unwrap() {
            Next::Ready(job) => {
                assert!(seen.insert(job.id()), "{} twice", job.id());
                flying.push_back(job);
            }
            Next::Done => break,
            other => assert!(matches!(other, Next::Busy), "{other:?}"),
        }
        if flying.len() == 4 || frontier.ready.is_empty() {
            let job = flying.pop_front().unwrap();
            frontier.done(job.queue(), Verdict::Alive, now, now);
        }
    }
    assert_eq!(seen.len(), 1000);
}

#[test]
fn nothing_new_is_begun_that_might_join_a_full_queue() {
    let mut frontier = frontier(&[&["http://a.test/0", "http://proxy.test/0"], &["http://b.test/1"]]);
    let start = Instant::now();
    let template = listed(&[&["http://proxy.test/x"]]).assets.remove(0).1;
    for _ in 0..RETURNED_MAX {
        frontier.defer(Job::new(template.clone(), "http://proxy.test".into()), start + SECOND * 5);
    }
    assert_eq!(next(&mut frontier, start, start), "start 1");
    assert_eq!(next(&mut frontier, start, start), "wait 200");
    let job = started(&mut frontier, start + SECOND * 5);
    assert_eq!(&**job.queue(), "http://proxy.test");
    let starts: Vec<String> = (0..2).map(|_| next(&mut frontier, start, start + SECOND * 5)).collect();
    assert!(starts.contains(&"start 0".to_owned()), "{starts:?}: there is room again");
}

#[test]
fn a_few_bad_urls_do_not_take_their_host_down() {
    let mut frontier = frontier(&[&["http://a.test/0"], &["http://a.test/1"], &["http://a.test/2"]]);
    let (mut now, mut order) = (Instant::now(), Vec::new());
    for _ in 0..9 {
        match frontier.next(now).unwrap() {
            Next::Ready(job) => {
                order.push(job.id());
                let bad = job.id() < 2;
                frontier.done(job.queue(), if bad { troubled(None) } else { Verdict::Alive }, now, now);
                if bad {
                    frontier.defer(job, now);
                }
            }
            Next::Aside(job, _) => {
                assert_ne!(job.id(), 2, "what the host would serve was lost");
            }
            _ => {}
        }
        now += SECOND * 60;
    }
    assert_eq!(order.get(..3), Some([0, 1, 2].as_slice()), "something else is asked for first");
}
