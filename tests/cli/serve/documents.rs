//! Documents: as a bundle has them, as they were, and what became of their references.

use super::{Viewer, assert_asks_nobody, mirrored};
use crate::support::{Answer, Case, Gate, Origin, pictures, written};

const PAGE: &str = "<title>T</title><p>One <img src='https://wsrv.nl/?url=http://p.example/a.png' alt='A'> two\
                    <img src='http://p.example/gone.png' alt='Lost'><img src='x.png'> <a href='b.html#part'>B</a>";

fn origin() -> Origin {
    Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        _ => Answer::picture(asked),
    })
}

fn path_of(url: &str) -> String {
    format!("/picture/{}", &pictures::name_for_url(url)[3..])
}

#[test]
fn an_article_is_shown_with_its_pictures_and_placeholders() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", PAGE).write("in/b.html", "<title>Bee</title><h2 id=part>Part</h2>");
    case.imgmirror(&["sync", "in", "--quiet", "--retries=0"]).args(origin.flags()).run(3);
    let viewer = Viewer::start(&case, &[]);
    let (a, b) = (viewer.document("a.html"), viewer.document("b.html"));
    let page = viewer.page(&a);
    assert!(page.contains(&format!("src=\"{}\"", path_of("http://p.example/a.png"))), "{page}");
    assert!(
        page.contains("im-missing") && page.contains("Lost") && page.contains("http://p.example/gone.png"),
        "{page}"
    );
    assert!(page.contains(&format!("href=\"{b}#part\"")), "{page}");
    assert!(page.contains("References (3, ") && page.contains("1 missing"), "{page}");
    assert!(viewer.page(&b).contains("id=\"part\""));
    for path in
        [format!("{a}/nothing"), format!("{a}/"), "/document/99".into(), "/document/x".into(), "/document".into()]
    {
        let answer = viewer.get(&path);
        answer.assert_safe(&path);
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[test]
fn before_is_the_text_with_every_reference_marked() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", PAGE);
    case.imgmirror(&["sync", "in", "--quiet", "--retries=0"]).args(origin.flags()).run(3);
    let viewer = Viewer::start(&case, &[]);
    let path = format!("{}/before", viewer.document("a.html"));
    let page = viewer.page(&path);
    let parsed = scraper::Html::parse_document(&page);
    let select = |selector: &str| -> Vec<String> {
        let selector = scraper::Selector::parse(selector).unwrap();
        parsed.select(&selector).map(|element| element.text().collect()).collect()
    };
    assert_eq!(select("pre"), [PAGE]);
    assert_eq!(select("pre mark.sv-held"), ["https://wsrv.nl/?url=http://p.example/a.png"]);
    assert_eq!(select("pre mark.sv-missing"), ["http://p.example/gone.png"]);
    assert_eq!(select("pre mark.sv-skipped"), ["x.png"]);
    assert_eq!(select("img"), Vec::<String>::new());
    // A document that has changed since is shown, and not marked in the wrong places.
    case.write("in/a.html", format!("new {PAGE}"));
    let page = viewer.page(&path);
    assert!(page.contains("has changed since") && !page.contains("<mark class=\"sv-held\" title"), "{page}");
    // Of one that is gone, the copy is left.
    std::fs::remove_file(case.at("in/a.html")).unwrap();
    let page = viewer.page(&path);
    assert!(page.contains("the mirror's copy") && page.contains("href=\"/asset/"), "{page}");
}

#[test]
fn every_reference_has_its_state_since_when_and_a_link_to_its_picture() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", PAGE);
    case.imgmirror(&["sync", "in", "--quiet", "--retries=0"]).args(origin.flags()).run(3);
    let viewer = Viewer::start(&case, &[]);
    let page = viewer.page(&format!("{}/references", viewer.document("a.html")));
    assert_eq!(page.matches("<tr>").count(), 4, "{page}");
    for text in [
        "img@src",
        "https://wsrv.nl/?url=http://p.example/a.png",
        ">mirrored<",
        "missing: gone",
        "skipped: relative",
        "href=\"/asset/",
        "<time datetime=\"20",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert_eq!(page.matches("<time").count(), 2, "{page}");
}

#[test]
fn many_references_are_paged() {
    let case = Case::new();
    let text: String = (0..620).map(|i| format!("<img src='r{i}.png'>")).collect();
    case.write("in/a.html", text);
    case.run(0, &["sync", "in", "--quiet", "--offline"]);
    let viewer = Viewer::start(&case, &[]);
    let path = format!("{}/references", viewer.document("a.html"));
    let page = viewer.page(&path);
    assert_eq!(page.matches("<tr>").count(), 501);
    let (_, next) = page.rsplit_once("href=\"").unwrap();
    let next = next.split('"').next().unwrap();
    assert!(next.starts_with(&format!("{path}?after=")), "{next}");
    let page = viewer.page(next);
    assert_eq!(page.matches("<tr>").count(), 121);
    assert!(page.contains("r619.png") && !page.contains("Further"));
    viewer.page(&format!("{path}?after=x"));
}

#[test]
fn documents_that_were_edited_in_place_are_shown_as_they_were() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let text = "---\ntitle: Post\n---\n![x](http://p.example/a.png) and more\n";
    case.write("posts/sub/a.md", text).write("posts/b.md", "[to a](sub/a.md)");
    let flags = ["sync", "posts", "--in-place", "--assets=site/i", "--link-base=/i/", "--yes", "-o=.mirror", "--quiet"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    assert_ne!(case.text("posts/sub/a.md"), text);
    let viewer = Viewer::start(&case, &["-o=.mirror"]);
    let (a, b) = (viewer.document("a.md"), viewer.document("b.md"));
    let page = viewer.page(&a);
    let picture = path_of("http://p.example/a.png");
    assert!(page.contains(&format!("src=\"{picture}\"")) && page.contains("<h1>Post</h1>"), "{page}");
    assert_eq!(viewer.get(&picture).body, pictures::for_url("http://p.example/a.png"));
    assert!(viewer.page(&b).contains(&format!("href=\"{a}\"")));
    let before = viewer.page(&format!("{a}/before"));
    let parsed = scraper::Html::parse_document(&before);
    let texts = |selector: &str| -> Vec<String> {
        parsed.select(&scraper::Selector::parse(selector).unwrap()).map(|e| e.text().collect()).collect()
    };
    assert_eq!((texts("pre"), texts("pre mark")), (vec![text.to_owned()], vec!["http://p.example/a.png".to_owned()]));
    assert!(before.contains("href=\"/asset/"), "{before}");
    assert!(viewer.page(&format!("{a}/references")).contains(">mirrored<"));
}

#[test]
fn nothing_that_a_document_says_becomes_markup_or_leads_out() {
    let hostile = "---\ntitle: \"</title><script>alert(1)</script>\"\nauthor: \"<img src=http://evil.example/a>\"\n\
        date: \"\\u202egnp\"\n---\n<script src=http://evil.example/x.js></script><base href=http://evil.example/>\
        <meta http-equiv=refresh content='0;url=http://evil.example/'><link rel=preload as=image href=http://p.example/l.png>\
        <iframe srcdoc='<img src=http://evil.example/f>'></iframe><form action=http://evil.example/><input type=image src=http://p.example/i.png></form>\
        <a ping=http://evil.example/ href='javascript:alert(1)'>x</a><video src=http://evil.example/v poster=http://p.example/p.png></video>\
        <div style='background:url(http://p.example/b.png)' onclick=alert(1)>d</div><img src='http://p.example/a.png' onerror=alert(1)>\
        <img src='http://p.example/\"><script>alert(2)</script>.png'><svg><image href=http://p.example/s.png /><script>alert(3)</script></svg>\
        <object data=http://evil.example/o></object><style>@import url(http://evil.example/c.css);</style>\
        <img src='data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs='>";
    let (case, origin) = mirrored(&[("<b>\"x\"&.html", hostile)]);
    origin.take_log();
    let viewer = Viewer::start(&case, &[]);
    let a = viewer.document("html");
    for path in ["/".to_owned(), a.clone(), format!("{a}/before"), format!("{a}/references")] {
        let page = viewer.page(&path);
        let body = page.split_once("<body").unwrap().1;
        for text in ["<script", "<b>\"x", "<iframe", "\u{202e}", "evil.example/x.js\""] {
            assert!(!body.contains(text), "{text} in {path}: {body}");
        }
    }
    // A picture that stands in the document itself has its own path, since the policy lets nothing else in.
    let page = viewer.page(&a);
    let (_, inline) = page.split_once(&format!("src=\"{a}/picture/")).unwrap_or_else(|| panic!("{page}"));
    let inline = viewer.get(&format!("{a}/picture/{}", &inline[..64]));
    inline.assert_safe("an inline picture");
    assert_eq!((inline.status, inline.header("content-type")), (200, Some("image/gif")));
    assert_eq!(viewer.get(&format!("{a}/picture/{}", "0".repeat(64))).status, 404);
    assert_asks_nobody(&page);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

#[test]
fn a_document_that_cannot_be_read_says_so_and_the_others_are_there() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>"), ("b.html", "<title>Bee</title>")]);
    std::fs::remove_file(case.at("mirror/documents/a.html")).unwrap();
    let viewer = Viewer::start(&case, &[]);
    let page = viewer.page("/");
    assert!(page.contains("cannot be read") && page.contains("Bee"), "{page}");
    let answer = viewer.get(&viewer.document("a.html"));
    answer.assert_safe("a lost document");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("imgmirror sync"), "{}", answer.text());
}

#[test]
fn a_run_that_is_under_way_is_seen_and_not_disturbed() {
    let (case, _) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let gate = Gate::closed();
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    let viewer = Viewer::start(&case, &[]);
    assert!(viewer.page("/").contains("1 document."));
    case.write("in/b.html", "<title>Bee</title><img src='http://p.example/b.png'>");
    let run = case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).start();
    origin.wait_for(1);
    assert!(viewer.page("/").contains("Aye"));
    gate.open();
    assert_eq!(run.wait().code, Some(0));
    let b = viewer.document("bee");
    assert!(viewer.page(&b).contains(&path_of("http://p.example/b.png")));
    let before = written(&case.at("mirror"));
    viewer.page("/");
    assert_eq!(written(&case.at("mirror")), before);
}
