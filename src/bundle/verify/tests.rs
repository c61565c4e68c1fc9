//! A bundle that is proven, changed in one way each time.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::media_type::samples;
use crate::mirror::digest::Digest;
use crate::page::shell::{POLICY, POLICY_OF_ONE_FILE, STYLE};

/// The proof with the usual limit.
fn proof(path: &Path) -> anyhow::Result<Verdict> {
    verify(path, MAX_PAGE)
}

const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><g/></svg>";

/// The files of a small bundle. `inside` stands in the body of its page.
fn files(inside: &str) -> Vec<(String, Vec<u8>)> {
    let page = |up: &str, inside: &str| {
        format!(
            "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><meta charset=\"utf-8\"/>\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/><title>A</title>\
             <link rel=\"stylesheet\" href=\"{up}style.css\"/></head>\n<body>{inside}</body>\n</html>\n"
        )
    };
    let picture = "<p><img src=\"../assets/a.png\" alt=\"\"/><a href=\"../assets/b.svg\">b</a> \
                   <a href=\"https://h.example/\">out</a></p>";
    vec![
        ("assets/a.png".to_owned(), samples::png(b"")),
        ("assets/b.svg".to_owned(), DRAWING.into()),
        ("index.html".to_owned(), page("", "<a href=\"pages/a.html#x\">a</a>").into()),
        ("pages/a.html".to_owned(), page("../", &format!("{picture}{inside}")).into()),
        ("style.css".to_owned(), STYLE.into()),
    ]
}

fn with_sums(mut files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let sums: String = files.iter().map(|(name, bytes)| format!("{}  {name}\n", Digest::of(bytes))).collect();
    files.push((tree::SUMS.to_owned(), sums.into()));
    files
}

fn folder_of(files: &[(String, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// What is found in a folder of these files, with the digests that they have.
fn found(files: Vec<(String, Vec<u8>)>) -> Vec<(Kind, String)> {
    let folder = folder_of(&with_sums(files));
    kinds(&proof(folder.path()).unwrap())
}

fn kinds(verdict: &Verdict) -> Vec<(Kind, String)> {
    assert_eq!(verdict.findings.listed().len() as u64, verdict.findings.total());
    verdict
        .findings
        .listed()
        .iter()
        .map(|finding| (finding.kind, format!("{}: {}", finding.file, finding.what)))
        .collect()
}

#[track_caller]
fn assert_found(found: &[(Kind, String)], kind: Kind, what: &str) {
    assert!(found.iter().any(|(known, _)| *known == kind), "{what}: {kind:?} is not among {found:?}");
}

#[test]
fn a_good_bundle_is_proven_as_folder_and_as_archive() {
    let files = with_sums(files(""));
    let folder = folder_of(&files);
    let verdict = proof(folder.path()).unwrap();
    assert!(verdict.is_proven(), "{verdict:?}");
    assert_eq!(verdict.read, Read { bundles: 1, files: 6, pages: 2, pictures: 2 });
    let archive = folder.path().join("a.zip");
    zipped(&archive, &files);
    assert_eq!(proof(&archive).unwrap(), verdict);
}

const WAYS: &[(&str, Kind)] = &[
    ("<script>a()</script>", Kind::Script),
    ("<script src=\"http://h.example/a.js\"></script>", Kind::Script),
    ("<p onclick=\"a()\">x</p>", Kind::Script),
    ("<img src=\"../assets/a.png\" ONERROR=a()>", Kind::Script),
    ("<a href=\"javascript:a()\">x</a>", Kind::Script),
    ("<a href=\" java&#10;script:a()\">x</a>", Kind::Script),
    ("<noscript><p title=\"</noscript><img src=//h.example/a>\"></noscript>", Kind::Script),
    ("<iframe src=\"http://h.example/\"></iframe>", Kind::Frame),
    ("<iframe srcdoc=\"x\"></iframe>", Kind::Frame),
    ("<object data=\"http://h.example/\"></object>", Kind::Frame),
    ("<embed src=\"http://h.example/\">", Kind::Frame),
    ("<applet code=\"x\"></applet>", Kind::Frame),
    ("<portal src=\"http://h.example/\"></portal>", Kind::Frame),
    ("<form action=\"http://h.example/\"></form>", Kind::Form),
    ("<input type=image src=\"http://h.example/a.png\">", Kind::Form),
    ("<button formaction=\"http://h.example/\">x</button>", Kind::Form),
    ("<base href=\"http://h.example/\">", Kind::Base),
    ("<meta http-equiv=refresh content=\"0;url=http://h.example/\">", Kind::Refresh),
    ("<meta http-equiv=\"&#82;efresh\" content=\"0;url=http://h.example/\">", Kind::Refresh),
    ("<meta http-equiv=set-cookie content=\"a=b\">", Kind::Element),
    ("<meta name=theme-color content=red>", Kind::Element),
    ("<link rel=preload href=\"http://h.example/\">", Kind::Preload),
    ("<link rel=prefetch href=\"http://h.example/\">", Kind::Preload),
    ("<link rel=dns-prefetch href=\"//h.example\">", Kind::Preload),
    ("<link rel=preconnect href=\"http://h.example/\">", Kind::Preload),
    ("<link rel=manifest href=\"http://h.example/\">", Kind::Preload),
    ("<link rel=icon href=\"http://h.example/a.ico\">", Kind::Preload),
    ("<link rel=\"alternate stylesheet\" href=\"../style.css\">", Kind::Preload),
    ("<link rel=stylesheet href=\"http://h.example/a.css\">", Kind::Remote),
    ("<img src=\"http://h.example/a.png\">", Kind::Remote),
    ("<img/src=http://h.example/a.png>", Kind::Remote),
    ("<img src=\"//h.example/a.png\">", Kind::Remote),
    ("<img src=\"\\\\h.example\\a.png\">", Kind::Remote),
    ("<img src=\"&#104;ttp:&sol;&sol;h.example/a.png\">", Kind::Remote),
    ("<img src=\"h\nttp://h.example/a.png\">", Kind::Remote),
    ("<img src=\"/assets/a.png\">", Kind::Remote),
    ("<img src=\"../../assets/a.png\">", Kind::Remote),
    ("<img src=\"../assets/a.png?x\">", Kind::Remote),
    ("<img src=\"\">", Kind::Remote),
    ("<img src=\"blob:http://h.example/a\">", Kind::Remote),
    ("<img src=\"../assets/none.png\">", Kind::FileMissing),
    ("<img src=\"../assets/a.png\" srcset=\"http://h.example/a.png 2x\">", Kind::Remote),
    ("<img srcset=\"../assets/a.png 1x, //h.example/a.png 2x\">", Kind::Remote),
    ("<picture><source srcset=\"http://h.example/a.png\"></picture>", Kind::Remote),
    ("<img src=\"data:image/png;base64,AAAA\">", Kind::WrongType),
    ("<img src=\"data:text/html,x\">", Kind::WrongType),
    ("<img src=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' onload='a()'/%3E\">", Kind::Script),
    ("<a href=\"a.html\" ping=\"http://h.example/\">x</a>", Kind::Remote),
    ("<a href=\"none.html\">x</a>", Kind::LinkDangling),
    ("<a href=\"file:///etc/passwd\">x</a>", Kind::LinkDangling),
    ("<body background=\"http://h.example/a.png\">", Kind::Attribute),
    ("<img src=\"../assets/a.png\" dynsrc=\"http://h.example/a\">", Kind::Attribute),
    ("<img src=\"../assets/a.png\" crossorigin=\"\">", Kind::Attribute),
    ("<p nonce=\"x\">x</p>", Kind::Attribute),
    ("<p xmlns=\"http://www.w3.org/1998/Math/MathML\">x</p>", Kind::Attribute),
    ("<video src=\"http://h.example/a\"></video>", Kind::Element),
    ("<audio src=\"http://h.example/a\"></audio>", Kind::Element),
    ("<track src=\"http://h.example/a\">", Kind::Element),
    ("<bgsound src=\"http://h.example/a\">", Kind::Element),
    ("<marquee>x</marquee>", Kind::Element),
    ("<template><img src=\"../assets/a.png\"></template>", Kind::Element),
    ("<math href=\"http://h.example/\"></math>", Kind::Element),
    ("<x-y>x</x-y>", Kind::Element),
    ("<p style=\"background: url(http://h.example/a.png)\">x</p>", Kind::Style),
    ("<p style=\"background: u\\72l(//h.example/a.png)\">x</p>", Kind::Style),
    ("<p style=\"background: -webkit-image-set('//h.example/a' 1x)\">x</p>", Kind::Style),
    ("<style>@import 'http://h.example/a.css';</style>", Kind::Style),
    ("<style>@font-face { src: url(http://h.example/a) }</style>", Kind::Style),
    ("<style>p { background: url(../assets/a.png) }</style>", Kind::Style),
    ("<style><p title=\"</style><img src=http://h.example/a>\"></style>", Kind::Markup),
    ("<title><img src=\"../assets/a.png\"></title>", Kind::Markup),
    ("<!--><img src=\"http://h.example/a.png\">-->", Kind::Markup),
    ("<![CDATA[<img src=\"http://h.example/a.png\">]]>", Kind::Markup),
    ("<?xml-stylesheet href=\"http://h.example/a.css\"?>", Kind::Markup),
    ("<!DOCTYPE html SYSTEM \"http://h.example/a.dtd\">", Kind::Markup),
    ("<svg><script>a()</script></svg>", Kind::Script),
    ("<svg onload=\"a()\"></svg>", Kind::Script),
    ("<svg><image href=\"http://h.example/a.png\"/></svg>", Kind::Remote),
    ("<svg><image xlink:href=\"//h.example/a.png\"/></svg>", Kind::Remote),
    ("<svg><use href=\"http://h.example/a.svg#a\"/></svg>", Kind::Remote),
    ("<svg><use href=\"../assets/b.svg#a\"/></svg>", Kind::FileMissing),
    ("<svg><feImage href=\"http://h.example/a.png\"/></svg>", Kind::Element),
    ("<svg><foreignObject></foreignObject></svg>", Kind::Element),
    ("<svg><animate attributeName=\"href\" to=\"http://h.example/\"/></svg>", Kind::Element),
    ("<svg><set attributeName=\"onload\" to=\"a()\"/></svg>", Kind::Element),
    ("<svg><rect fill=\"url(http://h.example/a.svg#a)\"/></svg>", Kind::Style),
    ("<svg><style>@import 'http://h.example/a.css';</style></svg>", Kind::Style),
    ("\u{0}", Kind::Encoding),
    ("<meta charset=\"utf-7\">", Kind::Encoding),
];

#[test]
fn every_way_out_of_a_page_is_found() {
    assert!(WAYS.len() > 80);
    for (way, kind) in WAYS {
        assert_found(&found(files(way)), *kind, way);
    }
}

#[test]
fn harmless_markup_is_no_finding() {
    for inside in [
        "<p style=\"text-align: center\">a &lt;script&gt; b &amp;lt;</p>",
        "<img src=\"../assets/a.png\" srcset=\"../assets/a.png 2x, ../assets/a.png 640w\" alt=\"<script>\" width=\"3\"/>",
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><defs><linearGradient id=\"g\"/></defs>\
         <rect fill=\"url(#g)\" transform=\"rotate(3)\"/><use xlink:href=\"#g\"/></svg>",
        "<a href=\"mailto:a@h.example\">a</a><a href=\"#x\">x</a><a href=\"../index.html\">i</a>",
    ] {
        assert_eq!(found(files(inside)), [], "{inside}");
    }
}

#[test]
fn a_page_without_its_policy_is_found() {
    let change = |from: &str, to: &str| {
        let mut files = files("");
        let page = String::from_utf8(files[3].1.clone()).unwrap();
        assert!(page.contains(from));
        files[3].1 = page.replace(from, to).into_bytes();
        found(files)
    };
    let meta = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>");
    assert_found(&change(&meta, ""), Kind::Policy, "none");
    assert_found(&change("default-src 'none'", "default-src *"), Kind::Policy, "weak");
    assert_found(&change("img-src 'self'", "img-src 'self' https:"), Kind::Policy, "remote");
    assert_found(&change("<meta charset=\"utf-8\"/>", ""), Kind::Encoding, "no charset");
    assert_eq!(change("</body>", &format!("{meta}</body>")), [], "a second policy does no harm");
}

type Change = fn(&mut Vec<(String, Vec<u8>)>);

#[test]
fn every_change_of_a_file_is_found() {
    let changes: [(&str, Kind, Change); 13] = [
        ("a bit", Kind::DigestWrong, |files| files[0].1[40] ^= 1),
        ("a page", Kind::DigestWrong, |files| files[3].1.push(b' ')),
        ("an extra file", Kind::FileUnlisted, |files| files.push(("pages/b.html".into(), files[3].1.clone()))),
        ("an unknown file", Kind::FileUnknown, |files| files.push(("a.exe".into(), b"MZ".to_vec()))),
        ("a lost picture", Kind::FileMissing, |files| drop(files.remove(0))),
        ("a lost index", Kind::FileMissing, |files| drop(files.remove(2))),
        ("an edited stylesheet", Kind::Style, |files| files[4].1.extend(b"a { background: url(//h.example/) }")),
        ("a drawing that acts", Kind::Script, |files| files[1].1 = DRAWING.replace("<g/>", "<script/>").into()),
        ("a drawing that asks", Kind::Style, |files| {
            files[1].1 = DRAWING.replace("<g/>", "<style>@import '//h.example/'</style>").into();
        }),
        ("a drawing with entities", Kind::Markup, |files| {
            files[1].1 = format!("<!DOCTYPE svg [<!ENTITY e SYSTEM \"http://h.example/\">]>{DRAWING}").into();
        }),
        ("a drawing with a stylesheet", Kind::Markup, |files| {
            files[1].1 = format!("<?xml version=\"1.0\"?><?xml-stylesheet href=\"//h.example/\"?>{DRAWING}").into();
        }),
        ("a page for a picture", Kind::WrongType, |files| files[0].1 = b"<!DOCTYPE html><p>x".to_vec()),
        ("another picture", Kind::WrongType, |files| files[0].1 = samples::gif()),
    ];
    for (what, kind, change) in changes {
        let mut files = with_sums(files(""));
        change(&mut files);
        let folder = folder_of(&files);
        assert_found(&kinds(&proof(folder.path()).unwrap()), kind, what);
    }
}

fn zipped(path: &Path, files: &[(String, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in files {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn an_archive_that_is_not_safe_to_unpack_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.zip");
    for name in
        ["../a.html", "/a.html", "a/../../b.html", "a\\b.html", "c:a.html", "a//b.html", "./a.html", "a\nb.html"]
    {
        let mut files = files("");
        files.push((name.to_owned(), b"x".to_vec()));
        zipped(&archive, &with_sums(files));
        assert_found(&kinds(&proof(&archive).unwrap()), Kind::EntryName, name);
    }
    // Two entries of one name, as other programs write them.
    zipped(&archive, &with_sums(files("")));
    let mut bytes = fs::read(&archive).unwrap();
    for at in memchr::memmem::find_iter(&bytes.clone(), b"assets/b.svg").collect::<Vec<_>>() {
        bytes[at..at + 12].copy_from_slice(b"assets/a.png");
    }
    fs::write(&archive, bytes).unwrap();
    assert_found(&kinds(&proof(&archive).unwrap()), Kind::ArchiveBroken, "a name twice");
}

#[test]
fn a_bomb_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.zip");
    let mut files = files("");
    files.push(("assets/c.png".into(), vec![0; 8 << 20]));
    zipped(&archive, &with_sums(files));
    // The directory and the entry say that there is more than can be.
    let mut bytes = fs::read(&archive).unwrap();
    let length = u32::try_from(8 << 20_u32).unwrap().to_le_bytes();
    for at in memchr::memmem::find_iter(&bytes.clone(), &length).collect::<Vec<_>>() {
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(1 << 31));
    }
    fs::write(&archive, bytes).unwrap();
    assert_found(&kinds(&proof(&archive).unwrap()), Kind::TooLarge, "a bomb");
}

#[test]
fn a_lone_page_holds_everything_itself() {
    let page = |inside: &str| {
        format!(
            "<!DOCTYPE html><html><head><meta charset=\"utf-8\"/><meta http-equiv=\"Content-Security-Policy\" \
             content=\"{POLICY_OF_ONE_FILE}\"/><title>A</title><style>{STYLE}</style></head><body>{inside}</body></html>"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/a.html");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, page("<a href=\"b.html\">b</a><a href=\"../c.html\">c</a>")).unwrap();
    assert!(proof(&path).unwrap().is_proven());
    // Beside others it is known what is there.
    let beside = kinds(&proof(folder.path()).unwrap());
    assert_eq!(beside.len(), 2);
    assert_found(&beside, Kind::LinkDangling, "neighbours");
    fs::write(folder.path().join("sub/b.html"), page("x")).unwrap();
    fs::write(folder.path().join("c.html"), page("x")).unwrap();
    let verdict = proof(folder.path()).unwrap();
    assert!(verdict.is_proven() && verdict.read.bundles == 3, "{verdict:?}");
    fs::write(folder.path().join("a.png"), samples::png(b"")).unwrap();
    fs::write(&path, page("<img src=\"../a.png\">")).unwrap();
    let found = kinds(&proof(folder.path()).unwrap());
    assert_found(&found, Kind::FileMissing, "a picture beside it");
    assert_found(&found, Kind::FileUnknown, "a picture beside it");
}

#[test]
fn what_is_no_bundle_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(proof(&folder.path().join("none")).is_err());
    assert!(proof(folder.path()).is_err());
    fs::write(folder.path().join("a.txt"), "x").unwrap();
    assert!(proof(&folder.path().join("a.txt")).is_err());
    fs::write(folder.path().join("a.zip"), "PK\u{3}\u{4} and no more").unwrap();
    assert!(proof(&folder.path().join("a.zip")).is_err());
}

#[test]
fn findings_are_bounded_and_can_be_shown() {
    let folder = folder_of(&with_sums(files(&"<img src=\"http://u:pw@h.example/\u{202e}\">".repeat(3000))));
    let verdict = proof(folder.path()).unwrap();
    assert_eq!((verdict.findings.total(), verdict.findings.listed().len()), (3000, 1000));
    assert!(!format!("{:?}", verdict.findings.listed()[0]).contains("pw"), "{:?}", verdict.findings.listed()[0]);
    let long = found(files(&format!("<img src=\"http://h.example/{}\">", "x".repeat(1 << 20))));
    assert!(long[0].1.len() < 1000);
}
