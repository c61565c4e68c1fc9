//! What must hold for every URL.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

fn once(url: &str) -> String {
    utf8_percent_encode(url, NON_ALPHANUMERIC).to_string()
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

/// Ways to wrap any URL, each with its family.
type Wrap = (&'static str, fn(&str) -> String);

const WRAPS: &[Wrap] = &[
    ("cloudflare-cors-anywhere", |u| format!("https://cors.zfour.workers.dev/?{u}")),
    ("cloudflare-cors-anywhere", |u| format!("https://cors.zfour.workers.dev/?{}", once(u))),
    ("cors-anywhere", |u| format!("https://cors-anywhere.herokuapp.com/{u}")),
    ("corsproxy.io", |u| format!("https://corsproxy.io/?url={}", once(u))),
    ("allorigins", |u| format!("https://api.allorigins.win/raw?url={}", once(u))),
    ("weserv", |u| format!("https://wsrv.nl/?w=300&url={}&h=300", once(u))),
    ("Next.js", |u| format!("https://s.example/_next/image?url={}&w=640&q=75", once(u))),
    ("Cloudflare Images", |u| format!("https://s.example/cdn-cgi/image/width=80,f=auto/{u}")),
    ("Cloudinary fetch", |u| format!("https://res.cloudinary.com/demo/image/fetch/w_3/{}", once(u))),
    ("DuckDuckGo", |u| format!("https://external-content.duckduckgo.com/iu/?u={}&f=1", once(u))),
    ("Baidu image search", |u| format!("https://gimg2.baidu.com/image_search/src={}&refer=x&app=2002", once(u))),
    ("Baidu image search", |u| format!("https://gimg2.baidu.com/image_search/src={}&refer=x", once(&once(u)))),
    ("imgix", |u| format!("https://x.imgix.net/{}?s=1", once(u))),
    ("Wayback Machine", |u| format!("https://web.archive.org/web/20200102030405im_/{u}")),
    ("ShortPixel", |u| format!("https://cdn.shortpixel.ai/client/q_glossy,ret_img/{u}")),
    ("Yahoo", |u| format!("https://s.yimg.com/ny/api/res/1.2/a--/b/{u}")),
    ("CSDN imgconvert", |u| format!("https://imgconvert.csdnimg.cn/{}?x-oss-process=a", URL_SAFE_NO_PAD.encode(u))),
    ("camo", |u| format!("https://camo.example/{}/{}", "0a".repeat(20), hex::encode(u))),
    ("Miniflux", |u| format!("https://r.example/proxy/{}=/{}", "a".repeat(43), URL_SAFE.encode(u))),
    ("imgproxy", |u| format!("https://i.example/sig/rs:fit:3/{}.jpg", URL_SAFE_NO_PAD.encode(u))),
    ("imgproxy", |u| format!("https://i.example/sig/rs:fit:3/plain/{}@webp", once(u))),
    ("thumbor", |u| format!("https://t.example/unsafe/300x200/smart/{}", once(u))),
    ("willnorris/imageproxy", |u| format!("https://p.example/200x,q60/{u}")),
    ("AMP cache", |u| {
        let s = if u.starts_with("https") { "s/" } else { "" };
        format!("https://x.cdn.ampproject.org/i/{s}{}", without_scheme(u))
    }),
    ("SearXNG", |u| format!("https://s.example/image_proxy?url={}&h=0", once(u))),
];

/// An ordinary picture's URL.
fn target() -> impl Strategy<Value = String> {
    (
        "https?",
        "[a-z]{1,8}",
        "(:[1-9][0-9]{1,3})?",
        "(/[a-z0-9_-]{1,10}){1,4}",
        "(\\.[a-z]{3})?(![a-z]{5})?",
        "(\\?[a-z]{1,4}=[a-z0-9]{0,4}(&[a-z]{1,4}=[a-zA-Z0-9_.~*!()-]{1,6}){0,3})?",
    )
        .prop_map(|(scheme, host, port, path, ending, query)| {
            format!("{scheme}://{host}.example{port}{path}{ending}{query}")
        })
}

/// A text made of what URLs of proxies are made of.
fn hostile() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = Rules::families()
        .map(|(_, example)| example)
        .chain([
            "https://",
            "http:/",
            "http%3A%2F%2F",
            "http%253A%252F%252F",
            "//",
            "/",
            "?",
            "&",
            "=",
            "url=",
            "src=",
            "%",
            "%25",
            "%00",
            "%0A",
            " ",
            "#",
            ".",
            ":",
            "@",
            "é",
            "host.example",
            "/_next/image",
            "/unsafe/",
            "/plain/",
            "aHR0cHM6Ly9",
            "68747470",
            "ssl:",
            "[::1]",
            "300x200",
            "filters:a(",
            "\\",
            "\u{0}",
            "%E4%B8",
            "https.3A.2F.2F",
            "/external/a/",
            "1w,",
        ])
        .collect();
    let piece = prop_oneof![4 => proptest::sample::select(pieces), 1 => Just("a"), 1 => Just("0")];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

#[track_caller]
fn assert_settled(rules: &Rules, url: &str) {
    let peeled = rules.peel(url);
    assert!(rules.peel(&peeled.url).steps.is_empty(), "{url} gave {}", peeled.url);
    assert!(peeled.steps.len() <= MAX_STEPS && peeled.alternatives.len() <= MAX_ALTERNATIVES);
    match peeled.steps.last() {
        None => assert_eq!(peeled.url, url),
        Some(last) => {
            assert_eq!((peeled.steps[0].proxied.as_str(), &last.inner), (url, &peeled.url));
            for inner in peeled.alternatives.iter().chain([&peeled.url]) {
                let parsed = url::Url::parse(inner).expect("an absolute URL");
                assert!(matches!(parsed.scheme(), "http" | "https") && parsed.has_host(), "{inner}");
                assert!(!inner.contains(char::is_control), "{inner:?}");
            }
            assert!(!peeled.alternatives.contains(&peeled.url));
        }
    }
}

#[test]
fn peeling_any_text_settles() {
    let mut rules = Rules::builtin();
    for rule in ["https://host.example/", "https://site.example/${host}${pathname}${search}", "https://wsrv.nl/?url="] {
        rules.add(rule).expect("a good rule");
    }
    let builtin = Rules::builtin();
    proptest!(|(url in prop_oneof![hostile(), "\\PC{0,40}", "https?://\\PC{0,60}"])| {
        assert_settled(&builtin, &url);
        assert_settled(&rules, &url);
        let mut witnesses = Witnesses::new();
        witnesses.observe(&url, "https://host.example/a.jpg");
        witnesses.observe("https://host.example/a.jpg", &url);
        let _ = Rules::builtin().add(&url);
    });
}

#[test]
fn a_plain_url_is_untouched() {
    let rules = Rules::builtin();
    proptest!(|(url in target())| {
        let peeled = rules.peel(&url);
        prop_assert!(peeled.steps.is_empty(), "{:?}", peeled.steps);
        prop_assert_eq!(peeled.url, url);
    });
}

#[test]
fn every_invertible_family_gives_back_what_was_wrapped() {
    let rules = Rules::builtin();
    proptest!(|(url in target())| {
        for (family, wrap) in WRAPS {
            let proxied = wrap(&url);
            let peeled = rules.peel(&proxied);
            prop_assert_eq!(&peeled.url, &url, "{}", proxied);
            prop_assert_eq!(peeled.steps.len(), 1, "{}", proxied);
            prop_assert_eq!(&peeled.steps[0].rule, family);
        }
    });
}

#[test]
fn families_nest_in_any_order() {
    let rules = Rules::builtin();
    // Families that encode what they wrap, so that nothing of the outer one leaks into the inner one.
    let encoding: Vec<&Wrap> =
        WRAPS.iter().filter(|(_, wrap)| !wrap("http://h.example/").contains("http://h.")).collect();
    proptest!(|(url in target(), chosen in proptest::collection::vec(proptest::sample::select(encoding), 1..=5))| {
        let proxied = chosen.iter().fold(url.clone(), |inner, (_, wrap)| wrap(&inner));
        let peeled = rules.peel(&proxied);
        prop_assert_eq!(&peeled.url, &url, "{}", proxied);
        prop_assert_eq!(peeled.steps.len(), chosen.len(), "{}", proxied);
    });
}

#[test]
fn what_was_peeled_before_changes_nothing() {
    let rules = Rules::builtin();
    let url = || prop_oneof![hostile(), target()];
    let too_many = (0..MAX_STEPS).fold("https://host.example/a.jpg".to_owned(), |inner, _| WRAPS[0].1(&inner));
    proptest!(|(urls in proptest::collection::vec(url(), 1..4), order in proptest::collection::vec(any::<prop::sample::Index>(), 1..12))| {
        let wrapped = urls.iter().flat_map(|url| [WRAPS[0].1(url), WRAPS[1].1(url)]).chain([too_many.clone(), WRAPS[0].1(&too_many)]);
        let all: Vec<String> = urls.iter().cloned().chain(wrapped).collect();
        let mut peeler = Peeler::new(&rules);
        for at in order {
            let url = at.get(&all);
            prop_assert_eq!(peeler.peel(url), rules.peel(url));
        }
    });
}
