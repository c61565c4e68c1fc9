//! What a run writes for other programs: `--metrics` and `--summary-file`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::tell;
use crate::cli::{Exit, ReportFileArgs};
use crate::report::Summary;
use crate::report::metrics::{self, Ran};
use crate::sanitize;

/// Where the numbers of a run go.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    metrics: Option<PathBuf>,
    summary: Option<PathBuf>,
    /// Absolute, to name the mirror in the metrics.
    mirror: PathBuf,
}

impl Outputs {
    pub(super) fn new(args: &ReportFileArgs, mirror: &Path) -> Self {
        Outputs {
            metrics: args.metrics.clone(),
            summary: args.summary_file.clone(),
            mirror: std::path::absolute(mirror).unwrap_or_else(|_| mirror.to_owned()),
        }
    }

    /// Writes the files of a run that ended with `exit`, and gives the exit code that results: a run that went through
    /// and could not tell it is one that could not run. Each file that cannot be written is warned of; the run and the
    /// other file stay.
    pub(super) fn write(&self, summary: &Summary, exit: Exit) -> Exit {
        let told = self.summary.as_deref().is_none_or(|file| {
            let json = format!("{}\n", summary.to_json());
            warned("--summary-file", file, replace(file, &json))
        });
        let exit = if told { exit } else { spoiled(exit) };
        if self.write_metrics(Ran::To { exit: exit.code(), summary }) { exit } else { spoiled(exit) }
    }

    /// Writes the metrics of a run that broke off. Its summary is not known: the file of the last one stays. A run
    /// that found another one at work leaves that one to tell.
    pub(super) fn write_failed(&self, exit: Exit) {
        if exit == Exit::Locked {
            return;
        }
        self.write_metrics(Ran::Failed { exit: exit.code() });
    }

    fn write_metrics(&self, ran: Ran<'_>) -> bool {
        self.metrics.as_deref().is_none_or(|file| {
            let text = metrics::text(&self.mirror, ran, jiff::Timestamp::now().as_millisecond());
            warned("--metrics", file, replace(file, &text))
        })
    }
}

fn spoiled(exit: Exit) -> Exit {
    match exit {
        Exit::Complete | Exit::SomeMissing => Exit::CouldNotRun,
        other => other,
    }
}

fn warned(flag: &str, file: &Path, written: io::Result<()>) -> bool {
    if let Err(error) = &written {
        let error = error.to_string();
        let error = sanitize::for_terminal(&error);
        tell(&format!("{flag}: {} cannot be written: {error}; the run itself is done", sanitize::path(file)));
    }
    written.is_ok()
}

/// Writes a file in one step: whoever looks, sees the old one or the new one, whole. Others may read it, whatever the
/// umask says, since those that collect metrics are other users.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link stays a link, and a terminal, pipe or device is written to, not replaced.
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    if fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return File::options().write(true).open(file)?.write_all(text.as_bytes());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The textfile collector reads what ends in .prom, also while it is being written; this does not.
    let mut temporary = tempfile::Builder::new().prefix(".imgmirror-").suffix(".part").tempfile_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    #[cfg(unix)]
    temporary.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_cannot_tell_its_numbers_has_not_run() {
        let codes = Exit::ALL.map(|exit| spoiled(exit).code());
        assert_eq!(codes, [1, 1, 2, 1, 4, 5, 130]);
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(folder.path(), "text").is_err());
        assert!(replace(&folder.path().join("nowhere/file"), "text").is_err());
        #[cfg(unix)]
        {
            let (link, file) = (folder.path().join("link"), folder.path().join("file"));
            fs::write(&file, "old").unwrap();
            std::os::unix::fs::symlink(&file, &link).unwrap();
            replace(&link, "new").unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&file).unwrap(), "new");
            replace(Path::new("/dev/null"), "text").unwrap();
            assert!(!fs::metadata("/dev/null").unwrap().is_file());
        }
        assert!(
            fs::read_dir(folder.path())
                .unwrap()
                .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains(".part") })
        );
    }
}
