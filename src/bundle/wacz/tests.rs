use super::*;

#[test]
fn pages_have_urls_that_differ_as_keys() {
    let names = ["a.html", "a b/你.html", "100%.html", "100%25.html", "100_.html", "a%2fb.html", "a/b.html"];
    let urls: Vec<String> = names.iter().map(|name| page_url(name)).collect();
    assert_eq!(urls[1], "https://bundle.imgmirror.invalid/a%20b/%E4%BD%A0.html");
    let keys: std::collections::BTreeSet<String> = urls.iter().map(|url| key(url)).collect();
    assert_eq!(keys.len(), names.len(), "{keys:?}");
    assert!(urls.iter().all(|url| !url.contains("%25")), "{urls:?}");
}

#[test]
fn a_head_speaks_of_the_payload_as_it_is_kept() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let capture = ArchivedCapture {
        id: 1,
        target: "http://p.example/a.png".to_owned(),
        proxies: 0,
        source: "http://p.example/a.png".to_owned(),
        redirects: Vec::new(),
        url: Some("http://p.example/a.png".to_owned()),
        status: 200,
        fetched: 1_700_000_000_123,
        revisit: None,
        etag: Some("\"a\"".to_owned()),
        modified: None,
        cache: None,
        headers: vec![
            header("Content-Type", "image/png; x=1"),
            header("content-length", "3"),
            header("transfer-encoding", "chunked"),
            header("content-encoding", "gzip"),
            header("x-odd", "a\r\nSet-Cookie: b"),
            header("no token", "x"),
            header("", "x"),
        ],
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: image/png; x=1\r\nX-Archive-Orig-Content-Encoding: gzip\r\n\
                x-odd: a  Set-Cookie: b\r\ncontent-length: 10\r\n\r\n";
    assert_eq!(exchange::head(&capture, Some(10)), head);
    assert_eq!(exchange::mime(&capture).as_deref(), Some("image/png"));
    let bare = ArchivedCapture { status: 304, headers: Vec::new(), ..capture };
    assert_eq!(exchange::head(&bare, None), "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n");
}
