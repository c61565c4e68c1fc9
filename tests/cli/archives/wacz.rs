use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::tools::{run, tool};
use super::{bundle, mirror};
use crate::support::{Case, pictures};

/// Takes the records out of an archive.
fn records(case: &Case, archive: &Path) -> PathBuf {
    let to = case.at("data.warc.gz");
    let mut zip = zip::ZipArchive::new(File::open(archive).unwrap()).unwrap();
    let mut bytes = Vec::new();
    zip.by_name("archive/data.warc.gz").unwrap().read_to_end(&mut bytes).unwrap();
    fs::write(&to, bytes).unwrap();
    to
}

/// What warcio tells of each record, as maps of fields.
fn listed(warc: &Path) -> Vec<BTreeMap<String, String>> {
    let fields = "warc-type,warc-target-uri,warc-date,warc-payload-digest,warc-profile,warc-refers-to-target-uri,\
                  warc-refers-to-date,warc-truncated,warc-record-id,http:status,http:content-length,http:x-archive-orig-content-encoding,\
                  http:content-encoding,http:etag";
    let told = run("warcio", &["index".as_ref(), "-f".as_ref(), fields.as_ref(), warc.as_os_str()]);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'r>(records: &'r [BTreeMap<String, String>], kind: &str, url: &str) -> Vec<&'r BTreeMap<String, String>> {
    records.iter().filter(|r| r["warc-type"] == kind && r.get("warc-target-uri").is_some_and(|u| u == url)).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

#[test]
fn independent_readers_find_the_archive_whole() {
    let (case, _origin) = mirror();
    let archive = bundle(&case, "wacz", "out/all.wacz");
    let said = run("wacz", &["validate".as_ref(), "-f".as_ref(), archive.as_os_str()]);
    assert!(said.contains("the passed WACZ is valid"), "{said}");
    let warc = records(&case, &archive);
    run("warcio", &["check".as_ref(), warc.as_os_str()]);
    let again = bundle(&case, "wacz", "out/again.wacz");
    assert!(fs::read(&archive).unwrap() == fs::read(again).unwrap(), "the same mirror gives the same bytes");
}

#[test]
fn records_say_what_was_captured_and_no_more() {
    let (case, _origin) = mirror();
    let warc = records(&case, &bundle(&case, "wacz", "all.wacz"));
    let records = listed(&warc);
    let ids: std::collections::BTreeSet<_> = records.iter().map(|record| &record["warc-record-id"]).collect();
    assert_eq!(ids.len(), records.len(), "names are unique");

    let last = of(&records, "response", "http://p.example/deep/final.jpg");
    let picture = pictures::for_url("http://p.example/deep/final.jpg");
    assert_eq!((last.len(), &last[0]["warc-payload-digest"]), (1, &digest(&picture)));
    assert!(of(&records, "response", "http://p.example/redirected.jpg").is_empty());

    let coded = of(&records, "response", "http://p.example/coded.png");
    let picture = pictures::png("coded");
    assert_eq!(coded[0]["http:content-length"], picture.len().to_string());
    assert_eq!(coded[0]["http:x-archive-orig-content-encoding"], "gzip");
    assert!(!coded[0].contains_key("http:content-encoding"));

    // Two URLs with the same bytes: one response; the others refer to it.
    let same = digest(&pictures::png("same"));
    let whole: Vec<_> =
        records.iter().filter(|r| r["warc-type"] == "response" && r["warc-payload-digest"] == same).collect();
    assert_eq!(whole.len(), 1);
    let not_modified = of(&records, "revisit", "http://p.example/a.png");
    let not_modified = not_modified.iter().find(|record| record["http:status"] == "304").unwrap();
    assert_eq!(not_modified["warc-profile"], "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
    assert_eq!(
        (&not_modified["http:etag"], &not_modified["warc-refers-to-target-uri"]),
        (&"\"a\"".to_owned(), &whole[0]["warc-target-uri"])
    );
    let twice = of(&records, "revisit", "http://p.example/same-bytes.png");
    let identical = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
    let twice = twice.iter().find(|record| record["warc-profile"] == identical).unwrap();
    assert_eq!((&twice["warc-payload-digest"], twice["warc-truncated"].as_str()), (&same, "length"));
    assert!(!not_modified.contains_key("warc-truncated"));

    // What no server sent is no response.
    let beside = digest(&pictures::png("beside"));
    let local: Vec<_> = records.iter().filter(|r| r.get("warc-payload-digest") == Some(&beside)).collect();
    assert_eq!((local.len(), local[0]["warc-type"].as_str()), (1, "resource"));
}

#[test]
fn where_pictures_came_from_is_told() {
    let (case, _origin) = mirror();
    let warc = records(&case, &bundle(&case, "wacz", "all.wacz"));
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(File::open(warc).unwrap()).read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let told = text.split("WARC/1.1\r\n").find(|record| {
        record.starts_with("WARC-Type: metadata") && record.contains("answered: http://p.example/deep/final.jpg")
    });
    let told = told.unwrap();
    for line in [
        "target: http://p.example/redirected.jpg",
        "source: http://p.example/redirected.jpg",
        "redirect: http://p.example/redirected.jpg",
        "proxies-peeled: 1",
        "document: One.html",
        "documents: 1",
    ] {
        assert!(told.contains(&format!("\r\n{line}\r\n")), "{line}: {told}");
    }
}

#[test]
fn a_rebuilt_catalog_gives_no_responses() {
    let (case, _origin) = mirror();
    for name in crate::support::names(&case.at("mirror")).iter().filter(|name| name.starts_with("catalog")) {
        fs::remove_file(case.at("mirror").join(name)).unwrap();
    }
    case.imgmirror(&["check", "--rebuild"]).run(3);
    case.imgmirror(&["sync", "in", "--offline"]).run(3);
    let archive = bundle(&case, "wacz", "all.wacz");
    let said = run("wacz", &["validate".as_ref(), "-f".as_ref(), archive.as_os_str()]);
    assert!(said.contains("the passed WACZ is valid"), "{said}");
    let records = listed(&records(&case, &archive));
    assert!(records.iter().all(|record| !matches!(record["warc-type"].as_str(), "response" | "revisit")));
    let twice = digest(&pictures::for_url("http://p.example/twice.png"));
    assert!(records.iter().any(|record| record.get("warc-payload-digest") == Some(&twice)));
}

#[test]
fn keys_are_those_that_surt_writes() {
    let (case, _origin) = mirror();
    let archive = bundle(&case, "wacz", "all.wacz");
    let mut zip = zip::ZipArchive::new(File::open(archive).unwrap()).unwrap();
    let mut lines = String::new();
    let packed = zip.by_name("indexes/index.cdx.gz").unwrap();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut lines).unwrap();
    let known = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bundle/surt.txt")).unwrap();
    let mut pairs: Vec<(String, String)> = known
        .lines()
        .map(|line| line.split_once(' ').map(|(url, key)| (url.to_owned(), key.to_owned())).unwrap())
        .collect();
    for line in lines.lines() {
        let mut parts = line.splitn(3, ' ');
        let key = parts.next().unwrap().to_owned();
        let json: Value = serde_json::from_str(parts.nth(1).unwrap()).unwrap();
        pairs.push((json["url"].as_str().unwrap().to_owned(), key));
    }
    assert!(pairs.len() > 50 && lines.lines().is_sorted());
    let program = "import surt, sys\nfor url in sys.argv[1:]: print(surt.surt(url))";
    let output = tool("python3").args(["-c", program]).args(pairs.iter().map(|(url, _)| url)).output().unwrap();
    let keys = String::from_utf8(output.stdout).unwrap();
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys, pairs.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>());
}
