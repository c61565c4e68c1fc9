//! Rules that the user gives.

use super::*;

const A: &str = "https://h.example/a.jpg?b=1&c=2";
const A_ONCE: &str = "https%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1%26c%3D2";

fn with(rule: &str) -> Rules {
    let mut rules = Rules::builtin();
    rules.add(rule).expect("a good rule");
    rules
}

#[track_caller]
fn assert_inverts(rule: &str, url: &str, inner: &str) {
    let peeled = with(rule).peel(url);
    let steps: Vec<&str> = peeled.steps.iter().map(|step| step.rule.as_ref()).collect();
    assert_eq!((steps, peeled.url.as_str()), (vec![rule], inner), "{url}");
    assert_untouched(url);
}

#[test]
fn a_prefix_ends_where_the_original_begins() {
    let twice = A_ONCE.replace('%', "%25");
    for prefix in [
        "https://relay.example/?",
        "https://relay.example/img/",
        "http://relay.example:8080/x?k=1&u=",
        "https://relay.example?",
    ] {
        for inner in [A, A_ONCE, &twice, "aHR0cHM6Ly9oLmV4YW1wbGUvYS5qcGc_Yj0xJmM9Mg==", &hex::encode(A)] {
            assert_inverts(prefix, &format!("{prefix}{inner}"), A);
        }
    }
    assert_inverts("https://relay.example/?", "//relay.example?http://h.example/a.jpg", "http://h.example/a.jpg");
    assert_inverts("https://relay.example/?", "http://RELAY.example/?h.example/a.jpg", "https://h.example/a.jpg");
    assert_inverts(
        "https://*.relay.example/?",
        "https://a.b.relay.example/?http://h.example/a.jpg",
        "http://h.example/a.jpg",
    );
}

#[test]
fn a_prefix_leaves_other_urls_of_its_host_alone() {
    let rules = with("https://relay.example:8080/img/");
    for url in [
        "https://relay.example:8080/img/logo.png",
        "https://relay.example:8080/img/my.pictures/logo.png",
        "https://relay.example:8080/other/https://h.example/a.jpg",
        "https://relay.example/img/https://h.example/a.jpg",
        "https://a.relay.example:8080/img/https://h.example/a.jpg",
    ] {
        assert!(rules.peel(url).steps.is_empty(), "{url}");
    }
    assert!(with("https://*.relay.example/").peel("https://relay.example/https://h.example/a.jpg").steps.is_empty());
}

#[test]
fn a_parameter_is_found_wherever_it_stands() {
    let rule = "https://relay.example/get?url=";
    assert_inverts(rule, &format!("https://relay.example/get?w=3&url={A_ONCE}&h=4"), A);
    assert_inverts(rule, "https://relay.example/get?url=https://h.example/a.jpg&h=4", "https://h.example/a.jpg");
    assert_inverts(
        "https://relay.example?url=",
        "https://relay.example/?a&url=h.example%2Fa.jpg",
        "https://h.example/a.jpg",
    );
    assert!(with(rule).peel(&format!("https://relay.example/put?url={A_ONCE}")).steps.is_empty());
    assert!(with(rule).peel(&format!("https://relay.example/get?curl={A_ONCE}")).steps.is_empty());
}

#[test]
fn templates_are_inverted() {
    for (template, url, inner) in [
        (
            "https://r.example/${host}${pathname}",
            "https://r.example/h.example:81/a/b.jpg",
            "https://h.example:81/a/b.jpg",
        ),
        ("https://r.example/${host}${pathname}${search}", "https://r.example/h.example/a.jpg?b=1&c=2", A),
        (
            "https://r.example/${host}${pathname}${search}",
            "https://r.example/h.example/a.jpg",
            "https://h.example/a.jpg",
        ),
        (
            "https://r.example/${protocol}//${host}${pathname}",
            "https://r.example/http://h.example/a.jpg",
            "http://h.example/a.jpg",
        ),
        ("https://r.example/?u=${href_ue}", "https://r.example/?u=https%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1%26c%3D2", A),
        (
            "https://r.example/?u=${href_ue}&w=3",
            "https://r.example/?u=https%3A%2F%2Fh.example%2Fa.jpg%3Fb%3D1%26c%3D2&w=3",
            A,
        ),
        ("https://r.example/${href}", "https://r.example/https://h.example/a.jpg?b=1&c=2", A),
        (
            "https://r.example/${href}&w=3",
            "https://r.example/https://h.example/a.jpg?b=1&w=3&w=3",
            "https://h.example/a.jpg?b=1&w=3",
        ),
        (
            "https://r.example/${origin}${pathname}?x",
            "https://r.example/http://h.example/a.jpg?x",
            "http://h.example/a.jpg",
        ),
        (
            "https://r.example/${hostname}/${port}${pathname}",
            "https://r.example/h.example/81/a.jpg",
            "https://h.example:81/a.jpg",
        ),
        (
            "https://r.example/?h=${host_ue}&p=${pathname_ue}&s=${search_ue}",
            "https://r.example/?h=h.example&p=%2Fa.jpg&s=%3Fb%3D1%26c%3D2",
            A,
        ),
    ] {
        assert_inverts(template, url, inner);
    }
    let bare = with("https://r.example/${host}${pathname}").peel("https://r.example/h.example/a.jpg");
    assert_eq!(bare.alternatives, ["http://h.example/a.jpg"]);
}

#[test]
fn what_a_template_did_not_make_is_left_alone() {
    let rules = with("https://r.example/x/${host}${pathname}?w=3");
    for url in [
        "https://r.example/x/h.example/a.jpg",
        "https://r.example/x/h.example/a.jpg?w=3&h=4",
        "https://r.example/h.example/a.jpg?w=3",
        "https://r.example/x/noroot?w=3",
        "https://r.example/x/?w=3",
    ] {
        assert!(rules.peel(url).steps.is_empty(), "{url}");
    }
    let twice = with("https://r.example/${host}/${host}${pathname}");
    assert_eq!(twice.peel("https://r.example/h.example/h.example/a.jpg").url, "https://h.example/a.jpg");
    assert!(twice.peel("https://r.example/h.example/g.example/a.jpg").steps.is_empty());
}

#[test]
fn a_bad_rule_says_what_is_wrong() {
    for (rule, message) in [
        ("relay.example/?", "is no http(s) URL with a host"),
        ("ftp://relay.example/?", "is no http(s) URL with a host"),
        ("", "is no http(s) URL with a host"),
        ("https://${host}.relay.example/", "is no http(s) URL with a host"),
        ("https://relay.example", "does not say where the original URL begins"),
        ("https://relay.example/#", "has a `#`"),
        ("https://re*lay.example/?", "has the wildcard `re*lay.example`"),
        ("https://*.example/?", "has the wildcard `*.example`"),
        ("https://relay.example/${href", "without its `}`"),
        ("https://relay.example/${hrefs}", "names `${hrefs}`"),
        ("https://relay.example/${hash}", "names `${hash}`"),
        ("https://relay.example/${host}", "loses the original URL"),
        ("https://relay.example/${pathname}", "loses the original URL"),
    ] {
        let error = Rules::builtin().add(rule).expect_err(rule).to_string();
        assert!(error.contains(message) && error.contains(rule), "{rule}: {error}");
    }
}

#[test]
fn the_users_rules_go_first() {
    let mut rules = Rules::builtin();
    rules.add("https://x.workers.dev/?").expect("a good rule");
    let url = "https://x.workers.dev/?http://h.example/a.jpg";
    assert_eq!(rules.peel(url).steps[0].rule, "https://x.workers.dev/?");
    assert_eq!(peel(url).steps[0].rule, "cloudflare-cors-anywhere");
}

#[test]
fn the_fingerprint_changes_with_the_rules_alone() {
    let mut rules = Rules::builtin();
    let before = rules.fingerprint();
    assert_eq!(before, Rules::builtin().fingerprint());
    let shared = rules.clone();
    rules.add("https://relay.example/?").expect("a good rule");
    let after = rules.fingerprint();
    assert_ne!(before, after);
    assert_eq!(shared.fingerprint(), before);
    rules.add("https://relay.example/?").expect("a good rule");
    assert_eq!(rules.fingerprint(), after);
    assert!(before.len() == 32 && before.bytes().all(|b| b.is_ascii_hexdigit()));
}
