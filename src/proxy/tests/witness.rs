//! What is learned from documents.

use super::*;

const ORIGINALS: [&str; 2] = ["https://h.example/a.jpg?x=1", "http://g.example/b c.jpg"];

fn learned_from(pairs: &[(String, &str)]) -> Vec<Learned> {
    let mut witnesses = Witnesses::new();
    for (proxied, original) in pairs {
        witnesses.observe(proxied, original);
    }
    witnesses.learned()
}

fn learned(prefix: &str, encoding: Encoding, witnesses: u32) -> Learned {
    Learned { prefix: prefix.to_owned(), encoding, witnesses }
}

#[test]
fn every_encoding_is_learned_and_then_peeled() {
    for encoding in [
        Encoding::Plain,
        Encoding::Once,
        Encoding::Twice,
        Encoding::WithoutScheme,
        Encoding::WithoutSchemeOnce,
        Encoding::Base64,
    ] {
        let prefix = "https://relay.example/x/?u=";
        let known = learned(prefix, encoding, 2);
        let wrap = |url: &str| known.wrap(url).expect("a URL");
        assert_eq!(learned_from(&ORIGINALS.map(|url| (wrap(url), url))), std::slice::from_ref(&known));
        let mut rules = Rules::builtin();
        rules.learn(&known);
        let peeled = rules.peel(&wrap("https://f.example/c.jpg"));
        assert_eq!((peeled.url.as_str(), peeled.steps.len()), ("https://f.example/c.jpg", 1), "{encoding:?}");
        assert_eq!(peeled.steps[0].rule, prefix);
    }
}

#[test]
fn parameters_behind_an_encoded_original_do_not_hide_it() {
    let pairs = ["https%3A%2F%2Fh.example%2Fa.jpg", "https%3A%2F%2Fh.example%2Fb.jpg"]
        .map(|inner| format!("https://relay.example/get?url={inner}&w=300"));
    let learned_now =
        learned_from(&[(pairs[0].clone(), "https://h.example/a.jpg"), (pairs[1].clone(), "//h.example/b.jpg")]);
    assert_eq!(learned_now, [learned("https://relay.example/get?url=", Encoding::Once, 2)]);
}

#[test]
fn one_witness_or_one_original_is_not_enough() {
    let pair = (format!("https://relay.example/?{}", ORIGINALS[0]), ORIGINALS[0]);
    assert_eq!(learned_from(std::slice::from_ref(&pair)), []);
    assert_eq!(learned_from(&[pair.clone(), pair]), []);
}

#[test]
fn a_contradiction_refuses_a_prefix_whenever_it_comes() {
    let agree = ORIGINALS.map(|url| (format!("https://relay.example/?{url}"), url));
    let differ = ("https://relay.example/?https://h.example/default.jpg".to_owned(), "https://h.example/a.jpg");
    assert_eq!(learned_from(&agree), [learned("https://relay.example/?", Encoding::Plain, 2)]);
    let [first, second] = agree;
    assert_eq!(learned_from(&[first.clone(), second.clone(), differ.clone()]), []);
    assert_eq!(learned_from(&[differ, first, second]), []);
}

#[test]
fn what_bears_no_witness() {
    let mut witnesses = Witnesses::new();
    for original in ["https://h.example/a.jpg", "https://h.example/b.jpg"] {
        witnesses.observe(original, original);
        witnesses.observe("data:image/gif;base64,R0lGODlhAQABAAAAACw=", original);
        witnesses.observe(&original.replace("https", "http"), original);
        witnesses.observe(&original.replace("https://", "https://www."), original);
        witnesses.observe(&format!("https://relay.example/{}", &original[8..]).repeat(2000), original);
        witnesses.observe(&format!("https://relay.example/{}?{original}", "x".repeat(600)), original);
        witnesses.observe(original, "a.jpg");
        // A prefix that ends inside of a word is none.
        witnesses.observe(&original.replace("https://", "https://relay.example/not-"), original);
    }
    assert_eq!(witnesses.learned(), []);
}

#[test]
fn workers_merge_to_the_same_in_every_order() {
    let observe = |pairs: &[(&str, &str)]| {
        let mut witnesses = Witnesses::new();
        for (prefix, original) in pairs {
            witnesses.observe(&format!("{prefix}{original}"), original);
        }
        witnesses
    };
    let one = || observe(&[("https://r.example/?", ORIGINALS[0]), ("https://s.example/?", ORIGINALS[0])]);
    let two = || observe(&[("https://r.example/?", ORIGINALS[1]), ("https://s.example/?", ORIGINALS[0])]);
    let merged = |mut left: Witnesses, right: Witnesses| {
        left.merge(right);
        left.learned()
    };
    let expected = [learned("https://r.example/?", Encoding::Plain, 2)];
    assert_eq!(merged(one(), two()), expected);
    assert_eq!(merged(two(), one()), expected);
    assert_eq!(merged(merged_all(one(), two()), Witnesses::new()), expected);
}

fn merged_all(mut left: Witnesses, right: Witnesses) -> Witnesses {
    left.merge(right);
    left
}

#[test]
fn memory_is_bounded() {
    let mut witnesses = Witnesses::new();
    for number in 0..12_000 {
        witnesses.observe(&format!("https://r.example/{number}/https://h.example/a.jpg"), "https://h.example/a.jpg");
    }
    for original in ORIGINALS {
        witnesses.observe(&format!("https://late.example/?{original}"), original);
        witnesses.observe(&format!("https://r.example/7/{original}"), original);
    }
    assert_eq!(witnesses.learned(), [learned("https://r.example/7/", Encoding::Plain, 3)]);
}

#[test]
fn what_is_known_already_is_not_learned() {
    let mut rules = Rules::builtin();
    let before = rules.fingerprint();
    rules.learn(&learned("https://cors.zfour.workers.dev/?", Encoding::Plain, 50));
    rules.learn(&learned("https://wsrv.nl/?url=", Encoding::Once, 50));
    rules.learn(&learned("no url", Encoding::Plain, 2));
    rules.learn(&learned("https://relay.example", Encoding::Plain, 2));
    assert_eq!(rules.fingerprint(), before);
    rules.learn(&learned("https://relay.example/?", Encoding::Plain, 2));
    let after = rules.fingerprint();
    assert_ne!(after, before);
    rules.learn(&learned("https://relay.example/?", Encoding::Plain, 9));
    assert_eq!(rules.fingerprint(), after);
}

#[test]
fn what_was_learned_can_be_kept_as_text() {
    let known = learned("https://relay.example/?", Encoding::WithoutSchemeOnce, 3);
    let text = serde_json::to_string(&known).expect("text");
    assert_eq!(text, r#"{"prefix":"https://relay.example/?","encoding":"without-scheme-once","witnesses":3}"#);
    assert_eq!(serde_json::from_str::<Learned>(&text).expect("the same"), known);
}
