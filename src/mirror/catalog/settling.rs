//! Which documents a run need not plan anew: those that stand as they would be written, and of which it has changed nothing.
//!
//! A run after which every document stands as its plan says notes that, with what it wrote by. If nothing else wrote in
//! between, the next run need only look at the documents that it touches itself. A run that ends early has noted nothing,
//! so the one after it looks at all.

use rusqlite::types::Value;

use super::{Catalog, Result, params};

/// What stands when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Any document may differ from what would be written.
    Unknown,
    /// Only documents that the run touches can, which this connection lists from now on.
    AsWritten,
}

/// Lists what a run touches: assets that get or lose a blob, and documents whose references are collected anew.
const LISTS: &str = "
    CREATE TEMP TABLE IF NOT EXISTS touched_asset (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS touched_document (id INTEGER PRIMARY KEY);
    DELETE FROM temp.touched_asset;
    DELETE FROM temp.touched_document;
    CREATE TEMP TRIGGER IF NOT EXISTS touches_asset AFTER UPDATE OF digest ON main.asset
        WHEN old.digest IS NOT new.digest
        BEGIN INSERT OR IGNORE INTO touched_asset VALUES (new.id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS touches_document AFTER UPDATE OF size ON main.document WHEN new.size IS NULL
        BEGIN INSERT OR IGNORE INTO touched_document VALUES (new.id); END;";

impl Catalog {
    /// Looks whether the run before `run` left every document as its plan says, when written by `manner`: everything
    /// beside the catalog that decides how a document is written.
    pub fn begin_settled(&self, run: i64, manner: &str) -> Result<Settled> {
        let before: Option<i64> =
            self.connection.query_row("SELECT max(id) FROM run WHERE id < ?1", [run], |row| row.get(0))?;
        let Some(before) = before else { return Ok(Settled::Unknown) };
        if self.setting("settled")? != Some(self.settled(before, manner)?) {
            return Ok(Settled::Unknown);
        }
        self.connection.execute_batch(LISTS)?;
        Ok(Settled::AsWritten)
    }

    /// Adds to the list the documents that refer to a touched asset.
    pub fn touch_documents(&self) -> Result<()> {
        self.connection.execute(
            "INSERT OR IGNORE INTO temp.touched_document
             SELECT document FROM temp.touched_asset CROSS JOIN reference ON reference.asset = touched_asset.id",
            [],
        )?;
        Ok(())
    }

    /// Whether the list has a document.
    pub fn is_touched(&self, document: i64) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM temp.touched_document WHERE id = ?1")?;
        Ok(statement.exists([document])?)
    }

    /// Notes that every document of `run` stands as its plan says, unless one that the run did not see may not.
    pub fn settle(&self, run: i64, left: Settled, manner: &str) -> Result<()> {
        // What was not read to its end is collected anew before it is written, so it does not count.
        let mut others = self.connection.prepare(match left {
            Settled::Unknown => "SELECT 1 FROM document WHERE run <> ?1 AND size IS NOT NULL",
            Settled::AsWritten => {
                "SELECT 1 FROM document WHERE run <> ?1 AND size IS NOT NULL
                 AND id IN (SELECT id FROM temp.touched_document)"
            }
        })?;
        if !others.exists(params![run])? {
            self.set("settled", Some(self.settled(run, manner)?))?;
        }
        Ok(())
    }

    /// The note of [`Catalog::settle`]. How many pictures are held is part of it, so that a catalog is not believed that
    /// somebody else has put pictures into.
    fn settled(&self, run: i64, manner: &str) -> Result<Value> {
        let held: i64 =
            self.connection.query_row("SELECT count(*) FROM asset WHERE digest IS NOT NULL", [], |row| row.get(0))?;
        Ok(Value::Text(format!("{run} {held} {manner}")))
    }

    /// Takes the note of [`Catalog::settle`] back. For whoever changes what documents show without being a run: those are
    /// told by their numbers.
    pub(super) fn unsettle(&self) -> Result<()> {
        self.set("settled", None)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mirror::catalog::{ReferenceRow, Seen, TargetRow};
    use crate::mirror::store::Durability;

    /// Collects a document with one picture, as `run`.
    fn collect(catalog: &Catalog, run: i64, name: &str) -> (i64, i64) {
        let url = format!("http://a.test/{name}.png");
        let target = TargetRow {
            target: url.clone(),
            origin: "http://a.test".to_owned(),
            fragment: None,
            proxies: 0,
            hint: None,
            sources: Vec::new(),
        };
        let asset = catalog.asset(&target).unwrap();
        let (slot, raw) = ("img@src".to_owned(), url);
        let row = ReferenceRow { start: 0, end: 9, slot, layers: 0, raw, outcome: Ok(target), held: None };
        let id = catalog.begin_document(Path::new(name), Path::new(name), "", run).unwrap();
        catalog.add_references(id, &[row]).unwrap();
        catalog.finish_document(id, &Seen { size: 9, modified: 0, digest: [0; 32] }, false).unwrap();
        (id, asset)
    }

    fn see_again(catalog: &Catalog, documents: &[i64], run: i64) {
        for document in documents {
            catalog.still_there(*document, 0, run).unwrap();
        }
    }

    #[test]
    fn only_what_a_run_touches_can_differ_from_what_the_last_one_has_written() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
        let begin = || {
            let run = catalog.begin_run().unwrap();
            (run, catalog.begin_settled(run, "m").unwrap())
        };
        let (run, left) = begin();
        assert_eq!(left, Settled::Unknown);
        let ((a, picture), (b, _), (c, _)) =
            (collect(&catalog, run, "a"), collect(&catalog, run, "b"), collect(&catalog, run, "c"));
        catalog.settle(run, left, "m").unwrap();

        let (run, left) = begin();
        assert_eq!(left, Settled::AsWritten);
        see_again(&catalog, &[a, c], run);
        collect(&catalog, run, "b");
        catalog.recover(run, picture, [1; 32].into(), 0).unwrap_err();
        catalog.add_blob([1; 32].into(), "image/png", 1, None).unwrap();
        catalog.recover(run, picture, [1; 32].into(), 0).unwrap();
        catalog.touch_documents().unwrap();
        assert_eq!([a, b, c].map(|document| catalog.is_touched(document).unwrap()), [true, true, false]);
        catalog.settle(run, left, "m").unwrap();

        // The list begins anew with each run, and a run that was not written to its end has left nothing to go by.
        let (_, left) = begin();
        assert_eq!((left, catalog.is_touched(a).unwrap()), (Settled::AsWritten, false));
        assert_eq!(begin().1, Settled::Unknown);
    }

    #[test]
    fn nothing_is_settled_when_something_else_wrote_or_another_document_may_differ() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
        let settled = || {
            let run = catalog.begin_run().unwrap();
            catalog.set("settled", Some(catalog.settled(run, "m").unwrap())).unwrap();
            run
        };
        let begin = |manner| {
            let run = catalog.begin_run().unwrap();
            catalog.begin_settled(run, manner).unwrap()
        };
        settled();
        assert_eq!(begin("other"), Settled::Unknown);
        settled();
        catalog.begin_repair().unwrap();
        assert_eq!(begin("m"), Settled::Unknown);
        settled();
        catalog.unsettle().unwrap();
        assert_eq!(begin("m"), Settled::Unknown);

        let first = settled();
        let (_, picture) = collect(&catalog, first, "a");
        let run = catalog.begin_run().unwrap();
        let left = catalog.begin_settled(run, "m").unwrap();
        catalog.add_blob([1; 32].into(), "image/png", 1, None).unwrap();
        catalog.recover(run, picture, [1; 32].into(), 0).unwrap();
        catalog.touch_documents().unwrap();
        catalog.settle(run, left, "m").unwrap();
        assert_eq!(
            (left, begin("m")),
            (Settled::AsWritten, Settled::Unknown),
            "a was not seen, and shows a new picture"
        );
        let run = catalog.begin_run().unwrap();
        catalog.settle(run, Settled::Unknown, "m").unwrap();
        assert_eq!(begin("m"), Settled::Unknown, "nothing is known of a");
    }
}
