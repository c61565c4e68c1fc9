//! Bundles, served as they are.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::guard::TRICKS;
use super::{Answer, Viewer, mirrored};
use crate::support::{Case, pictures};

const FILES: [(&str, &str); 8] = [
    (
        "index.html",
        "<!DOCTYPE html><title>Index</title><link rel=stylesheet href=style.css><a href=sub/%E6%97%A5%20a.html>a</a>",
    ),
    ("style.css", "body{}"),
    ("sub/日 a.html", "<!DOCTYPE html><title>Article</title><img src=../assets/x.png>"),
    ("sub/index.html", "<!DOCTYPE html><title>Sub</title>"),
    ("drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ("SHA256SUMS", "abc  index.html\n"),
    ("tool.exe", "MZ"),
    ("readme.txt", "text"),
];

fn expected(viewer: &Viewer) {
    let check = |path: &str, content_type: &str| -> Answer {
        let answer = viewer.get(path);
        answer.assert_safe(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{path}");
        let head = viewer.ask("HEAD", path, "");
        head.assert_safe(path);
        assert_eq!(head.header("content-length"), Some(answer.body.len().to_string().as_str()), "{path}");
        answer
    };
    let html = "text/html; charset=utf-8";
    let index = check("/", html);
    assert!(index.header("content-security-policy").unwrap().contains("; sandbox allow-same-origin"));
    assert_eq!(index.text(), FILES[0].1);
    assert_eq!(check("/index.html", html).text(), FILES[0].1);
    assert_eq!(check("/index.html?x=/../y", html).text(), FILES[0].1);
    assert_eq!(check("/sub/%E6%97%A5%20a.html", html).text(), FILES[2].1);
    assert_eq!(check("/sub/", html).text(), FILES[3].1);
    check("/style.css", "text/css; charset=utf-8");
    assert_eq!(check("/assets/x.png", "image/png").body, pictures::png("x"));
    let drawing = check("/drawing.svg", "image/svg+xml");
    assert!(drawing.header("content-security-policy").unwrap().contains("sandbox"));
    check("/SHA256SUMS", "text/plain; charset=utf-8");
    check("/readme.txt", "text/plain; charset=utf-8");
    let tool = check("/tool.exe", "application/octet-stream");
    assert_eq!(tool.header("content-disposition"), Some("attachment"));
    for path in ["/nothing.html", "/sub", "/assets", "/INDEX.HTML", "/style.css/", "/assets/"].into_iter().chain(TRICKS)
    {
        let answer = viewer.get(path);
        answer.assert_safe(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("SECRET"), "{path}");
    }
    let foreign = viewer.raw(b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    foreign.assert_safe("a foreign host");
    assert_eq!(foreign.status, 421);
    assert_eq!(viewer.ask("POST", "/", "Content-Length: 0\r\n").status, 405);
}

#[test]
fn a_folder_is_served_and_nothing_outside_of_it() {
    let case = Case::new();
    for (name, text) in FILES {
        case.write(Path::new("out/bundle").join(name), text);
    }
    case.write("out/bundle/assets/x.png", pictures::png("x"));
    case.write("out/secret.txt", "SECRET")
        .write("out/bundle/.lock", "SECRET")
        .write("out/bundle/.git/config", "SECRET");
    let viewer = Viewer::start(&case, &["out/bundle"]);
    expected(&viewer);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(case.at("out/secret.txt"), case.at("out/bundle/link.txt")).unwrap();
        std::os::unix::fs::symlink(case.at("out"), case.at("out/bundle/up")).unwrap();
        std::os::unix::fs::symlink("readme.txt", case.at("out/bundle/inner.txt")).unwrap();
        for path in ["/link.txt", "/up/secret.txt", "/up/"] {
            assert_eq!(viewer.get(path).status, 404, "{path}");
        }
        assert_eq!(viewer.get("/inner.txt").status, 200);
        assert!(std::process::Command::new("mkfifo").arg(case.at("out/bundle/pipe.txt")).status().unwrap().success());
        assert_eq!(viewer.get("/pipe.txt").status, 404);
    }
}

#[test]
fn an_archive_is_served_as_its_folder_would_be() {
    let case = Case::new();
    let mut archive = ZipWriter::new(File::create(case.at("b.zip")).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    };
    FILES.iter().for_each(|(name, text)| add(name, text.as_bytes()));
    add("assets/x.png", &pictures::png("x"));
    // Names that no program of ours would write.
    for name in ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "..\\secret.txt"] {
        add(name, b"SECRET");
    }
    archive.add_directory("empty", SimpleFileOptions::default()).unwrap();
    archive.finish().unwrap();
    let viewer = Viewer::start(&case, &["b.zip"]);
    expected(&viewer);
    assert_eq!(viewer.get("/empty/").status, 404);
    assert_eq!(viewer.get("/empty").status, 404);
}

#[test]
fn a_single_page_is_served_alone() {
    let case = Case::new();
    case.write("a.html", "<!DOCTYPE html><title>One</title>").write("b.html", "SECRET");
    let viewer = Viewer::start(&case, &["a.html"]);
    let answer = viewer.get("/");
    answer.assert_safe("/");
    assert_eq!(answer.text(), "<!DOCTYPE html><title>One</title>");
    for path in ["/a.html", "/b.html", "/index.html"] {
        assert_eq!(viewer.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_folder_of_single_pages_is_listed() {
    let case = Case::new();
    case.write("out/b & <i>.html", "<!DOCTYPE html><title>B</title>").write("out/a.html", "").write("out/.c.html", "");
    case.write("out/d.txt", "");
    let viewer = Viewer::start(&case, &["out"]);
    let page = viewer.page("/");
    assert!(page.contains("b &amp; &lt;i&gt;.html"), "{page}");
    assert_eq!(page.matches("<li>").count(), 2, "{page}");
    let (_, href) = page.rsplit_once("href=\"/").unwrap();
    assert_eq!(viewer.get(&format!("/{}", href.split('"').next().unwrap())).text(), "<!DOCTYPE html><title>B</title>");
}

#[test]
fn bundles_of_this_program_are_read_as_they_were_written() {
    let (case, _origin) = mirrored(&[("a.html", "<title>Aye</title><p>x<img src='http://p.example/a.png'>")]);
    for (format, to) in [("dir", "d"), ("zip", "b.zip")] {
        case.run(0, &["bundle", "--format", format, "--to", to, "--quiet"]);
        let viewer = Viewer::start(&case, &[to]);
        let index = viewer.get("/").text();
        assert!(index.contains("Aye"), "{index}");
        let links = |page: &str, attribute: &str| -> Vec<String> {
            let parsed = scraper::Html::parse_document(page);
            let selector = scraper::Selector::parse(&format!("[{attribute}]")).unwrap();
            parsed.select(&selector).map(|element| element.attr(attribute).unwrap().to_owned()).collect()
        };
        let base = url::Url::parse("http://127.0.0.1/").unwrap();
        let article = links(&index, "href").into_iter().find(|link| link.contains("a.html")).unwrap();
        let article = base.join(&article).unwrap();
        let page = viewer.get(article.path());
        page.assert_safe("an article");
        let picture = article.join(&links(&page.text(), "src")[0]).unwrap();
        assert_eq!(viewer.get(picture.path()).body, pictures::for_url("http://p.example/a.png"), "{picture}");
        let style = links(&page.text(), "href").into_iter().find(|link| link.ends_with(".css")).unwrap();
        assert_eq!(
            viewer.get(article.join(&style).unwrap().path()).header("content-type"),
            Some("text/css; charset=utf-8")
        );
    }
}

#[test]
fn what_other_programs_open_is_said() {
    let case = Case::new();
    case.write("b.epub", "").write("b.wacz", "").write("b.pdf", "").write("b.zip", "no archive");
    case.run(2, &["serve", "b.epub"]).stderr_has("b.epub").stderr_has("e-book");
    case.run(2, &["serve", "b.wacz"]).stderr_has("ReplayWeb.page");
    case.run(2, &["serve", "b.pdf"]).stderr_has(".zip");
    case.run(1, &["serve", "b.zip"]).stderr_has("b.zip");
}
