//! `bundle --format epub` and `--format wacz`, read by programs that others wrote: epubcheck, warcio, py-wacz, surt, pywb.

mod epub;
mod replay;
mod tools;
mod wacz;

use std::path::PathBuf;

use crate::support::{Answer, Asked, Case, Origin, every_format, pictures};

const ARTICLE: &str = r##"<!doctype html><html lang="zh_CN"><head><title>One &amp; "two" &lt;three&gt;</title></head><body>
<h1 id="top">One</h1><p>text <a href="#top">up</a> <a href="#nowhere">nowhere</a></p>
<p><a href="sub/two.md#part">two</a> <a href="sub/two.md#none">none</a> <a href="gone.html">gone</a></p>
<img src="http://p.example/any.png?wx_fmt=png&amp;from=appmsg" alt="any"><img src="http://p.example/Twice.png"><img src="beside.png">
<img data-src="https://wsrv.nl/?url=http%3A%2F%2Fp.example%2Fredirected.jpg" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">
<img src="http://p.example/gone.png" alt="gone"><img src="http://p.example/twice.png" srcset="http://p.example/twice.png 2x, http://p.example/format/avif 3x">
<img src="http://p.example/same-bytes.png"><img src="http://p.example/coded.png">
<picture><source srcset="http://p.example/format/avif" type="image/avif"><img src="http://p.example/a.png" alt=""></picture>
<picture><source srcset="http://p.example/a.png"><img src="http://p.example/format/jxl-bare" alt=""></picture>
<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script><circle r="4"/></svg>
<script>fetch("http://out.example/")</script><div background="http://p.example/a.png"><p>in<table><tr><td>cell</table></div>
</body></html>"##;

const MARKDOWN: &str = "---\ntitle: \"</title><script>x</script> & 二\"\nauthor: 作者 <a@b.example>\nheadimg: \
    http://p.example/cover.jpg\n---\n\n<h2 id=\"part\">Part</h2>\n\n![a](http://p.example/twice.png) [one](../One.html)\n\n";

/// A mirror of documents with pictures of every format, a redirect, a duplicate, a coded body, a local file, one that is
/// missing; asked twice, so that there are revisits.
fn mirror() -> (Case, Origin) {
    let (case, origin) = (Case::new(), Origin::new(answer));
    let formats: String =
        every_format().iter().map(|(name, _)| format!("<p><img src='http://p.example/format/{name}'></p>\n")).collect();
    case.write("in/One.html", ARTICLE).write("in/beside.png", pictures::png("beside"));
    case.write("in/sub/two.md", format!("{MARKDOWN}{formats}"));
    case.write("in/ 100%25 \"&<>'#?.txt", "<p>name</p><img src='http://p.example/twice.png'>");
    case.write("in/100% .txt", "<title> </title><p>another</p>");
    for more in ["--quiet", "--refresh"] {
        case.imgmirror(&["sync", "in", "--retries=0", more]).args(origin.flags()).run(3);
    }
    (case, origin)
}

fn answer(asked: &Asked) -> Answer {
    let path = asked.path.split('?').next().unwrap_or_default();
    if let Some(format) = path.strip_prefix("/format/") {
        let (_, bytes) = every_format().into_iter().find(|(name, _)| *name == format).unwrap();
        return Answer::ok(bytes).header("Cross-Origin-Resource-Policy", "same-origin");
    }
    match path {
        "/redirected.jpg" => Answer::redirect("http://p.example/deep/final.jpg"),
        "/gone.png" => Answer::status(404),
        "/same-bytes.png" => Answer::ok(pictures::png("same")).header("Content-Type", "image/png"),
        "/a.png" if asked.header("if-none-match").is_some() => Answer::not_modified().header("ETag", "\"a\""),
        "/a.png" => Answer::ok(pictures::png("same")).header("ETag", "\"a\"").header("Content-Type", "image/png"),
        "/coded.png" => Answer::ok(gzipped(&pictures::png("coded"))).header("Content-Encoding", "gzip"),
        _ => Answer::picture(asked),
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Makes a bundle of the mirror; gives its file.
fn bundle(case: &Case, format: &str, name: &str) -> PathBuf {
    let to = case.at(name);
    case.imgmirror(&["bundle", "--format", format, "--to", name, "--quiet"])
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .run(3);
    to
}
