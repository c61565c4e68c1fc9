//! What is shown while a run goes on: bars on a terminal, now and then a line elsewhere, or nothing.
//!
//! Everything goes to standard error, so that standard output stays clean for results. There is no thread behind it:
//! what is shown changes when something happens, and nothing outlives the run. Results are told by [`crate::report`].

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sanitize;

/// The least time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Hosts that are named beside the bar.
const MAX_HOSTS: usize = 3;

/// The longest host name beside the bar; characters.
const MAX_HOST: usize = 30;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Bars,
    Lines,
    /// Warnings alone.
    Silent,
}

/// What standard error is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    Terminal,
    /// A file or a pipe.
    Other,
}

impl Stderr {
    /// That of this process.
    pub fn of_process() -> Stderr {
        if io::stderr().is_terminal() { Stderr::Terminal } else { Stderr::Other }
    }
}

impl Mode {
    /// `--json` has no say here: it is about standard output.
    pub fn choose(quiet: bool, stderr: Stderr) -> Mode {
        match (quiet, stderr) {
            (true, _) => Mode::Silent,
            (false, Stderr::Terminal) => Mode::Bars,
            (false, Stderr::Other) => Mode::Lines,
        }
    }
}

/// What a run is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Collecting,
    Fetching,
    Rewriting,
    /// Of `check`: pictures are looked at.
    Hashing,
    /// Of `check`: documents are read again. Of `bundle`: they are measured.
    Reading,
    /// Of `bundle`: pages are written.
    Bundling,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Collecting => "Collecting",
            Phase::Fetching => "Fetching",
            Phase::Rewriting => "Rewriting",
            Phase::Hashing => "Hashing",
            Phase::Reading => "Reading",
            Phase::Bundling => "Bundling",
        })
    }
}

/// Takes note of what happens and shows it. Clones are handles of the same progress, for any thread.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<State>>);

struct State {
    tally: Tally,
    show: Show,
}

/// What has happened so far.
#[derive(Debug)]
struct Tally {
    phase: Phase,
    /// `None`: not known yet.
    documents: Option<u64>,
    documents_done: u64,
    assets: Option<u64>,
    assets_done: u64,
    bytes: u64,
    /// Host → transfers; no larger than the concurrency of the run.
    in_flight: BTreeMap<String, usize>,
}

enum Show {
    /// The bar, and what its style was made for.
    Bars(ProgressBar, Option<Style>),
    Lines {
        out: Box<dyn Write + Send>,
        clock: Box<dyn Fn() -> Instant + Send>,
        last: Instant,
    },
    Silent {
        out: Box<dyn Write + Send>,
    },
}

/// What decides about the style of the bar: the phase, and whether the total is known.
type Style = (Phase, bool);

impl Show {
    fn bars(target: ProgressDrawTarget) -> Show {
        Show::Bars(ProgressBar::with_draw_target(None, target), None)
    }
}

impl Progress {
    /// Progress on standard error. On a terminal that cannot move its cursor, lines take the place of bars.
    pub fn new(mode: Mode) -> Progress {
        let target = ProgressDrawTarget::stderr();
        Progress::with(match mode {
            Mode::Bars if !target.is_hidden() => Show::bars(target),
            Mode::Bars | Mode::Lines => {
                Show::Lines { out: Box::new(io::stderr()), clock: Box::new(Instant::now), last: Instant::now() }
            }
            Mode::Silent => Show::Silent { out: Box::new(io::stderr()) },
        })
    }

    /// Progress that shows nothing, not even warnings: for work whose warnings were printed before.
    pub fn muted() -> Progress {
        Progress::warning_to(Box::new(io::sink()))
    }

    /// Progress that shows nothing but warnings, which go to `out`.
    pub(crate) fn warning_to(out: Box<dyn Write + Send>) -> Progress {
        Progress::with(Show::Silent { out })
    }

    fn with(show: Show) -> Progress {
        let progress = Progress(Arc::new(Mutex::new(State { tally: Tally::new(), show })));
        progress.phase(Phase::Collecting);
        progress
    }

    /// A new phase begins. Its documents and assets are counted from zero.
    pub fn phase(&self, phase: Phase) {
        self.note(|tally| {
            tally.phase = phase;
            tally.documents_done = 0;
            tally.assets_done = 0;
        });
    }

    /// How many documents there are, as far as is known.
    pub fn documents(&self, total: u64) {
        self.note(|tally| tally.documents = Some(total));
    }

    /// A document was read, or rewritten.
    pub fn document_done(&self) {
        self.note(|tally| tally.documents_done += 1);
    }

    /// How many assets are to be fetched, as far as is known.
    pub fn assets(&self, total: u64) {
        self.note(|tally| tally.assets = Some(total));
    }

    /// A host is being asked.
    pub fn asking(&self, host: &str) {
        self.note(|tally| *tally.in_flight.entry(host.to_owned()).or_insert(0) += 1);
    }

    /// A host has answered, or will not: once for each [`Progress::asking`].
    pub fn answered(&self, host: &str) {
        self.note(|tally| {
            if let Some(requests) = tally.in_flight.get_mut(host) {
                *requests -= 1;
                if *requests == 0 {
                    tally.in_flight.remove(host);
                }
            }
        });
    }

    /// The work on an asset ended, well or badly, after `bytes` received.
    pub fn asset_done(&self, bytes: u64) {
        self.note(|tally| {
            tally.assets_done += 1;
            tally.bytes += bytes;
        });
    }

    /// Prints a line, above the bars if there are some, in every mode. The text must be fit for a terminal, as that of
    /// [`crate::report::warning`] is.
    pub fn warn(&self, text: &str) {
        match &mut self.lock().show {
            Show::Bars(bar, _) => bar.println(text),
            // A closed standard error is no reason to end a run.
            Show::Lines { out, .. } | Show::Silent { out } => {
                let _ = writeln!(out, "{text}");
            }
        }
    }

    /// Takes the bars away. Nothing is shown after this but warnings.
    pub fn finish(&self) {
        let mut state = self.lock();
        if let Show::Bars(bar, _) = &state.show {
            bar.finish_and_clear();
            state.show = Show::Silent { out: Box::new(io::stderr()) };
        }
    }

    fn note(&self, change: impl FnOnce(&mut Tally)) {
        let State { tally, show } = &mut *self.lock();
        change(tally);
        match show {
            Show::Bars(bar, style) => tally.draw(bar, style),
            Show::Lines { out, clock, last } => {
                let now = clock();
                if now.saturating_duration_since(*last) >= LINE_EVERY {
                    *last = now;
                    let _ = writeln!(out, "{}", tally.line());
                }
            }
            Show::Silent { .. } => {}
        }
    }

    /// Numbers cannot be left half changed, so a panic elsewhere does not matter here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn new() -> Tally {
        Tally {
            phase: Phase::Collecting,
            documents: None,
            documents_done: 0,
            assets: None,
            assets_done: 0,
            bytes: 0,
            in_flight: BTreeMap::new(),
        }
    }

    /// What is done of what there is to do in this phase, and what it is.
    fn part(&self) -> (u64, Option<u64>, &'static str) {
        let (done, total, one, many) = match self.phase {
            Phase::Fetching | Phase::Hashing => (self.assets_done, self.assets, "picture", "pictures"),
            Phase::Collecting | Phase::Rewriting | Phase::Reading | Phase::Bundling => {
                (self.documents_done, self.documents, "document", "documents")
            }
        };
        (done, total, if total.unwrap_or(done) == 1 { one } else { many })
    }

    /// `Fetching 31 of 46 pictures, 12.4 MiB`.
    fn line(&self) -> String {
        let (done, total, what) = self.part();
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        let bytes = match self.phase {
            Phase::Fetching | Phase::Hashing => format!(", {}", ByteSize(self.bytes)),
            Phase::Collecting | Phase::Rewriting | Phase::Reading | Phase::Bundling => String::new(),
        };
        format!("{} {done}{of} {what}{bytes}", self.phase)
    }

    /// `pictures  12.4 MiB  a.example, b.example +3`.
    fn message(&self) -> String {
        let (.., what) = self.part();
        if self.phase != Phase::Fetching {
            return what.to_owned();
        }
        let names: Vec<_> = (self.in_flight.keys().take(MAX_HOSTS))
            .map(|host| sanitize::for_terminal_limited(host, MAX_HOST))
            .collect();
        let more = match self.in_flight.len().saturating_sub(MAX_HOSTS) {
            0 => String::new(),
            more => format!(" +{more}"),
        };
        format!("{what}  {}  {}{more}", ByteSize(self.bytes), names.join(", "))
    }

    fn draw(&self, bar: &ProgressBar, style: &mut Option<Style>) {
        let (done, total, _) = self.part();
        let wanted = (self.phase, total.is_some());
        if *style != Some(wanted) {
            *style = Some(wanted);
            bar.set_style(bar_style(wanted));
            bar.set_prefix(format!("{:10}", self.phase));
            bar.set_position(done);
            bar.reset_eta();
        }
        match total {
            Some(total) => bar.set_length(total.max(done)),
            None => bar.unset_length(),
        }
        bar.set_position(done);
        bar.set_message(self.message());
    }
}

fn bar_style((phase, total_known): Style) -> ProgressStyle {
    // A test draws each of these.
    let template = match (phase, total_known) {
        (_, false) => "{prefix}  {human_pos} {wide_msg}",
        (Phase::Fetching, true) => "{prefix}  {bar:24}  {eta:>3} left  {human_pos}/{human_len} {wide_msg}",
        (_, true) => "{prefix}  {bar:24}  {human_pos}/{human_len} {wide_msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

#[cfg(test)]
mod tests;
