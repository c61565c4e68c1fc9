use std::path::PathBuf;

use rusqlite::{Connection, params};
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::mirror::Mirror;
use crate::mirror::store::Durability;

const NOW: i64 = 1_772_373_900_000;

/// Everything that might end an element, an attribute, a script or a reader's understanding.
const HOSTILE: &str =
    "</script><script>alert(1)</script><!--\"'><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}\u{2028}&amp;";

struct Case {
    _folder: TempDir,
    mirror: Mirror,
    catalog: Catalog,
    rows: Connection,
}

impl Case {
    /// A mirror with one document that shows one picture and lacks another.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&folder.path().join("mirror")).unwrap();
        let path = mirror.layout().catalog();
        let catalog = Catalog::open(&path, Durability::None).unwrap();
        let rows = Connection::open(path).unwrap();
        rows.execute_batch(
            "INSERT INTO run (started, finished, tool, summary) VALUES (1, 2, 'x', '{\"ending\":\"finished\"}');
             INSERT INTO slot (id, name) VALUES (1, 'img@src');
             INSERT INTO blob (digest, media, length) VALUES (zeroblob(32), 'image/svg+xml', 70);",
        )
        .unwrap();
        let case = Case { _folder: folder, mirror, catalog, rows };
        case.document("a.html");
        case.asset(1, "https://i.example", "/a.svg", None);
        case.asset(2, "https://i.example", "/b.png", Some("the server said 404"));
        case
    }

    fn document(&self, path: &str) {
        let insert = "INSERT INTO document (id, path, source, size, settings, reread, plan, run) VALUES (1, ?1, '/in', 9, 's', 0, x'01', 1)";
        self.rows.execute("DELETE FROM document", []).unwrap();
        self.rows.execute(insert, [path]).unwrap();
    }

    fn asset(&self, id: i64, origin: &str, path: &str, failed: Option<&str>) {
        let held: Option<[u8; 32]> = failed.is_none().then_some([0; 32]);
        let values = params![id, format!("{origin}{path}"), origin, held];
        self.rows.execute("INSERT INTO asset (id, target, origin, digest) VALUES (?1, ?2, ?3, ?4)", values).unwrap();
        self.rows
            .execute(
                "INSERT INTO reference (document, start, end, slot, layers, raw, proxies, asset) VALUES (1, ?1, ?1, 1, 0, '', 0, ?1)",
                [id],
            )
            .unwrap();
        if let Some(detail) = failed {
            let insert = "INSERT INTO failure (asset, kind, detail, attempts, runs, first, last, next, run) VALUES (?1, 'gone', ?2, 1, 1, 1, 1, 1, 1)";
            self.rows.execute(insert, params![id, detail]).unwrap();
        }
    }

    fn path(&self) -> PathBuf {
        self.mirror.layout().report()
    }

    fn write(&self, when: When, now: i64) -> String {
        write(&self.catalog, self.mirror.layout(), when, now).unwrap();
        std::fs::read_to_string(self.path()).unwrap()
    }
}

/// The page as a browser parses it.
fn parsed(page: &str) -> scraper::Html {
    scraper::Html::parse_document(page)
}

fn select<'a>(page: &'a scraper::Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&scraper::Selector::parse(selector).unwrap()).collect()
}

fn rows(page: &str) -> Value {
    let page = parsed(page);
    serde_json::from_str(&select(&page, "#rows")[0].text().collect::<String>()).unwrap()
}

#[test]
fn the_page_says_what_is_missing_without_its_script() {
    let page = Case::new().write(When::Always, NOW);
    let html = parsed(&page);
    let text = |selector: &str| select(&html, selector)[0].text().collect::<Vec<_>>().join(" ");
    assert!(text(".verdict").contains("1 of 2 pictures is missing, in 1 of 1 document"), "{}", text(".verdict"));
    let missing = text("[aria-labelledby=missing]");
    for told in ["i.example", "gone", "the server said 404", "1970-01-01", "next try with the next run"] {
        assert!(missing.contains(told), "{told}: {missing}");
    }
    assert!(text("[aria-labelledby=incomplete]").contains("a.html"));
    assert!(select(&html, "#browser[hidden]").len() == 1, "what needs the script stays out of sight without it");
    for table in select(&html, "table:not(#table)") {
        let heads = table.select(&scraper::Selector::parse("thead th[scope=col]").unwrap()).count();
        assert!(heads > 1, "{}", table.html());
    }
}

#[test]
fn the_rows_name_documents_and_pictures() {
    let rows = rows(&Case::new().write(When::Always, NOW));
    assert_eq!(rows["documents"], serde_json::json!([[1, "a.html", 1, 2, 1, 0, 1, [1, 2], null]]));
    assert_eq!(rows["missing"], serde_json::json!([[2, 0, "/b.png", "gone", "the server said 404", [1, 1, 1, 1], 1]]));
    assert_eq!(rows["held"], serde_json::json!([[1, 0, "/a.svg", format!("{}.svg", "A".repeat(43)), 70, null]]));
    assert_eq!((&rows["hosts"][0], &rows["assets"]), (&"https://i.example".into(), &"assets/".into()));
}

#[test]
fn nothing_is_asked_of_anybody_and_only_the_pages_own_script_runs() {
    let page = Case::new().write(When::Always, NOW);
    let html = parsed(&page);
    let policy = select(&html, "meta[http-equiv=Content-Security-Policy]")[0].attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for (element, directive) in [("style", "style-src"), ("script:not([type])", "script-src")] {
        let [element] = select(&html, element)[..] else { panic!("one {element}") };
        use base64::Engine as _;
        let digest = Sha256::digest(element.text().collect::<String>());
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        assert!(policy.contains(&format!("{directive} 'sha256-{digest}'")), "{policy}");
    }
    for attribute in ["src", "href", "srcset", "action", "background", "style", "onclick"] {
        for element in select(&html, &format!("[{attribute}]")) {
            let value = element.attr(attribute).unwrap();
            assert!(value.starts_with('#'), "{}", element.html());
        }
    }
}

#[test]
fn hostile_names_addresses_and_answers_are_only_text() {
    let case = Case::new();
    case.document(HOSTILE);
    case.asset(7, "https://user:secret@h.example", HOSTILE, None);
    case.asset(8, "https://user:secret@h.example", &format!("/{HOSTILE}"), Some(HOSTILE));
    let page = case.write(When::Always, NOW);
    let html = parsed(&page);
    assert_eq!(select(&html, "script").len(), 2);
    assert!(select(&html, "[onerror]").is_empty() && select(&html, "img").is_empty());
    assert!(!page.contains("secret"), "credentials");
    let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}' || c == '\u{2028}';
    assert!(!page.contains(acts), "control characters, in the page or by way of an escape");
    let rows = rows(&page);
    fn strings(value: &Value, all: &mut Vec<String>) {
        match value {
            Value::String(text) => all.push(text.clone()),
            Value::Array(list) => list.iter().for_each(|value| strings(value, all)),
            Value::Object(map) => map.values().for_each(|value| strings(value, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    strings(&rows, &mut all);
    assert!(all.iter().any(|text| text.contains("</script>")), "what was written is still told");
    assert!(all.iter().all(|text| !text.contains(acts) && !text.contains("secret")), "{all:?}");
}

#[test]
fn a_document_is_linked_by_its_own_name_whatever_is_shown() {
    let case = Case::new();
    case.document("posts/a\u{202e}b 100%.html");
    let rows = rows(&case.write(When::Always, NOW));
    assert_eq!(rows["documents"][0][1], "posts/a\\u{202e}b 100%.html");
    assert_eq!(rows["documents"][0][8], "documents/posts/a%E2%80%AEb%20100%25.html");
}

#[test]
fn a_report_is_written_when_it_would_tell_something_else() {
    let case = Case::new();
    let first = case.write(When::Changed, NOW);
    let later = NOW + 86_400_000;
    assert_eq!(case.write(When::Changed, later), first, "nothing has changed");
    case.rows.execute("UPDATE failure SET detail = 'other'", []).unwrap();
    let second = case.write(When::Changed, later);
    assert!(second != first && second.contains("other"));
    assert_ne!(case.write(When::Always, NOW), second);
    std::fs::write(case.path(), "an older version's").unwrap();
    assert_eq!(case.write(When::Changed, later), second);
    let left = std::fs::read_dir(case.mirror.layout().tmp()).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn pictures_of_documents_edited_in_place_are_found_where_they_lie() {
    let case = Case::new();
    let root = case.path().parent().unwrap().to_owned();
    let assets = |assets: PathBuf| {
        let row = PlacementRow { documents: Documents::InPlace, assets, link_base: None };
        Pictures::of(Some(&row), case.mirror.layout()).0
    };
    assert_eq!(assets(root.join("my pictures")), "my%20pictures/");
    assert_eq!(Pictures::of(None, case.mirror.layout()).0, "assets/");
    #[cfg(unix)]
    assert_eq!(assets("/site/it's 1".into()), "file:///site/it's%201/");
}
