//! What the tests stand on: a folder and a program to run in it, servers, pictures.

mod browser;
mod case;
mod coded;
mod formats;
mod h2;
mod line;
mod mirror;
mod origin;
pub mod pictures;
mod proxy;
mod reply;
mod tls;

pub use browser::{Browser, Visit};
pub use case::{Case, Ran, Run, Running};
pub use coded::{Bomb, coded};
pub use formats::every_format;
pub use h2::{H2Answer, H2Asked, H2Origin, ResetAt};
pub use line::{Line, lines, with_local_copies};
pub use mirror::{Mirror, assert_adds_up, blobs, written};
pub use origin::{Asked, Origin};
pub use proxy::{Login, Proxy};
use reply::Wire;
pub use reply::{Answer, Gate, Reply};
pub use tls::{Certificate, Identity};

use std::path::{Path, PathBuf};

/// The sample documents of the project.
pub fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

/// The five articles that the project was begun for, where they lie beside it. They are not the project's to give away.
pub fn shared_seeds() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds");
    folder.is_dir().then_some(folder)
}

/// The names of the files in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
