//! Pictures: their bytes over HTTP, and where they came from.

use super::{Viewer, mirrored};
use crate::support::{Answer, Case, Origin, pictures};

#[test]
fn an_asset_has_its_picture_and_all_that_is_known_of_it() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/moved.png" => Answer::redirect("http://q.example/there.png"),
        _ => Answer::picture(asked).header("ETag", "\"one\""),
    });
    case.write("in/a.html", "<img src='https://wsrv.nl/?url=http://user:secret@p.example/moved.png'>");
    case.write("in/b.html", "<img src='http://p.example/moved.png'>");
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(0);
    case.imgmirror(&["sync", "in", "--quiet", "--refresh"]).args(origin.flags()).run(0);
    let viewer = Viewer::start(&case, &[]);
    let references = viewer.page(&format!("{}/references", viewer.document("a.html")));
    let (_, rest) = references.split_once("href=\"/asset/").unwrap();
    let page = viewer.page(&format!("/asset/{}", rest.split('"').next().unwrap()));
    let picture = pictures::name_for_url("http://q.example/there.png");
    let digest = &picture[3..67];
    for text in [
        &format!("<img src=\"/picture/{}\"", &picture[3..]),
        "http://p.example/moved.png",
        "https://wsrv.nl/?url=",
        "wsrv",
        "redirected by </span><span class=\"im-url\"><bdi>http://p.example/moved.png",
        "<td>200",
        "image/png",
        "4 × 2",
        &format!("sha256:{digest}"),
        "ETag &quot;one&quot;",
        "identical-payload",
        "a.html",
        "b.html",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("secret"), "{page}");
    for path in ["/asset/99", "/asset/x", "/asset/-1", "/asset", "/asset/1/x"] {
        assert_eq!(viewer.get(path).status, 404, "{path}");
    }
}

#[test]
fn an_asset_that_is_missing_says_why_and_since_when() {
    let (case, origin) = (Case::new(), Origin::new(|_| Answer::status(404)));
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in", "--quiet", "--retries=0"]).args(origin.flags()).run(3);
    let viewer = Viewer::start(&case, &[]);
    let page = viewer.page("/asset/1");
    assert!(
        page.contains("Not held") && page.contains("gone") && page.contains("404") && page.contains("<time"),
        "{page}"
    );
}

#[test]
fn pictures_are_cached_for_good_and_sent_in_parts() {
    let (case, _origin) = mirrored(&[("a.html", "<img src='http://p.example/a.png'>")]);
    let viewer = Viewer::start(&case, &[]);
    let name = pictures::name_for_url("http://p.example/a.png");
    let (path, bytes) = (format!("/picture/{}", &name[3..]), pictures::for_url("http://p.example/a.png"));
    let whole = viewer.get(&path);
    whole.assert_safe(&path);
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    assert_eq!(whole.header("content-type"), Some("image/png"));
    assert_eq!(whole.header("cache-control"), Some("private, max-age=31536000, immutable"));
    assert_eq!(whole.header("content-disposition"), Some(format!("inline; filename=\"{}\"", &name[3..]).as_str()));
    assert!(whole.header("content-security-policy").unwrap().contains("sandbox"));
    let etag = whole.header("etag").unwrap().to_owned();
    for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let answer = viewer.ask("GET", &path, &format!("If-None-Match: {known}\r\n"));
        answer.assert_safe(&path);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
    }
    let part = viewer.ask("GET", &path, "Range: bytes=2-5\r\n");
    part.assert_safe("a part");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[2..6]));
    assert_eq!(part.header("content-range"), Some(format!("bytes 2-5/{}", bytes.len()).as_str()));
    assert_eq!(viewer.ask("GET", &path, "Range: bytes=2-5\r\nIf-Range: \"old\"\r\n").status, 200);
    let beyond = viewer.ask("GET", &path, "Range: bytes=99999-\r\n");
    beyond.assert_safe("no part");
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some(format!("bytes */{}", bytes.len()).as_str()))
    );
    let head = viewer.ask("HEAD", &path, "");
    head.assert_safe("a head");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
}

#[test]
fn a_drawing_is_inert_however_it_is_opened() {
    let case = Case::new();
    let drawing = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9' onload='alert(1)'><script>alert(2)</script>\
                   <rect width='9' height='9'/><image href='http://evil.example/x.png'/></svg>";
    let origin = Origin::new(move |_| Answer::ok(drawing));
    case.write("in/a.html", "<img src='http://p.example/a.svg'>");
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(0);
    let viewer = Viewer::start(&case, &[]);
    let page = viewer.page(&viewer.document("a.html"));
    let path = format!("/picture/{}", &pictures::name_of(drawing.as_bytes())[3..]);
    assert!(page.contains(&format!("<img src=\"{path}\"")), "{page}");
    let answer = viewer.get(&path);
    answer.assert_safe(&path);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/svg+xml")));
    assert!(answer.header("content-security-policy").unwrap().ends_with("; sandbox"));
    let text = answer.text();
    assert!(text.contains("<rect") && !text.contains("alert") && !text.contains("evil"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_picture_that_is_not_there_or_lies_elsewhere_is_not_found() {
    let (case, _origin) =
        mirrored(&[("a.html", "<img src='http://p.example/a.png'><img src='http://p.example/b.png'>")]);
    let viewer = Viewer::start(&case, &[]);
    let name = pictures::name_for_url("http://p.example/a.png");
    let file = case.at(format!("mirror/assets/{name}"));
    std::fs::rename(&file, case.at("elsewhere.png")).unwrap();
    let gone = viewer.get(&format!("/picture/{}", &name[3..]));
    gone.assert_safe("a lost picture");
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("imgmirror check"), "{}", gone.text());
    assert!(viewer.page(&viewer.document("a.html")).contains("was kept and is lost"));
    // A link that leads out of the mirror is not followed.
    std::os::unix::fs::symlink(case.at("elsewhere.png"), &file).unwrap();
    assert_eq!(viewer.get(&format!("/picture/{}", &name[3..])).status, 404);
    for odd in [
        &name[3..67],
        &name[3..70],
        &name.to_uppercase()[3..],
        "x.png",
        "catalog.sqlite",
        &format!("{}.jpg", &name[3..67]),
    ] {
        assert_eq!(viewer.get(&format!("/picture/{odd}")).status, 404, "{odd}");
    }
}
