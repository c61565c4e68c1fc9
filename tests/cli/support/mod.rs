//! What the tests stand on: a folder and a program to run in it, an origin server, pictures.

mod case;
mod line;
mod mirror;
mod origin;
pub mod pictures;

pub use case::{Case, Ran, Run, Running};
pub use line::{Line, lines, with_local_copies};
pub use mirror::{Mirror, assert_adds_up, blobs, written};
pub use origin::{Answer, Asked, Gate, Origin};

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
