//! A ZIP archive whose entries are written piece by piece, and what archives need beside it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use crate::mirror::create_new;
use crate::replace::folder_of;
use crate::sanitize;

/// From this length on an entry needs the fields of ZIP64 (APPNOTE 4.3.9.2).
const LARGE: u64 = u32::MAX as u64;

/// The comment of every archive of this program, by which it is known again.
pub const COMMENT: &str = "made by imgmirror";

/// An archive that is being packed.
pub struct Packing {
    zip: ZipWriter<BufWriter<File>>,
    path: PathBuf,
    date: DateTime,
}

impl Packing {
    /// Begins an archive in the new file `path`. All of its entries are of `date`, as far as ZIP can say it.
    pub fn create(path: &Path, date: Timestamp) -> anyhow::Result<Self> {
        let file = create_new(path, 0o666).with_context(|| format!("making {}", sanitize::path(path)))?;
        let mut zip = ZipWriter::new(BufWriter::with_capacity(1 << 16, file));
        zip.set_comment(COMMENT).with_context(|| format!("making {}", sanitize::path(path)))?;
        Ok(Packing { zip, path: path.to_owned(), date: dos(date) })
    }

    /// Begins an entry that is packed as it is, of `length` bytes where that is known.
    pub fn stored(&mut self, name: &str, length: Option<u64>) -> anyhow::Result<&mut dyn Write> {
        self.entry(name, CompressionMethod::Stored, length.is_none_or(|length| length >= LARGE))
    }

    /// Begins an entry that is packed smaller, of less than 4 GiB.
    pub fn deflated(&mut self, name: &str) -> anyhow::Result<&mut dyn Write> {
        self.entry(name, CompressionMethod::Deflated, false)
    }

    /// The entry that was begun last.
    pub fn current(&mut self) -> &mut dyn Write {
        &mut self.zip
    }

    fn entry(&mut self, name: &str, method: CompressionMethod, large: bool) -> anyhow::Result<&mut dyn Write> {
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(self.date)
            .unix_permissions(0o644)
            .system(System::Unix)
            .large_file(large);
        self.zip.start_file(name, options).with_context(|| self.doing())?;
        Ok(&mut self.zip)
    }

    /// Writes the directory of the archive.
    pub fn finish(self) -> anyhow::Result<()> {
        let doing = self.doing();
        let mut out = self.zip.finish().with_context(|| doing.clone())?;
        out.flush().and_then(|()| out.get_ref().sync_all()).context(doing)
    }

    /// What is being done, for an error.
    pub fn doing(&self) -> String {
        format!("writing {}", sanitize::path(&self.path))
    }
}

/// A date as ZIP has it: in UTC, every second second, from 1980 to 2107.
fn dos(timestamp: jiff::Timestamp) -> DateTime {
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

/// A place for what an archive has to say at its end: a file without a name in the folder of `beside`.
pub fn spool(beside: &Path) -> anyhow::Result<BufWriter<File>> {
    let folder = folder_of(beside);
    let file = tempfile::tempfile_in(folder)
        .with_context(|| format!("creating a temporary file in {}", sanitize::path(folder)))?;
    Ok(BufWriter::with_capacity(1 << 16, file))
}

/// A database for what has to be found again, so that it needs no memory. It is gone when it is closed.
pub fn scratch(layout: &str) -> rusqlite::Result<rusqlite::Connection> {
    // SQLite keeps a database without a name in a file of its own, which is removed while it is open.
    let scratch = rusqlite::Connection::open("")?;
    scratch.set_prepared_statement_cache_capacity(32);
    scratch.execute_batch(&format!("PRAGMA journal_mode = off; PRAGMA synchronous = off; {layout} BEGIN;"))?;
    Ok(scratch)
}

/// A universally unique identifier of version 8 (RFC 9562 section 5.8), made from a digest.
pub fn uuid(digest: &[u8; 32]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_says_its_version_and_variant() {
        assert_eq!(uuid(&[0xff; 32]), "urn:uuid:ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(uuid(&[0; 32]), "urn:uuid:00000000-0000-8000-8000-000000000000");
    }
}
