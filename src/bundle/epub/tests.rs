use std::io::Read as _;
use std::sync::Arc;

use zip::ZipArchive;

use super::*;
use crate::media_type::MediaType;
use crate::mirror::store::Blob;
use crate::page::{Bytes, Node};

/// A picture whose bytes are as good as any to this module.
pub(crate) fn picture(media_type: MediaType, bytes: &[u8]) -> Picture {
    let digest = Digest::of(bytes);
    let bytes: Arc<[u8]> = Arc::from(bytes);
    let length = bytes.len() as u64;
    let blob = Blob { digest, media_type };
    Picture { blob, held: digest, length, dimensions: None, bytes: Bytes::Inline(bytes) }
}

fn page(path: &str, body: Vec<Node>) -> Page {
    Page {
        path: path.into(),
        title: path.to_owned(),
        author: Some("A & B".to_owned()),
        date: None,
        language: Some("zh_CN".to_owned()),
        cover: None,
        body,
        missing: 0,
    }
}

fn img(picture: &Picture) -> Element {
    Element::new("img").value("src", Value::Picture(picture.clone(), None)).with("alt", "")
}

/// The bytes of a book of these pages.
fn book(pages: &[Page]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.epub");
    let facts = Facts { title: "<Title> & \u{1}".to_owned(), date: "2024-05-06T07:08:09Z".parse().unwrap() };
    let mut names = Names::new(".xhtml");
    pages.iter().for_each(|page| names.note(&page.path));
    let mut epub = Box::new(Epub::create(&file, &facts, names).unwrap());
    for page in pages {
        epub.add(page).unwrap();
    }
    epub.finish().unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    std::fs::read(file).unwrap()
}

fn entry(book: &[u8], name: &str) -> String {
    let mut archive = ZipArchive::new(io::Cursor::new(book)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_type_stands_where_readers_of_bytes_look_for_it() {
    let book = book(&[page("a.md", vec![])]);
    // EPUB 3.3, "OCF ZIP container": the name at byte 30, the content right behind it.
    assert_eq!(&book[30..58], b"mimetypeapplication/epub+zip");
}

#[test]
fn the_same_pages_give_the_same_bytes_and_others_another_identifier() {
    let one = [page("a.md", vec!["a".into()])];
    assert_eq!(book(&one), book(&one));
    let other = [page("a.md", vec!["b".into()])];
    let identifier = |book: &[u8]| entry(book, "EPUB/package.opf").split("urn:uuid:").nth(1).unwrap()[..36].to_owned();
    assert_ne!(identifier(&book(&one)), identifier(&book(&other)));
}

#[test]
fn what_documents_say_is_text_in_the_package() {
    let mut hostile = page("<a>&\".md", vec![]);
    hostile.title = "</a><script>alert(1)</script>".to_owned();
    hostile.author = Some("</dc:creator>".to_owned());
    hostile.language = Some("\"><x".to_owned());
    let book = book(&[hostile]);
    let package = entry(&book, "EPUB/package.opf");
    assert!(package.contains("<dc:title>&lt;Title&gt; &amp; \u{fffd}</dc:title>"), "{package}");
    assert!(package.contains("<dc:creator>&lt;/dc:creator&gt;</dc:creator>"), "{package}");
    assert!(package.contains("<dc:language>und</dc:language>"), "{package}");
    assert!(!entry(&book, "EPUB/nav.xhtml").contains("<script"));
}

#[test]
fn pictures_that_readers_may_not_know_have_a_fallback_and_are_no_candidates() {
    let (avif, png) = (picture(MediaType::Avif, b"avif"), picture(MediaType::Png, b"png"));
    let both = Value::Candidates(vec![(avif.clone(), "2x".to_owned()), (png.clone(), "1x".to_owned())]);
    let only = Value::Candidates(vec![(avif.clone(), String::new())]);
    let chosen = Element::new("picture")
        .child(Element::new("source").value("srcset", only.clone()))
        .child(Element::new("source").value("srcset", both.clone()))
        .child(img(&avif));
    let body = vec![
        img(&avif).value("srcset", only.clone()).with("sizes", "10vw").into(),
        img(&png).value("srcset", both).into(),
        chosen.into(),
        Element::new("picture").child(Element::new("source").value("srcset", only)).child(img(&avif)).into(),
    ];
    let book = book(&[page("a.md", body)]);
    let package = entry(&book, "EPUB/package.opf");
    let (avif, png) = (avif.blob.name(), png.blob.name());
    assert!(package.contains(&format!("href=\"{avif}\" media-type=\"image/avif\" fallback=\"unsupported\"/>")));
    assert!(package.contains(&format!("href=\"{png}\" media-type=\"image/png\"/>")), "{package}");
    let chapter = entry(&book, &format!("EPUB/{}.xhtml", chapter_name("a.xhtml")));
    let body = &chapter[chapter.find("</p>").unwrap() + 4..chapter.find("\n</main>").unwrap()];
    assert_eq!(
        body,
        format!(
            "<img src=\"{avif}\" alt=\"\"/><img src=\"{png}\" alt=\"\" srcset=\"{png} 1x\"/>\
             <picture><source srcset=\"{png} 1x\"/><img src=\"{png}\" alt=\"\"/></picture>\
             <span><img src=\"{avif}\" alt=\"\"/></span>"
        )
    );
}

#[test]
fn links_lead_to_chapters_and_places_that_are_there() {
    let link = |path: &str, fragment: Option<&str>| -> Node {
        let to = Value::Document(path.into(), fragment.map(str::to_owned));
        Element::new("a").value("href", to).child(path).into()
    };
    let first = page(
        "a.md",
        vec![link("b.md", Some("%E4%BD%A0")), link("b.md", Some("no")), link("c.md", None), link("b.md", None)],
    );
    let second =
        page("b.md", vec![Element::new("p").with("id", "你").into(), Element::new("p").with("id", "你").into()]);
    let book = book(&[first, second]);
    let name = |path: &str| chapter_name(&path.replace(".md", ".xhtml"));
    let chapter = entry(&book, &format!("EPUB/{}.xhtml", name("a.md")));
    let b = name("b.md");
    assert!(chapter.contains(&format!(
        "<a href=\"{b}.xhtml#%E4%BD%A0\">b.md</a><a href=\"{b}.xhtml\">b.md</a><a>c.md</a><a href=\"{b}.xhtml\">b.md</a>"
    )));
    let second = entry(&book, &format!("EPUB/{b}.xhtml"));
    assert_eq!(second.matches("id=\"你\"").count(), 1, "{second}");
}

#[test]
fn the_first_cover_that_every_reader_can_show_is_the_books() {
    let (avif, png) = (picture(MediaType::Avif, b"avif"), picture(MediaType::Png, b"png"));
    let mut pages = [page("a.md", vec![]), page("b.md", vec![])];
    (pages[0].cover, pages[1].cover) = (Some(avif.clone()), Some(png.clone()));
    let package = entry(&book(&pages), "EPUB/package.opf");
    assert!(!package.contains(&avif.blob.name()));
    let item = format!("href=\"{}\" media-type=\"image/png\" properties=\"cover-image\"/>", png.blob.name());
    assert!(package.contains(&item), "{package}");
    assert!(package.contains("<itemref idref=\"cover\"/>"));
}
