//! Redirects: how many are followed, and where to.

use std::time::Duration;

use super::{Expected, Fault, assert_faults, bare, drawn, failed, fault, ok, stored};
use crate::support::{Asked, Case, Origin, Reply};

/// A row of one attempt, with its redirects.
fn led(
    name: &'static str,
    reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    expected: Expected,
    requests: usize,
) -> Fault {
    Fault { attempts: 1, ..fault(name, reply, expected, requests) }
}

fn to(location: &str) -> Reply {
    bare("302 Found", &format!("Location: {location}\r\n"))
}

/// Leads from `/picture` to `location`, where a picture is.
fn once(location: &str, picture: &[u8]) -> impl Fn(&Asked) -> Reply + use<> {
    let (location, picture) = (location.to_owned(), picture.to_vec());
    move |asked| if asked.before == 0 && asked.path == "/picture" { to(&location) } else { ok(&picture) }
}

/// Leads from `/1` to `/2` and so on to a picture after so many redirects.
fn chain(length: usize, picture: &[u8]) -> impl Fn(&Asked) -> Reply + use<> {
    let picture = picture.to_vec();
    move |asked| {
        let step = asked.path.trim_start_matches('/').parse().unwrap_or(0);
        if step == length { ok(&picture) } else { to(&format!("/{}", step + 1)) }
    }
}

#[test]
fn redirects_are_followed_in_every_lawful_form() {
    let picture = drawn::png("found");
    let row = |name, location: &str| led(name, once(location, &picture), stored(picture.clone()), 2);
    let status = |name, status: &'static str| {
        let found = picture.clone();
        let reply = move |asked: &Asked| match asked.path.as_str() {
            "/picture" => bare(status, "Location: /found\r\n"),
            _ => ok(&found),
        };
        led(name, reply, stored(picture.clone()), 2)
    };
    let cookie = {
        let found = picture.clone();
        move |asked: &Asked| match asked.header("cookie") {
            None => bare("302 Found", "Location: /picture\r\nSet-Cookie: seen=yes\r\n"),
            Some(_) => ok(&found),
        }
    };
    let log = assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            status("moved", "301 Moved Permanently"),
            status("see-other", "303 See Other"),
            status("temporary", "307 Temporary Redirect"),
            status("permanent", "308 Permanent Redirect"),
            row("absolute", "http://absolute.example/found?a=b"),
            row("relative", "found.png"),
            row("query-only", "?again"),
            row("without-scheme", "//without-scheme.example/found"),
            row("to-https", "https://to-https.example/found"),
            row("to-another-host", "http://cdn.to-another-host.example/found"),
            row("fragment", "/found#part"),
            row("spaces-around", "  /found  "),
            row("space-inside", "/found it.png"),
            row("raw-utf-8", "/图片.png"),
            row("upper-case", "HTTP://UPPER-CASE.EXAMPLE/found"),
            row("userinfo", "http://me:secret@userinfo.example/found"),
            led("cookie", cookie, stored(picture.clone()), 2),
            led("ten", chain(10, &picture), stored(picture.clone()), 11),
        ],
    );
    assert_eq!(log["fragment"][1].path, "/found");
    assert_eq!(log["space-inside"][1].path, "/found%20it.png");
    assert_eq!(log["raw-utf-8"][1].path, "/%E5%9B%BE%E7%89%87.png");
    assert_eq!(log["to-https"][1].scheme, "https");
    assert_eq!(log["userinfo"][1].header("authorization"), None, "a server does not choose our credentials");
}

#[test]
fn redirects_end() {
    let picture = drawn::png("never");
    let back_and_forth = |asked: &Asked| to(if asked.path == "/picture" { "/other" } else { "/picture" });
    let always_a_cookie =
        |asked: &Asked| bare("302 Found", &format!("Location: /picture\r\nSet-Cookie: seen={}\r\n", asked.before));
    let from_host_to_host = |asked: &Asked| to(&format!("http://n{}.hosts.example/", asked.host.len()));
    let growing = |asked: &Asked| to(&format!("{}/x", asked.path));
    let endless_location =
        |_: &Asked| Reply::raw("HTTP/1.1 302 Found\r\nLocation: /").forever("x".repeat(4096), Duration::ZERO);
    let page =
        |asked: &Asked| if asked.path == "/login" { ok(b"<!DOCTYPE html><title>Log in</title>") } else { to("/login") };
    let lost = |asked: &Asked| if asked.path == "/lost" { bare("404 Not Found", "") } else { to("/lost") };
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            led("eleven", chain(11, &picture), failed("redirects", "more than 10 redirects"), 11),
            led("ten-thousand", chain(10_000, &picture), failed("redirects", "more than 10 redirects"), 11),
            led("to-itself", |_| to("/picture"), failed("redirects", "circle"), 1),
            led("back-and-forth", back_and_forth, failed("redirects", "circle"), 2),
            led("always-a-cookie", always_a_cookie, failed("redirects", "more than 10 redirects"), 11),
            led("hosts", from_host_to_host, failed("redirects", "circle"), 3),
            led("growing", growing, failed("redirects", "more than 10 redirects"), 11),
            led("no-location", |_| bare("302 Found", ""), failed("redirects", "without a Location"), 1),
            led("empty-location", |_| to(""), failed("redirects", "circle"), 1),
            led("no-url", |_| to("http://[::bad/"), failed("redirects", "no URL"), 1),
            fault("endless-location", endless_location, failed("connection", "too large"), 2),
            led("to-a-page", page, failed("not-an-image", "HTML page"), 2),
            led("to-nowhere", lost, failed("gone", "HTTP 404"), 2),
        ],
    );
}

#[test]
fn redirects_that_leave_scope_are_not_followed() {
    let canary = Origin::of_pictures();
    let port = canary.plain().port();
    let row = |name, location: String| led(name, move |_| to(&location), failed("out-of-scope", "redirected to"), 1);
    let inside = |host: &str| format!("http://{host}:{port}/secret.png");
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            row("file", "file:///etc/passwd".to_owned()),
            row("ftp", "ftp://ftp.example/a.png".to_owned()),
            row("data", "data:image/gif;base64,R0lGODlhAQABAAAAACw=".to_owned()),
            row("javascript", "javascript:alert(1)".to_owned()),
            row("gopher", format!("gopher://127.0.0.1:{port}/1")),
            row("loopback", inside("127.0.0.1")),
            row("localhost", inside("localhost")),
            row("decimal", inside("2130706433")),
            row("hexadecimal", inside("0x7f.1")),
            row("octal", inside("0177.0.0.1")),
            row("unspecified", inside("0.0.0.0")),
            row("ipv6-loopback", inside("[::1]")),
            row("mapped", inside("[::ffff:127.0.0.1]")),
            row("nat64", inside("[64:ff9b::7f00:1]")),
            row("private-10", inside("10.0.0.1")),
            row("private-172", inside("172.16.0.1")),
            row("private-192", inside("192.168.0.1")),
            row("link-local", "http://169.254.169.254:8080/latest/meta-data/".to_owned()),
            row("cgnat", inside("100.64.0.1")),
            row("fake-ip", inside("198.18.0.1")),
            row("multicast", inside("224.0.0.1")),
            row("unique-local", inside("[fd00::1]")),
        ],
    );
    assert_eq!(canary.take_urls(), Vec::<String>::new());
}

#[test]
fn the_way_to_the_canary_may_be_long_and_is_still_not_taken() {
    let (case, canary) = (Case::new(), Origin::of_pictures());
    let secret = format!("http://127.0.0.1:{}/secret.png", canary.plain().port());
    let origin = Origin::new(move |asked| match asked.host.as_str() {
        "three.example" => to(&secret),
        "two.example" => to("http://three.example/"),
        _ => to("http://two.example/"),
    });
    case.write("in/a.html", "<img src='http://one.example/a.png'>");
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(3).json();
    let failure = &summary["failures"][0];
    assert_eq!((&failure["kind"], &failure["target"]), (&"out-of-scope".into(), &"http://one.example/a.png".into()));
    let urls: Vec<_> = origin.take_log().iter().map(Asked::url).collect();
    assert_eq!(urls, ["http://one.example/a.png", "http://two.example/", "http://three.example/"]);
    assert_eq!(canary.take_urls(), Vec::<String>::new());
}
