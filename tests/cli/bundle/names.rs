//! What pages are called, and links between them.

use super::{assert_whole, attributes, files, sync, unzipped};
use crate::support::{Case, Origin, names};

#[test]
fn documents_that_differ_by_their_extension_have_pages_of_their_own() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.md", "[other](a.html) ![](http://p.example/md.png)");
    case.write("in/a.html", "<a href='a.md'>other</a><img src='http://p.example/html.png'>");
    case.write("in/b.md", "[up](sub/c.md#part) [gone](z.md) [out](https://out.example/)");
    case.write("in/sub/c.md", "# C\n\n[back](../b.md) [a](../a.md)");
    sync(&case, &origin);
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    let files = files(&case.at("site"));
    assert_whole(&files);
    let pages: Vec<_> = files.keys().filter_map(|path| path.strip_prefix("pages/")).collect();
    assert_eq!(pages, ["a.html.html", "a.md.html", "b.html", "sub/c.html"]);
    let links = |page: &str| attributes(&files[&format!("pages/{page}")], "main a", "href");
    assert_eq!(links("a.md.html"), ["../pages/a.html.html"]);
    assert_eq!(links("a.html.html"), ["../pages/a.md.html"]);
    assert!(links("b.html").contains(&"https://out.example/".to_owned()));
    assert!(links("b.html").iter().any(|url| url.starts_with("../pages/sub/c.html")), "{:?}", links("b.html"));
    assert_eq!(links("sub/c.html"), ["../../pages/b.html", "../../pages/a.md.html"]);
}

#[cfg(unix)]
#[test]
fn hostile_names_give_pages_that_every_system_can_store() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let hostile: [&[u8]; 12] = [
        b"a:b?.html",
        b"a\\b.html",
        b"nl\n.html",
        b"bad\xff.html",
        b"bad\xfe.html",
        b"CON.html",
        b"end. .html",
        b"50% #1.html",
        "\u{202e}lmth.html".as_bytes(),
        "<script>.html".as_bytes(),
        "日本 語.html".as_bytes(),
        b"A.html",
    ];
    for (number, name) in hostile.iter().enumerate() {
        let path = std::path::Path::new("in").join(OsStr::from_bytes(name));
        case.write(path, format!("<title>{number}</title><img src='http://p.example/{number}.png'>"));
    }
    case.write("in/a.html", "<title>a</title>");
    sync(&case, &origin);
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    let files = files(&case.at("site"));
    assert_whole(&files);
    let pages: Vec<_> = files.keys().filter_map(|path| path.strip_prefix("pages/")).collect();
    assert_eq!(pages.len(), hostile.len() + 1);
    for name in &pages {
        let odd = |c: char| c.is_control() || "<>:\"\\|?*\u{202e}\u{fffd}".contains(c);
        assert!(!name.contains(odd) && name.len() < 200, "{name:?}");
    }
    let mut folded: Vec<_> = pages.iter().map(|name| name.to_lowercase()).collect();
    folded.sort();
    folded.dedup();
    assert_eq!(folded.len(), pages.len(), "capitals make no difference: {pages:?}");
    assert!(pages.contains(&"日本 語.html") && pages.contains(&"50% #1.html"), "{pages:?}");
    case.run(0, &["bundle", "--format=zip", "--to=site.zip", "--quiet"]);
    assert_eq!(unzipped(&case.at("site.zip")).keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    case.run(0, &["bundle", "--format=html", "--to=pages", "--quiet"]);
    assert_eq!(names(&case.at("pages")).len(), pages.len());
}
