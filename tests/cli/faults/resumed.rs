//! Bodies that break off in the middle of an entity with a validator: what is asked for next, and what is made of the
//! answer.

use super::{Fault, assert_faults, drawn, failed, fault, ok, stored, with_fields};
use crate::support::{Asked, Reply};

const ETAG: &str = "ETag: \"one\"\r\n";

/// The first bytes of a picture that are sent before the connection ends.
const SENT: usize = 40;

/// Sends the first part of a picture under these fields, then ends the connection.
fn cut(fields: &str, picture: &[u8]) -> Reply {
    let head = format!("{fields}Content-Length: {}\r\n", picture.len());
    Reply::head("200 OK", &head).say(&picture[..SENT]).close()
}

/// A 206 with these fields.
fn part(fields: &str, bytes: &[u8]) -> Reply {
    Reply::head("206 Partial Content", &format!("{fields}Content-Length: {}\r\n", bytes.len())).say(bytes)
}

/// Breaks off at first. A request for the rest is answered with `rest`, and one for the whole with the picture.
fn then_rest(fields: &'static str, picture: &[u8], rest: Reply) -> impl Fn(&Asked) -> Reply + use<> {
    let (cut, whole) = (cut(fields, picture), ok(picture));
    move |asked| match (asked.before, asked.header("range")) {
        (0, _) => cut.clone(),
        (_, Some(_)) => rest.clone(),
        _ => whole.clone(),
    }
}

#[test]
fn the_rest_of_a_body_is_asked_for_and_put_behind_its_beginning() {
    let picture = drawn::png("rest");
    let (last, total) = (picture.len() - 1, picture.len());
    let range = move |from: usize| format!("Content-Range: bytes {from}-{last}/{total}\r\n");
    let at_once = part(&format!("{ETAG}{}", range(SENT)), &picture[SENT..]);
    // The rest breaks off as well, and the rest of the rest comes.
    let twice = {
        let fields = format!("{ETAG}{}Content-Length: {}\r\n", range(SENT), total - SENT);
        let second = Reply::head("206 Partial Content", &fields).say(&picture[SENT..SENT + 10]).close();
        let (first, third) = (cut(ETAG, &picture), part(&format!("{ETAG}{}", range(SENT + 10)), &picture[SENT + 10..]));
        move |asked: &Asked| [&first, &second, &third][asked.before].clone()
    };
    let dated = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    let log = assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault("at-once", then_rest(ETAG, &picture, at_once.clone()), stored(picture.clone()), 2),
            fault("twice", twice, stored(picture.clone()), 3),
            fault("by-date", then_rest(dated, &picture, part(&range(SENT), &picture[SENT..])), stored(picture), 2),
        ],
    );
    let asked = |row: &str, number: usize| {
        let asked: &Asked = &log[row][number];
        (asked.header("range").map(str::to_owned), asked.header("if-range").map(str::to_owned))
    };
    let said = |range: &str, validator: &str| (Some(range.to_owned()), Some(validator.to_owned()));
    assert_eq!(asked("at-once", 1), said("bytes=40-", "\"one\""));
    assert_eq!(asked("twice", 1), said("bytes=40-", "\"one\""));
    assert_eq!(asked("twice", 2), said("bytes=50-", "\"one\""));
    assert_eq!(asked("by-date", 1), said("bytes=40-", "Wed, 21 Oct 2015 07:28:00 GMT"));
}

#[test]
fn parts_that_do_not_belong_together_are_dropped_and_the_whole_is_asked_for() {
    let picture = drawn::png("odd");
    let (last, total) = (picture.len() - 1, picture.len());
    let rows: [(&str, String, &str); 9] = [
        ("wrong-total", format!("bytes 40-{}/{}", last + 9, total + 9), ETAG),
        ("other-total", format!("bytes 40-{last}/{}", total + 9), ETAG),
        ("unknown-total", format!("bytes 40-{last}/*"), ETAG),
        ("wrong-start", format!("bytes 39-{last}/{total}"), ETAG),
        ("from-zero", format!("bytes 0-{last}/{total}"), ETAG),
        ("backwards", format!("bytes {last}-40/{total}"), ETAG),
        ("no-numbers", "bytes all of it".to_owned(), ETAG),
        ("other-etag", format!("bytes 40-{last}/{total}"), "ETag: \"two\"\r\n"),
        ("coded", format!("bytes 40-{last}/{total}"), "Content-Encoding: gzip\r\n"),
    ];
    let rest = |range: &str, fields: &str| part(&format!("{fields}Content-Range: {range}\r\n"), &picture[SENT..]);
    let mut faults: Vec<Fault> = rows
        .iter()
        .map(|(name, range, fields)| {
            fault(name, then_rest(ETAG, &picture, rest(range, fields)), stored(picture.clone()), 3)
        })
        .collect();
    let multipart = part("Content-Type: multipart/byteranges; boundary=b\r\n", b"--b\r\n\r\nxx\r\n--b--\r\n");
    faults.push(fault("multipart", then_rest(ETAG, &picture, multipart), stored(picture.clone()), 3));
    let unsatisfiable = Reply::head("416 Range Not Satisfiable", "Content-Length: 0\r\nContent-Range: bytes */40\r\n");
    faults.push(fault("unsatisfiable", then_rest(ETAG, &picture, unsatisfiable), stored(picture.clone()), 3));
    let log = assert_faults(&["--retries=2", "--backoff=1ms"], faults);
    for (row, log) in log {
        assert!(log[1].header("range").is_some() && log[2].header("range").is_none(), "{row}: {log:?}");
    }
}

#[test]
fn an_entity_that_changed_between_two_tries_is_the_new_one_from_its_start() {
    let (old, new) = (drawn::png("old"), drawn::jpeg("new"));
    // If-Range fails: the server sends all of the new one.
    let all_of_it = with_fields("ETag: \"two\"\r\n", &new);
    let changed = then_rest(ETAG, &old, all_of_it.clone());
    // It changes without a validator: nothing is asked for but the whole.
    let (first, second) = (cut("ETag: W/\"weak\"\r\n", &old), all_of_it);
    let weak = move |asked: &Asked| [&first, &second][asked.before].clone();
    let log = assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![fault("changed", changed, stored(new.clone()), 2), fault("weak", weak, stored(new), 2)],
    );
    assert!(log["changed"][1].header("if-range").is_some());
    assert!(log["weak"][1].header("range").is_none());
}

#[test]
fn a_part_of_what_was_not_asked_in_parts_is_no_picture() {
    let picture = drawn::png("unasked");
    let (last, total) = (picture.len() - 1, picture.len());
    let whole = part(&format!("Content-Range: bytes 0-{last}/{total}\r\n"), &picture);
    let middle = part(&format!("Content-Range: bytes 40-{last}/{total}\r\n"), &picture[SENT..]);
    let beginning = part(&format!("Content-Range: bytes 0-39/{total}\r\n"), &picture[..SENT]);
    let unsaid = part("", &picture);
    let refuses = {
        let cut = cut("ETag: \"one\"\r\nAccept-Ranges: none\r\n", &picture);
        move |_: &Asked| cut.clone()
    };
    let log = assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            fault("whole", super::always(whole), stored(picture.clone()), 1),
            fault("middle", super::always(middle), failed("truncated", "206"), 2),
            fault("beginning", super::always(beginning), failed("truncated", "206"), 2),
            fault("without-range", super::always(unsaid), failed("truncated", "206"), 2),
            fault("refuses-ranges", refuses, failed("truncated", "end of file"), 2),
        ],
    );
    assert!(log.values().flatten().all(|asked| asked.header("range").is_none()), "{log:?}");
}
