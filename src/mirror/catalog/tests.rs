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

#[test]
fn the_plan_counts_assets_and_gives_each_with_all_of_its_sources_by_rank() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
    let run = catalog.begin_run().unwrap();
    let origin = "http://a.test";
    let url = |name: &str| format!("{origin}/{name}");
    let row = |start, name: &str, sources: &[&str], hint: Option<&str>| ReferenceRow {
        start,
        end: start + 1,
        slot: "img@src".to_owned(),
        layers: 0,
        raw: url(name),
        outcome: Ok(TargetRow {
            target: url(name),
            origin: origin.to_owned(),
            fragment: None,
            proxies: 0,
            hint: hint.map(str::to_owned),
            sources: sources.iter().map(|source| url(source)).collect(),
        }),
        held: None,
    };
    let rows = [
        row(0, "one", &["z"], None),
        row(1, "one", &["z"], None),
        row(2, "one", &["b", "c"], Some("http://first.test/")),
        row(3, "one", &["b", "c"], Some("http://second.test/")),
        row(4, "two", &["b"], None),
        row(5, "two", &["d"], None),
        row(6, "one", &["a", "z", "one"], None),
        row(7, "three", &["x"], None),
        row(8, "three", &["x"], Some("http://first.test/")),
    ];
    let document = catalog.begin_document(Path::new("d"), Path::new("/d"), "", run).unwrap();
    catalog.add_references(document, &rows).unwrap();
    catalog.want(run, catalog.asset(rows[0].outcome.as_ref().unwrap()).unwrap()).unwrap();

    let backlog = Backlog { held: Held::Keep, failed: Failed::Due, on_change: OnChange::Keep };
    assert_eq!(catalog.plan_fetch(run, backlog).unwrap(), AssetCounts { total: 3, held: 0, asked: 3 });
    let planned = |after, max| {
        let assets = catalog.planned_assets(origin, after, max, OnChange::Keep).unwrap();
        let sources = |asset: &crate::fetch::Asset| asset.sources.iter().map(url::Url::to_string).collect::<Vec<_>>();
        assets.iter().map(|asset| (asset.id, asset.referer_hint.clone(), sources(asset))).collect::<Vec<_>>()
    };
    let one = (1, Some("http://first.test/".to_owned()), ["one", "a", "b", "z", "c"].map(url).to_vec());
    let two = (2, None, ["two", "b", "d"].map(url).to_vec());
    let three = (3, Some("http://first.test/".to_owned()), ["three", "x"].map(url).to_vec());
    assert_eq!(planned(0, 9), [one.clone(), two.clone(), three.clone()]);
    assert_eq!(planned(0, 1), [one]);
    assert_eq!(planned(1, 1), [two]);
    assert_eq!(planned(2, 9), [three]);
    assert_eq!(planned(3, 9), []);
}
