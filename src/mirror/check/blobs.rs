//! Every blob on record against its file.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Bytes, Check, Checked, Kind, in_parallel};
use crate::media_type::MediaType;
use crate::mirror::catalog::{BlobRow, Catalog};
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::progress::Phase;

/// Blobs that are looked at together.
const BATCH: usize = 512;
/// Batches whose progress is written down together.
const BATCHES: usize = 8;

/// For how long a check of all bytes that was interrupted can be gone on with; milliseconds.
const WEEK: i64 = 7 * 24 * 60 * 60 * 1000;

/// How the file of a blob was found.
enum State {
    /// As far as it was looked at.
    Whole,
    Lost,
    Length(u64),
    Corrupt(Digest),
    Unreadable(io::Error),
    /// The check was stopped before.
    NotLookedAt,
}

impl Check<'_> {
    /// Looks at every blob on record, and hashes those that are to be. What is whole is noted as it is found, so that
    /// another check goes on from there.
    pub(super) fn look_at_blobs(&self, catalog: &Catalog, checked: &mut Checked) -> anyhow::Result<()> {
        let began = self.begin(catalog)?;
        let counts = catalog.plan_check(self.bytes, began)?;
        checked.blobs.known = counts.known;
        if self.bytes == Bytes::All {
            checked.blobs.hashed_before = counts.known - counts.to_hash;
        }
        self.progress.phase(Phase::Hashing);
        self.progress.assets(counts.known);
        let (mut after, mut batches) = (0, 0);
        while !self.stop.is_cancelled() {
            let rows = catalog.planned_blobs(after, BATCH)?;
            let Some(last) = rows.last() else { break };
            after = last.number;
            let looked = in_parallel(&rows, |row| self.look_at(row));
            catalog.begin()?;
            for (row, state) in rows.iter().zip(looked) {
                self.note(catalog, row, state, checked)?;
            }
            batches += 1;
            if batches % BATCHES == 0 {
                catalog.commit()?;
            }
        }
        if self.bytes == Bytes::All && !self.stop.is_cancelled() {
            catalog.set_check_began(None)?;
        }
        catalog.commit()?;
        Ok(())
    }

    /// When the check of all bytes began that this one is, or goes on with.
    fn begin(&self, catalog: &Catalog) -> anyhow::Result<i64> {
        let now = jiff::Timestamp::now().as_millisecond();
        if self.bytes != Bytes::All {
            return Ok(now);
        }
        if let Some(began) = catalog.check_began(now - WEEK)? {
            return Ok(began);
        }
        catalog.set_check_began(Some(now))?;
        Ok(now)
    }

    fn look_at(&self, row: &BlobRow) -> State {
        if self.stop.is_cancelled() {
            return State::NotLookedAt;
        }
        let Some(name) = name(row) else { return State::Whole };
        let state = state(&self.assets.join(name), row);
        let hashed = row.hash && matches!(state, State::Whole | State::Corrupt(_));
        self.progress.asset_done(if hashed { row.length } else { 0 });
        state
    }

    fn note(&self, catalog: &Catalog, row: &BlobRow, state: State, checked: &mut Checked) -> anyhow::Result<()> {
        let Some(name) = name(row) else {
            let subject = format!("blob {}", row.digest);
            checked.findings.add(Kind::RowBroken, &subject, &format!("of the unknown media type {:?}", row.media));
            return Ok(());
        };
        if row.hash && matches!(state, State::Whole | State::Corrupt(_)) {
            checked.blobs.hashed += 1;
            checked.blobs.bytes += row.length;
        }
        let (kind, detail) = match state {
            State::NotLookedAt => return Ok(()),
            State::Whole if row.hash => return Ok(catalog.found_whole(row.digest)?),
            State::Whole => return Ok(()),
            State::Lost => (Kind::BlobLost, format!("{} bytes on record", row.length)),
            State::Length(length) => (Kind::BlobLength, format!("{length} bytes, {} on record", row.length)),
            State::Corrupt(found) => (Kind::BlobCorrupt, format!("they are those of {found}")),
            State::Unreadable(error) => (Kind::BlobUnreadable, error.to_string()),
        };
        checked.findings.add(kind, &self.shown(&name), &detail);
        if kind != Kind::BlobUnreadable {
            catalog.found_damaged(&name, row.digest)?;
        }
        Ok(())
    }
}

/// Where the blob lies below the assets; `None` when its media type is none that this program knows.
fn name(row: &BlobRow) -> Option<String> {
    let media_type = MediaType::from_essence(&row.media)?;
    Some(Blob { digest: row.digest, media_type }.name())
}

fn state(path: &Path, row: &BlobRow) -> State {
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => State::Lost,
        Err(error) => State::Unreadable(error),
        Ok(metadata) if !metadata.is_file() => State::Lost,
        Ok(metadata) if metadata.len() != row.length => State::Length(metadata.len()),
        Ok(_) if !row.hash => State::Whole,
        Ok(_) => match File::open(path).and_then(Digest::of_reader) {
            Ok((digest, _)) if digest == row.digest => State::Whole,
            Ok((digest, _)) => State::Corrupt(digest),
            Err(error) => State::Unreadable(error),
        },
    }
}
