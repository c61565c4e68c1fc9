//! `imgmirror export`: the catalog as text.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Outcome, existing};
use crate::cli::{Exit, ExportArgs, Format};
use crate::export::{self, ExportError};
use crate::mirror::catalog::{Catalog, Documents};
use crate::replace::folder_of;
use crate::sanitize;

pub(super) fn run(args: &ExportArgs) -> Outcome {
    let catalog = Catalog::open_existing(&existing(&args.mirror.output)?.catalog())?;
    let assets = assets(&catalog)?;
    match &args.to {
        Some(file) => to_file(&catalog, args.format, &assets, file)?,
        None => match write(&catalog, args.format, &assets, io::stdout().lock()) {
            // Whoever read it has seen enough.
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        },
    }
    Ok(Exit::Complete)
}

/// What paths of blobs begin with: the folder's own name within a mirror, the whole path of a folder elsewhere.
fn assets(catalog: &Catalog) -> anyhow::Result<PathBuf> {
    Ok(match catalog.placement()? {
        Some(row) if row.documents == Documents::InPlace => row.assets,
        _ => PathBuf::from("assets"),
    })
}

fn write(catalog: &Catalog, format: Format, assets: &Path, out: impl Write) -> Result<(), ExportError> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    match format {
        Format::Jsonl => export::jsonl(catalog, assets, &mut out)?,
        Format::Csv => export::csv(catalog, assets, &mut out)?,
        Format::Sha256sums => export::sha256sums(catalog, assets, &mut out)?,
    }
    Ok(out.flush()?)
}

/// Writes a file that has its name only when it is whole. What is no file (a pipe, a terminal) is written to as it is.
fn to_file(catalog: &Catalog, format: Format, assets: &Path, file: &Path) -> anyhow::Result<()> {
    let named = || format!("--to {}", sanitize::path(file));
    if fs::metadata(file).is_ok_and(|metadata| !metadata.is_file()) {
        let out = fs::OpenOptions::new().write(true).open(file).with_context(named)?;
        return write(catalog, format, assets, out).with_context(named);
    }
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.prefix(".imgmirror-").tempfile_in(folder_of(file)).with_context(named)?;
    write(catalog, format, assets, temporary.as_file_mut()).with_context(named)?;
    temporary.persist(file).map_err(|failed| failed.error).with_context(named)?;
    Ok(())
}
