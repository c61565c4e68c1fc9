//! Who may ask, and for what; and that every answer, refusals too, has the headers that keep it harmless.

use super::{Viewer, mirrored};

#[test]
fn only_its_own_names_are_answered() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let port = viewer.port;
    let ask = |hosts: &str| viewer.raw(format!("GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes());
    for host in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        assert_eq!(ask(&format!("Host: {host}:{port}\r\n")).status, 200, "{host}");
    }
    let foreign = [
        String::new(),
        "Host:\r\n".into(),
        "Host: 127.0.0.1\r\n".into(),
        "Host: localhost\r\n".into(),
        format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: evil.example@127.0.0.1:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}.evil.example\r\n"),
        format!("Host: localhost.:{port}\r\n"),
        format!("Host: 0.0.0.0:{port}\r\n"),
        format!("Host: 127.1:{port}\r\n"),
        format!("Host: 2130706433:{port}\r\n"),
        format!("Host: [::ffff:127.0.0.1]:{port}\r\n"),
        format!("Host: [::]:{port}\r\n"),
        format!("Host: 127.0.0.1:0{port}\r\n"),
        format!("Host: 127.0.0.1:{port}, evil.example\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}\r\n"),
        format!("Host: http://127.0.0.1:{port}\r\n"),
        format!("Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1:{port}\r\n"),
        format!("Host: l\u{f6}calhost:{port}\r\n"),
    ];
    for hosts in foreign {
        let answer = ask(&hosts);
        answer.assert_safe(&hosts);
        assert_eq!(answer.status, 421, "{hosts:?}");
        assert!(!answer.text().contains("Aye"), "{hosts:?}");
    }
    // HTTP/1.0 needs no Host; here it does.
    assert_eq!(viewer.raw(b"GET / HTTP/1.0\r\n\r\n").status, 421);
}

#[test]
fn only_get_and_head_are_answered() {
    let (case, _origin) = mirrored(&[("a.html", "<p>")]);
    let viewer = Viewer::start(&case, &[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "NONSENSE"] {
        let path = if method == "CONNECT" { "evil.example:443" } else { "/" };
        let answer = viewer.ask(method, path, "Content-Length: 0\r\n");
        answer.assert_safe(method);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for path in ["/", "/style.css", "/nothing"] {
        let (get, head) = (viewer.get(path), viewer.ask("HEAD", path, ""));
        head.assert_safe(path);
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

/// Paths that should lead nowhere. A file named `secret.txt` lies beside the mirror and beside the bundle.
pub const TRICKS: [&str; 56] = [
    "/../secret.txt",
    "/..",
    "/../",
    "/./",
    "/.",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/.%2e/secret.txt",
    "/%2e./secret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%5csecret.txt",
    "/..%5Csecret.txt",
    "/..\\secret.txt",
    "/\\..\\secret.txt",
    "/%5c..%5csecret.txt",
    "/a/../../secret.txt",
    "/picture/../../secret.txt",
    "/picture/..%2f..%2fsecret.txt",
    "/picture/%2e%2e/%2e%2e/secret.txt",
    "/document/../secret.txt",
    "/document/1/../../secret.txt",
    "//secret.txt",
    "//evil.example/",
    "///",
    "/a//b",
    "//",
    "/%2fetc%2fpasswd",
    "/%2Fetc/passwd",
    "//etc/passwd",
    "/etc/passwd",
    "/secret.txt%00.html",
    "/%00",
    "/index.html%00",
    "/..%00/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%c0%af..%c0%afsecret.txt",
    "/%e0%80%ae%e0%80%ae/secret.txt",
    "/%u002e%u002e/secret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..;/secret.txt",
    "/;/../secret.txt",
    "/%uff0e%uff0e/secret.txt",
    "/%ef%bc%8e%ef%bc%8e/secret.txt",
    "/.../secret.txt",
    "/....//secret.txt",
    "/.git/config",
    "/.lock",
    "/catalog.sqlite",
    "/file:///etc/passwd",
    "/C:/secret.txt",
    "/%0d%0aSet-Cookie:x=1",
    "/secret.txt?/../x",
    "/secret.txt/",
];

#[test]
fn no_path_leads_out_of_a_mirror() {
    let (case, _origin) = mirrored(&[("a.html", "<p>")]);
    case.write("secret.txt", "SECRET").write("mirror/secret.txt", "SECRET");
    let viewer = Viewer::start(&case, &[]);
    for path in TRICKS {
        let answer = viewer.get(path);
        answer.assert_safe(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("SECRET") && !answer.text().contains("root:"), "{path}");
    }
}

#[test]
fn what_is_no_request_for_a_path_is_refused() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let host = format!("Host: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", viewer.port);
    for target in [
        "http://evil.example/",
        "http://evil.example",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "*",
        "evil.example:80",
    ] {
        let answer = viewer.raw(format!("GET {target} HTTP/1.1\r\n{host}").as_bytes());
        assert!(matches!(answer.status, 400 | 404), "{target}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("Aye"), "{target}");
    }
    for line in [
        "GET secret.txt HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / HTTP/3.0",
        "GET /\u{0} HTTP/1.1",
        "\u{16}\u{3}\u{1}",
        "GET / HTTP/1.1\r\n : x",
    ] {
        let answer = viewer.raw(format!("{line}\r\n{host}").as_bytes());
        assert!((400..=505).contains(&answer.status), "{line:?}: {}", answer.status);
    }
}

#[test]
fn pages_of_other_sites_load_nothing_from_here() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    let viewer = Viewer::start(&case, &[]);
    let table = [
        ("none", "navigate", "document", 200),
        ("same-origin", "navigate", "document", 200),
        ("same-origin", "no-cors", "image", 200),
        ("cross-site", "navigate", "document", 200),
        ("same-site", "navigate", "document", 200),
        ("cross-site", "no-cors", "image", 403),
        ("same-site", "no-cors", "image", 403),
        ("cross-site", "cors", "empty", 403),
        ("cross-site", "no-cors", "script", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "object", 403),
        ("cross-site", "nested-navigate", "document", 403),
        ("odd", "no-cors", "image", 403),
        ("", "", "", 403),
    ];
    for (site, mode, dest, status) in table {
        let headers = format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n");
        let answer = viewer.ask("GET", "/", &headers);
        answer.assert_safe(&headers);
        assert_eq!(answer.status, status, "{headers}");
    }
    let twice = viewer.ask("GET", "/", "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n");
    assert_eq!(twice.status, 403);
    let origin = viewer.ask("GET", "/", "Origin: http://evil.example\r\n");
    origin.assert_safe("Origin");
}
