//! A certificate that does not prove the host's name: nothing is fetched, nothing is tried around it.

use serde_json::Value;

use crate::support::{Answer, Case, Certificate, Mirror, Origin, assert_adds_up};

const TARGET: &str = "https://pictures.example/a.png";
const PAGE: &str = "<img src='https://pictures.example/a.png'>";

/// What leads everything here, with the authority trusted, and every failure that may pass tried again at once.
fn flags(origin: &Origin) -> Vec<String> {
    [origin.flags(), vec!["--json".into(), "--retries=2".into(), "--backoff=1ms".into()]].concat()
}

/// The one asset failed as `tls`, with one request at most, as in all of so many runs, and the origin was never asked
/// for anything.
#[track_caller]
fn assert_refused(summary: &Value, origin: &Origin, runs: usize) {
    assert_adds_up(summary);
    let failure = &summary["failures"][0];
    assert_eq!((&failure["target"], &failure["kind"]), (&TARGET.into(), &"tls".into()), "{failure}");
    assert_eq!((&failure["attempts"], &summary["requests"]), (&runs.into(), &1.into()), "{failure}");
    assert_eq!(origin.take_urls(), Vec::<String>::new(), "neither over TLS nor without");
    assert_eq!(origin.connections(), runs, "tried once a run: {failure}");
}

#[test]
fn a_bad_certificate_is_a_failure_and_is_tried_once() {
    for (certificate, told) in [
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::SelfSigned, "invalid peer certificate"),
        (Certificate::ForAnotherName, "not valid for name \"pictures.example\""),
        (Certificate::OfAnotherAuthority, "invalid peer certificate"),
    ] {
        let (case, origin) = (Case::new(), Origin::with_certificate(certificate, Answer::picture));
        case.write("in/a.html", PAGE);
        let summary = case.imgmirror(&["sync", "in"]).args(flags(&origin)).run(3).json();
        assert_refused(&summary, &origin, 1);
        let detail = summary["failures"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{certificate:?}: {detail}");
        assert_eq!(case.text("mirror/documents/a.html"), PAGE, "{certificate:?}");
        assert!(!case.exists("mirror/assets"), "{certificate:?}");
    }
}

#[test]
fn an_authority_counts_only_where_it_is_named() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    let untold: Vec<_> = flags(&origin).into_iter().filter(|flag| !flag.starts_with("--cacert")).collect();
    for runs in 1..=3 {
        let summary = case.imgmirror(&["sync", "in"]).args(&untold).run(3).json();
        assert_refused(&summary, &origin, runs);
    }

    // What was refused is had at once when its user names the authority.
    let summary = case.imgmirror(&["sync", "in"]).args(flags(&origin)).run(0).json();
    assert_eq!((&summary["assets"]["captured"], &summary["requests"]), (&1.into(), &1.into()));
    assert_eq!(origin.take_urls(), [TARGET]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 1);
}

#[test]
fn an_authority_may_be_one_of_several() {
    let (case, origin, other) = (Case::new(), Origin::of_pictures(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    let more = format!("--cacert={}", other.certificate().display());
    case.imgmirror(&["sync", "in", &more]).args(flags(&origin)).run(0);
    let both = [std::fs::read(other.certificate()).unwrap(), std::fs::read(origin.certificate()).unwrap()].concat();
    case.write("both.pem", both);
    let untold = flags(&origin).into_iter().filter(|flag| !flag.starts_with("--cacert"));
    case.imgmirror(&["sync", "in", "--refresh", "--cacert=both.pem"]).args(untold).run(0);
    assert_eq!(origin.take_urls(), [TARGET; 2]);
}

#[test]
fn plain_http_where_tls_is_due_is_a_failure_of_tls() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    let connect = format!("--connect-to=:443:{}", origin.plain());
    let run = case.imgmirror(&["sync", "in", &connect]);
    let summary = run.args(flags(&origin).into_iter().filter(|flag| !flag.contains("=:443:"))).run(3).json();
    assert_refused(&summary, &origin, 1);
}

#[test]
fn a_redirect_to_a_bad_certificate_is_a_failure_too() {
    let (case, origin) = (Case::new(), Origin::with_certificate(Certificate::Expired, |_| Answer::redirect(TARGET)));
    case.write("in/a.html", "<img src='http://pictures.example/first.png'>");
    let summary = case.imgmirror(&["sync", "in"]).args(flags(&origin)).run(3).json();
    assert_adds_up(&summary);
    assert_eq!(summary["failures"][0]["kind"], "tls", "{summary}");
    assert_eq!(origin.take_urls(), ["http://pictures.example/first.png"]);
}

#[test]
fn a_file_without_certificates_stops_the_run_with_its_name() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let pem = |body| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    case.write("in/a.html", PAGE).write("empty.pem", "").write("text.pem", "no certificate").write("key.pem", key);
    case.write("broken.pem", pem("no base64!"))
        .write("odd.pem", pem("AAAA"))
        .write("binary.pem", [0x30, 0x82, 0xff, 0, 0x80]);
    for name in ["missing.pem", "empty.pem", "text.pem", "key.pem", "broken.pem", "odd.pem", "binary.pem", "in"] {
        // Alone, and beside one that is good.
        for good in [&[][..], &origin.flags()] {
            let ran = case.imgmirror(&["sync", "in", &format!("--cacert={name}")]).args(good).run(1);
            ran.stderr_has("--cacert").stderr_has(name);
        }
    }
    assert_eq!(origin.connections(), 0);
    assert!(!case.exists("mirror"), "nothing was begun");
}
