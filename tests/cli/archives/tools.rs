//! Programs of the environment that tests/requirements.txt describes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program of the environment, not run yet.
pub fn tool(name: &str) -> Command {
    let path = environment().join("bin").join(name);
    assert!(
        path.exists(),
        "{name} is missing: apt-get install python3-venv default-jre-headless; python3 -m venv target/venv && \
         target/venv/bin/pip install -r tests/requirements.txt"
    );
    let mut command = Command::new(path);
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

/// Beside what is built.
fn environment() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv")
}

/// Runs a program that has to end well, and gives all that it said.
pub fn run<S: AsRef<OsStr>>(name: &str, arguments: &[S]) -> String {
    let Output { status, stdout, stderr } = tool(name).args(arguments).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{name}: {status}\n{said}");
    said
}
