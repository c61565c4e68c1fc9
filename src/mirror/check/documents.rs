//! Every document on record, read again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::reading::{self, Link};
use super::{Check, Checked, Findings, Kind, blob_name, in_parallel};
use crate::document::{Document, ReadError};
use crate::mirror::catalog::{Catalog, DocumentRow, UrlState};
use crate::mirror::digest::Digest;
use crate::progress::Phase;
use crate::sanitize;

/// Documents that are read together.
const BATCH: usize = 64;

/// A document and what is expected of it.
struct Work {
    row: DocumentRow,
    file: PathBuf,
    /// The file as a person finds it.
    shown: String,
    place: Place,
    /// Whether the catalog takes it for written as it would write it now.
    is_current: bool,
    states: UrlStates,
}

/// Whose a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A copy below documents/.
    Mirror,
    /// One of the inputs, edited where it is. Its owner goes on editing it.
    InPlace,
}

/// How the URLs of a document stand, by [`key`].
type UrlStates = HashMap<u64, UrlState>;

/// What came of reading a document.
#[derive(Default)]
struct Reread {
    findings: Findings,
    links: u64,
    was_read: bool,
    /// Whether a repair should write it anew.
    is_damaged: bool,
}

impl Check<'_> {
    /// Reads every document again and compares what stands there with what the catalog says of it.
    pub(super) fn read_documents(&self, catalog: &Catalog, checked: &mut Checked) -> anyhow::Result<()> {
        checked.documents.known = catalog.document_count()?;
        self.progress.phase(Phase::Reading);
        self.progress.documents(checked.documents.known);
        let mut after = 0;
        while !self.stop.is_cancelled() {
            let rows = catalog.documents_to_check(after, BATCH)?;
            let Some(last) = rows.last() else { break };
            after = last.row.id;
            let work = rows.into_iter().map(|row| self.work(catalog, row, &mut checked.findings));
            let work = work.collect::<anyhow::Result<Vec<_>>>()?;
            let reread = in_parallel(&work, |work| match self.stop.is_cancelled() {
                true => Reread::default(),
                false => self.reread(work),
            });
            for (work, reread) in work.iter().zip(reread) {
                if reread.is_damaged {
                    catalog.found_damaged_document(work.row.row.id)?;
                }
                checked.findings.merge(reread.findings);
                checked.documents.read += u64::from(reread.was_read);
                checked.documents.links += reread.links;
            }
        }
        Ok(())
    }

    /// What the catalog says of a document. Pictures that could not be had are reported from here, since there is more
    /// of them than another reader can see.
    fn work(&self, catalog: &Catalog, row: DocumentRow, findings: &mut Findings) -> anyhow::Result<Work> {
        let path = &row.row.path;
        let (place, file, shown) = match path.is_absolute() {
            true => (Place::InPlace, row.row.source.clone(), row.row.source.to_string_lossy().into_owned()),
            false => {
                let shown = format!("documents/{}", path.to_string_lossy());
                (Place::Mirror, self.layout.documents().join(path), shown)
            }
        };
        let mut states = UrlStates::new();
        catalog.url_states(row.row.id, &mut |raw, target, state| {
            if state == UrlState::Missing {
                findings.add(Kind::Missing, &sanitize::url(target.unwrap_or(raw)), &format!("for {shown}"));
            }
            for url in [Some(raw), target].into_iter().flatten() {
                let known = states.entry(key(url)).or_insert(state);
                *known = state.max(*known);
            }
        })?;
        let is_current = row.is_complete && (self.believes)(catalog, &row.row)?;
        Ok(Work { row, file, shown, place, is_current, states })
    }

    fn reread(&self, work: &Work) -> Reread {
        let mut reread = Reread::default();
        let document = match Document::read(&work.file, u64::MAX) {
            Ok(document) => document,
            Err(error) => {
                not_read(work, &error, &mut reread);
                self.progress.document_done();
                return reread;
            }
        };
        reread.was_read = true;
        let judged = judge(work, Digest::of(document.bytes()));
        if let Some((kind, detail)) = judged {
            reread.findings.add(kind, &work.shown, detail);
            reread.is_damaged = kind == Kind::DocumentChanged;
        }
        // What the next run writes anew, or will read first, is not held to what the catalog knows now.
        let is_settled = judged.is_none_or(|(kind, _)| !matches!(kind, Kind::DocumentPending | Kind::DocumentReleased));
        let Reread { findings, links, .. } = &mut reread;
        reading::read(&work.file, &document.text().text, &mut |link| match link {
            Link::Blob(url) if self.is_ours(url) => {
                *links += 1;
                if !self.leads_somewhere(url, &work.file) {
                    findings.add(Kind::LinkDangling, &work.shown, &sanitize::url(url));
                }
            }
            Link::Blob(_) => {}
            // Plain text may break a link off at a comma.
            Link::Remote(url) if self.link_base.is_some_and(|base| url.starts_with(base) || base.starts_with(url)) => {}
            Link::Remote(url) => {
                let kind = match work.states.get(&key(url)) {
                    Some(UrlState::Held) if is_settled => Kind::RemoteThoughHeld,
                    None if is_settled => Kind::Overlooked,
                    // Reported already, and where nothing is settled, not to be judged.
                    _ => return,
                };
                findings.add(kind, &work.shown, &sanitize::url(url));
            }
        });
        self.progress.document_done();
        reread
    }

    fn is_below_link_base(&self, url: &str) -> bool {
        self.link_base.is_some_and(|base| url.starts_with(base))
    }

    /// Whether a link in the form of a local copy's is one, and not a server's that names its pictures alike.
    fn is_ours(&self, url: &str) -> bool {
        self.is_below_link_base(url) || !(url.contains("://") || url.starts_with("//"))
    }

    fn leads_somewhere(&self, url: &str, document: &Path) -> bool {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let file = match blob_name(path) {
            // Where a site serves its pictures is not ours to know.
            Some((name, _)) if self.link_base.is_some() || path.starts_with('/') => self.assets.join(name),
            _ => {
                let path = percent_decode_str(path).decode_utf8_lossy();
                document.parent().unwrap_or(Path::new("")).join(&*path)
            }
        };
        file.is_file()
    }
}

/// What a document that cannot be read is.
fn not_read(work: &Work, error: &ReadError, reread: &mut Reread) {
    let is_gone = matches!(error, ReadError::Io(error)
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory));
    let was_written = work.row.written.is_some() || work.row.row.plan.is_some();
    let kind = match work.place {
        _ if is_gone && work.row.is_released => Kind::DocumentReleased,
        Place::Mirror if is_gone && was_written => Kind::DocumentLost,
        _ if is_gone => Kind::DocumentPending,
        _ => Kind::DocumentUnreadable,
    };
    reread.is_damaged = kind == Kind::DocumentLost;
    let detail = if is_gone { String::new() } else { error.to_string() };
    reread.findings.add(kind, &work.shown, &detail);
}

/// What is to be said of a document's bytes as a whole.
fn judge(work: &Work, digest: Digest) -> Option<(Kind, &'static str)> {
    let DocumentRow { row, written, .. } = &work.row;
    match work.place {
        // Nothing of it is known any more that it could be compared with.
        _ if work.row.is_released => Some((Kind::DocumentReleased, "")),
        Place::InPlace if row.digest != *digest.as_bytes() => {
            Some((Kind::DocumentPending, "edited since the last run"))
        }
        _ if row.source.as_os_str().is_empty() => {
            Some((Kind::DocumentPending, "the catalog was rebuilt and does not know its source"))
        }
        // A run may have been killed between writing the document and writing that down.
        _ if !work.is_current => Some((Kind::DocumentPending, "")),
        Place::Mirror if written.is_some_and(|written| written != *digest.as_bytes()) => {
            Some((Kind::DocumentChanged, ""))
        }
        _ => None,
    }
}

/// What a URL is recognised by, however it is escaped: as it is written in the document, in the catalog, or as another
/// reader sees it.
fn key(url: &str) -> u64 {
    let url = sanitize::without_credentials(url);
    let url: Cow<'_, str> = if url.contains('&') { htmlize::unescape(url.as_ref()).into_owned().into() } else { url };
    let url = url.split('#').next().unwrap_or_default();
    let url: String = url.chars().filter(|c| *c != '\\').collect();
    let url = percent_decode_str(&url).decode_utf8_lossy().to_lowercase();
    let url: String = url.chars().filter(|c| !c.is_whitespace()).collect();
    let behind_scheme = url.strip_prefix("https:").or(url.strip_prefix("http:")).unwrap_or(&url);
    let mut hasher = DefaultHasher::new();
    behind_scheme.trim_start_matches('/').hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_has_one_key_in_every_spelling() {
        let spellings = [
            "https://i.example/a b.png?x=1&y=2",
            "https://i.example/a%20b.png?x=1&amp;y=2",
            "//i.example/a%20b.png?x=1&#38;y=2#part",
            "https:\\/\\/i.example\\/a%20b.png?x=1&y=2",
            " HTTPS://I.example/a%20b.png?x=1&y=2\n",
            "http://i.example/a%20b.png?x=1&y=2",
        ];
        for spelling in spellings {
            assert_eq!(key(spelling), key(spellings[0]), "{spelling}");
        }
        assert_eq!(key("https://u:p@i.example/"), key("https://***@i.example/"));
        assert_ne!(key("https://i.example/a.png"), key("https://i.example/b.png"));
    }
}
