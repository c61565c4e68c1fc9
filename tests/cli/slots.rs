//! Every place a picture can stand, in every quoting, with paths that need escaping in all of them.

use std::path::Path;

use crate::support::{Case, Line, Origin, lines};

/// What a person may well call a folder.
const ODD: &str = "it's (50%) \"my\" bilder & ähnlich #1";

/// A document of each syntax.
const DOCUMENTS: [(&str, &str); 6] = [
    (
        "page.html",
        "<img src=\"http://p.example/1.png\"><img src='http://p.example/2.png'><img src=http://p.example/3.png >\n\
         <img srcset=\"http://p.example/4.png 1x, http://p.example/5.png 2x\"><img srcset=http://p.example/6.png>\n\
         <div style=\"background:url(http://p.example/7.png)\"></div><div style='background:url(\"http://p.example/8.png\")'></div>\n\
         <div style=\"background:url('http://p.example/9.png')\"></div><div style=background:url(http://p.example/10.png)></div>\n\
         <div style=\"background:url(&quot;http://p.example/11.png&quot;)\"></div>\n\
         <style>a{b:url(http://p.example/12.png)} c{d:url('http://p.example/13.png')} e{f:url(\"http://p.example/14.png\")}</style>\n\
         <noscript><img src='http://p.example/15.png'></noscript><noscript><img src=\"http://p.example/16.png\"></noscript>\n\
         <a href='http://p.example/17.png'>x</a><video poster=http://p.example/18.png></video>\n\
         <svg><image href=\"http://p.example/19.png\"/><image xlink:href='http://p.example/20.png'/></svg>\n",
    ),
    (
        "post.md",
        "---\nplain: x\nheadimg: http://p.example/1.png\nthumbnail: 'http://p.example/2.png'\ncover: \"http://p.example/3.png\"\n\
         photos: [http://p.example/4.png, 'http://p.example/5.png', {src: \"http://p.example/6.png\"}]\n\
         banner: >-\n  http://p.example/7.png\n---\n\n\
         ![a](http://p.example/8.png) ![b](<http://p.example/9.png> 'title') ![c][ref] ![d](http://p.example/10.png \"t\")\n\n\
         | x | ![e](http://p.example/11.png) |\n|---|---|\n| <img src=\"http://p.example/12.png\"> | y |\n\n\
         [ref]: http://p.example/13.png \"title\"\n",
    ),
    (
        "toml.md",
        "+++\ncover = \"http://p.example/1.png\"\nimages = ['http://p.example/2.png', \"\"\"http://p.example/3.png\"\"\"]\n\
         thumbnail = '''http://p.example/4.png'''\n+++\n<img src='http://p.example/5.png'>\n",
    ),
    (
        "json.md",
        "{\n  \"cover\": \"http:\\/\\/p.example\\/1.png\",\n  \"images\": [\"http://p.example/2.png\"]\n}\n\ntext\n",
    ),
    (
        "theme.css",
        "a{b:url(http://p.example/1.png)} c{d:url('http://p.example/2.png')} e{f:url( \"http://p.example/3.png\" )}\n\
         g{h:image-set(\"http://p.example/4.png\" 1x, url(http://p.example/5.png) 2x)}\n",
    ),
    (
        "map.svg",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"http://p.example/1.png\"/><image href='http://p.example/2.png'/>\n\
         <style>a{fill:url(http://p.example/3.png)}</style></svg>\n",
    ),
];

/// The path that a browser, a CSS parser or a YAML parser would see: escapes of the place off, then percent-decoded.
fn path_of(line: &Line) -> String {
    let raw = line.raw.replace("''", "'").replace('\\', "");
    let text = htmlize::unescape_attribute(&*raw).into_owned();
    percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned()
}

fn assert_all_are_local(case: &Case, folder: &str, file_of: impl Fn(&Line) -> std::path::PathBuf) {
    for (name, source) in DOCUMENTS {
        let found = lines(case, &[&format!("{folder}/{name}")]);
        assert_eq!(found.len(), source.matches("p.example").count(), "{name}: {found:?}");
        for line in found {
            assert_eq!(line.skip.as_deref(), Some("mirrored"), "{line:?}");
            assert!(case.exists(file_of(&line)), "{line:?} is {:?}", file_of(&line));
        }
    }
}

#[test]
fn relative_links_through_odd_folders() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for (name, source) in DOCUMENTS {
        case.write(format!("{ODD}/posts/{name}"), source);
    }
    let (posts, assets) = (format!("{ODD}/posts"), format!("{ODD}/posts/{ODD}"));
    let sync = || {
        let flags = ["sync", &posts, "--in-place", "--assets", &assets, "--yes", "--json", "-o=kept"];
        case.imgmirror(&flags).args(origin.flags()).run(0).json()
    };
    sync();
    assert_all_are_local(&case, &posts, |line| Path::new(&line.document).parent().unwrap().join(path_of(line)));
    assert_eq!(sync()["documents"]["written"], 0);
}

#[test]
fn prefixes_of_a_site_with_odd_characters() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for (name, source) in DOCUMENTS {
        case.write(format!("posts/{name}"), source);
    }
    // A prefix is a URL, in which some characters have to be written as what they are; the rest is as a person would type it.
    let prefix = "/it%27s%20%2850%25%29&ähnlich/";
    let assets = "public/it's (50%)&ähnlich";
    let sync = || {
        let flags =
            ["sync", "posts", "--in-place", "--assets", assets, "--link-base", prefix, "--yes", "--json", "-o=kept"];
        case.imgmirror(&flags).args(origin.flags()).run(0).json()
    };
    sync();
    assert_all_are_local(&case, "posts", |line| Path::new("public").join(path_of(line).trim_start_matches('/')));
    assert_eq!(sync()["documents"]["written"], 0);
}

#[test]
fn a_prefix_may_be_a_whole_url() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for (name, source) in DOCUMENTS {
        case.write(format!("posts/{name}"), source);
    }
    let prefix = "https://cdn.example/pics";
    let sync = |code| {
        let flags =
            ["sync", "posts", "--in-place", "--assets=pics", "--link-base", prefix, "--yes", "--json", "-o=kept"];
        case.imgmirror(&flags).args(origin.flags()).run(code).json()
    };
    sync(0);
    origin.take_log();
    let found = lines(&case, &["posts"]);
    for line in &found {
        let name = line.raw.replace('\\', "").replace("https://cdn.example/pics/", "");
        assert!(case.exists(format!("pics/{name}")), "{line:?}");
    }
    assert_eq!(sync(0)["documents"]["written"], 0);
    assert_eq!(origin.take_urls(), Vec::<String>::new(), "its own copies are not asked for");
}

#[test]
fn mirrored_documents_in_odd_folders() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for (name, source) in DOCUMENTS {
        case.write(format!("in/{ODD}/{name}"), source);
    }
    let output = format!("out {ODD}");
    case.imgmirror(&["sync", "in", "-o", &output]).args(origin.flags()).run(0);
    let documents = format!("{output}/documents/{ODD}");
    assert_all_are_local(&case, &documents, |line| Path::new(&line.document).parent().unwrap().join(path_of(line)));
}
