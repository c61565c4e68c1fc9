use tempfile::TempDir;

use super::*;
use crate::mirror::store::Durability;

/// Two documents of a mirror: one is whole, the other lacks `/gone.png`.
const ROWS: &str = "
    INSERT INTO run (started, finished, tool, summary) VALUES (1, 2, 'x', '{\"ending\":\"finished\"}');
    INSERT INTO slot (id, name) VALUES (1, 'img@src');
    INSERT INTO blob (digest, media, length, width, height) VALUES
        (zeroblob(32), 'image/png', 70, 4, 2), (x'11' || zeroblob(31), 'image/svg+xml', 900, NULL, NULL);
    INSERT INTO asset (id, target, origin, digest) VALUES
        (1, 'https://i.example/a.png', 'https://i.example', zeroblob(32)),
        (2, 'https://i.example/gone.png', 'https://i.example', NULL),
        (3, 'https://i.example/nobody-wants-it.png', 'https://i.example', NULL),
        (4, 'https://j.example/new.png', 'https://j.example', NULL);
    INSERT INTO failure (asset, kind, detail, attempts, runs, first, last, next, run)
    VALUES (2, 'gone', 'the server said 404', 3, 2, 100, 200, 900, 1);
    INSERT INTO document (id, path, source, size, digest, settings, reread, plan, run) VALUES
        (1, 'b/whole.html', '/in/b/whole.html', 9, x'01', 's', 0, x'01', 1),
        (2, 'a/lacking.html', '/in/a/lacking.html', 9, x'02', 's', 0, x'02', 1);
    INSERT INTO reference (document, start, end, slot, layers, raw, proxies, asset, skip) VALUES
        (1, 0, 9, 1, 0, 'r', 0, 1, NULL), (1, 10, 19, 1, 0, 'r', 0, NULL, 'relative'),
        (2, 0, 9, 1, 0, 'r', 0, 1, NULL), (2, 10, 19, 1, 0, 'r', 0, 2, NULL), (2, 20, 29, 1, 0, 'r', 0, 2, NULL);";

fn catalog(more: &str) -> (TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
    catalog
        .connection
        .execute_batch(&ROWS.replace("x'11' || zeroblob(31)", &format!("x'11{}'", "00".repeat(31))))
        .unwrap();
    catalog.connection.execute_batch(more).unwrap();
    (folder, catalog)
}

fn all<T>(read: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<()>) -> Vec<T> {
    let mut list = Vec::new();
    read(&mut |item| {
        list.push(item);
        Ok(())
    })
    .unwrap();
    list
}

fn states(catalog: &Catalog) -> Vec<(String, DocumentState)> {
    let ledger = catalog.ledger().unwrap();
    let documents = all(|each| ledger.documents(Documents::All, 100, each));
    documents.into_iter().map(|document| (document.path.to_string_lossy().into_owned(), document.state)).collect()
}

#[test]
fn the_totals_add_up_over_all_documents_whichever_run_saw_them() {
    let (_folder, catalog) = catalog("UPDATE document SET run = 7 WHERE id = 1");
    let Totals { documents, references, assets, blobs } = catalog.ledger().unwrap().totals().unwrap();
    assert_eq!(documents, DocumentTotals { total: 2, whole: 1, missing: 1, ..DocumentTotals::default() });
    let expected = ReferenceTotals { total: 5, mirrored: 2, skipped: 1, missing: 2, without_base: 1 };
    assert_eq!(references, expected);
    assert_eq!(assets, AssetTotals { total: 2, held: 1, missing: 1, changed: 0 });
    assert_eq!(blobs, BlobTotals { files: 2, bytes: 970 });
}

#[test]
fn an_empty_catalog_has_an_empty_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
    let ledger = catalog.ledger().unwrap();
    assert_eq!(ledger.totals().unwrap(), Totals::default());
    assert!(ledger.missing_groups(9).unwrap().is_empty() && ledger.runs(9).unwrap().is_empty());
}

#[test]
fn documents_that_are_not_whole_come_first_with_why() {
    use DocumentState::*;
    let (_folder, catalog) = catalog(
        "INSERT INTO document (id, path, source, size, digest, settings, reread, plan, run) VALUES
            (3, 'unread.html', '/in/unread.html', NULL, NULL, 's', 0, NULL, 1),
            (4, 'unwritten.html', '/in/unwritten.html', 9, x'04', 's', 0, NULL, 1),
            (5, '/site/edited.md', '/site/edited.md', 9, x'05', 's', 0, NULL, 1),
            (6, '/site/unedited.md', '/site/unedited.md', 9, x'06', 's', 0, NULL, 1);
         INSERT INTO reference (document, start, end, slot, layers, raw, proxies, asset, held) VALUES
            (5, 0, 9, 1, 0, 'r', 0, 1, zeroblob(32)), (6, 0, 9, 1, 0, 'r', 0, 1, NULL);",
    );
    let expected = [
        ("/site/unedited.md", Unwritten),
        ("a/lacking.html", Missing),
        ("unread.html", Unread),
        ("unwritten.html", Unwritten),
        ("/site/edited.md", Whole),
        ("b/whole.html", Whole),
    ];
    assert_eq!(states(&catalog), expected.map(|(path, state)| (path.to_owned(), state)));
    let ledger = catalog.ledger().unwrap();
    let first = all(|each| ledger.documents(Documents::NotWhole, 2, each));
    assert_eq!(first.len(), 2);
    assert_eq!((first[1].total, first[1].mirrored, first[1].missing), (3, 1, 2));
    assert_eq!(all(|each| ledger.documents(Documents::NotWhole, 100, each)).len(), 4);
    assert_eq!(ledger.assets_of(2, 10).unwrap(), [1, 2]);
    assert_eq!(ledger.assets_of(2, 1).unwrap().len(), 1);
}

#[test]
fn what_only_documents_want_whose_source_is_gone_is_not_missing() {
    let (_folder, catalog) = catalog("UPDATE document SET released = 5 WHERE id = 2");
    let ledger = catalog.ledger().unwrap();
    let Totals { documents, references, assets, .. } = ledger.totals().unwrap();
    assert_eq!((documents.total, documents.released, references.missing), (1, 1, 0));
    assert_eq!(assets, AssetTotals { total: 1, held: 1, missing: 0, changed: 0 });
    assert!(all(|each| ledger.missing(9, each)).is_empty());
}

#[test]
fn a_missing_picture_says_since_when_why_and_when_next() {
    let (_folder, catalog) = catalog("INSERT INTO wanted VALUES (1, 3), (2, 4)");
    let ledger = catalog.ledger().unwrap();
    let missing = all(|each| ledger.missing(9, each));
    let targets: Vec<_> = missing.iter().map(|asset| (asset.target.as_str(), asset.documents)).collect();
    // Of the lists of --urls only the last counts.
    assert_eq!(targets, [("https://i.example/gone.png", 1), ("https://j.example/new.png", 0)]);
    let reason = Reason {
        kind: "gone".to_owned(),
        detail: "the server said 404".to_owned(),
        since: 100,
        next: 900,
        runs: 2,
        attempts: 3,
    };
    assert_eq!((missing[0].reason.as_ref(), missing[1].reason.as_ref()), (Some(&reason), None));
    let groups = ledger.missing_groups(9).unwrap();
    let group = |origin: &str, kind: Option<&str>| MissingGroup {
        origin: origin.to_owned(),
        kind: kind.map(str::to_owned),
        count: 1,
        since: kind.map(|_| 100),
        next: kind.map(|_| 900),
        detail: kind.map(|_| "the server said 404".to_owned()),
    };
    assert_eq!(groups, [group("https://i.example", Some("gone")), group("https://j.example", None)]);
    assert_eq!(ledger.missing_groups(1).unwrap().len(), 1);
}

/// Captures of asset 1 in this order: a digit is the first byte of a digest, `=` a 304.
fn captures(list: &str) -> String {
    let row = |(at, c): (usize, char)| {
        let (digest, revisit) = if c == '=' { ('0', "'not-modified'") } else { (c, "NULL") };
        format!(
            "INSERT INTO capture (asset, run, fetched, source, redirects, status, digest, revisit, headers)
             VALUES (1, 1, {at}, 's', '[]', 200, x'{digest}{digest}{}', {revisit}, '[]');",
            "00".repeat(31)
        )
    };
    list.chars().enumerate().map(row).collect()
}

#[test]
fn other_bytes_than_the_shown_ones_are_a_change_until_the_server_sends_the_shown_ones_again() {
    for (list, since) in [("0", None), ("00", None), ("0=", None), ("01", Some(1)), ("0111", Some(1)), ("010", None)] {
        let (_folder, catalog) = catalog(&captures(list));
        let changed = all(|each| catalog.ledger().unwrap().changed(9, each));
        assert_eq!(changed.first().map(|asset| asset.since), since, "{list}");
        assert_eq!(catalog.ledger().unwrap().totals().unwrap().assets.changed, u64::from(since.is_some()), "{list}");
    }
    // "Not modified" speaks of what was sent last.
    let (_folder, catalog) = catalog(&captures("01="));
    let changed = all(|each| catalog.ledger().unwrap().changed(9, each));
    assert_eq!((changed[0].since, changed[0].now.name().ends_with(".svg")), (1, true));
}

#[test]
fn the_ledger_is_of_one_moment_and_disturbs_nobody() {
    let (_folder, catalog) = catalog("");
    let reader = catalog.reader().unwrap();
    let ledger = reader.ledger().unwrap();
    catalog.connection.execute_batch("DELETE FROM reference; DELETE FROM document;").unwrap();
    assert_eq!(ledger.totals().unwrap().documents.total, 2);
    assert_eq!(all(|each| ledger.held(9, each)).len(), 1);
    drop(ledger);
    assert_eq!(reader.ledger().unwrap().totals().unwrap().documents.total, 0);
}

#[test]
fn everything_that_the_ledger_tells_changes_its_state_and_the_time_of_a_run_does_not() {
    let (_folder, catalog) = catalog("");
    let state = || catalog.ledger_state().unwrap();
    let change = |sql: &str| catalog.connection.execute_batch(sql).unwrap();
    let mut before = state();
    change(
        "INSERT INTO run (started, finished, tool, summary) VALUES (9, 10, 'x', '{\"ending\":\"finished\",\"requests\":0}')",
    );
    change("UPDATE document SET run = 2, modified = 77");
    assert_eq!(state(), before);
    for sql in [
        "UPDATE document SET digest = x'99' WHERE id = 1",
        "UPDATE document SET settings = 't' WHERE id = 1",
        "UPDATE document SET plan = NULL WHERE id = 1",
        "UPDATE document SET released = 1 WHERE id = 1",
        "UPDATE failure SET next = next + 1",
        "DELETE FROM failure",
        "UPDATE asset SET digest = NULL WHERE id = 1",
        "UPDATE asset SET digest = zeroblob(32) WHERE id = 1",
        "INSERT INTO wanted VALUES (1, 3)",
        "INSERT INTO setting VALUES ('assets', '/elsewhere')",
        "UPDATE run SET summary = '{\"ending\":\"interrupted\"}' WHERE id = 2",
        "UPDATE run SET summary = '{\"ending\":\"finished\",\"documents\":{\"failed\":1}}' WHERE id = 2",
        "INSERT INTO run (started, tool) VALUES (20, 'x')",
        "DELETE FROM reference WHERE document = 2; DELETE FROM document WHERE id = 2",
    ] {
        change(sql);
        let after = state();
        assert_ne!(after, before, "{sql}");
        before = after;
    }
    change(&captures("0"));
    assert_ne!(state(), before);
}
