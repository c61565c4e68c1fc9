//! Outgoing proxies: what they are told, what they are not, and that they change nothing else.

use serde_json::Value;

use crate::support::{Answer, Case, Certificate, Login, Origin, Proxy, Run, assert_adds_up, written};

const SECRET: &str = "hunter2 & more";
/// The same in a URL.
const SECRET_CODED: &str = "hunter2%20%26%20more";

fn page(urls: &[&str]) -> String {
    urls.iter().map(|url| format!("<img src=\"{url}\">\n")).collect()
}

fn sync<'a>(case: &'a Case, origin: &Origin) -> Run<'a> {
    let run = case.imgmirror(&["sync", "in", "--json", "--retries=1", "--backoff=1ms", "--refresh", "--retry-failed"]);
    run.args([format!("--cacert={}", origin.certificate().display())])
}

#[track_caller]
fn kind_and_detail(summary: &Value) -> (String, String) {
    assert_adds_up(summary);
    let failure = &summary["failures"][0];
    (failure["kind"].as_str().unwrap().to_owned(), failure["detail"].as_str().unwrap().to_owned())
}

fn via(proxy: &str) -> [String; 1] {
    [format!("--via-proxy={proxy}")]
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

/// A port where nobody listens: it was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn an_http_proxy_gets_whole_urls_and_tunnels() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxy = Proxy::http(&origin, Login::Open);
    let urls = ["http://p.example/a.png?b=1", "http://p.example:8080/b.png", "https://s.example/c.png"];
    case.write("in/a.html", page(&urls));
    let port = proxy.address().port();
    // The proxy is the user's own: that it stands on this machine blocks nothing.
    for host in ["127.0.0.1", "localhost"] {
        let summary = sync(&case, &origin).args(via(&format!("http://{host}:{port}"))).run(0).json();
        assert_eq!(summary["requests"], 3, "{summary}");
        assert_eq!(
            sorted(proxy.take_log()),
            ["CONNECT s.example:443", &format!("GET {}", urls[0]), &format!("GET {}", urls[1])]
        );
        assert_eq!(origin.take_urls(), urls);
    }
}

#[test]
fn a_socks_proxy_gets_names_and_ports() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxy = Proxy::socks5(&origin, Login::Open);
    let urls = ["http://p.example/a.png", "http://p.example:8080/b.png", "https://s.example/c.png"];
    case.write("in/a.html", page(&urls));
    for host in ["127.0.0.1", "localhost"] {
        sync(&case, &origin).args(via(&format!("socks5h://{host}:{}", proxy.address().port()))).run(0);
        assert_eq!(sorted(proxy.take_log()), ["name p.example:80", "name p.example:8080", "name s.example:443"]);
        assert_eq!(origin.take_urls(), urls);
    }
}

#[test]
fn with_socks5_names_are_resolved_here_and_judged_here() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxy = Proxy::socks5(&origin, Login::Open);
    let socks = via(&format!("socks5://{}", proxy.address()));
    case.write("in/a.html", page(&["http://8.8.8.8/a.png", "http://8.8.4.4:81/b.png"]));
    sync(&case, &origin).args(&socks).run(0);
    assert_eq!(sorted(proxy.take_log()), ["address 8.8.4.4:81", "address 8.8.8.8:80"]);

    // A name is told as an address, and only as one that may be asked for: localhost is [::1] on many machines too.
    case.write("in/a.html", page(&["http://localhost:81/a.png"]));
    let summary = sync(&case, &origin).args(&socks).run(3).json();
    assert_eq!((kind_and_detail(&summary).0.as_str(), proxy.take_log()), ("out-of-scope", vec![]));
    sync(&case, &origin).args(&socks).args(["--allow=127.0.0.1:81"]).run(0);
    assert_eq!(proxy.take_log(), ["address 127.0.0.1:81"]);
}

#[test]
fn credentials_of_a_proxy_go_to_it_alone() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let login = Login::Needed { user: "me", password: SECRET };
    let (http, socks) = (Proxy::http(&origin, login.clone()), Proxy::socks5(&origin, login));
    case.write("in/a.html", page(&["http://p.example/a.png", "https://s.example/c.png"]));
    for (scheme, proxy) in [("http", &http), ("socks5h", &socks), ("socks5h", &socks)] {
        let flag = via(&format!("{scheme}://me:{SECRET_CODED}@{}", proxy.address()));
        let ran = sync(&case, &origin).args(&flag).run(0);
        ran.nowhere_has(SECRET).nowhere_has(SECRET_CODED);
        assert_eq!(proxy.take_log().len(), 2, "{scheme}");
        for asked in origin.take_log() {
            let told = asked.headers.iter().find(|(name, _)| name.to_lowercase().contains("auth"));
            assert_eq!(told, None, "{scheme}: {}", asked.url());
        }
        let human = case.imgmirror(&["sync", "in", "--refresh", "--dry-run"]).args(&flag).run(0);
        human.nowhere_has(SECRET).nowhere_has(SECRET_CODED);
    }
    let coded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("me:{SECRET}"))
    };
    for path in written(&case.at("mirror")).into_keys() {
        let bytes = std::fs::read(&path).unwrap();
        for secret in [SECRET, SECRET_CODED, &coded] {
            let kept = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!kept, "{} holds {secret:?}", path.display());
        }
    }
}

#[test]
fn a_certificate_is_verified_through_a_proxy_too() {
    for (certificate, captured) in [(Certificate::Good, 1), (Certificate::ForAnotherName, 0), (Certificate::Expired, 0)]
    {
        let (case, origin) = (Case::new(), Origin::with_certificate(certificate, Answer::picture));
        case.write("in/a.html", page(&["https://s.example/c.png"]));
        let (http, socks) = (Proxy::http(&origin, Login::Open), Proxy::socks5(&origin, Login::Open));
        for proxy in [format!("http://{}", http.address()), format!("socks5h://{}", socks.address())] {
            let code = if captured == 1 { 0 } else { 3 };
            let summary = sync(&case, &origin).args(via(&proxy)).run(code).json();
            assert_eq!(origin.take_log().len(), captured, "{proxy} {certificate:?}");
            if captured == 0 {
                assert_eq!(kind_and_detail(&summary).0, "tls", "{proxy} {certificate:?}: {summary}");
                assert_eq!(summary["requests"], 1);
            }
        }
        assert_eq!((http.take_log().len(), socks.take_log().len()), (1, 1), "asked once");
    }
    // Without the authority nothing is believed of anybody.
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxy = Proxy::http(&origin, Login::Open);
    case.write("in/a.html", page(&["https://s.example/c.png"]));
    let ran = case.imgmirror(&["sync", "in", "--json"]).args(via(&format!("http://{}", proxy.address()))).run(3);
    assert_eq!(kind_and_detail(&ran.json()).0, "tls");
}

#[test]
fn the_environment_names_proxies_by_scheme() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let (first, second) = (Proxy::http(&origin, Login::Open), Proxy::socks5(&origin, Login::Open));
    let (first_url, second_url) = (format!("http://{}", first.address()), format!("socks5h://{}", second.address()));
    // Without a scheme, HTTP is meant.
    let bare = first.address().to_string();
    case.write("in/a.html", page(&["http://p.example/a.png", "https://s.example/c.png"]));
    let both = ["GET http://p.example/a.png", "CONNECT s.example:443"];
    // What is set, and what each of the two is told.
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str]);
    let table: [Row; 8] = [
        (&[("http_proxy", &first_url), ("https_proxy", &first_url)], &both, &[]),
        (&[("HTTP_PROXY", &bare), ("HTTPS_PROXY", &bare)], &both, &[]),
        (&[("all_proxy", &first_url)], &both, &[]),
        (&[("ALL_PROXY", &second_url)], &[], &["name p.example:80", "name s.example:443"]),
        (&[("HTTP_PROXY", &first_url), ("ALL_PROXY", &second_url)], &both[..1], &["name s.example:443"]),
        (&[("HTTPS_PROXY", &first_url), ("ALL_PROXY", &second_url)], &both[1..], &["name p.example:80"]),
        (&[("all_proxy", &first_url), ("ALL_PROXY", &second_url)], &both, &[]),
        (&[("http_proxy", &first_url), ("HTTP_PROXY", &second_url), ("https_proxy", &first_url)], &both, &[]),
    ];
    for (variables, to_first, to_second) in table {
        let run = variables.iter().fold(sync(&case, &origin), |run, (name, value)| run.env(name, value));
        run.run(0);
        for (proxy, expected) in [(&first, to_first), (&second, to_second)] {
            assert_eq!(sorted(proxy.take_log()), sorted(expected.to_vec()), "{variables:?}");
        }
    }
    // The flag goes before all of them.
    let run = sync(&case, &origin).args(via(&second_url)).env("HTTP_PROXY", &first_url).env("HTTPS_PROXY", &first_url);
    run.run(0);
    assert_eq!((first.take_log().len(), second.take_log().len()), (0, 2));
}

#[test]
fn no_proxy_is_asked_for_what_the_environment_excepts() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxy = Proxy::http(&origin, Login::Open);
    let port = origin.plain().port();
    let (direct, other) = (format!("http://127.0.0.1:{port}/direct.png"), "http://p.example/a.png");
    case.write("in/a.html", page(&[&direct, other]));
    for name in ["no_proxy", "NO_PROXY"] {
        for list in ["127.0.0.1", "x.example, 127.0.0.0/8"] {
            let run = sync(&case, &origin).args([format!("--allow=127.0.0.1:{port}")]);
            let run = run.env("ALL_PROXY", format!("http://{}", proxy.address())).env(name, list);
            run.run(0);
            assert_eq!(proxy.take_log(), [format!("GET {other}")], "{name}={list}");
            assert_eq!(origin.take_urls(), [direct.as_str(), other]);
        }
    }
    // By name.
    let named = direct.replace("127.0.0.1", "localhost");
    case.write("in/a.html", page(&[&named, other]));
    let run = sync(&case, &origin).args([format!("--allow=127.0.0.1:{port}")]);
    run.env("ALL_PROXY", format!("http://{}", proxy.address())).env("NO_PROXY", "localhost").run(0);
    assert_eq!(proxy.take_log(), [format!("GET {other}")]);
    assert_eq!(origin.take_urls(), [named.as_str(), other]);
    // Everything.
    case.write("in/a.html", page(&[&named]));
    let run = sync(&case, &origin).args([format!("--allow=127.0.0.1:{port}")]);
    run.env("ALL_PROXY", format!("http://{}", proxy.address())).env("NO_PROXY", "*").run(0);
    assert_eq!((proxy.take_log().len(), origin.take_log().len()), (0, 1));
}

#[test]
fn no_proxy_hears_of_private_targets() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let (http, socks) = (Proxy::http(&origin, Login::Open), Proxy::socks5(&origin, Login::Open));
    let inside = [
        "http://10.0.0.1/a.png".to_owned(),
        "http://localhost/b.png".to_owned(),
        "http://LOCALHOST./c.png".to_owned(),
        "http://2130706433/d.png".to_owned(),
        "http://0x7f.1/e.png".to_owned(),
        "https://[::ffff:192.168.0.1]/f.png".to_owned(),
        "https://169.254.169.254/g.png".to_owned(),
        format!("http://{}/h.png", http.address()),
        format!("http://localhost:{}/i.png", socks.address().port()),
    ];
    case.write("in/a.html", page(&inside.iter().map(String::as_str).collect::<Vec<_>>()));
    for (scheme, proxy) in [("http", &http), ("socks5", &socks), ("socks5h", &socks)] {
        for host in ["127.0.0.1", "localhost"] {
            let flag = via(&format!("{scheme}://{host}:{}", proxy.address().port()));
            let summary = sync(&case, &origin).args(flag).run(3).json();
            assert_adds_up(&summary);
            assert_eq!(summary["assets"]["refused"], inside.len(), "{scheme} {host}: {summary}");
            assert_eq!(proxy.take_log(), Vec::<String>::new(), "{scheme} {host}");
        }
    }
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

#[test]
fn a_redirect_of_a_proxied_request_into_the_local_network_is_refused() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/1.png" => Answer::redirect("http://10.0.0.1/secret.png"),
        "/2.png" => Answer::redirect("http://2130706433/secret.png"),
        _ => Answer::redirect("https://localhost/secret.png"),
    });
    let (http, socks) = (Proxy::http(&origin, Login::Open), Proxy::socks5(&origin, Login::Open));
    case.write("in/a.html", page(&["http://p.example/1.png", "http://p.example/2.png", "https://s.example/3.png"]));
    for (scheme, proxy) in [("http", &http), ("socks5h", &socks)] {
        let summary = sync(&case, &origin).args(via(&format!("{scheme}://{}", proxy.address()))).run(3).json();
        assert_adds_up(&summary);
        let failures = summary["failures"].as_array().unwrap();
        assert!(failures.len() == 3 && failures.iter().all(|f| f["kind"] == "out-of-scope"), "{summary}");
        let told = proxy.take_log();
        assert!(told.iter().all(|told| told.contains(".example")), "{told:?}");
        assert_eq!(origin.take_log().len(), 3);
    }
}

#[test]
fn a_proxy_that_is_down_is_a_connection_failure() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    // An address as target: with socks5 there is then nothing to resolve before the proxy is asked.
    let table = [
        ("http", "http://p.example/a.png", "refused"),
        ("http", "https://s.example/c.png", "tunnel"),
        ("socks5", "http://8.8.8.8/a.png", "connecting to socks proxy"),
        ("socks5h", "http://p.example/a.png", "connecting to socks proxy"),
    ];
    for (scheme, target, said) in table {
        case.write("in/a.html", page(&[target]));
        let flag = via(&format!("{scheme}://me:{SECRET_CODED}@127.0.0.1:{}", free_port()));
        let ran = sync(&case, &origin).args(flag).run(3);
        ran.nowhere_has(SECRET).nowhere_has(SECRET_CODED);
        let (kind, detail) = kind_and_detail(&ran.json());
        assert_eq!(kind, "connection", "{scheme}: {detail}");
        assert!(detail.contains(said), "{scheme}: {detail}");
    }
    assert_eq!(origin.connections(), 0, "nothing went past the proxy");
}

#[test]
fn a_proxy_that_refuses_is_named_as_the_cause() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let login = Login::Needed { user: "me", password: "another" };
    let http = [Proxy::http(&origin, login.clone()), Proxy::http(&origin, Login::Closed)];
    let socks = [Proxy::socks5(&origin, login), Proxy::socks5(&origin, Login::Closed)];
    let table = [
        ("http", &http[0], "https://s.example/c.png", "connection", "tunnel error: proxy authorization required"),
        ("http", &http[0], "http://p.example/a.png", "connection", "407 Proxy Authentication Required"),
        ("http", &http[1], "https://s.example/c.png", "connection", "tunnel error: unsuccessful"),
        ("http", &http[1], "http://p.example/a.png", "forbidden", "403 Forbidden"),
        ("socks5h", &socks[0], "https://s.example/c.png", "connection", "proxy"),
        ("socks5h", &socks[1], "http://p.example/a.png", "connection", "proxy"),
    ];
    for (scheme, proxy, target, kind, named) in table {
        for user in ["", &format!("me:{SECRET_CODED}@")] {
            case.write("in/a.html", page(&[target]));
            let ran = sync(&case, &origin).args(via(&format!("{scheme}://{user}{}", proxy.address()))).run(3);
            ran.nowhere_has(SECRET).nowhere_has(SECRET_CODED);
            let found = kind_and_detail(&ran.json());
            assert!(found.0 == kind && found.1.contains(named), "{scheme} {user} {target}: {found:?}");
        }
    }
    assert_eq!(origin.connections(), 0, "nothing went past the proxy");
}

#[test]
fn a_host_that_connect_to_names_is_connected_to_past_the_proxy() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxy = Proxy::http(&origin, Login::Open);
    case.write("in/a.html", page(&["http://led.example/a.png", "http://p.example/b.png"]));
    let connect = format!("--connect-to=led.example:80:{}", origin.plain());
    sync(&case, &origin).args(via(&format!("http://{}", proxy.address()))).args([connect]).run(0);
    assert_eq!(proxy.take_log(), ["GET http://p.example/b.png"]);
    assert_eq!(origin.take_urls(), ["http://led.example/a.png", "http://p.example/b.png"]);
}
