//! Puts back the references that still stand in a document as they were written, and keeps what a person did to it.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::mirror::catalog::{Catalog, Generation, JournalEdit, Result};
use crate::rewrite::{Edit, RewritePlan};
use crate::text::Span;

/// A document with what could be put back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) bytes: Vec<u8>,
    /// Edits that were taken back.
    pub(super) put_back: usize,
    /// Edits that may still stand there, and cannot be told apart from what a person wrote. Those of which nothing
    /// stands there any more are neither.
    pub(super) left: usize,
}

/// Takes back every edit whose text stands in `bytes` exactly as often as its generation wrote it, the last generation
/// first. Where one text was written several times, the first place gets what stood at the first.
pub(super) fn merge(catalog: &Catalog, generations: &[Generation], bytes: Vec<u8>) -> Result<Merged> {
    let mut merged = Merged { bytes, put_back: 0, left: 0 };
    for generation in generations.iter().rev() {
        let mut edits = Vec::new();
        catalog.journal_edits(generation, &mut |_, edit| edits.push(edit))?;
        merged.take_back(edits);
    }
    Ok(merged)
}

impl Merged {
    fn take_back(&mut self, edits: Vec<JournalEdit>) {
        // Where a base was taken out nothing is left to find, and without it the other originals would lead astray.
        if edits.iter().any(|edit| edit.new.is_empty()) {
            self.left += edits.len();
            return;
        }
        let mut written: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for JournalEdit { old, new } in edits {
            written.entry(new).or_default().push(old);
        }
        let mut plan = Vec::new();
        for (new, olds) in written {
            // One more than were written is enough to know.
            let found: Vec<usize> = memmem::find_iter(&self.bytes, &new).take(olds.len() + 1).collect();
            match found.len() {
                0 => {}
                found_times if found_times == olds.len() => {
                    plan.extend(
                        found
                            .into_iter()
                            .zip(olds)
                            .map(|(at, old)| Edit { span: Span::new(at, at + new.len()), text: old }),
                    );
                }
                _ => self.left += olds.len(),
            }
        }
        // Where one text stands within another, neither is known to be it.
        let wanted = plan.len();
        let plan = RewritePlan::new(without_overlaps(plan));
        self.put_back += plan.edits().len();
        self.left += wanted - plan.edits().len();
        let mut bytes = Vec::with_capacity(self.bytes.len());
        // The spans were just found there.
        if plan.splice(&self.bytes, &mut bytes).is_ok() {
            self.bytes = bytes;
        }
    }
}

fn without_overlaps(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| edit.span.start);
    let mut end = 0;
    let mut apart = vec![true; edits.len()];
    for at in 0..edits.len() {
        if at > 0 && edits[at].span.start < end {
            apart[at - 1] = false;
            apart[at] = false;
        }
        end = end.max(edits[at].span.end);
    }
    edits.into_iter().zip(apart).filter_map(|(edit, apart)| apart.then_some(edit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(bytes: &str, edits: &[(&str, &str)]) -> (String, usize, usize) {
        let edits = edits.iter().map(|(old, new)| JournalEdit { old: (*old).into(), new: (*new).into() }).collect();
        let mut merged = Merged { bytes: bytes.into(), put_back: 0, left: 0 };
        merged.take_back(edits);
        (String::from_utf8(merged.bytes).unwrap(), merged.put_back, merged.left)
    }

    #[test]
    fn what_still_stands_as_it_was_written_is_put_back() {
        let edits = [("http://a", "/i/1"), ("http://b", "/i/2"), ("http://proxy/a", "/i/1")];
        let table = [
            ("new title /i/1 /i/2 /i/1", ("new title http://a http://b http://proxy/a", 3, 0)),
            // A person took a picture out, ...
            ("/i/1 /i/1", ("http://a http://proxy/a", 2, 0)),
            // ... or one of two, or copied one.
            ("/i/1 /i/2", ("/i/1 http://b", 1, 2)),
            ("/i/1 /i/1 /i/1", ("/i/1 /i/1 /i/1", 0, 2)),
            ("", ("", 0, 0)),
        ];
        for (given, (bytes, put_back, left)) in table {
            assert_eq!(merged(given, &edits), (bytes.to_owned(), put_back, left), "{given}");
        }
    }

    #[test]
    fn a_page_whose_base_was_taken_out_is_left_alone() {
        let edits = [("http://site/", ""), ("a.png", "/i/1")];
        assert_eq!(merged("<base href=''> /i/1", &edits), ("<base href=''> /i/1".to_owned(), 0, 2));
    }

    #[test]
    fn a_link_within_a_longer_one_is_not_taken_for_it() {
        let edits = [("http://a", "/i/1"), ("http://a#x", "/i/1#x")];
        assert_eq!(merged("/i/1 /i/1#x", &edits), ("/i/1 http://a#x".to_owned(), 1, 1));
        assert_eq!(merged("/i/1#x", &edits), ("/i/1#x".to_owned(), 0, 2));
    }
}
