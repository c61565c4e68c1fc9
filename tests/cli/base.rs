//! Pages with a base: pictures are resolved against it, and then it must not lead the local copies astray.

use crate::support::{Answer, Case, Origin, lines};

fn mirrored(page: &str) -> (String, Vec<String>) {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    for line in lines(&case, &["mirror/documents"]) {
        assert!(
            line.skip.as_deref() == Some("mirrored") && case.exists(format!("mirror/documents/{}", line.raw)),
            "{line:?}"
        );
    }
    (case.text("mirror/documents/a.html"), origin.take_urls())
}

#[test]
fn relative_pictures_are_had_and_other_relative_links_lead_back() {
    let page = "<!DOCTYPE html>\n<base target=_top href=\"http://site.example/2021/06/\">\n\
        <a href=\"next.html\">next</a> <a href='/about'>about</a> <a href=\"#top\">top</a> <a href=?page=2>2</a>\n\
        <link rel=stylesheet href=\"../main.css\"><script src='//cdn.example/x.js'></script>\n\
        <form action=send></form> <a href=\"mailto:a@b.example\">mail</a> <a href=\"https://other.example/\">other</a>\n\
        <img src=\"a.png\"> <img src=\"/b.png\"> <img src=\"//img.example/c.png\"> <img src=\"data:image/gif;base64,AAAA\">\n";
    let (copy, urls) = mirrored(page);
    assert_eq!(urls, ["http://img.example/c.png", "http://site.example/2021/06/a.png", "http://site.example/b.png"]);
    for expected in [
        "<base target=_top href=\"",
        "<a href=\"http://site.example/2021/06/next.html\">next</a>",
        "<a href='http://site.example/about'>",
        "<a href=http://site.example/2021/06/?page&#61;2>",
        "href=\"http://site.example/2021/main.css\"",
        "src='http://cdn.example/x.js'",
        "action=http://site.example/2021/06/send",
        "<a href=\"mailto:a@b.example\">",
        "<a href=\"https://other.example/\">",
        "<img src=\"data:image/gif;base64,AAAA\">",
    ] {
        assert!(copy.contains(expected), "{expected}\n{copy}");
    }
    assert!(!copy.contains("href=\"http://site.example/2021/06/\""), "the base is taken out\n{copy}");
}

#[test]
fn a_page_without_pictures_keeps_its_base() {
    let page = "<base href='http://site.example/'><a href=x>x</a>";
    assert_eq!(mirrored(page).0, page);
}

#[test]
fn a_base_for_documents_that_have_none() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src=a.png>").write("in/b.html", "<base href=sub/><img src=b.png>");
    let run =
        |code, flags: &[&str]| case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).args(flags).run(code);
    let summary = run(0, &[]).json();
    assert_eq!((&summary["references"]["skipped"], &summary["assets"]["total"]), (&2.into(), &0.into()));
    let summary = run(0, &["--base-url=http://site.example/blog/"]).json();
    assert_eq!(summary["references"]["mirrored"], 2);
    assert_eq!(origin.take_urls(), ["http://site.example/blog/a.png", "http://site.example/blog/sub/b.png"]);
}

#[test]
fn a_prefix_on_another_host_does_not_need_the_base_gone() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<base href='http://site.example/'><a href=x>x</a><img src=a.png>");
    case.imgmirror(&["sync", "in", "--link-base=https://cdn.example/"]).args(origin.flags()).run(0);
    let copy = case.text("mirror/documents/a.html");
    assert!(
        copy.starts_with("<base href='http://site.example/'><a href=x>x</a><img src=https://cdn.example/"),
        "{copy}"
    );
}

#[test]
fn front_matter_can_say_where_an_article_was() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let front = "---\nheadimg: /img/own.png\npermalink: http://site.example/2021/post/\n---\n";
    case.write("in/a.md", format!("{front}<img src=\"a.png\">\n"));
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(origin.take_urls(), ["http://site.example/2021/post/a.png"]);
    assert!(case.text("mirror/documents/a.md").starts_with(front), "a path of the site's own stays");
}

#[test]
fn missing_pictures_are_written_out_so_that_they_can_be_had_later() {
    let (case, origin) = (
        Case::new(),
        Origin::new(|asked| match asked.path.as_str() {
            "/p/held.png" => Answer::picture(asked),
            _ => Answer::status(404),
        }),
    );
    case.write(
        "in/a.html",
        "<base href='http://site.example/p/'><img src=held.png srcset='held.png 1x, gone.png 2x'>\
         <p style=\"background:url('gone.png')\"><img data-src=\"gone.png?a=1&amp;b=2\"><a href='{{ page.url }}'>x</a>",
    );
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(3);
    let copy = case.text("mirror/documents/a.html");
    for expected in [
        ", http://site.example/p/gone.png 2x'",
        "url('http://site.example/p/gone.png')",
        "data-src=\"http://site.example/p/gone.png?a=1&amp;b=2\"",
        "<a href='{{ page.url }}'>",
        "<base href=''>",
    ] {
        assert!(copy.contains(expected), "{expected}\n{copy}");
    }
}
