//! Proxies that no rule knows are learned from documents that write a picture both ways.

use crate::support::{Case, Origin, lines};

const UNKNOWN: &str = "https://relay.example/fetch?u=";

/// Elements that name one picture by the proxy and by itself.
fn witnesses(from: usize, to: usize) -> String {
    let name = |number| format!("http://pictures.example/{number}.jpg");
    (from..to).map(|n| format!("<img src=\"{UNKNOWN}{0}\" data-original=\"{0}\">\n", name(n))).collect()
}

#[test]
fn a_witnessed_prefix_is_peeled_where_nothing_witnesses_it() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    // The one without a witness comes first by name.
    case.write("in/a.html", format!("<img src='{UNKNOWN}http://pictures.example/alone.jpg'>"));
    case.write("in/b.html", witnesses(0, 5));
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let urls = origin.take_urls();
    assert_eq!(urls.len(), 6);
    assert!(urls.iter().all(|url| url.starts_with("http://pictures.example/")), "{urls:?}");
    let line = lines(&case, &["in"]).remove(0);
    assert_eq!((line.target.as_deref(), line.proxies.len()), (Some("http://pictures.example/alone.jpg"), 1));
}

#[test]
fn what_was_learned_is_known_to_later_runs() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/b.html", witnesses(0, 5));
    let sync = |input| {
        case.imgmirror(&["sync", input, "--json"]).args(origin.flags()).run(0);
        origin.take_urls()
    };
    sync("in");
    case.write("later/a.html", format!("<img src='{UNKNOWN}http://pictures.example/alone.jpg'>"));
    assert_eq!(sync("later"), ["http://pictures.example/alone.jpg"]);
}

#[test]
fn witnesses_of_a_later_run_change_what_earlier_documents_mean() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", format!("<img src='{UNKNOWN}http://pictures.example/alone.jpg'>"));
    let sync = || {
        let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
        (summary, origin.take_urls())
    };
    assert_eq!(sync().1, [format!("{UNKNOWN}http://pictures.example/alone.jpg")]);
    case.write("in/b.html", witnesses(0, 5));
    let (summary, urls) = sync();
    assert!(urls.contains(&"http://pictures.example/alone.jpg".to_owned()), "{urls:?}");
    assert_eq!(summary["references"]["mirrored"], 11);
    let (summary, urls) = sync();
    assert_eq!((urls.len(), &summary["documents"]["written"]), (0, &0.into()));
}

#[test]
fn the_users_own_rule_needs_no_witness() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", format!("<img src='{UNKNOWN}http://pictures.example/alone.jpg'>"));
    let rule = format!("--proxy-rule={UNKNOWN}");
    case.imgmirror(&["sync", "in", &rule]).args(origin.flags()).run(0);
    assert_eq!(origin.take_urls(), ["http://pictures.example/alone.jpg"]);
}

#[test]
fn a_small_picture_beside_a_large_one_witnesses_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page: String = (0..9)
        .map(|n| format!("<img src='http://t.example/s/{n}.jpg' data-original='http://t.example/l/{n}.jpg'>"))
        .collect();
    case.write("in/a.html", page);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(origin.take_urls().len(), 18);
}
