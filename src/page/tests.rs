//! Documents as they stand in a mirror, and the pages that come of them.

use std::io::{self, Write};
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::collect::Collector;
use crate::demo;
use crate::fetch::{Failure, FailureKind};
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, ReferenceRow, Seen, Selection, TargetRow};
use crate::mirror::digest::Digest;
use crate::mirror::store::Durability;
use crate::pipeline::{Collecting, SlotFilter};
use crate::proxy::Rules;

/// A mirror with some pictures, and one that is missing: `https://h.example/gone.png`.
struct Fixture {
    folder: TempDir,
    catalog: Catalog,
    run: i64,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        std::fs::create_dir_all(layout.documents()).unwrap();
        let catalog = Catalog::open(&layout.catalog(), Durability::None).unwrap();
        let run = catalog.begin_run().unwrap();
        let asset = catalog.asset(&target("https://h.example/gone.png")).unwrap();
        let failure = Failure {
            kind: FailureKind::Gone,
            detail: "the server said 404".to_owned(),
            attempts: 1,
            status: Some(404),
            source: "https://h.example/gone.png".to_owned(),
            bytes_received: 0,
        };
        catalog.record_failure(run, asset, &failure).unwrap();
        Fixture { folder, catalog, run }
    }

    /// Puts a picture into the mirror; gives the link by which documents name it.
    fn held(&self, bytes: &[u8], media: &str, dimensions: (u32, u32)) -> String {
        let (digest, length) = Digest::of_reader(bytes).unwrap();
        self.catalog.add_blob(digest, media, length, Some(dimensions)).unwrap();
        let row = self.catalog.picture(digest.as_bytes()).unwrap().unwrap();
        let file = self.folder.path().join("assets").join(row.blob.name());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
        format!("../assets/{}", row.blob.name())
    }

    fn picture(&self, seed: &str) -> String {
        self.held(&demo::pictures::picture(seed), "image/png", (320, 200))
    }

    fn dot(&self) -> String {
        self.held(b"GIF89a, in effect", "image/gif", (1, 1))
    }

    /// The page of a document with this text, and its body as it is written.
    fn page(&self, name: &str, text: &str) -> (Page, String) {
        self.page_with(name, text, &[])
    }

    /// The same of a document that the catalog has references of: slot and target.
    fn page_with(&self, name: &str, text: &str, references: &[(&str, &str)]) -> (Page, String) {
        let layout = Layout::new(self.folder.path());
        std::fs::write(layout.documents().join(name), text).unwrap();
        let source = self.folder.path().join("in").join(name);
        let id = self.catalog.begin_document(Path::new(name), &source, "", self.run).unwrap();
        let rows = references.iter().enumerate().map(|(at, (slot, url))| ReferenceRow {
            start: at,
            end: at + 1,
            slot: (*slot).to_owned(),
            layers: 0,
            raw: (*url).to_owned(),
            outcome: Ok(target(url)),
            held: None,
        });
        self.catalog.add_references(id, &rows.collect::<Vec<_>>()).unwrap();
        let seen = Seen { size: 1, modified: 1, digest: [0; 32] };
        self.catalog.finish_document(id, &seen, false).unwrap();
        let collection = Collection::open(&layout, collecting(), Selection::All).unwrap();
        let entries = collection.entries(None, 100).unwrap();
        let entry = entries.iter().find(|entry| entry.name == Path::new(name)).unwrap();
        let page = collection.page(entry).unwrap();
        let mut out = Vec::new();
        node::write(&page.body, &mut Names, &mut out).unwrap();
        (page, String::from_utf8(out).unwrap())
    }
}

fn target(url: &str) -> TargetRow {
    TargetRow {
        target: url.to_owned(),
        origin: "https://h.example".to_owned(),
        fragment: None,
        proxies: 0,
        hint: None,
        sources: Vec::new(),
    }
}

fn collecting() -> Collecting {
    Collecting {
        rules: Rules::builtin(),
        collector: Collector::new(&[], Vec::new()),
        base_url: None,
        slots: SlotFilter::default(),
        max_document: 1 << 20,
        link_base: None,
    }
}

/// Names pictures as the mirror's documents do.
struct Names;

impl Links for Names {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        match &picture.bytes {
            Bytes::File(_) => write!(out, "../assets/{}", picture.blob.name()),
            Bytes::Inline(_) => write!(out, "inline-{}", picture.blob.name()),
        }
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        Some(format!("{}.html", path.display()))
    }
}

#[test]
fn a_lazy_picture_takes_the_place_of_what_holds_its_place() {
    let mirror = Fixture::new();
    let (dot, real, other) = (mirror.dot(), mirror.picture("real"), mirror.picture("other"));
    let cases = [
        format!("<img src='{dot}' data-original='{real}'>"),
        format!("<img src='data:image/gif;base64,AAAA' data-src='{real}' loading=lazy class=lazyload>"),
        format!("<img data-src='{real}' style='opacity:0'>"),
        format!("<img src='{other}' data-lazy-src='{real}' referrerpolicy=no-referrer crossorigin integrity=x>"),
        format!("<img src='{real}' data-large-file='{other}'>"),
        format!("<img src='{real}' data-src='https://h.example/gone.png'>"),
        format!("<img src='{dot}' data-srcset='{other} 320w, {real} 640w'>"),
        format!("<img srcset='{other} 1x, {real} 2x, https://h.example/gone.png 3x'>"),
    ];
    for case in cases {
        let (page, body) = mirror.page("a.html", &case);
        assert!(body.contains(&format!("<img src=\"{real}\" alt=\"\"")), "{case}: {body}");
        assert_eq!(page.missing, 0, "{case}");
        for gone in ["loading", "referrerpolicy", "crossorigin", "integrity", "style", "https:"] {
            assert!(!body.contains(gone), "{gone}: {body}");
        }
    }
}

#[test]
fn no_picture_is_lost_for_another() {
    let mirror = Fixture::new();
    let (a, b) = (mirror.picture("a"), mirror.picture("b"));
    let blank = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 600 400'/%3E";
    for (text, shown) in [
        (format!("<img src=\"{blank}\" data-srcset='{a} 600w'>"), &[&a][..]),
        (format!("<img src='{a}' srcset='{b} 600w'>"), &[&b]),
        (format!("<img src='{a}' data-hover='{b}'>"), &[&a]),
        (format!("<table><tr><td style='background:url({a})'>x</td></tr></table>"), &[&a]),
        (format!("<picture><source srcset='{a}'></picture>"), &[&a]),
        (format!("<p style='background:url({a})'>x</p>"), &[&a]),
    ] {
        let (_, body) = mirror.page("a.html", &text);
        for picture in shown {
            assert!(body.contains(&format!("src=\"{picture}\"")), "{text}: {body}");
        }
        assert_eq!(body.matches("<img").count(), shown.len(), "{text}: {body}");
    }
}

#[test]
fn what_is_no_part_of_the_text_is_not_in_it() {
    let mirror = Fixture::new();
    let (page, body) =
        mirror.page("a.html", "<svg><title>Logo</title></svg><h1>Real</h1><noframes><p>NF</p></noframes>\u{feff}x");
    assert_eq!(page.title, "Real");
    assert!(!body.contains("NF") && !body.contains('\u{feff}'), "{body}");
}

#[test]
fn a_srcset_keeps_what_is_held() {
    let mirror = Fixture::new();
    let (a, b) = (mirror.picture("a"), mirror.picture("b"));
    let (_, body) =
        mirror.page("a.html", &format!("<img src='{a}' srcset='{a} 320w, https://h.example/gone.png 640w, {b} 960w'>"));
    assert!(body.contains(&format!("srcset=\"{a} 320w, {b} 960w\" sizes=\"100vw\"")), "{body}");
    let (_, body) = mirror.page("a.html", &format!("<img src='{a}' srcset='{b} 2x, nonsense'>"));
    assert!(!body.contains("srcset"), "{body}");
}

#[test]
fn a_copy_for_readers_without_scripts_is_shown_once() {
    let mirror = Fixture::new();
    let (dot, real) = (mirror.dot(), mirror.picture("real"));
    let twice = format!("<p><noscript><img src='{real}'></noscript><img src='{dot}' data-src='{real}'></p>");
    let (_, body) = mirror.page("a.html", &twice);
    assert_eq!(body.matches(&real).count(), 1, "{body}");
    let only = format!("<p><noscript>Turn scripts on! <img src='{real}' alt=kale></noscript></p>");
    let (_, body) = mirror.page("a.html", &only);
    assert!(body.contains("alt=\"kale\"") && !body.contains("Turn"), "{body}");
}

#[test]
fn a_missing_picture_says_what_and_why() {
    let mirror = Fixture::new();
    let (page, body) = mirror.page(
        "a.html",
        "<p><img alt='The <gate>' src='https://cors.zfour.workers.dev/?https://h.example/gone.png'></p>",
    );
    assert_eq!(page.missing, 1);
    insta::assert_snapshot!(body);
}

#[test]
fn what_plays_becomes_a_card() {
    let mirror = Fixture::new();
    let poster = mirror.picture("poster");
    let text = format!(
        "<iframe src='//v.qq.com/iframe/player.html?vid=z1&auto=0' title='Tides'></iframe>\n\
         <video poster='{poster}' src='https://h.example/film.mp4' autoplay></video>\n\
         <iframe src='https://maps.example/x'></iframe>\n<iframe src='javascript:alert(1)'></iframe>\n\
         <a href='https://h.example/'><audio src='//h.example/a.mp3'></audio></a>"
    );
    let (_, body) = mirror.page("a.html", &text);
    insta::assert_snapshot!(body);
}

#[test]
fn blocks_lists_and_links_stand_where_they_may() {
    let mirror = Fixture::new();
    let text = "<p id=one>a</p><span><div>b</div></span><ul>loose<li>c</li></ul><li>d<dl><dd>e</dl>\
        <a href='#one'>up</a><a href='#nowhere'>lost</a><p id=one>again</p><figure><p>x</p><figcaption>y</figcaption>\
        <p>z</p></figure><table><caption>t<tr><td colspan=2 onclick=x()>u<thead><tr><th>v</table><ruby>r<rt>R</ruby><rt>q</rt>\
        <a href='b.html#part'>next</a><a href='javascript:x()'>j</a><em><h2>deep</h2></em><pre>\n\nq</pre>";
    mirror.page("b.html", "<p>other</p>");
    let (_, body) = mirror.page("a.html", text);
    insta::assert_snapshot!(body);
}

#[test]
fn what_the_body_does_not_show_stands_at_its_end() {
    let mirror = Fixture::new();
    let references = [("front:photos", "https://h.example/gone.png"), ("link@href", "https://h.example/icon.png")];
    let (page, body) = mirror.page_with("a.md", "---\ntitle: T\n---\nText", &references);
    assert_eq!((page.title.as_str(), page.missing), ("T", 1));
    assert!(body.contains("More pictures") && body.contains("gone.png") && !body.contains("icon.png"), "{body}");
}

#[test]
fn a_stylesheet_has_a_page_of_its_pictures() {
    let mirror = Fixture::new();
    let references = [("css:url", "https://h.example/gone.png")];
    let (page, body) = mirror.page_with("theme.css", "body { background: url(x) }", &references);
    assert_eq!(page.title, "theme");
    assert!(body.contains("gone.png") && !body.contains("background"), "{body}");
}

#[test]
fn a_picture_that_is_a_file_beside_the_document_is_shown_and_nothing_outside_of_its_folder() {
    let mirror = Fixture::new();
    let folder = mirror.folder.path().join("in");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("b c.png"), demo::pictures::picture("local")).unwrap();
    std::fs::write(folder.join("text.png"), "secret").unwrap();
    std::fs::write(mirror.folder.path().join("outside.png"), demo::pictures::picture("outside")).unwrap();
    mirror.catalog.remember_input(mirror.run, &folder).unwrap();
    let (page, body) =
        mirror.page("a.html", "<img src='b%20c.png'><img src=text.png><img src=../outside.png><img src=/etc/passwd>");
    assert_eq!(body.matches("<img").count(), 1, "{body}");
    assert_eq!(page.missing, 3, "{body}");
}

#[test]
fn a_drawing_with_styles_of_its_own_becomes_a_picture() {
    let mirror = Fixture::new();
    let drawing = |style: &str| {
        format!("<svg viewBox='0 0 9 9' width=9 height=9>{style}<title>a<b>b</b></title><rect class=a></svg>")
    };
    let (_, body) = mirror.page("a.html", &drawing("<style>.a{fill:red}</style>"));
    assert!(body.starts_with("<img src=\"inline-") && body.ends_with(".svg\" alt=\"\"/>"), "{body}");
    let (_, body) = mirror.page("a.html", &drawing(""));
    assert!(body.contains("<title>ab</title><rect class=\"a\"></rect></svg>"), "{body}");
}

#[test]
fn markdown_becomes_a_page() {
    let mirror = Fixture::new();
    let a = mirror.picture("a");
    let text = format!(
        "# Ponds\n\n- one\n- ![frost]({a})\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\n<b>\n```\n<script>x()</script>\n"
    );
    let (page, body) = mirror.page("p.md", &text);
    assert_eq!(page.title, "Ponds");
    insta::assert_snapshot!(body.replace(&a, "PICTURE"));
}

#[test]
fn what_nests_without_end_is_read_to_its_end() {
    let mirror = Fixture::new();
    let a = mirror.picture("a");
    let text = format!("{}<img src='{a}'>end", "<div>".repeat(1000));
    let (_, body) = mirror.page("a.html", &text);
    assert!(body.contains(&a) && body.contains("end"));
    let (_, body) = mirror.page("a.html", &"<div>".repeat(100_000));
    assert!(body.contains("too deeply"), "{body}");
    let long = "<p>a<li>b<br>".repeat(20_000);
    let (_, body) = mirror.page("a.html", &long);
    assert!(!body.contains("too deeply"));
    assert!(svg::inert(format!("<svg>{}</svg>", "<g>".repeat(1000)).into_bytes()).is_some());
    assert!(svg::inert(format!("<svg>{}</svg>", "<g>".repeat(100_000)).into_bytes()).is_none());
}

/// Shapes that parsers have disagreed on, and pieces to build more from.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "<noscript><p title=\"</noscript><img src=x onerror=a()>\">",
        "<svg><style><img src=x onerror=a()>",
        "</style>",
        "<math><mtext><table><mglyph><style><img src=https://h.example/x>",
        "<template><img src=//h.example/y>",
        "<a href=\"javascript:a()\">",
        "<img src=https://h.example/gone.png alt='\"<x>'>",
        "<iframe srcdoc='<script>a()</script>'>",
        "<p>",
        "</p>",
        "<div style='background:url(//h.example/z)'>",
        "<ul>",
        "<li>",
        "<table>",
        "<td>",
        "<b>",
        "text &lt;script>",
        "<form action=//h.example>",
        "<base href=//h.example>",
        "<meta http-equiv=refresh content='0;url=//h.example'>",
        "<svg><image href=//h.example/i /><script>a()</script></svg>",
        "<link rel=stylesheet href=//h.example>",
        "<!--",
        "-->",
        "<xmp>",
        "<textarea>",
        "<title>",
        "<style>@import '//h.example'</style>",
        "\u{0}",
        "<object data=//h.example/o>",
        "<h1>",
    ];
    prop::sample::select(pieces.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A page read by another reader holds only elements and attributes of the lists, and only links a person follows.
    #[test]
    fn nothing_in_a_page_asks_for_anything(pieces in prop::collection::vec(piece(), 1..24)) {
        let mirror = Fixture::new();
        let (_, body) = mirror.page("a.html", &pieces.concat());
        for token in html5gum::Tokenizer::new(body.as_str()).flatten() {
            let html5gum::Token::StartTag(tag) = token else { continue };
            let name = String::from_utf8_lossy(&tag.name).into_owned();
            prop_assert!(
                !["script", "iframe", "object", "embed", "link", "meta", "base", "form", "style", "template", "noscript"]
                    .contains(&name.as_str()),
                "{name} in {body}"
            );
            for (attribute, value) in &tag.attributes {
                let (attribute, value) = (String::from_utf8_lossy(attribute), String::from_utf8_lossy(value));
                prop_assert!(!attribute.starts_with("on"), "{attribute} in {body}");
                let outward = value.contains("h.example") && !value.starts_with("http://www.w3.org");
                let may = name == "a" && attribute == "href" || matches!(&*attribute, "alt" | "title" | "class");
                prop_assert!(!outward || may, "{name}@{attribute}={value} in {body}");
                prop_assert!(!value.to_ascii_lowercase().starts_with("javascript:"), "{body}");
            }
        }
    }
}
