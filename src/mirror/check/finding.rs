//! What a check can find: a closed list, told apart by how bad it is.

use std::collections::{BTreeMap, BTreeSet};

/// Findings of one kind that are kept; the first ones by name. All are counted.
const MAX_LISTED: usize = 1_000;

/// The longest text of a finding that is kept; characters.
const MAX_TEXT: usize = 1_000;

/// How bad a finding is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// What was held is lost, or something names what is not there.
    Damage,
    /// What was never held, as the catalog knows.
    Missing,
    /// Nothing is lost by it.
    Untidy,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    CatalogLost,
    CatalogDamaged,
    RowBroken,
    BlobLost,
    BlobLength,
    BlobCorrupt,
    BlobUnreadable,
    DocumentLost,
    DocumentChanged,
    DocumentUnreadable,
    LinkDangling,
    RemoteThoughHeld,
    Missing,
    Overlooked,
    DocumentPending,
    DocumentReleased,
    BlobUnreferenced,
    FileUnknown,
    DocumentUnknown,
    Litter,
    EmptyFolder,
}

impl Kind {
    pub const ALL: [Kind; 21] = [
        Kind::CatalogLost,
        Kind::CatalogDamaged,
        Kind::RowBroken,
        Kind::BlobLost,
        Kind::BlobLength,
        Kind::BlobCorrupt,
        Kind::BlobUnreadable,
        Kind::DocumentLost,
        Kind::DocumentChanged,
        Kind::DocumentUnreadable,
        Kind::LinkDangling,
        Kind::RemoteThoughHeld,
        Kind::Missing,
        Kind::Overlooked,
        Kind::DocumentPending,
        Kind::DocumentReleased,
        Kind::BlobUnreferenced,
        Kind::FileUnknown,
        Kind::DocumentUnknown,
        Kind::Litter,
        Kind::EmptyFolder,
    ];

    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Kind::CatalogLost => "catalog-lost",
            Kind::CatalogDamaged => "catalog-damaged",
            Kind::RowBroken => "row-broken",
            Kind::BlobLost => "blob-lost",
            Kind::BlobLength => "blob-length",
            Kind::BlobCorrupt => "blob-corrupt",
            Kind::BlobUnreadable => "blob-unreadable",
            Kind::DocumentLost => "document-lost",
            Kind::DocumentChanged => "document-changed",
            Kind::DocumentUnreadable => "document-unreadable",
            Kind::LinkDangling => "link-dangling",
            Kind::RemoteThoughHeld => "remote-though-held",
            Kind::Missing => "missing",
            Kind::Overlooked => "overlooked",
            Kind::DocumentPending => "document-pending",
            Kind::DocumentReleased => "document-released",
            Kind::BlobUnreferenced => "blob-unreferenced",
            Kind::FileUnknown => "file-unknown",
            Kind::DocumentUnknown => "document-unknown",
            Kind::Litter => "litter",
            Kind::EmptyFolder => "empty-folder",
        }
    }

    pub fn class(self) -> Class {
        match self {
            Kind::CatalogLost
            | Kind::CatalogDamaged
            | Kind::RowBroken
            | Kind::BlobLost
            | Kind::BlobLength
            | Kind::BlobCorrupt
            | Kind::BlobUnreadable
            | Kind::DocumentLost
            | Kind::DocumentChanged
            | Kind::DocumentUnreadable
            | Kind::LinkDangling
            | Kind::RemoteThoughHeld => Class::Damage,
            Kind::Missing | Kind::Overlooked => Class::Missing,
            Kind::DocumentPending
            | Kind::DocumentReleased
            | Kind::BlobUnreferenced
            | Kind::FileUnknown
            | Kind::DocumentUnknown
            | Kind::Litter
            | Kind::EmptyFolder => Class::Untidy,
        }
    }

    /// What it means, as a clause.
    pub fn meaning(self) -> &'static str {
        match self {
            Kind::CatalogLost => "there is no catalog, so nothing is known of the files",
            Kind::CatalogDamaged => "the catalog is not whole as a file",
            Kind::RowBroken => "a row of the catalog names something that the catalog does not have",
            Kind::BlobLost => "the picture is on record, and its file is gone",
            Kind::BlobLength => "the file of the picture has another length than it had",
            Kind::BlobCorrupt => "the bytes of the file are not those of its name",
            Kind::BlobUnreadable => "the file of the picture cannot be read",
            Kind::DocumentLost => "the mirrored document was written, and is gone",
            Kind::DocumentChanged => "the mirrored document is not as it was written",
            Kind::DocumentUnreadable => "the document cannot be read",
            Kind::LinkDangling => "a link to a picture leads nowhere",
            Kind::RemoteThoughHeld => "a picture is still named at its server although it is held",
            Kind::Missing => "the picture could not be had so far",
            Kind::Overlooked => "a picture at a server that `sync` did not see",
            Kind::DocumentPending => "the document is not as the next `sync` would write it",
            Kind::DocumentReleased => "the source of the document is gone; what was made of it is kept for a while",
            Kind::BlobUnreferenced => "a whole picture that the catalog does not know",
            Kind::FileUnknown => "a file among the pictures that is none of this program's",
            Kind::DocumentUnknown => "a file among the mirrored documents that the catalog does not know",
            Kind::Litter => "unfinished work of a run that was killed",
            Kind::EmptyFolder => "a folder with nothing in it",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> Remedy {
        match self {
            Kind::CatalogLost | Kind::CatalogDamaged => Remedy::Rebuild,
            Kind::RowBroken | Kind::BlobLost | Kind::BlobLength | Kind::BlobCorrupt => Remedy::Repair,
            Kind::DocumentLost | Kind::DocumentChanged | Kind::LinkDangling => Remedy::Repair,
            Kind::BlobUnreadable | Kind::DocumentUnreadable => Remedy::LookAtDisk,
            Kind::RemoteThoughHeld | Kind::Missing | Kind::DocumentPending | Kind::Litter => Remedy::Sync,
            Kind::Overlooked => Remedy::Select,
            Kind::DocumentReleased | Kind::BlobUnreferenced | Kind::FileUnknown => Remedy::Prune,
            Kind::DocumentUnknown | Kind::EmptyFolder => Remedy::Prune,
        }
    }
}

/// What to type, or to do, next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    Rebuild,
    Repair,
    LookAtDisk,
    Sync,
    Select,
    Prune,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file or URL.
    pub subject: String,
    pub detail: String,
}

/// Findings of one kind.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub count: u64,
    /// The first ones by name.
    pub first: BTreeSet<Finding>,
}

/// Everything that was found: all of it in number, the first ones of each kind in detail.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    kinds: BTreeMap<Kind, Listed>,
}

impl Findings {
    pub fn add(&mut self, kind: Kind, subject: &str, detail: &str) {
        let cut = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
        let listed = self.kinds.entry(kind).or_default();
        listed.count += 1;
        listed.first.insert(Finding { subject: cut(subject), detail: cut(detail) });
        if listed.first.len() > MAX_LISTED {
            listed.first.pop_last();
        }
    }

    /// Adds what was found elsewhere.
    pub fn merge(&mut self, others: Findings) {
        for (kind, others) in others.kinds {
            let listed = self.kinds.entry(kind).or_default();
            listed.count += others.count;
            listed.first.extend(others.first);
            while listed.first.len() > MAX_LISTED {
                listed.first.pop_last();
            }
        }
    }

    /// The kinds that were found, worst first.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &Listed)> {
        self.kinds.iter().map(|(kind, listed)| (*kind, listed))
    }

    pub fn count(&self, class: Class) -> u64 {
        self.iter().filter(|(kind, _)| kind.class() == class).map(|(_, listed)| listed.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_order_of_their_classes_and_have_words_of_their_own() {
        assert!(Kind::ALL.is_sorted());
        assert!(Kind::ALL.is_sorted_by_key(|kind| kind.class()));
        let words: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_same_in_any_order() {
        let mut findings = Findings::default();
        for number in (0..3000).rev() {
            findings.add(Kind::BlobLost, &format!("{number:04}"), &"x".repeat(5000));
        }
        let (kind, listed) = findings.iter().next().unwrap();
        assert_eq!((kind, listed.count, listed.first.len()), (Kind::BlobLost, 3000, MAX_LISTED));
        assert_eq!(listed.first.first().unwrap().subject, "0000");
        assert_eq!(listed.first.last().unwrap().subject, "0999");
        assert!(listed.first.iter().all(|finding| finding.detail.len() == MAX_TEXT));
        assert_eq!((findings.count(Class::Damage), findings.count(Class::Untidy)), (3000, 0));
    }
}
