use super::human::{number, time};
use super::*;
use insta::assert_snapshot;

fn shown(ending: Ending) -> Shown<'static> {
    Shown {
        ending,
        asking: Asking::Servers,
        result: Path::new("mirror/documents"),
        report: Some(Path::new("mirror/report.html")),
    }
}

fn complete() -> Summary {
    Summary {
        documents: Documents { read: 5, written: 4, unchanged: 1, failed: 0 },
        references: References { total: 1120, mirrored: 1115, skipped: 5, missing: 0 },
        assets: Assets { total: 46, captured: 31, revisited: 2, held: 10, rescued: 3, failed: 0, refused: 0 },
        bytes: Bytes { received: 13_000_000, stored: 12_700_000 },
        requests: 52,
        seconds: 8.1234,
        ..Summary::default()
    }
}

fn with_failures() -> Summary {
    let mut summary = complete();
    summary.assets = Assets { total: 46, captured: 41, failed: 4, refused: 1, ..Assets::default() };
    let table = [
        ("https://i.example/b.png", "forbidden", "the server said 403"),
        ("https://i.example/a.png", "forbidden", "the server said 401"),
        ("https://i.example/c.png", "gone", "the server said 404"),
        ("https://slow.example/c.png", "timeout", "no byte for 30 s"),
        ("http://10.0.0.5:8080/x", "out-of-scope", "10.0.0.5 is a private address; --allow 10.0.0.5:8080 permits it"),
    ];
    for (target, kind, detail) in table {
        summary.failures.add(Failed { target, kind, detail, attempts: 1 }, [Path::new("a.html")]);
    }
    summary
}

#[test]
fn a_complete_run() {
    assert_snapshot!(complete().to_text(&shown(Ending::Finished)), @"
    Every picture is here.

    Documents   5 read, 4 written, 1 unchanged
    References  1,120 found, 1,115 mirrored, 5 skipped
    Pictures    46 of 46 kept: 31 new, 10 held, 2 identical, 3 rescued from another source
    Received    12.4 MiB in 52 requests and 8.1 s; 12.1 MiB new

    Result      mirror/documents
    Report      mirror/report.html
    ");
}

#[test]
fn a_second_run() {
    let summary = Summary {
        documents: Documents { read: 1, unchanged: 1, ..Documents::default() },
        references: References { total: 1, mirrored: 1, ..References::default() },
        assets: Assets { total: 1, held: 1, ..Assets::default() },
        ..Summary::default()
    };
    assert_snapshot!(summary.to_text(&shown(Ending::Finished)), @"
    Nothing has changed: every picture is held and every document is up to date.

    Documents   1 read, 1 unchanged
    References  1 found, 1 mirrored
    Pictures    1 of 1 kept: 1 held

    Result      mirror/documents
    Report      mirror/report.html
    ");
}

#[test]
fn a_run_with_failures() {
    assert_snapshot!(with_failures().to_text(&shown(Ending::Finished)), @"
    5 of 46 pictures missing.

    Documents   5 read, 4 written, 1 unchanged
    References  1,120 found, 1,115 mirrored, 5 skipped
    Pictures    41 of 46 kept: 41 new
    Received    12.4 MiB in 52 requests and 8.1 s; 12.1 MiB new

    Missing
      2 × forbidden     i.example      the server said 401
      1 × out-of-scope  10.0.0.5:8080  10.0.0.5 is a private address; --allow 10.0.0.5:8080 permits it
      1 × gone          i.example      the server said 404
      1 × timeout       slow.example   no byte for 30 s

    Result      mirror/documents
    Report      mirror/report.html
    Next        --allow HOST:PORT or --allow-private, if you trust these documents with your network
                run the same command again later: some of these failures may pass
                --referer origin, --user-agent or --via-proxy, with --retry-failed, where pictures are refused to strangers
    ");
}

#[test]
fn an_interrupted_run() {
    let mut summary = complete();
    summary.assets.total = 60;
    summary.assets.failed = 1;
    assert_snapshot!(summary.to_text(&shown(Ending::Interrupted)), @"
    Interrupted; what was done is saved. 1 of 60 pictures missing.

    Documents   5 read, 4 written, 1 unchanged
    References  1,120 found, 1,115 mirrored, 5 skipped
    Pictures    46 of 60 kept: 31 new, 10 held, 2 identical, 3 rescued from another source, 13 not reached yet
    Received    12.4 MiB in 52 requests and 8.1 s; 12.1 MiB new

    Result      mirror/documents
    Report      mirror/report.html
    Next        run the same command again to go on
    ");
}

#[test]
fn a_dry_run() {
    let summary = Summary { requests: 0, assets: Assets { total: 46, held: 10, ..Assets::default() }, ..complete() };
    assert_snapshot!(summary.to_text(&shown(Ending::Planned)), @"
    A dry run: nothing was asked for, nothing was written.

    Documents   5 read, 4 to write, 1 unchanged
    References  1,120 found, 1,115 mirrored, 5 skipped
    Pictures    46 needed, 10 held

    Next        run the same command without --dry-run
    ");
}

#[test]
fn a_run_over_nothing() {
    assert_snapshot!(Summary::default().to_text(&shown(Ending::Finished)), @"
    No documents were found.

    Next        name a document; folders are searched for .html, .md, .txt, .css, .svg and the like
    ");
}

#[test]
fn a_run_that_found_no_pictures() {
    let summary =
        Summary { documents: Documents { read: 2, unchanged: 2, ..Documents::default() }, ..Summary::default() };
    assert_snapshot!(summary.to_text(&shown(Ending::Finished)), @"
    No pictures to fetch were found.

    Documents   2 read, 2 unchanged
    References  0 found
    Pictures    none to fetch

    Result      mirror/documents
    Report      mirror/report.html
    Next        `imgmirror links` shows what is found; --select and --key name further places to look
    ");
}

#[test]
fn a_run_over_relative_references() {
    let summary = Summary { without_base: 5, ..complete() };
    assert_snapshot!(summary.to_text(&shown(Ending::Finished)), @"
    Every picture is here, save 5 relative references without a base.

    Documents   5 read, 4 written, 1 unchanged
    References  1,120 found, 1,115 mirrored, 5 skipped
    Pictures    46 of 46 kept: 31 new, 10 held, 2 identical, 3 rescued from another source
    Received    12.4 MiB in 52 requests and 8.1 s; 12.1 MiB new

    Result      mirror/documents
    Report      mirror/report.html
    Next        --base-url URL, for relative references in documents that name no base
    ");
}

#[test]
fn a_run_with_failed_documents() {
    let mut summary = complete();
    summary.documents.failed = 2;
    let text = summary.to_text(&shown(Ending::Finished));
    assert!(text.starts_with("2 documents could not be mirrored.\n"), "{text}");
    let summary = Summary { documents: Documents { failed: 1, ..Documents::default() }, ..Summary::default() };
    assert_eq!(summary.to_text(&shown(Ending::Finished)), "1 document could not be mirrored.\n");
}

#[test]
fn many_groups_are_cut_and_the_rest_is_counted() {
    let mut summary = complete();
    for host in 0..25 {
        let target = format!("https://h{host:02}.example/x.png");
        let failed = Failed { target: &target, kind: "gone", detail: "the server said 404", attempts: 1 };
        summary.failures.add(failed, []);
    }
    let text = summary.to_text(&shown(Ending::Finished));
    assert_eq!(text.matches(" × ").count(), 10);
    assert!(text.contains("\n  and 15 more; see mirror/report.html\n"), "{text}");
    let without_report = Shown { report: None, ..shown(Ending::Finished) };
    assert!(summary.to_text(&without_report).contains("\n  and 15 more; --json lists them\n"));
}

#[test]
fn the_json_is_that_of_the_contract() {
    assert_snapshot!(with_failures().to_json(), @r#"{"documents":{"read":5,"written":4,"unchanged":1,"failed":0},"references":{"total":1120,"mirrored":1115,"skipped":5,"missing":0},"assets":{"total":46,"captured":41,"revisited":0,"held":0,"rescued":0,"failed":4,"refused":1},"bytes":{"received":13000000,"stored":12700000},"requests":52,"seconds":8.123,"failures":[{"target":"http://10.0.0.5:8080/x","kind":"out-of-scope","detail":"10.0.0.5 is a private address; --allow 10.0.0.5:8080 permits it","attempts":1,"documents":["a.html"]},{"target":"https://i.example/a.png","kind":"forbidden","detail":"the server said 401","attempts":1,"documents":["a.html"]},{"target":"https://i.example/b.png","kind":"forbidden","detail":"the server said 403","attempts":1,"documents":["a.html"]},{"target":"https://i.example/c.png","kind":"gone","detail":"the server said 404","attempts":1,"documents":["a.html"]},{"target":"https://slow.example/c.png","kind":"timeout","detail":"no byte for 30 s","attempts":1,"documents":["a.html"]}]}"#);
}

#[test]
fn all_fields_are_always_there() {
    let value: serde_json::Value = serde_json::from_str(&Summary::default().to_json()).unwrap();
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&value), "assets bytes documents failures references requests seconds");
    assert_eq!(names(&value["documents"]), "failed read unchanged written");
    assert_eq!(names(&value["references"]), "mirrored missing skipped total");
    assert_eq!(names(&value["assets"]), "captured failed held refused rescued revisited total");
    assert_eq!(names(&value["bytes"]), "received stored");
    assert_eq!(value["failures"], serde_json::json!([]));
}

#[test]
fn what_a_server_says_is_harmless_in_text_and_json() {
    let mut summary = complete();
    let failed = Failed {
        target: "https://user:secret@i.example/\u{202e}gpj",
        kind: "connection",
        detail: "\u{1b}[2J\u{9b}31m from https://user:secret@i.example/\nfake line",
        attempts: 2,
    };
    summary.failures.add(failed, [Path::new("\u{1b}]0;x\u{7}.html")]);
    let json = summary.to_json();
    for output in [summary.to_text(&shown(Ending::Finished)), json.clone()] {
        assert!(!output.contains("secret"), "{output}");
        assert!(!output.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{output:?}");
        assert!(!output.contains("\nfake"), "{output}");
    }
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["failures"][0]["documents"][0], "\u{1b}]0;x\u{7}.html");
}

#[test]
fn memory_is_bounded_and_what_is_kept_does_not_depend_on_the_order() {
    let targets: Vec<String> = (0..3000).map(|i| format!("https://h{i:04}.example/")).collect();
    let documents: Vec<String> = (0..30).map(|i| format!("{i:02}.html")).collect();
    let collect = |targets: &mut dyn Iterator<Item = &String>| {
        let mut summary = Summary::default();
        for target in targets {
            let failed = Failed { target, kind: "gone", detail: &"x".repeat(1_000), attempts: 1 };
            summary.failures.add(failed, documents.iter().rev().map(Path::new));
        }
        assert_eq!(summary.failures.groups.len(), MAX_GROUPS);
        assert_eq!(summary.failures.beyond, 2000);
        summary.to_json()
    };
    let json = collect(&mut targets.iter());
    assert_eq!(json, collect(&mut targets.iter().rev()));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["failures"].as_array().unwrap().len(), MAX_FAILURES);
    assert_eq!(value["failures"][999]["target"], "https://h0999.example/");
    assert_eq!(value["failures"][0]["documents"].as_array().unwrap().len(), MAX_DOCUMENTS);
    assert_eq!(value["failures"][0]["documents"][19], "19.html");
}

#[test]
fn a_warning_is_one_harmless_line() {
    let told = "cannot be read:\n\u{1b}[31mhttps://u:p@i.example/";
    assert_eq!(
        warning(Path::new("a\n.html"), &told),
        "warning: a\\n.html: cannot be read:\\n\\u{1b}[31mhttps://***@i.example/"
    );
}

#[test]
fn numbers_and_times_are_easy_to_read() {
    assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!(
        [0.04, 9.4, 9.96, 59.7, 200.0, 7500.0].map(time),
        ["0.0 s", "9.4 s", "10 s", "1 min 0 s", "3 min 20 s", "2 h 5 min"]
    );
}
