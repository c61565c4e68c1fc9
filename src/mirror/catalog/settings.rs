//! Where the pictures of a mirror lie, for the commands that are not told.

use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension as _;
use rusqlite::types::Value;

use super::{Catalog, Result, params, path_from, path_value};
use crate::mirror::Layout;

/// Where the last `sync` put pictures, and how documents name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementRow {
    pub documents: Documents,
    /// The folder of the blobs, absolute. See [`PlacementRow::assets`] for where it is now.
    pub assets: PathBuf,
    /// What links to blobs begin with, with a slash at its end; `None` when they are relative.
    pub link_base: Option<String>,
}

/// Which documents name the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    /// Copies below the mirror's documents/.
    Mirror,
    /// The inputs themselves (`document.source`).
    InPlace,
}

impl PlacementRow {
    /// The folder of the blobs. A mirror may have been moved since, and its own assets/ with it.
    pub fn assets(&self, layout: &Layout) -> PathBuf {
        match self.documents {
            Documents::Mirror => layout.assets(),
            Documents::InPlace => self.assets.clone(),
        }
    }
}

impl Documents {
    fn word(self) -> &'static str {
        match self {
            Documents::Mirror => "mirror",
            Documents::InPlace => "in-place",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Documents::Mirror, Documents::InPlace].into_iter().find(|documents| documents.word() == word)
    }
}

impl Catalog {
    /// What [`Catalog::remember_placement`] was last told; `None` when no run has told it.
    pub fn placement(&self) -> Result<Option<PlacementRow>> {
        let (Some(Value::Text(word)), Some(assets)) = (self.setting("placement")?, self.setting("assets")?) else {
            return Ok(None);
        };
        let link_base = match self.setting("link-base")? {
            Some(Value::Text(prefix)) => Some(prefix),
            _ => None,
        };
        let row = |documents| PlacementRow { documents, assets: path_from(assets), link_base };
        Ok(Documents::from_word(&word).map(row))
    }

    /// [`Catalog::placement`] of a catalog that may be damaged, as far as it can still be read.
    pub fn salvage_placement(path: &Path) -> Option<PlacementRow> {
        Self::connect(path).and_then(|catalog| catalog.placement()).ok().flatten()
    }

    /// Notes where this run puts pictures.
    pub fn remember_placement(&self, row: &PlacementRow) -> Result<()> {
        self.begin()?;
        self.set("placement", Some(Value::Text(row.documents.word().to_owned())))?;
        self.set("assets", Some(path_value(&row.assets)))?;
        self.set("link-base", row.link_base.clone().map(Value::Text))?;
        self.commit()
    }

    /// Whether any such document on record names pictures.
    pub fn has_documents(&self, documents: Documents) -> Result<bool> {
        let mut statement = self.connection.prepare(match documents {
            Documents::Mirror => {
                "SELECT 1 FROM document WHERE path IS NOT source AND plan IS NOT NULL AND released IS NULL"
            }
            Documents::InPlace => {
                "SELECT 1 FROM document WHERE path IS source AND released IS NULL
                 AND EXISTS (SELECT 1 FROM reference WHERE reference.document = document.id AND held IS NOT NULL)"
            }
        })?;
        Ok(statement.exists([])?)
    }

    /// What the last run wrote where pictures are missing, in the word that it was remembered by.
    pub fn missing_policy(&self) -> Result<Option<String>> {
        match self.setting("missing")? {
            Some(Value::Text(word)) => Ok(Some(word)),
            _ => Ok(None),
        }
    }

    /// Notes what this run writes where pictures are missing.
    pub fn remember_missing_policy(&self, word: &str) -> Result<()> {
        self.set("missing", Some(Value::Text(word.to_owned())))
    }

    /// A setting that is a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>> {
        match self.setting(name)? {
            Some(Value::Integer(number)) => Ok(Some(number)),
            _ => Ok(None),
        }
    }

    /// Notes that `run` begins to read documents and has not learned from them yet, unless an earlier run is at that.
    pub fn begin_collecting(&self, run: i64) -> Result<()> {
        self.connection.execute("INSERT OR IGNORE INTO setting (name, value) VALUES ('collecting', ?1)", [run])?;
        Ok(())
    }

    /// Notes that everything that was read is learned from.
    pub fn end_collecting(&self) -> Result<()> {
        self.set("collecting", None)
    }

    /// The first run whose documents nobody has learned from; `None` when there is none.
    pub fn collecting_since(&self) -> Result<Option<i64>> {
        self.number("collecting")
    }

    pub(super) fn setting(&self, name: &str) -> Result<Option<Value>> {
        let mut statement = self.connection.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// `None` takes the setting away.
    pub(super) fn set(&self, name: &str, value: Option<Value>) -> Result<()> {
        match value {
            Some(value) => self
                .connection
                .execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)", params![name, value])?,
            None => self.connection.execute("DELETE FROM setting WHERE name = ?1", [name])?,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::store::Durability;

    #[test]
    fn the_last_placement_is_the_one_that_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
        assert_eq!(catalog.placement().unwrap(), None);
        let site =
            PlacementRow { documents: Documents::InPlace, assets: "/site/i".into(), link_base: Some("/i/".to_owned()) };
        let mirror = PlacementRow { documents: Documents::Mirror, assets: "/old/assets".into(), link_base: None };
        for row in [&site, &mirror] {
            catalog.remember_placement(row).unwrap();
            assert_eq!(catalog.placement().unwrap().as_ref(), Some(row));
        }
        let layout = Layout::new(Path::new("/new"));
        assert_eq!((site.assets(&layout), mirror.assets(&layout)), ("/site/i".into(), "/new/assets".into()));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_whose_name_is_no_text_is_remembered() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
        let assets = Path::new(std::ffi::OsStr::from_bytes(b"/site/\xff")).to_owned();
        let row = PlacementRow { documents: Documents::InPlace, assets, link_base: None };
        catalog.remember_placement(&row).unwrap();
        assert_eq!(catalog.placement().unwrap(), Some(row));
    }
}
