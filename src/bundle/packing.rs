//! A ZIP archive that has its name only when it is whole, and whose bytes tell nothing of when it was packed.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::replace::folder_of;
use crate::sanitize;

/// From this length on an entry needs the fields of ZIP64 (APPNOTE 4.3.9.2).
const LARGE: u64 = u32::MAX as u64;

/// An archive that is being packed.
pub struct Packing {
    zip: ZipWriter<Target>,
    to: PathBuf,
    stamp: DateTime,
}

/// Where the archive is written until it has its name.
struct Target(BufWriter<NamedTempFile>);

impl Packing {
    /// Begins an archive that will be the file `to`. All of its entries are of `date`, as far as ZIP can say it: from
    /// 1980 to 2107, in steps of two seconds.
    ///
    /// # Errors
    /// The folder of `to` cannot be written to.
    pub fn create(to: &Path, date: Timestamp) -> anyhow::Result<Self> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let folder = folder_of(to);
        let file = builder
            .prefix(".imgmirror-")
            .tempfile_in(folder)
            .with_context(|| format!("creating a file in {}", sanitize::path(folder)))?;
        let zip = ZipWriter::new(Target(BufWriter::with_capacity(1 << 16, file)));
        Ok(Packing { zip, to: to.to_owned(), stamp: stamp(date) })
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
            .last_modified_time(self.stamp)
            .unix_permissions(0o644)
            .large_file(large);
        self.zip.start_file(name, options).with_context(|| self.doing())?;
        Ok(&mut self.zip)
    }

    /// Writes the directory of the archive, and gives the file its name.
    pub fn finish(self) -> anyhow::Result<()> {
        let doing = self.doing();
        let Target(out) = self.zip.finish().with_context(|| doing.clone())?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error).with_context(|| doing.clone())?;
        file.as_file().sync_all().with_context(|| doing.clone())?;
        file.persist(&self.to).map_err(|failed| failed.error).context(doing)?;
        Ok(())
    }

    /// What is being done, for an error.
    pub fn doing(&self) -> String {
        format!("writing {}", sanitize::path(&self.to))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// A date as ZIP has it, in UTC; the nearest one that it can say.
fn stamp(date: Timestamp) -> DateTime {
    let date = date.to_zoned(TimeZone::UTC).datetime();
    let number = |value: i8| u8::try_from(value).unwrap_or_default();
    let (year, seconds) = (u16::try_from(date.year()).unwrap_or_default(), number(date.second()));
    let (hour, minute) = (number(date.hour()), number(date.minute()));
    DateTime::from_date_and_time(year, number(date.month()), number(date.day()), hour, minute, seconds)
        .unwrap_or_default()
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
    fn dates_that_zip_cannot_say_are_its_first() {
        let said = |text: &str| stamp(text.parse().unwrap());
        assert_eq!(said("2024-02-29T12:34:56Z").to_string(), "2024-02-29 12:34:56");
        assert_eq!(said("1970-01-01T00:00:00Z"), DateTime::default());
        assert_eq!(said("9999-01-01T00:00:00Z"), DateTime::default());
    }

    #[test]
    fn what_is_not_finished_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.zip");
        let mut packing = Packing::create(&to, Timestamp::UNIX_EPOCH).unwrap();
        packing.deflated("a").unwrap().write_all(b"a").unwrap();
        drop(packing);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_identifier_says_its_version_and_variant() {
        assert_eq!(uuid(&[0xff; 32]), "urn:uuid:ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(uuid(&[0; 32]), "urn:uuid:00000000-0000-8000-8000-000000000000");
    }
}
