use super::*;
use indicatif::TermLike;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Progress as lines, with a clock that is set by hand, in seconds.
fn lines() -> (Progress, Written, Arc<AtomicU64>) {
    let (written, seconds, start) = (Written::default(), Arc::new(AtomicU64::new(0)), Instant::now());
    let hand = Arc::clone(&seconds);
    let clock = Box::new(move || start + Duration::from_secs(hand.load(Ordering::Relaxed)));
    (Progress::with(Show::Lines { out: Box::new(written.clone()), clock, last: start }), written, seconds)
}

/// A terminal of 120 columns that keeps all that is ever written to it.
#[derive(Clone, Default)]
struct Terminal(Written);

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

impl Terminal {
    fn write(&self, text: &str) -> io::Result<()> {
        self.0.clone().write_all(text.as_bytes())
    }

    /// What was drawn last.
    fn last_line(&self) -> String {
        self.0.text().lines().rfind(|line| !line.is_empty()).unwrap_or_default().to_owned()
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        120
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write(&format!("{text}\n"))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.write("\n")
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn bars() -> (Progress, Terminal) {
    let terminal = Terminal::default();
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    (Progress::with(Show::bars(target)), terminal)
}

#[test]
fn the_mode_follows_from_flags_and_terminal() {
    assert_eq!(Mode::choose(true, Stderr::Terminal), Mode::Silent);
    assert_eq!(Mode::choose(true, Stderr::Other), Mode::Silent);
    assert_eq!(Mode::choose(false, Stderr::Terminal), Mode::Bars);
    assert_eq!(Mode::choose(false, Stderr::Other), Mode::Lines);
}

#[test]
fn lines_come_no_more_often_than_they_may() {
    let (progress, written, seconds) = lines();
    for second in 0..40 {
        seconds.store(second, Ordering::Relaxed);
        progress.document_done();
    }
    assert_eq!(written.text(), "Collecting 11 documents\nCollecting 21 documents\nCollecting 31 documents\n");
}

#[test]
fn lines_say_what_is_done_of_what_there_is() {
    let (progress, written, seconds) = lines();
    progress.phase(Phase::Fetching);
    progress.assets(46);
    seconds.store(10, Ordering::Relaxed);
    progress.asset_done(1 << 20);
    progress.phase(Phase::Rewriting);
    progress.documents(5);
    seconds.store(20, Ordering::Relaxed);
    progress.document_done();
    assert_eq!(written.text(), "Fetching 1 of 46 pictures, 1.0 MiB\nRewriting 1 of 5 documents\n");
}

#[test]
fn warnings_are_printed_whatever_is_shown() {
    let (progress, written, _) = lines();
    progress.warn("warning: a");
    assert_eq!(written.text(), "warning: a\n");
    let written = Written::default();
    let progress = Progress::with(Show::Silent { out: Box::new(written.clone()) });
    progress.document_done();
    progress.warn("warning: b");
    assert_eq!(written.text(), "warning: b\n");
    let (progress, terminal) = bars();
    progress.warn("warning: c");
    assert!(terminal.0.text().contains("warning: c"), "{}", terminal.0.text());
}

#[test]
fn the_bar_shows_the_documents_with_or_without_their_number() {
    let (progress, terminal) = bars();
    progress.document_done();
    assert_eq!(terminal.last_line().trim_end(), "Collecting  1 document");
    progress.phase(Phase::Rewriting);
    progress.documents(1234);
    (0..617).for_each(|_| progress.document_done());
    assert_eq!(terminal.last_line().trim_end(), "Rewriting   ============>             617/1,234 documents");
}

#[test]
fn the_bar_shows_pictures_bytes_and_hosts() {
    let (progress, terminal) = bars();
    progress.phase(Phase::Fetching);
    progress.asking("b.example");
    progress.answered("b.example");
    progress.asset_done(1 << 20);
    assert_eq!(terminal.last_line().trim_end(), "Fetching    1 picture  1.0 MiB");
    progress.assets(4);
    for host in ["d.example", "c.example", "b.example", "a\u{202e}.example", "c.example"] {
        progress.asking(host);
    }
    progress.answered("b.example");
    progress.asset_done(1 << 20);
    let shown = terminal.last_line();
    assert!(shown.starts_with("Fetching    ============>"), "{shown}");
    assert!(shown.contains(" left  2/4 pictures  2.0 MiB  a\\u{202e}.example, c.example, d.example"), "{shown}");
}

#[test]
fn nothing_is_drawn_after_the_end() {
    let (progress, terminal) = bars();
    progress.document_done();
    progress.finish();
    let before = terminal.0.text();
    progress.document_done();
    progress.finish();
    assert_eq!(terminal.0.text(), before);
}

#[test]
fn hosts_leave_when_their_last_answer_is_there() {
    let (progress, ..) = lines();
    progress.asking("a");
    progress.asking("a");
    progress.answered("a");
    assert_eq!(progress.lock().tally.in_flight.len(), 1);
    progress.answered("a");
    progress.answered("never-asked");
    assert!(progress.lock().tally.in_flight.is_empty());
}
