//! Documents that are not UTF-8, or not quite: read by what they declare, written as they were.

use encoding_rs::{GBK, SHIFT_JIS};

use crate::support::{Case, Origin, lines, pictures};

/// Mirrors one document and gives its copy.
fn mirrored(name: &str, bytes: &[u8]) -> (Vec<u8>, Vec<String>) {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write(format!("in/{name}"), bytes);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let found = lines(&case, &["mirror/documents"]);
    assert!(found.iter().all(|line| line.skip.as_deref() == Some("mirrored")), "{found:?}");
    (case.read(format!("mirror/documents/{name}")), origin.take_urls())
}

/// The path of the local copy of a URL, from a document at the top.
fn local(url: &str) -> String {
    format!("../assets/{}", pictures::name_for_url(url))
}

/// Replaces bytes by bytes, all of which are there.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn gbk_is_written_as_gbk() {
    // The second byte of 縗 is a backslash, that of 縷 a bar, of 織 a tilde's neighbour: bytes that mean something alone.
    let page =
        "<meta charset=gbk><title>縗縷</title><p>縗<img src=\"http://p.example/图/縗.png\">縗\\</p><b title='縗'>";
    let bytes = GBK.encode(page).0.into_owned();
    let (copy, urls) = mirrored("a.html", &bytes);
    let url = "http://p.example/%E5%9B%BE/%E7%B8%97.png";
    assert_eq!(urls, [url]);
    let raw = GBK.encode("http://p.example/图/縗.png").0.into_owned();
    assert_eq!(copy, replaced(&bytes, &raw, local(url).as_bytes()));
}

#[test]
fn a_query_is_asked_for_in_the_documents_encoding() {
    let page = "<meta charset=gbk><img src=\"http://p.example/show?名=南\">";
    let (_, urls) = mirrored("a.html", &GBK.encode(page).0);
    assert_eq!(urls, ["http://p.example/show?%C3%FB=%C4%CF"]);
}

#[test]
fn shift_jis_is_written_as_shift_jis() {
    // The second byte of 表 is a backslash.
    let page = "<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>表<img alt=表 src='http://p.example/a.png'>表";
    let bytes = SHIFT_JIS.encode(page).0.into_owned();
    let (copy, urls) = mirrored("a.html", &bytes);
    assert_eq!(urls, ["http://p.example/a.png"]);
    assert_eq!(copy, replaced(&bytes, b"http://p.example/a.png", local("http://p.example/a.png").as_bytes()));
}

#[test]
fn utf_16_is_written_as_utf_16() {
    let page = "\u{feff}<title>Tür 门 😀</title>\r\n<img src=\"http://p.example/a.png\" alt='门'>\n<img srcset='http://p.example/b.png 2x'>";
    let url = |name: &str| format!("http://p.example/{name}.png");
    let expected = page.replace(&url("a"), &local(&url("a"))).replace(&url("b"), &local(&url("b")));
    for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
        let encode = |text: &str| text.encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>();
        let (copy, urls) = mirrored("a.html", &encode(page));
        assert_eq!(urls, [url("a"), url("b")]);
        assert_eq!(copy, encode(&expected));
    }
}

#[test]
fn utf_16_front_matter_is_read() {
    let page = "\u{feff}---\ncover: 'http://p.example/a.png'\n---\ntext\n";
    let encode = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let (copy, urls) = mirrored("a.md", &encode(page));
    assert_eq!(urls, ["http://p.example/a.png"]);
    assert_eq!(copy, encode(&page.replace(&urls[0], &local(&urls[0]))));
}

#[test]
fn a_byte_order_mark_stays() {
    let page = b"\xef\xbb\xbf---\nheadimg: http://p.example/a.png\n---\n\r\n<p>x</p>";
    let (copy, _) = mirrored("a.txt", page);
    assert_eq!(copy, replaced(page, b"http://p.example/a.png", local("http://p.example/a.png").as_bytes()));
}

#[test]
fn bytes_that_are_no_text_stay() {
    for (name, page) in [
        (
            "a.html",
            &b"<p>\xff\xfe\x80 \xc3<img alt='\xed\xa0\x80' src='http://p.example/a.png'>\xf0\x9f\x98</p>\x00\x00"[..],
        ),
        ("b.md", b"---\ntitle: \xe9t\xe9\nheadimg: http://p.example/a.png\n---\nna\xefve \xff\n"),
        ("c.css", b"/* \xfc */ a { content: '\xff'; background: url(http://p.example/a.png) }\x00"),
        ("d.html", b"a\x00b<img\x00 src='x'><img src='http://p.example/a.png'\x00>\x1a\x1b[2J\x0c"),
        ("e.html", b"<meta charset=utf-8>\xb5\xd8<img src='http://p.example/a.png'>\xb5"),
    ] {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        case.write(format!("in/{name}"), page);
        case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
        assert_eq!(origin.take_urls(), ["http://p.example/a.png"], "{name}");
        let expected = replaced(page, b"http://p.example/a.png", local("http://p.example/a.png").as_bytes());
        assert_eq!(case.read(format!("mirror/documents/{name}")), expected, "{name}");
    }
}

#[test]
fn a_document_without_references_is_copied_as_it_is() {
    let table: [(&str, &[u8]); 4] = [
        ("empty.html", b""),
        ("bom.html", b"\xef\xbb\xbf"),
        ("odd.html", b"\xff\xfe\x00\xd8\x41"), // UTF-16 with half a pair and half a unit
        ("zeros.txt", &[0; 4096]),
    ];
    for (name, page) in table {
        let (copy, urls) = mirrored(name, page);
        assert_eq!((copy, urls.len()), (page.to_vec(), 0), "{name}");
    }
}
