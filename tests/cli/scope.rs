//! No document and no server leads the program to addresses that are not public, unless its user says so.

use serde_json::Value;

use crate::support::{Answer, Asked, Case, Origin, assert_adds_up};

/// The canary is a server on loopback: whatever reaches it should not have been sent.
fn canary() -> Origin {
    Origin::of_pictures()
}

fn page(urls: &[String]) -> String {
    urls.iter().map(|url| format!("<img src=\"{url}\">\n")).collect()
}

fn refused(summary: &Value) -> Vec<(&str, &str)> {
    let failures = summary["failures"].as_array().unwrap();
    assert!(failures.iter().all(|failure| failure["kind"] == "out-of-scope"), "{summary}");
    failures.iter().map(|f| (f["target"].as_str().unwrap(), f["detail"].as_str().unwrap())).collect()
}

#[test]
fn addresses_that_are_not_public_are_refused_in_every_spelling() {
    let (case, canary) = (Case::new(), canary());
    let port = canary.plain().port();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "127%2e0%2e0%2e1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "0",
        "[::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[fc00::1]",
        "[ff02::1]",
    ];
    let urls: Vec<_> = hosts.iter().map(|host| format!("http://{host}:{port}/{}.png", hex::encode(host))).collect();
    case.write("in/a.html", page(&urls));
    let summary = case.run(3, &["sync", "in", "--json"]).json();
    assert_adds_up(&summary);
    assert_eq!(canary.take_urls(), Vec::<String>::new());
    let found = refused(&summary);
    for host in hosts {
        let name = format!("/{}.png", hex::encode(host));
        let (_, detail) = found.iter().find(|(target, _)| target.ends_with(&name)).unwrap_or_else(|| panic!("{host}"));
        let never = matches!(host, "224.0.0.1" | "255.255.255.255" | "[ff02::1]");
        assert!(never || detail.contains("--allow"), "{host}: {detail}");
    }
    assert_eq!((summary["requests"].as_u64(), summary["assets"]["refused"].as_u64()), (Some(0), Some(31)));
}

#[test]
fn fake_addresses_of_a_local_proxy_are_named_as_such() {
    let case = Case::new();
    case.write("in/a.html", "<img src='http://198.18.0.7/a.png'>");
    let summary = case.run(3, &["sync", "in", "--json"]).json();
    let detail = refused(&summary)[0].1;
    assert!(detail.contains("fake") && detail.contains("--allow"), "{detail}");
}

#[test]
fn a_redirect_into_the_local_network_is_refused() {
    let (case, canary) = (Case::new(), canary());
    let inside = format!("http://127.0.0.1:{}/secret.png", canary.plain().port());
    let origin = Origin::new(move |_| Answer::redirect(&inside));
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    let connect = format!("--connect-to=pictures.example:80:127.0.0.1:{}", origin.plain().port());
    let summary = case.run(3, &["sync", "in", "--json", &connect]).json();
    assert_eq!(refused(&summary)[0].0, "http://pictures.example/a.png");
    assert_eq!(origin.take_log().len(), 1);
    assert_eq!(canary.take_urls(), Vec::<String>::new());
}

#[test]
fn allow_lets_exactly_that_through() {
    let (case, allowed, canary) = (Case::new(), Origin::of_pictures(), canary());
    let url = |server: &Origin| format!("http://{}/a.png", server.plain());
    case.write("in/a.html", page(&[url(&allowed), url(&canary)]));
    let flag = format!("--allow={}", allowed.plain());
    let summary = case.run(3, &["sync", "in", "--json", &flag]).json();
    assert_eq!((&summary["assets"]["captured"], &summary["assets"]["refused"]), (&1.into(), &1.into()));
    assert_eq!(allowed.take_urls(), [url(&allowed)]);
    assert_eq!(canary.take_urls(), Vec::<String>::new());
    assert_eq!(refused(&summary)[0].0, url(&canary));

    // And a later run that is told more gets the rest, and no more than that.
    let summary = case.run(0, &["sync", "in", "--json", "--allow=127.0.0.0/8"]).json();
    assert_eq!((&summary["assets"]["captured"], &summary["assets"]["held"]), (&1.into(), &1.into()));
    assert_eq!((allowed.take_urls().len(), canary.take_urls().len()), (0, 1));
}

#[test]
fn a_name_on_this_machine_is_allowed_by_name() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let port = origin.plain().port();
    case.write("in/a.html", page(&[format!("http://localhost:{port}/a.png")]));
    // However often it was refused before.
    for _ in 0..3 {
        assert_eq!(case.run(3, &["sync", "in", "--json"]).json()["assets"]["refused"], 1);
    }
    case.run(0, &["sync", "in", &format!("--allow=localhost:{port}")]);
    assert_eq!(origin.take_log().len(), 1);
}

#[test]
fn allow_private_allows_private_addresses() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&[format!("http://{}/a.png", origin.plain()), "http://224.0.0.1/b.png".into()]));
    let summary = case.run(3, &["sync", "in", "--json", "--allow-private"]).json();
    assert_eq!((&summary["assets"]["captured"], &summary["assets"]["refused"]), (&1.into(), &1.into()));
}

#[test]
fn only_http_and_https_are_asked_for() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("secret.png", crate::support::pictures::png("secret"));
    let secret = format!("file://{}", case.at("secret.png").display());
    let urls = [secret.as_str(), "ftp://p.example/a.png", "javascript:alert(1)", "blob:x", "about:blank", "mailto:a@b"];
    case.write("in/a.html", page(&urls.map(str::to_owned)));
    origin.answers(move |asked| match asked.path.as_str() {
        "/to-file.png" => Answer::redirect(&secret),
        _ => Answer::picture(asked),
    });
    case.write("in/b.html", "<img src='http://p.example/to-file.png'>");
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(3).json();
    assert_adds_up(&summary);
    assert_eq!(summary["assets"]["total"], 1);
    assert_eq!(origin.take_log().iter().map(Asked::url).collect::<Vec<_>>(), ["http://p.example/to-file.png"]);
    assert!(!case.exists("mirror/assets") || crate::support::blobs(&case.at("mirror/assets")).is_empty());
}

#[test]
fn the_origin_chooses_no_part_of_any_path() {
    let case = Case::new();
    let origin = Origin::new(|asked| {
        Answer::picture(asked)
            .header("Content-Disposition", "attachment; filename=\"../../../evil.sh\"")
            .header("Content-Location", "/../../evil.png")
    });
    case.write(
        "in/a.html",
        "<img src='http://p.example/..%2f..%2f..%2fevil.png'><img src='http://p.example/a.png/../../..//evil.php'>",
    );
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(crate::support::Mirror::at(case.at("mirror")).blobs().len(), 2);
    assert_eq!(crate::support::names(&case.root()), ["in", "mirror"]);
}

#[test]
fn no_proxy_is_told_of_a_private_address() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='https://cors.zfour.workers.dev/?http://10.0.0.5/secret.png'>");
    // The proxy is reached, and nobody else.
    let flags = origin.flags().into_iter().filter(|flag| !flag.contains("=:80:"));
    let flags: Vec<_> = flags.map(|flag| flag.replace("=:443:", "=cors.zfour.workers.dev:443:")).collect();
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(flags).run(3).json();
    assert_eq!(summary["failures"][0]["kind"], "out-of-scope");
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}
