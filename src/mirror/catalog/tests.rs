use super::*;

/// A catalog as an earlier version of the program left it.
fn of_layout(path: &Path, layout: usize) {
    let connection = Connection::open(path).unwrap();
    for step in &LAYOUTS[..layout] {
        connection.execute_batch(step).unwrap();
    }
    connection.pragma_update(None, "user_version", layout as i64).unwrap();
    connection.execute("INSERT INTO host (origin, referer) VALUES ('http://a.test', 'site')", []).unwrap();
}

#[test]
fn every_older_layout_is_brought_up_to_date_with_what_it_holds() {
    for layout in 1..LAYOUTS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        of_layout(&path, layout);
        assert!(matches!(Catalog::open_existing(&path), Err(CatalogError::Older { .. })), "layout {layout}");
        let copy = Catalog::copy(&path, &folder.path().join("copy.sqlite")).unwrap();
        assert_eq!(copy.layout().unwrap(), VERSION);
        let catalog = Catalog::open(&path, Durability::None).unwrap();
        assert_eq!(catalog.layout().unwrap(), VERSION);
        let hosts: i64 = catalog.connection.query_row("SELECT count(*) FROM host", [], |row| row.get(0)).unwrap();
        assert_eq!(hosts, 1, "layout {layout}");
        assert!(catalog.reader().is_ok());
    }
}

#[test]
fn a_newer_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    drop(Catalog::open(&path, Durability::None).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
    for opened in [Catalog::open(&path, Durability::None), Catalog::open_existing(&path)] {
        assert!(matches!(opened, Err(CatalogError::Newer { found, .. }) if found == VERSION + 1));
    }
}
