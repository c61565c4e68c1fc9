//! The list of documents: search, pages, states; and how the command begins and ends.

use super::{Viewer, mirrored};
use crate::support::{Answer, Case, Origin, names, pictures, written};

const BRIDGE: &str = "---\ntitle: The Bridge & <b>River</b>\nauthor: Ann O'Nym\ndate: 2021-06-30\nheadimg: http://p.example/head.png\n---\n<p>x<img src='http://p.example/a.png'>";

#[test]
fn every_document_is_listed_with_title_author_date_picture_and_state() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        _ => Answer::picture(asked),
    });
    case.write("in/bridge.md", BRIDGE).write("in/b/plain.html", "<p>no title<img src='http://p.example/gone.png'>");
    case.write("in/c.html", "<title>No pictures</title>");
    case.imgmirror(&["sync", "in", "--quiet", "--retries=0"]).args(origin.flags()).run(3);
    let before = written(&case.at("mirror"));
    let viewer = Viewer::start(&case, &[]);
    let page = viewer.page("/");
    assert!(page.contains("3 documents"), "{page}");
    assert!(page.contains("The Bridge &amp; &lt;b&gt;River&lt;/b&gt;") && !page.contains("<b>River"), "{page}");
    assert!(page.contains("Ann O'Nym · 2021-06-30") && page.contains("bridge.md"), "{page}");
    let head = pictures::name_for_url("http://p.example/head.png");
    assert!(page.contains(&format!("<img src=\"/picture/{}\"", &head[3..])), "{page}");
    assert_eq!(viewer.get(&format!("/picture/{}", &head[3..])).body, pictures::for_url("http://p.example/head.png"));
    assert_eq!(page.matches(">whole<").count(), 1, "{page}");
    assert_eq!(page.matches(">1 missing<").count(), 1, "{page}");
    assert_eq!(page.matches("no pictures").count(), 1, "{page}");
    assert_eq!(written(&case.at("mirror")), before, "nothing is written");
}

#[test]
fn a_search_goes_through_names_and_titles_whatever_their_case() {
    let (case, _origin) = mirrored(&[
        ("bridge.md", BRIDGE),
        ("other/SONG.html", "<title>Ärger im Süden</title>"),
        ("third.html", "<title>100% _pure_</title>"),
    ]);
    let viewer = Viewer::start(&case, &[]);
    let table = [
        ("river", 1),
        ("RIVER+bridge", 1),
        ("song", 1),
        ("%C3%84RGER", 1),
        ("s%C3%BCden+song", 1),
        ("html", 2),
        ("%25", 1),
        ("_pure_", 1),
        ("other%2Fsong", 1),
        ("river+song", 0),
        ("nothing", 0),
        ("", 3),
        ("+++", 3),
        ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", 0),
        ("'%20OR%201=1", 0),
        ("%FF%00", 0),
    ];
    for (search, expected) in table {
        let page = viewer.page(&format!("/?q={search}"));
        assert_eq!(page.matches("<li>").count(), expected, "{search}: {page}");
        assert!(!page.contains("had not been read yet"), "{search}");
    }
    // Long ones are cut, and what is odd in a query changes nothing.
    viewer.page(&format!("/?q={}", "x".repeat(4000)));
    for query in ["page=0", "page=-1", "page=x", "page=99999999999999999999", "q", "&&=&", "%", "q=%", "Q=x"] {
        viewer.page(&format!("/?{query}"));
    }
}

#[test]
fn a_hundred_documents_are_a_page() {
    let case = Case::new();
    for i in 0..205 {
        let title = if i % 2 == 0 { "even" } else { "odd" };
        case.write(format!("in/{i:03}.html"), format!("<title>{title} {i}</title>"));
    }
    case.run(0, &["sync", "in", "--quiet", "--offline"]);
    let viewer = Viewer::start(&case, &[]);
    let first = viewer.page("/");
    assert_eq!(first.matches("<li>").count(), 100);
    assert!(first.contains("Page 1 of 3") && first.contains("href=\"/?page=2\"") && first.contains("099.html"));
    let last = viewer.page("/?page=3");
    assert_eq!(last.matches("<li>").count(), 5);
    assert!(last.contains("204.html") && last.contains("href=\"/?page=2\"") && !last.contains("page=4"));
    assert_eq!(viewer.page("/?page=4").matches("<li>").count(), 0);
    // What a search does not read itself is read meanwhile. It ends: each request that finds titles unread has them read.
    let mut found = viewer.page("/?q=EVEN");
    while found.contains("had not been read yet") {
        found = viewer.page("/?q=EVEN");
    }
    assert!(found.contains("103 of 205 documents") && found.contains("Page 1 of 2"), "{found}");
    assert_eq!(found.matches("<li>").count(), 100);
    assert_eq!(viewer.page("/?q=EVEN&page=2").matches("<li>").count(), 3);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it() {
    let (case, _origin) = mirrored(&[("a.html", "<p>")]);
    for signal in ["INT", "TERM"] {
        let viewer = Viewer::start(&case, &[]);
        viewer.page("/");
        // A connection that says nothing does not keep it.
        let _silent = viewer.connect();
        let ran = viewer.stop(signal);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""), "{}", ran.stderr);
        ran.stderr_has("Ctrl-C");
    }
}

#[test]
fn what_cannot_be_served_is_said_with_what_to_do() {
    let case = Case::new();
    case.run(1, &["serve"]).stderr_has("there is no mirror").stderr_has("-o");
    case.run(1, &["serve", "-o", "nowhere"]).stderr_has("nowhere");
    case.run(1, &["serve", "nowhere.zip"]).stderr_has("nowhere.zip");
    case.run(2, &["serve", "--host", "0.0.0.0"]).stderr_has("127.0.0.1");
    case.run(2, &["serve", "--host", "192.168.1.1"]).stderr_has("--host");
    assert_eq!(names(&case.root()), Vec::<String>::new());
    case.write("in/a.html", "<p>");
    case.run(0, &["sync", "in", "--quiet", "--offline"]);
    let viewer = Viewer::start(&case, &[]);
    let port = viewer.port.to_string();
    case.imgmirror(&["serve", "--port", &port]).run_beside(1).stderr_has(&port).stderr_has("--port");
}

#[test]
fn a_mirror_can_be_named_like_a_bundle_and_the_port_be_chosen() {
    let (case, _origin) = mirrored(&[("a.html", "<title>One</title>")]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let viewer = Viewer::start(&case, &["mirror", "--port", &free.to_string()]);
    assert_eq!(viewer.port, free);
    assert!(viewer.page("/").contains("One"));
}

#[test]
fn the_other_loopback_address_is_served_too() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title>")]);
    // A machine may be without IPv6; then there is nothing to show.
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let mut running = case.imgmirror(&["serve", "--host", "::1"]).start();
    let line = running.line();
    let port = line.strip_prefix("http://[::1]:").and_then(|rest| rest.strip_suffix('/')).unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(format!("[::1]:{port}")).unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: [::1]:{port}\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let answer = super::Answer::read(stream);
    answer.assert_safe("/");
    assert!(answer.status == 200 && answer.text().contains("Aye"));
    running.kill();
}
