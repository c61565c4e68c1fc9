//! URLs that are hard to ask for, and names that nobody may choose.

use encoding_rs::GBK;

use super::{Case, Mirror, Origin, assert_adds_up, drawn};
use crate::support::{Answer, Asked};

/// What the server is asked for a page in this encoding with one picture of this URL; which is then held, and nothing
/// but the picture's name is changed in the page.
#[track_caller]
fn asked_for(encoding: &'static encoding_rs::Encoding, written: &str) -> Asked {
    let (case, origin) = (Case::new(), Origin::new(|_| Answer::ok(drawn::png("named"))));
    // The text is there because so short a page in GBK may be one in UTF-8 as well, by chance.
    let page = |url: &str| format!("<meta charset={}><p>中文</p><img src=\"{url}\">", encoding.name());
    case.write("in/a.html", encoding.encode(&page(written)).0);
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    let mut log = origin.take_log();
    assert_eq!(log.len(), 1, "{written}: {log:?}");
    let mirror = Mirror::at(case.at("mirror"));
    mirror.assert_layout();
    let name = drawn::name_of(&drawn::png("named"));
    assert_eq!(Vec::from_iter(mirror.blobs().into_keys()), [name.as_str()], "{written}");
    let fragment = written.split_once('#').map_or(String::new(), |(_, fragment)| format!("#{fragment}"));
    let copy = case.read("mirror/documents/a.html");
    assert_eq!(encoding.decode(&copy).0, page(&format!("../assets/{name}{fragment}")));
    assert_eq!(crate::support::names(&case.root()), ["in", "mirror"], "{written}");
    log.remove(0)
}

#[test]
fn urls_are_asked_for_as_a_browser_would() {
    let long = format!("/{}.png?{}", "p".repeat(4000), "q".repeat(3000));
    let rows: [(&str, &str, &str); 25] = [
        // A path that is written raw is sent as UTF-8, one that is encoded is sent as it stands.
        ("http://p.example/图片/南.png", "p.example", "/%E5%9B%BE%E7%89%87/%E5%8D%97.png"),
        ("http://p.example/%CD%BC%C6%AC.jpg", "p.example", "/%CD%BC%C6%AC.jpg"),
        ("http://p.example/%e5%9b%be.jpg", "p.example", "/%e5%9b%be.jpg"),
        ("http://p.example/show?名=南", "p.example", "/show?%E5%90%8D=%E5%8D%97"),
        ("http://p.example/show?name=%C4%CF", "p.example", "/show?name=%C4%CF"),
        ("http://p.example/a.jpg!cmspl", "p.example", "/a.jpg!cmspl"),
        ("http://p.example/a.jpg!w=1024,q=80", "p.example", "/a.jpg!w=1024,q=80"),
        ("http://p.example/a.jpg@!thumb@2x", "p.example", "/a.jpg@!thumb@2x"),
        ("http://p.example/a.png?x=1&amp;y=%26#frag", "p.example", "/a.png?x=1&y=%26"),
        ("http://p.example/a.png?", "p.example", "/a.png?"),
        ("http://p.example/a.png?next=http://q.example/b.png", "p.example", "/a.png?next=http://q.example/b.png"),
        ("http://p.example", "p.example", "/"),
        ("http://p.example/a b|c.png", "p.example", "/a%20b|c.png"),
        ("http://p.example/{a}[b]`c`.png", "p.example", "/%7Ba%7D[b]%60c%60.png"),
        ("http://p.example/%00%0d%0aX:%20y.png", "p.example", "/%00%0d%0aX:%20y.png"),
        ("http://p.example/..%2f..%2f..%2fetc%2fpasswd", "p.example", "/..%2f..%2f..%2fetc%2fpasswd"),
        ("http://p.example/../../etc/passwd", "p.example", "/etc/passwd"),
        ("http://p.example/..\\..\\windows\\CON.png", "p.example", "/windows/CON.png"),
        ("http://p.example//a///b.png", "p.example", "//a///b.png"),
        ("http://p.example/%", "p.example", "/%"),
        ("http://图片.example/a.png", "xn--wcsw84d.example", "/a.png"),
        ("http://BÜCHER.example/a.png", "xn--bcher-kva.example", "/a.png"),
        ("http://p。example/a.png", "p.example", "/a.png"),
        ("http://under_score.p.example./a.png", "under_score.p.example.", "/a.png"),
        (&format!("http://p.example{long}"), "p.example", &long),
    ];
    for (written, host, path) in rows {
        let asked = asked_for(encoding_rs::UTF_8, written);
        assert_eq!((asked.host.as_str(), asked.path.as_str(), asked.method.as_str()), (host, path, "GET"), "{written}");
    }
}

#[test]
fn a_page_in_gbk_names_paths_in_utf_8_and_queries_in_gbk() {
    for (written, path) in [
        ("http://p.example/图片.png", "/%E5%9B%BE%E7%89%87.png"),
        ("http://p.example/图片.png?名=南", "/%E5%9B%BE%E7%89%87.png?%C3%FB=%C4%CF"),
    ] {
        assert_eq!(asked_for(GBK, written).path, path, "{written}");
    }
}

#[test]
fn userinfo_is_sent_to_its_origin_alone_as_authorization() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/away.png" => Answer::redirect("http://away.example/a.png"),
        "/home.png" => Answer::redirect("/a.png"),
        _ => Answer::picture(asked),
    });
    case.write(
        "in/a.html",
        "<img src='http://me:p%40ss@p.example/away.png'><img src='http://me:p%40ss@p.example/home.png'>\
         <img src='http://q.example/b.png'><img src='https://p.example/c.png'>",
    );
    case.imgmirror(&["sync", "in", "--per-host=1"]).args(origin.flags()).run(0);
    let log = origin.take_log();
    assert_eq!(log.len(), 6);
    for asked in log {
        let at_home = asked.scheme == "http" && asked.host == "p.example";
        // me:p@ss
        let expected = at_home.then_some("Basic bWU6cEBzcw==");
        assert_eq!(asked.header("authorization"), expected, "{}", asked.url());
    }
    for (path, _) in crate::support::written(&case.at("mirror")) {
        let bytes = std::fs::read(&path).unwrap();
        for secret in [&b"p%40ss"[..], b"p@ss", b"bWU6cEBzcw"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}

#[test]
fn no_header_chooses_a_name() {
    let hostile = [
        "attachment; filename=\"../../../evil.sh\"",
        "attachment; filename=/etc/cron.d/evil",
        "inline; filename*=UTF-8''..%2F..%2Fevil%00.php",
        "attachment; filename=\"CON\"; filename=\"a\\\\b:c\"",
        "attachment; filename=\"\u{202e}gnp.exe\"",
    ];
    let case = Case::new();
    let origin = Origin::new(move |asked| {
        let number: usize = asked.path.trim_start_matches('/').parse().unwrap();
        Answer::picture(asked)
            .header("Content-Disposition", hostile[number])
            .header("Content-Type", "application/x-php; name=evil.php")
            .header("Content-Location", "/../../evil.png")
            .header("Link", "</evil.png>; rel=canonical")
    });
    let urls: Vec<_> = (0..hostile.len()).map(|number| format!("http://p.example/{number}")).collect();
    case.write("in/a.html", urls.iter().map(|url| format!("<img src='{url}'>")).collect::<String>());
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let mirror = Mirror::at(case.at("mirror"));
    mirror.assert_layout();
    let mut expected: Vec<_> = urls.iter().map(|url| drawn::name_for_url(url)).collect();
    expected.sort();
    assert_eq!(Vec::from_iter(mirror.blobs().into_keys()), expected);
    assert_eq!(crate::support::names(&case.root()), ["in", "mirror"]);
}
