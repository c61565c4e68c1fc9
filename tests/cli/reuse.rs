//! Connections over HTTP/1.1 are used again: a host is not made to open one for every picture.
//!
//! How many are opened is not told to the last one: a connection comes back to the client's pool a moment after its
//! response has ended, and a request that begins within this moment opens another, which is kept as well. So there are
//! never more than twice as many as are in use at once, however many pictures there are.

use crate::support::{Answer, Asked, Case, Origin, Run, assert_adds_up};

const PICTURES: usize = 50;

fn sync<'a>(case: &'a Case, origin: &Origin, flags: &[&str]) -> Run<'a> {
    let page: String = (0..PICTURES).map(|n| format!("<img src='http://pictures.example/{n}.png'>\n")).collect();
    case.write("in/a.html", page);
    case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).args(flags)
}

/// So many connections at the most for so many transfers at once.
const fn at_most(transfers: usize) -> usize {
    2 * transfers + 1
}

/// All of this many requests came over a few connections.
#[track_caller]
fn assert_reused(origin: &Origin, requests: usize, transfers: usize) {
    let opened = origin.connections();
    assert!((1..=at_most(transfers)).contains(&opened), "{opened} connections for {requests} requests");
    assert_eq!(origin.take_log().len(), requests);
}

fn is_odd(asked: &Asked) -> bool {
    asked.path.trim_end_matches(".png").ends_with(['1', '3', '5', '7', '9'])
}

#[test]
fn one_at_a_time_needs_hardly_more_than_one_connection() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    assert_adds_up(&sync(&case, &origin, &["--per-host=1"]).run(0).json());
    assert_reused(&origin, PICTURES, 1);
}

#[test]
fn several_at_a_time_need_hardly_more_connections_than_they_are() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    sync(&case, &origin, &["--per-host=4"]).run(0);
    assert_reused(&origin, PICTURES, 4);
}

#[test]
fn a_small_page_instead_of_a_picture_costs_no_connection() {
    for page in ["", "not found", &"not found ".repeat(400)] {
        let (case, body) = (Case::new(), page.to_owned());
        let origin =
            Origin::new(
                move |asked| {
                    if is_odd(asked) { Answer::status(404).body(body.clone()) } else { Answer::picture(asked) }
                },
            );
        let summary = sync(&case, &origin, &["--per-host=1"]).run(3).json();
        assert_eq!((&summary["assets"]["captured"], &summary["assets"]["failed"]), (&25.into(), &25.into()));
        assert_reused(&origin, PICTURES, 1);
    }
}

#[test]
fn a_large_page_instead_of_a_picture_costs_hardly_a_connection() {
    let (case, body) = (Case::new(), "not found ".repeat(6000));
    let origin = Origin::new(move |asked| match asked {
        asked if is_odd(asked) => Answer::status(404).body(body.clone()),
        asked => Answer::picture(asked),
    });
    sync(&case, &origin, &["--per-host=1"]).run(3);
    assert_eq!(origin.take_log().len(), PICTURES);
    // It is read to its end, and the client may notice a moment too late that its connection is free again.
    assert!(origin.connections() < PICTURES / 5, "{}", origin.connections());
}

#[test]
fn a_redirect_to_the_same_host_costs_no_connection() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.strip_prefix("/moved") {
        None if is_odd(asked) => Answer::redirect(&format!("/moved{}", asked.path)).body("moved ".repeat(50)),
        _ => Answer::picture(asked),
    });
    sync(&case, &origin, &["--per-host=1"]).run(0);
    assert_reused(&origin, PICTURES + PICTURES / 2, 1);
}

#[test]
fn what_climbs_the_referer_ladder_or_is_tried_again_costs_no_connection() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.header("referer") {
        Some(_) => Answer::picture(asked),
        None => Answer::status(403),
    });
    sync(&case, &origin, &["--per-host=1"]).run(0);
    // What worked for the first is tried first with the others.
    assert_reused(&origin, PICTURES + 1, 1);
}

#[test]
fn a_held_picture_that_has_not_changed_costs_no_connection() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.header("if-none-match") {
        Some(_) => Answer::not_modified(),
        None => Answer::picture(asked).header("ETag", "\"one\""),
    });
    sync(&case, &origin, &["--per-host=1"]).run(0);
    origin.take_log();
    let before = origin.connections();
    let summary = sync(&case, &origin, &["--per-host=1", "--refresh"]).run(0).json();
    assert_eq!(summary["assets"]["revisited"], PICTURES);
    assert!(origin.connections() - before <= at_most(1), "{}", origin.connections() - before);
}
