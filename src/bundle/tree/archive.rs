//! The folder as a ZIP archive.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::civil::date;
use jiff::tz::TimeZone;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::{Fill, Hashing, Tree, copy};
use crate::mirror::digest::Digest;
use crate::page::Picture;
use crate::sanitize;

/// An archive that is being written, entry by entry. Its directory, some 600 bytes a file, is kept until the end.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    zip: ZipWriter<BufWriter<File>>,
    date: DateTime,
}

impl Archive {
    /// `file` is new and empty, at `path`.
    pub fn new(file: File, path: &Path, date: jiff::Timestamp) -> Self {
        let zip = ZipWriter::new(BufWriter::with_capacity(1 << 16, file));
        Archive { path: path.to_owned(), zip, date: dos(date) }
    }
}

impl Archive {
    /// Begins a file of at most `length` bytes.
    fn begin(&mut self, path: &str, method: CompressionMethod, length: u64) -> anyhow::Result<()> {
        // Everything that could differ between machines is said.
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .large_file(length >= u64::from(u32::MAX))
            .last_modified_time(self.date)
            .unix_permissions(0o644)
            .system(System::Unix);
        self.zip.start_file(path, options).with_context(|| self.named(path))
    }

    fn named(&self, path: &str) -> String {
        format!("writing {path} to {}", sanitize::path(&self.path))
    }
}

impl Tree for Archive {
    fn text(&mut self, path: &str, write: Fill<'_>) -> anyhow::Result<Digest> {
        self.begin(path, CompressionMethod::Deflated, 0)?;
        let mut out = Hashing::new(&mut self.zip);
        let written = write(&mut out).and_then(|()| out.finish()).map(|(_, digest)| digest);
        written.with_context(|| self.named(path))
    }

    fn picture(&mut self, path: &str, picture: &Picture) -> anyhow::Result<()> {
        self.begin(path, CompressionMethod::Stored, picture.length)?;
        copy(picture, &mut self.zip).with_context(|| self.named(path))
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        let Archive { path, zip, .. } = *self;
        let named = || format!("writing {}", sanitize::path(&path));
        let mut out = zip.finish().with_context(named)?;
        out.flush().and_then(|()| out.get_ref().sync_all()).with_context(named)
    }
}

/// A date as ZIP has it: in UTC, every second second, from 1980 to 2107.
pub fn dos(timestamp: jiff::Timestamp) -> DateTime {
    let time = timestamp.to_zoned(TimeZone::UTC).datetime();
    let (first, last) = (date(1980, 1, 1).at(0, 0, 0, 0), date(2107, 12, 31).at(23, 59, 58, 0));
    let time = time.clamp(first, last);
    let part = |number: i8| u8::try_from(number).unwrap_or(0);
    DateTime::from_date_and_time(
        u16::try_from(time.year()).unwrap_or(1980),
        part(time.month()),
        part(time.day()),
        part(time.hour()),
        part(time.minute()),
        part(time.second()) & !1,
    )
    .unwrap_or(DateTime::DEFAULT)
}
