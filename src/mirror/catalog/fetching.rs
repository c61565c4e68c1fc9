//! What is still to fetch, and what became of it.

use std::time::SystemTime;

use rusqlite::OptionalExtension as _;
use url::Url;

use super::{Catalog, Result, millis, now, params};
use crate::fetch::{Asset, Failure, FailureKind, Revisit, Validators};
use crate::media_type::MediaType;
use crate::mirror::store::Blob;

/// Which assets of a run are asked for, and what becomes of those that have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub held: Held,
    pub failed: Failed,
    pub on_change: OnChange,
}

/// What documents show when a server has other bytes under a URL than those that are held. Both are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnChange {
    /// The picture that was there first
    #[default]
    Keep,
    /// The newest picture
    Follow,
}

/// Which of the held assets are asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Keep,
    /// Those last asked for before this time; milliseconds since 1970.
    Before(i64),
    All,
}

/// Which of the assets that could not be had are asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Those whose pause is over.
    Due,
    All,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog { held: Held::Keep, failed: Failed::Due, on_change: OnChange::Keep }
    }
}

/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A month. What rests for longer was told to by a clock that was wrong.
const LONGEST_PAUSE: i64 = 30 * DAY;

/// How long an asset rests that has failed in this many runs in a row, if asking again soon has little hope: not at
/// all after the first time, then a day, two days, four, up to a month.
fn pause(runs: i64) -> i64 {
    match runs {
        ..=1 => 0,
        2..=6 => DAY << (runs - 2),
        _ => LONGEST_PAUSE,
    }
}

/// The assets of a run, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssetCounts {
    pub total: u64,
    /// Held, and not asked for.
    pub held: u64,
    pub asked: u64,
}

/// An asset that a run could not get.
#[derive(Debug, Clone)]
pub struct MissingAsset {
    pub id: i64,
    pub target: String,
    pub kind: String,
    pub detail: String,
    pub attempts: u32,
}

/// A capture whose blob is durable, as it is recorded.
#[derive(Debug)]
pub struct CaptureRow {
    pub blob: Blob,
    /// Bytes.
    pub length: u64,
    pub dimensions: Option<(u32, u32)>,
    pub source: String,
    /// The URLs that answered with a redirect, the source first.
    pub redirects: Vec<String>,
    /// The URL that answered with the picture.
    pub url: String,
    pub status: u16,
    pub validators: Validators,
    pub cache_control: Option<String>,
    pub headers: Vec<(String, String)>,
    pub fetched_at: SystemTime,
}

/// What a capture was.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    /// Whether the same bytes were known before: a revisit.
    pub known_bytes: bool,
    /// Whether they came from the target itself and not from another source.
    pub from_target: bool,
    /// Whether the target has other bytes than those that are held of it.
    pub changed: bool,
}

impl Catalog {
    /// Lists what `run` asks for in a temporary table of this connection, and counts what it needs.
    pub fn plan_fetch(&self, run: i64, backlog: Backlog) -> Result<AssetCounts> {
        self.connection.execute_batch(
            "DROP TABLE IF EXISTS temp.needed;
             CREATE TEMP TABLE needed (id INTEGER PRIMARY KEY, origin TEXT, held INTEGER, asked INTEGER);",
        )?;
        let before = match backlog.held {
            Held::Keep => i64::MIN,
            Held::Before(time) => time,
            Held::All => i64::MAX,
        };
        let now = now();
        let due = match backlog.failed {
            Failed::Due => now,
            Failed::All => i64::MAX,
        };
        // Times that lie too far ahead were written by another clock, and are as good as none. The list need not be
        // without repetition, which would make one more table of it.
        self.connection.execute(
            "INSERT INTO temp.needed
             SELECT id, origin, digest IS NOT NULL, CASE
                WHEN digest IS NULL
                    THEN coalesce((SELECT next <= ?3 OR next > ?4 FROM failure WHERE asset = asset.id), 1)
                WHEN ?2 = -9223372036854775808 THEN 0
                ELSE coalesce((SELECT fetched < ?2 OR fetched > ?5 FROM capture WHERE asset = asset.id
                               ORDER BY capture.id DESC LIMIT 1), 1)
                    AND (?2 = 9223372036854775807
                         OR coalesce((SELECT next <= ?3 OR next > ?4 FROM failure WHERE asset = asset.id), 1)) END
             FROM asset WHERE id IN (
                SELECT asset FROM reference JOIN document ON document.id = reference.document
                WHERE document.run = ?1 AND asset IS NOT NULL
                UNION ALL SELECT asset FROM wanted WHERE run = ?1
                UNION ALL SELECT asset FROM repair WHERE run = ?1)",
            params![run, before, due, now + LONGEST_PAUSE, now],
        )?;
        self.connection.execute_batch("CREATE INDEX temp.needed_origin ON needed (origin, id) WHERE asked")?;
        let counts = self.connection.query_row(
            "SELECT count(*), count(*) FILTER (WHERE held AND NOT asked), count(*) FILTER (WHERE asked)
             FROM temp.needed",
            [],
            |row| Ok(AssetCounts { total: row.get(0)?, held: row.get(1)?, asked: row.get(2)? }),
        )?;
        Ok(counts)
    }

    /// Adds an asset to what `run` needs although no document refers to it.
    pub fn want(&self, run: i64, asset: i64) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO wanted (run, asset) VALUES (?1, ?2)")?
            .execute(params![run, asset])?;
        Ok(())
    }

    /// The origins of the plan, with how many assets each has.
    pub fn planned_origins(&self) -> Result<Vec<(String, u64)>> {
        let mut statement = self
            .connection
            .prepare("SELECT origin, count(*) FROM temp.needed WHERE asked GROUP BY origin ORDER BY min(id)")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The next assets of one origin behind the number `after`, at most `max`, with the validators of what they are
    /// compared with: the last capture, or what documents show when that is to be the newest.
    pub fn planned_assets(&self, origin: &str, after: i64, max: usize, on_change: OnChange) -> Result<Vec<Asset>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT asset.id, target,
                    (SELECT site FROM reference JOIN document ON document.id = reference.document
                     WHERE reference.asset = asset.id AND site IS NOT NULL LIMIT 1),
                    hint, asset.digest IS NOT NULL
             FROM temp.needed JOIN asset ON asset.id = needed.id
             WHERE asked AND needed.origin = ?1 AND needed.id > ?2 ORDER BY needed.id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![origin, after, max as i64], |row| {
            <(i64, String, Option<String>, Option<String>, bool)>::try_from(row)
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let Some((last, ..)) = rows.last() else { return Ok(Vec::new()) };
        let all_sources = self.planned_sources(origin, after, *last)?;
        let mut assets = Vec::with_capacity(rows.len());
        for (id, target, site, hint, held) in rows {
            // Targets come from `Url`, so they parse; a catalog edited by hand loses the row, not the run.
            let Ok(target) = target.parse::<Url>() else { continue };
            let mut sources = vec![target.clone()];
            let first = all_sources.partition_point(|(asset, ..)| *asset < id);
            for (_, _, url) in all_sources[first..].iter().take_while(|(asset, ..)| *asset == id) {
                if let Ok(url) = url.parse()
                    && !sources.contains(&url)
                {
                    sources.push(url);
                }
            }
            let validators = if held { self.validators(id, on_change)? } else { None };
            let site = site.and_then(|site| site.parse().ok());
            assets.push(Asset { id, target, sources, site, referer_hint: hint, validators });
        }
        Ok(assets)
    }

    /// The sources of the planned assets of `origin` from behind the number `after` to `last`, by asset and rank.
    fn planned_sources(&self, origin: &str, after: i64, last: i64) -> Result<Vec<(i64, i64, String)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT source.asset, rank, url FROM temp.needed CROSS JOIN source ON source.asset = needed.id
             WHERE asked AND needed.origin = ?1 AND needed.id > ?2 AND needed.id <= ?3",
        )?;
        let rows = statement.query_map(params![origin, after, last], |row| <(i64, i64, String)>::try_from(row))?;
        let mut sources = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        // SQLite would sort those of each asset by themselves.
        sources.sort_unstable();
        Ok(sources)
    }

    fn validators(&self, asset: i64, on_change: OnChange) -> Result<Option<Validators>> {
        // Of what another source sent, the target knows nothing.
        let mut statement = self.connection.prepare_cached(
            "SELECT etag, modified FROM capture JOIN asset ON asset.id = capture.asset
             WHERE asset = ?1 AND source = target AND (?2 OR capture.digest = asset.digest)
             ORDER BY capture.id DESC LIMIT 1",
        )?;
        let any = on_change == OnChange::Keep;
        let found = statement
            .query_row(params![asset, any], |row| Ok(Validators { etag: row.get(0)?, last_modified: row.get(1)? }));
        Ok(found.optional()?)
    }

    /// Whether a blob of this digest is recorded.
    pub fn has_blob(&self, digest: &[u8; 32]) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM blob WHERE digest = ?1")?;
        Ok(statement.exists([digest])?)
    }

    /// Records a capture. What documents show changes only when `on_change` says so, and only to what the target itself
    /// sent.
    pub fn record_capture(&self, run: i64, asset: i64, capture: &CaptureRow, on_change: OnChange) -> Result<Recorded> {
        let digest = capture.blob.digest.as_bytes();
        let (width, height) = capture.dimensions.unzip();
        let added = self
            .connection
            .prepare_cached(
                "INSERT OR IGNORE INTO blob (digest, media, length, width, height) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![digest, capture.blob.media_type.essence(), capture.length as i64, width, height])?;
        let known = added == 0;
        if known {
            self.supersede_revisit(asset, Some(digest))?;
        }
        let redirects = serde_json::to_string(&capture.redirects).unwrap_or_default();
        let headers = serde_json::to_string(&capture.headers).unwrap_or_default();
        self.connection
            .prepare_cached(
                "INSERT INTO capture
                 (asset, run, fetched, source, redirects, status, digest, revisit, etag, modified, cache, headers, url)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                asset,
                run,
                millis(capture.fetched_at),
                capture.source,
                redirects,
                capture.status,
                digest,
                known.then_some("identical-payload"),
                capture.validators.etag,
                capture.validators.last_modified,
                capture.cache_control,
                headers,
                (!capture.redirects.is_empty()).then_some(&capture.url)
            ])?;
        let (from_target, held, failed): (bool, Option<[u8; 32]>, bool) = self
            .connection
            .prepare_cached(
                "SELECT target = ?2, digest, EXISTS (SELECT 1 FROM failure WHERE asset = ?1) FROM asset WHERE id = ?1",
            )?
            .query_row(params![asset, capture.source], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let changed = from_target && held.is_some_and(|held| held != *digest);
        if held.is_none() || (changed && on_change == OnChange::Follow) {
            self.connection
                .prepare_cached("UPDATE asset SET digest = ?2 WHERE id = ?1")?
                .execute(params![asset, digest])?;
        }
        if failed {
            self.connection.prepare_cached("DELETE FROM failure WHERE asset = ?1")?.execute([asset])?;
        }
        Ok(Recorded { known_bytes: known, from_target, changed })
    }

    /// Records that a held asset has not changed; its validators may have.
    pub fn record_revisit(&self, run: i64, asset: i64, revisit: &Revisit) -> Result<()> {
        self.supersede_revisit(asset, None)?;
        self.connection
            .prepare_cached(
                "INSERT INTO capture (asset, run, fetched, source, redirects, status, digest, revisit, etag, modified, cache, headers)
                 SELECT id, ?2, ?3, ?4, '[]', 304,
                        coalesce((SELECT digest FROM capture WHERE asset = ?1 AND source = ?4 ORDER BY id DESC LIMIT 1),
                                 digest),
                        'not-modified', ?5, ?6, ?7, '[]' FROM asset
                 WHERE id = ?1 AND digest IS NOT NULL",
            )?
            .execute(params![
                asset,
                run,
                millis(revisit.fetched_at),
                revisit.source,
                revisit.validators.etag,
                revisit.validators.last_modified,
                revisit.cache_control
            ])?;
        Ok(())
    }

    /// Makes room for a newer word on an asset that has the bytes of its newest capture, or those of `digest`: of revisits
    /// one after the other only the last is kept, and the capture that they revisit. Nightly runs would fill the catalog
    /// otherwise.
    fn supersede_revisit(&self, asset: i64, digest: Option<&[u8; 32]>) -> Result<()> {
        self.connection
            .prepare_cached(
                "DELETE FROM capture WHERE revisit IS NOT NULL
                 AND id = (SELECT max(id) FROM capture WHERE asset = ?1) AND digest = coalesce(?2, digest)
                 AND EXISTS (SELECT 1 FROM capture AS earlier WHERE earlier.asset = ?1
                             AND earlier.digest = capture.digest AND earlier.id < capture.id)",
            )?
            .execute(params![asset, digest])?;
        Ok(())
    }

    /// Records that an asset could not be had. What is held of it stays; returns whether something is.
    pub fn record_failure(&self, run: i64, asset: i64, failure: &Failure) -> Result<bool> {
        let before: Option<(i64, String)> = self
            .connection
            .prepare_cached("SELECT runs, kind FROM failure WHERE asset = ?1")?
            .query_row([asset], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        // Nights in which its host was down say nothing of a picture that turns out to be gone.
        let lasts = |(_, kind): &(i64, String)| {
            failure.kind.may_pass() || FailureKind::from_word(kind).is_none_or(|kind| !kind.may_pass())
        };
        let (now, runs) = (now(), before.filter(lasts).map_or(0, |(runs, _)| runs) + 1);
        // What a flag of the user's can end must not outlast the flag.
        let users = matches!(failure.kind, FailureKind::OutOfScope | FailureKind::Tls);
        let next = if users || failure.kind.may_pass() { now } else { now + pause(runs) };
        self.connection
            .prepare_cached(
                "INSERT INTO failure (asset, kind, detail, attempts, runs, first, last, next, run)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8)
                 ON CONFLICT (asset) DO UPDATE
                 SET kind = ?2, detail = ?3, attempts = attempts + ?4, runs = ?5, last = ?6, next = ?7, run = ?8",
            )?
            .execute(params![asset, failure.kind.as_str(), failure.detail, failure.attempts, runs, now, next, run])?;
        let held = self
            .connection
            .prepare_cached("SELECT digest IS NOT NULL FROM asset WHERE id = ?1")?
            .query_row([asset], |row| row.get(0))?;
        Ok(held)
    }

    /// The assets of `run` that are not held, with why, by target. Those that nobody was asked for (offline, or the run
    /// ended before) count as `connection`, since the closed list of kinds has no word for them.
    pub fn missing(&self, run: i64, each: &mut dyn FnMut(MissingAsset)) -> Result<()> {
        // CROSS JOIN keeps the order: SQLite would look through all documents of the run for every asset.
        let mut statement = self.connection.prepare(
            "SELECT asset.id, target, coalesce(kind, 'connection'), coalesce(detail, 'not asked for'),
                    coalesce(attempts, 0)
             FROM asset LEFT JOIN failure ON failure.asset = asset.id
             WHERE asset.digest IS NULL AND (
                EXISTS (SELECT 1 FROM reference CROSS JOIN document ON document.id = reference.document
                        WHERE reference.asset = asset.id AND document.run = ?1)
                OR EXISTS (SELECT 1 FROM wanted WHERE wanted.asset = asset.id AND wanted.run = ?1))
             ORDER BY target",
        )?;
        let rows = statement.query_map([run], |row| {
            Ok(MissingAsset {
                id: row.get(0)?,
                target: row.get(1)?,
                kind: row.get(2)?,
                detail: row.get(3)?,
                attempts: row.get(4)?,
            })
        })?;
        for row in rows {
            each(row?);
        }
        Ok(())
    }

    /// Documents of `run` that refer to an asset, at most `max`.
    pub fn documents_of(&self, run: i64, asset: i64, max: usize) -> Result<Vec<std::path::PathBuf>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT document.path FROM reference JOIN document ON document.id = reference.document
             WHERE reference.asset = ?1 AND document.run = ?2 ORDER BY document.path LIMIT ?3",
        )?;
        let rows = statement.query_map(params![asset, run, max as i64], |row| row.get(0))?;
        rows.map(|value| Ok(super::path_from(value?))).collect()
    }
}

/// The media type that the catalog wrote; an error for one that it did not.
pub(super) fn media_type(essence: &str) -> rusqlite::Result<MediaType> {
    MediaType::from_essence(essence).ok_or_else(|| {
        let unknown = format!("unknown media type {essence:?}");
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, unknown.into())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_on_manners_states_the_pauses() {
        let days: Vec<_> = (2..=7).map(|runs| format!("{}d", super::pause(runs) / 86_400_000)).collect();
        let row = format!("| rest of a picture that failed for good | `{}` |", days.join(", "));
        assert!(include_str!("../../../docs/manners.md").contains(&row), "{row}");
        assert_eq!((super::pause(1), super::pause(i64::MAX)), (0, super::pause(7)));
    }
}
