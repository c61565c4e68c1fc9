//! What documents and servers say never acts on a terminal, and no secret is kept or shown.

use crate::support::{Answer, Case, Origin, lines, names};

const SECRET: &str = "hunter2hunter2";

/// No file of a folder has these bytes.
fn assert_in_no_file(case: &Case, folder: &str, secret: &str) {
    for (path, _) in crate::support::written(&case.at(folder)) {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds {secret:?}", path.display());
    }
}

#[test]
fn credentials_go_to_their_origin_and_nowhere_else() {
    let case = Case::new();
    let origin = Origin::new(|asked| match (asked.host.as_str(), asked.header("authorization")) {
        ("p.example", Some(_)) | ("other.example", None) => Answer::picture(asked),
        ("lost.example", _) => Answer::status(404),
        _ => Answer::status(401),
    });
    let page = format!(
        "<img src='http://me:{SECRET}@p.example/a.png'><img src='http://other.example/b.png'>\
         <img src='https://cors.zfour.workers.dev/?http://me:{SECRET}@lost.example/c.png'>\
         <img src='https://wsrv.nl/?url=http%3A%2F%2Fme%3A{SECRET}%40lost.example%2Fd.png'>"
    );
    case.write("in/a.html", &page);
    for flags in [&["--json"][..], &[], &["--json", "--refresh"]] {
        let ran = case.imgmirror(&["sync", "in"]).args(origin.flags()).args(flags).run(3);
        ran.nowhere_has(SECRET);
    }
    assert!(origin.take_log().iter().all(|a| a.host != "other.example" || a.header("authorization").is_none()));
    for arguments in
        [&["links", "in"][..], &["links", "in", "--json"], &["explain", "in/a.html"], &["sync", "in", "--dry-run"]]
    {
        let ran = case.imgmirror(arguments).start().wait();
        ran.nowhere_has(SECRET);
    }
    let url = format!("https://cors.zfour.workers.dev/?http://me:{SECRET}@p.example/a.png");
    case.run(0, &["explain", &url]).nowhere_has(SECRET).stdout_has("***");
    case.write("urls", format!("http://me:{SECRET}@p.example/a.png\nftp://me:{SECRET}@p.example/a.png\n"));
    case.run(2, &["sync", "--urls=urls"]).nowhere_has(SECRET);
    for name in names(&case.at("mirror")).into_iter().filter(|name| name.starts_with("catalog")) {
        let bytes = case.read(format!("mirror/{name}"));
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{name} holds the secret");
    }
    // What could not be had stays as it was written: that is the document's own text.
    assert!(case.text("mirror/documents/a.html").contains(&format!("me:{SECRET}@lost.example")));
}

#[test]
fn credentials_of_redirects_and_answers_are_not_kept() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/a.png" => Answer::redirect(&format!("http://me:{SECRET}@p.example/b.png")),
        _ => Answer::picture(asked).header("Set-Cookie", &format!("session={SECRET}")),
    });
    case.write("in/a.html", "<img src='http://p.example/a.png'><img src='http://p.example/c.png'>");
    let header = format!("--header=X-Token: {SECRET}");
    let ran = case.imgmirror(&["sync", "in", "--json", &header]).args(origin.flags()).run(0);
    ran.nowhere_has(SECRET);
    assert_in_no_file(&case, "mirror", SECRET);
}

#[test]
fn a_proxys_password_is_not_shown() {
    let case = Case::new();
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["http", "socks5h"] {
        let proxy = format!("--via-proxy={scheme}://me:{SECRET}@127.0.0.1:{port}");
        case.run(3, &["sync", "in", "--json", "--retries=0", &proxy]).nowhere_has(SECRET);
    }
    case.run(2, &["sync", "in", &format!("--via-proxy=gopher://me:{SECRET}@127.0.0.1:1")]).nowhere_has(SECRET);
    assert_in_no_file(&case, "mirror", SECRET);
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let case = Case::new();
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gnp\u{2066}";
    let origin = Origin::new(move |asked| match asked.path.as_str() {
        "/redirect.png" => Answer::redirect("http://p.example/\u{1b}[31m\u{202e}?\u{9b}"),
        _ => Answer::ok(format!("<title>{hostile}</title>")).header("Content-Type", &format!("image/{hostile}")),
    });
    let page = format!(
        "---\ntitle: {hostile}\nheadimg: 'http://p.example/{hostile}.png'\n---\n\
         <img src='http://p.example/{hostile}/a.png?{hostile}'><img src='{hostile}://x'><img src='{hostile}.png'>\n\
         <img src='http://p.example/redirect.png'><img src='http://{hostile}.example/'><img src='http://[{hostile}'>\n"
    );
    case.write("in/a.md", page).write("in/b.html", format!("<base href='{hostile}'><img src=\"data:{hostile}\">"));
    for arguments in [
        &["sync", "in"][..],
        &["sync", "in", "--json"],
        &["links", "in"],
        &["links", "in", "--json"],
        &["explain", "in/a.md"],
        &["explain", "in/a.md", "-o", "none"],
        &["explain", &format!("http://p.example/{hostile}.png")],
        &["explain", &format!("{hostile}.html")],
        &["sync", hostile],
        &["sync", "in", &format!("--proxy-rule={hostile}")],
        &["sync", "in", &format!("--link-base=/{hostile}")],
        &["sync", "in", &format!("--allow={hostile}")],
        &["sync", "in", &format!("--config={hostile}")],
        &["sync", "in", &format!("--select={hostile}@x")],
        &["sync", "in", &format!("--cacert={hostile}")],
    ] {
        let ran = case.imgmirror(arguments).args(flags_for(arguments, &origin)).start().wait();
        for text in [&ran.stdout, &ran.stderr] {
            let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || "\u{202e}\u{2066}".contains(*c));
            assert_eq!(bad, None, "{arguments:?}\n{text:?}");
        }
    }
}

/// `sync` alone asks anybody.
fn flags_for(arguments: &[&str], origin: &Origin) -> Vec<String> {
    if arguments[0] == "sync" { [origin.flags(), vec!["--retries=0".to_owned()]].concat() } else { Vec::new() }
}

#[test]
fn json_stays_readable_with_hostile_text() {
    let case = Case::new();
    case.write("a.html", "<img src=\"x\u{9b}\u{202e}\n\t'&quot;.png\">");
    let found = lines(&case, &["a.html"]);
    assert_eq!(found[0].raw, "x\u{9b}\u{202e}\n\t'&quot;.png");
}
