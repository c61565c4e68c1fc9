use super::*;

const DIGITS: &str = "abababababababababababababababababababababababababababababababab";

/// The links of a document, those to blobs with a mark.
fn links(name: &str, text: &str) -> Vec<String> {
    let mut links = Vec::new();
    read(Path::new(name), text, &mut |link| {
        links.push(match link {
            Link::Remote(url) => url.to_owned(),
            Link::Blob(url) => format!("blob {url}"),
        });
    });
    links
}

#[test]
fn pictures_of_pages_are_seen_wherever_they_stand() {
    let table = [
        "<img src='URL'>",
        "<img src=data:, data-original='URL'>",
        "<img data-of-no-table='URL'>",
        "<img srcset='a.jpg 1x, URL 2x'>",
        "<img srcset='a.jpg 1x,URL 2x'>",
        "<img data-srcset='URL'>",
        "<picture><source srcset='URL'></picture>",
        "<video poster='URL'></video>",
        "<input type=image src='URL'>",
        "<svg><image xlink:href='URL'/></svg>",
        "<svg><feImage href='URL'/></svg>",
        "<meta property='og:image' content='URL'>",
        "<link rel='shortcut icon' href='URL'>",
        "<td background='URL'>",
        "<table><tr><td background='URL'></table>",
        "<p style='background:url(URL)'>",
        "<p style='background:url(\"URL\")'>",
        "<style>p { background: url( 'URL' ) }</style>",
        "<noscript><img src='URL'></noscript>",
        "<head><noscript><img src='URL'></noscript></head>",
        "<template><img src='URL'></template>",
        "<iframe srcdoc=\"<img src='URL'>\"></iframe>",
    ];
    for page in table {
        let seen = links("a.html", &page.replace("URL", "https://i.example/a.png"));
        let expected: &[&str] = if page.starts_with("<td") { &[] } else { &["https://i.example/a.png"] };
        assert_eq!(seen, expected, "{page}");
    }
}

#[test]
fn what_is_no_picture_is_not_seen() {
    for page in [
        "<a href='https://i.example/'>x</a>",
        "<script src='https://i.example/a.js'></script>",
        "<!-- <img src='https://i.example/a.png'> -->",
        "<textarea><img src='https://i.example/a.png'></textarea>",
        "<script>'<img src=https://i.example/a.png>'</script>",
        "<video><source src='https://i.example/a.mp4'></video>",
        "<img src='a.png' data-link='https://i.example/page'>",
        "<style>@import url(https://i.example/x); @font-face { src: url(https://i.example/y) }</style>",
        "<style>@namespace url(http://www.w3.org/1999/xhtml); p { src: url(//i.example/z.woff2?x) }</style>",
        "<style>/* url(https://i.example/c) */ p { content: 'url(https://i.example/d)' }</style>",
        "<img src='data:image/png;base64,AAAA'>",
    ] {
        assert_eq!(links("a.html", page), Vec::<String>::new(), "{page}");
    }
}

#[test]
fn links_to_blobs_are_seen_in_every_attribute() {
    let blob = format!("../assets/ab/{DIGITS}.jpg");
    for page in [
        "<img src='BLOB'>",
        "<a href='BLOB'>x</a>",
        "<img srcset='BLOB 1x'>",
        "<div data-anything='BLOB'></div>",
        "<p style='background:url(BLOB)'>",
    ] {
        let seen = links("a.html", &page.replace("BLOB", &blob));
        assert!(seen.iter().all(|link| *link == format!("blob {blob}")) && !seen.is_empty(), "{page}: {seen:?}");
    }
    let json = format!("<img data-attrs='{{\"src\":\"{}\"}}'>", blob.replace('/', "\\/"));
    assert_eq!(links("a.html", &json), [format!("blob {blob}")]);
    assert_eq!(links("a.html", &format!("<img src='{blob}#x'>")), [format!("blob {blob}#x")]);
}

#[test]
fn markdown_is_read_as_what_it_becomes() {
    let text = "![a](https://i.example/a.png)\n\n`![b](https://i.example/b.png)`\n\n\
        <img src=\"https://i.example/c.png\">\n\n![d][d]\n\n[d]: https://i.example/d.png\n";
    let seen = ["https://i.example/a.png", "https://i.example/c.png", "https://i.example/d.png"];
    assert_eq!(links("a.md", text), seen);
}

#[test]
fn front_matter_is_searched_behind_its_keys() {
    let yaml = "\n---\ntitle: x\ncover: 'https://i.example/a.png'\nlink: https://i.example/page\nphotos:\n\
        - https://i.example/b.png\n- \"https://i.example/c.png\"\nauthor: https://i.example/me\n---\n\ntext\n";
    let seen = ["https://i.example/a.png", "https://i.example/b.png", "https://i.example/c.png"];
    assert_eq!(links("a.md", yaml), seen);
    let toml = "+++\nimage = \"https://i.example/a.png\"\n+++\n";
    assert_eq!(links("a.md", toml), ["https://i.example/a.png"]);
    let json = "{\n  \"images\": [\"https://i.example/a.png\"],\n  \"url\": \"https://i.example/\"\n}\n\ntext\n";
    assert_eq!(links("a.md", json), ["https://i.example/a.png"]);
}

#[test]
fn style_sheets_and_drawings_are_read() {
    let css = "p { background: URL(https://i.example/a.png) } q { mask: url('//i.example/b.svg') }";
    assert_eq!(links("a.css", css), ["https://i.example/a.png", "//i.example/b.svg"]);
    let svg =
        "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><image href='https://i.example/a.png'/></svg>";
    assert_eq!(links("a.svg", svg), ["https://i.example/a.png"]);
}
