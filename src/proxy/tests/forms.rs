//! Each form of each family: the examples of the table, the cases of `forms.txt`, and what comes beside the URL.

use super::*;

/// The picture inside of every example, or where an example is about a proxy's own site, that site's picture.
const PICTURES: [&str; 6] = [
    "https://host.example/a.jpg",
    "http://host.example/a.jpg",
    "https://host.example/a.jpg?v=1",
    "https://site.example/images/a.jpg",
    "https://site.example/_astro/a.jpg",
    "https://x0.ifengimg.com/a.jpg",
];

#[test]
fn every_example_of_the_table_is_peeled_by_its_own_family() {
    for (family, example) in Rules::families() {
        let peeled = peel(example);
        let inner = peeled.url.clone();
        assert!(PICTURES.contains(&inner.as_str()), "{example} gave {inner}");
        assert_eq!(peeled.steps, [Step { rule: family.into(), proxied: example.to_owned(), inner }]);
    }
}

#[test]
fn forms_are_peeled_as_they_are_met_in_real_pages() {
    let mut family = "";
    let mut cases = 0;
    let mut lines = include_str!("forms.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    while let Some(line) = lines.next() {
        match line.strip_prefix("    ") {
            None => family = line,
            Some(url) => {
                match lines.next().map(str::trim).expect("what is inside") {
                    "nothing" => assert_untouched(url),
                    inner => assert_peels(family, url, inner),
                }
                cases += 1;
            }
        }
    }
    assert!(cases > 150, "only {cases} cases were read");
}

/// What a URL gives, and the other readings of it.
#[track_caller]
fn assert_readings(url: &str, best: &str, alternatives: &[&str]) {
    let peeled = peel(url);
    assert_eq!(
        (peeled.url.as_str(), peeled.alternatives),
        (best, alternatives.iter().map(ToString::to_string).collect())
    );
}

#[test]
fn a_missing_scheme_leaves_the_other_one_as_an_alternative() {
    for url in ["https://images.weserv.nl/?url=h.example/a.jpg", "http://i1.wp.com/h.example/a.jpg"] {
        assert_readings(url, "http://h.example/a.jpg", &["https://h.example/a.jpg"]);
    }
    assert_readings(
        "https://cdn.statically.io/img/h.example/a.jpg",
        "https://h.example/a.jpg",
        &["http://h.example/a.jpg"],
    );
    // These say which scheme it is.
    for url in [
        "https://i0.wp.com/h.example/a.jpg?ssl=1",
        "https://h-example.cdn.ampproject.org/i/s/h.example/a.jpg",
        "https://wsrv.nl/?url=ssl:h.example/a.jpg",
    ] {
        assert_readings(url, "https://h.example/a.jpg", &[]);
    }
}

#[test]
fn an_unencoded_parameter_is_cut_at_the_proxys_own_options() {
    assert_readings(
        "https://nimg.ws.126.net/?url=http://h.example/a.jpg?b=1&c=2&thumbnail=660x0&type=jpg",
        "http://h.example/a.jpg?b=1&c=2",
        &["http://h.example/a.jpg?b=1&c=2&thumbnail=660x0&type=jpg", "http://h.example/a.jpg?b=1"],
    );
    // A URL without a query has no `&`.
    assert_readings(
        "https://nimg.ws.126.net/?url=http://h.example/a.jpg&unknown=1",
        "http://h.example/a.jpg",
        &["http://h.example/a.jpg&unknown=1"],
    );
}

#[test]
fn an_ambiguous_encoding_is_read_literally_first() {
    assert_readings(
        "https://x.workers.dev/?http://h.example/a%2520b.jpg",
        "http://h.example/a%2520b.jpg",
        &["http://h.example/a%20b.jpg"],
    );
    assert_readings(
        "https://s.example/image_proxy?url=http%3A%2F%2Fh.example%2Fa+b.jpg",
        "http://h.example/a+b.jpg",
        &["http://h.example/a%20b.jpg"],
    );
    // Encoded in part, because a path ends at a `?`.
    assert_readings(
        "https://site.example/cdn-cgi/image/w=3/https://h.example/a.jpg%3Fv=1",
        "https://h.example/a.jpg?v=1",
        &["https://h.example/a.jpg%3Fv=1"],
    );
}

#[test]
fn the_referer_that_a_proxy_names_is_kept() {
    for url in [
        "https://gimg2.baidu.com/image_search/src=http%3A%2F%2Fh.example%2Fa.jpg&refer=http%3A%2F%2Fp.example%2Fx&app=1",
        "https://r.example/image?referer=http%3A%2F%2Fp.example%2Fx&url=https%3A%2F%2Fh.example%2Fa.jpg",
        "https://x.workers.dev/?https://r.example/image?url=https://h.example/a.jpg&referer=http://p.example/x",
    ] {
        assert_eq!(peel(url).referer.as_deref(), Some("http://p.example/x"), "{url}");
    }
    assert_eq!(peel("https://x.workers.dev/?https://h.example/a.jpg").referer, None);
}
