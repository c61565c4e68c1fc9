//! A fresh folder, the program run in it, and what came of that.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A folder of one test, gone when the test ends.
pub struct Case {
    folder: TempDir,
}

impl Case {
    pub fn new() -> Self {
        let case = Case { folder: tempfile::Builder::new().prefix("case-").tempdir().unwrap() };
        fs::create_dir(case.path("work")).unwrap();
        // The program's temporary files get a place where litter shows.
        fs::create_dir(case.path("tmp")).unwrap();
        case
    }

    /// The folder in which the program runs.
    pub fn root(&self) -> PathBuf {
        self.path("work")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path of a file of the folder.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Copies the files of a folder, not of those below it. Names that begin with a dot stay behind, and so does README.md.
    pub fn copy(&self, from: &Path, to: &str) -> &Self {
        for name in super::names(from) {
            if !name.starts_with('.') && name != "README.md" {
                self.write(Path::new(to).join(&name), fs::read(from.join(&name)).unwrap());
            }
        }
        self
    }

    pub fn read(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let path = self.at(path);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn text(&self, path: impl AsRef<Path>) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    /// The program with these arguments, not run yet.
    pub fn imgmirror(&self, arguments: &[&str]) -> Run<'_> {
        self.program(Command::new(env!("CARGO_BIN_EXE_imgmirror")), arguments)
    }

    /// The same, behind a line of shell that ends in `exec`: what it sets holds for the program.
    #[cfg(unix)]
    pub fn imgmirror_after(&self, line: &str, arguments: &[&str]) -> Run<'_> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} \"$0\" \"$@\""), env!("CARGO_BIN_EXE_imgmirror")]);
        self.program(shell, arguments)
    }

    fn program(&self, mut command: Command, arguments: &[&str]) -> Run<'_> {
        command.current_dir(self.root()).args(arguments);
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_uppercase();
            if upper.starts_with("IMGMIRROR_") || upper.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command.env("TMPDIR", self.path("tmp")).env("HOME", self.path("tmp"));
        Run { command, stdin: Vec::new(), case: self }
    }

    /// Runs the program, which is to end with this exit code.
    #[track_caller]
    pub fn run(&self, code: i32, arguments: &[&str]) -> Ran {
        self.imgmirror(arguments).run(code)
    }

    /// Nothing is left over outside of the folder in which the program ran.
    #[track_caller]
    fn assert_no_litter(&self) {
        let left = super::names(&self.path("tmp"));
        assert!(left.is_empty(), "left behind in the folder of temporary files: {left:?}");
    }
}

/// The program, about to run.
pub struct Run<'a> {
    command: Command,
    stdin: Vec<u8>,
    case: &'a Case,
}

impl Run<'_> {
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Runs to the end, which is to have this exit code.
    #[track_caller]
    pub fn run(self, code: i32) -> Ran {
        let case = self.case;
        let ran = self.run_beside(code);
        case.assert_no_litter();
        ran
    }

    /// The same while another run is under way, whose temporary files are its own affair.
    #[track_caller]
    pub fn run_beside(self, code: i32) -> Ran {
        let ran = self.start().wait();
        assert_eq!(ran.code, Some(code), "exit code of {:?}\n{}", ran.arguments, ran.shown());
        ran
    }

    /// Starts the program and leaves it running.
    pub fn start(mut self) -> Running {
        let arguments = self.command.get_args().map(OsStr::to_owned).collect();
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // Given at once: nothing here writes more than a pipe holds. A program that does not read it is no failure.
        let _ = child.stdin.take().unwrap().write_all(&self.stdin);
        Running { child, arguments }
    }
}

/// The program, running. It is ended with the test.
pub struct Running {
    child: Child,
    arguments: Vec<OsString>,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output, without the line end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let (out, mut line, mut byte) = (self.child.stdout.as_mut().unwrap(), Vec::new(), [0]);
        // Byte by byte, so that what follows is left to be collected.
        while out.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// Sends it a signal, `INT` or `TERM` or `KILL`.
    #[cfg(unix)]
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it at once, unless it has ended by itself.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end. A program that hangs is killed, so that its test fails.
    pub fn wait(self) -> Ran {
        let id = self.id().to_string();
        let (ended, watch) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            // Nothing is measured by this limit.
            if watch.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        let output = self.child.wait_with_output().unwrap();
        drop(ended);
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Ran {
            arguments: self.arguments,
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// What came of a run.
pub struct Ran {
    arguments: Vec<OsString>,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn shown(&self) -> String {
        format!("--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }

    /// The one JSON object that stands alone on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line on standard output\n{}", self.shown());
        let value: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}\n{}", self.shown()));
        assert!(value.is_object(), "{value}");
        value
    }

    #[track_caller]
    pub fn stderr_has(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "standard error lacks {text:?}\n{}", self.shown());
        self
    }

    #[track_caller]
    pub fn stdout_has(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "standard output lacks {text:?}\n{}", self.shown());
        self
    }

    /// Neither of its outputs has this text.
    #[track_caller]
    pub fn nowhere_has(&self, text: &str) -> &Self {
        assert!(!self.stdout.contains(text) && !self.stderr.contains(text), "{text:?} was printed\n{}", self.shown());
        self
    }

    /// Nothing at all was printed.
    #[track_caller]
    pub fn is_silent(&self) -> &Self {
        assert!(self.stdout.is_empty() && self.stderr.is_empty(), "{}", self.shown());
        self
    }
}
