//! Strikes the program at a given system call, by a library that is loaded into it. See `shim.c`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{Case, Run, Running};

/// Which calls count: those of these kinds, about files of the test's folder whose path has this text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    pub kinds: &'static str,
    pub named: &'static str,
}

/// Every call that changes anything on the disk.
pub const CHANGES: Aim = Aim { kinds: "create,mkdir,mode,rename,sync,truncate,unlink,write", named: "" };

/// What happens to the call that is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    KillBefore,
    /// A write gets half of its bytes to the file; for every other call the same as before.
    KillHalf,
    KillAfter,
    /// It waits until [`release`].
    Hold,
    /// It fails with this number; the others go well.
    Fail(i32),
    /// It and all that count after it fail.
    FailFromThenOn(i32),
}

pub const EIO: i32 = 5;
pub const EMFILE: i32 = 24;
pub const ENOSPC: i32 = 28;
pub const EROFS: i32 = 30;
pub const EDQUOT: i32 = 122;

/// A call that counted.
#[derive(Debug, Clone)]
pub struct Call {
    pub kind: String,
    pub path: String,
    /// Of a rename.
    pub to: String,
    /// `done`, `failed` or `struck`.
    pub end: String,
}

impl Call {
    /// Whether `aim` counts it.
    pub fn is_of(&self, aim: Aim) -> bool {
        aim.kinds.split(',').any(|kind| kind == self.kind)
            && (self.path.contains(aim.named) || self.to.contains(aim.named))
    }
}

/// The run, with its calls counted and none struck.
pub fn watched<'a>(case: &Case, run: Run<'a>, aim: Aim) -> Run<'a> {
    struck(case, run, aim, 0, Act::KillBefore)
}

/// The run, with the call number `at` (from 1) of those that `aim` counts struck.
pub fn struck<'a>(case: &Case, run: Run<'a>, aim: Aim, at: usize, act: Act) -> Run<'a> {
    let (act, span) = match act {
        Act::KillBefore => ("kill-before".to_owned(), "once"),
        Act::KillHalf => ("kill-half".to_owned(), "once"),
        Act::KillAfter => ("kill-after".to_owned(), "once"),
        Act::Hold => ("hold".to_owned(), "once"),
        Act::Fail(error) => (error.to_string(), "once"),
        Act::FailFromThenOn(error) => (error.to_string(), "always"),
    };
    for old in [log(case), gate(case)] {
        let _ = fs::remove_file(old);
    }
    let run = run.env("LD_PRELOAD", shim()).env("FAULT_LOG", log(case)).env("FAULT_BELOW", folder(case));
    let run = run.env("FAULT_KINDS", aim.kinds).env("FAULT_NAMED", aim.named);
    let run = run.env("FAULT_GATE", gate(case));
    run.env("FAULT_AT", at.to_string()).env("FAULT_DO", act).env("FAULT_FOR", span)
}

/// The run, with its clock wrong by so many seconds.
pub fn with_clock_off(run: Run<'_>, seconds: i64) -> Run<'_> {
    run.env("LD_PRELOAD", shim()).env("FAULT_CLOCK", seconds.to_string())
}

/// The calls of the last run that was watched or struck.
#[track_caller]
pub fn calls(case: &Case) -> Vec<Call> {
    let text = fs::read_to_string(log(case)).expect("the library was loaded into the program and keeps a log");
    let call = |line: &str| {
        let mut parts = line.split('\t').skip(1).map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Call { kind: next(), path: next(), to: next(), end: next() }
    };
    text.lines().map(call).collect()
}

/// Waits until the call of a run that is to be struck is reached.
pub fn wait_for(case: &Case, run: &mut Running) {
    while !fs::read_to_string(log(case)).is_ok_and(|text| text.contains("\tstruck\n")) {
        assert!(!run.has_ended(), "the run ended before a call was struck");
        std::thread::yield_now();
    }
}

/// Lets a call go on that is held.
pub fn release(case: &Case) {
    fs::write(gate(case), "").unwrap();
}

fn gate(case: &Case) -> PathBuf {
    folder(case).join("gate")
}

fn folder(case: &Case) -> PathBuf {
    case.root().parent().unwrap().to_owned()
}

fn log(case: &Case) -> PathBuf {
    folder(case).join("calls")
}

/// The library, built once for all tests of a process.
fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/crash/shim.c");
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
        let unfinished = built.with_extension(std::process::id().to_string());
        let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
        let flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"];
        let ended = Command::new(&compiler).args(flags).arg(&unfinished).arg(source).status();
        let ended = ended.unwrap_or_else(|error| {
            panic!("{compiler:?} cannot be run ({error}); install a C compiler (Debian: apt install gcc libc6-dev)")
        });
        assert!(ended.success(), "{compiler:?} could not build tests/cli/crash/shim.c; see above");
        // Other processes may build it at the same time.
        fs::rename(unfinished, &built).unwrap();
        built
    })
}
