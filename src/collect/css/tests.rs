use proptest::prelude::*;

use super::*;
use crate::collect::test_urls::url;

fn found(css: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(css, &Slot::new("style"), &mut |reference| found.push(reference));
    found
}

/// `(URL, raw text)` of every reference.
fn pairs(css: &str) -> Vec<(String, &str)> {
    found(css).into_iter().map(|r| (r.url, &css[r.span.start..r.span.end])).collect()
}

#[test]
fn every_way_of_writing_a_url_is_read() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("a{background:url(x.png)}", &[("x.png", "x.png")]),
        ("a{background:url( x.png\n)}", &[("x.png", "x.png")]),
        ("a{background:url(\"x.png\")}", &[("x.png", "x.png")]),
        ("a{background:url( 'x.png' )}", &[("x.png", "x.png")]),
        ("a{background:URL(x.png)}", &[("x.png", "x.png")]),
        ("a{background:u\\72l(x.png)}", &[("x.png", "x.png")]),
        ("a{background:u\\72l(\"x.png\")}", &[("x.png", "x.png")]),
        ("a{background:src('x.png')}", &[("x.png", "x.png")]),
        ("background:url(x.png)", &[("x.png", "x.png")]),
        ("a:b;background:url(x.png),url(y.png)", &[("x.png", "x.png"), ("y.png", "y.png")]),
        ("--x: url(x.png)", &[("x.png", "x.png")]),
        ("_background-image:url(x.png)", &[("x.png", "x.png")]),
        ("a:url(\" x.png \")", &[("x.png", "x.png")]),
        ("a:url(\"x\\\"y\")", &[("x\"y", "x\\\"y")]),
        ("a:url(x\\29 y)", &[("x)y", "x\\29 y")]),
        ("a:url(\\68ttps://h/x)", &[("https://h/x", "\\68ttps://h/x")]),
        ("a:url(\"x\\\n.png\")", &[("x.png", "x\\\n.png")]),
        ("a:url(\"x.png\\\n\")", &[("x.png", "x.png\\\n")]),
        ("a:url(中文.png)", &[("中文.png", "中文.png")]),
        ("a:url(\"x.png\" format('y'))", &[("x.png", "x.png")]),
        ("a:image-set(\"x.png\" 1x, url(y.png) 2x)", &[("x.png", "x.png"), ("y.png", "y.png")]),
        ("a:image-set('x.png' 1x type('image/avif'))", &[("x.png", "x.png")]),
        ("a:-webkit-image-set(url(x.png) 1x)", &[("x.png", "x.png")]),
        ("a:IMAGE-SET(\"x.png\" 1x)", &[("x.png", "x.png")]),
        ("a:image(ltr 'x.png', red)", &[("x.png", "x.png")]),
        ("a:cross-fade(url(x.png), url('y.png'), 50%)", &[("x.png", "x.png"), ("y.png", "y.png")]),
        ("a:filter(url(x.svg#f))", &[("x.svg#f", "x.svg#f")]),
        ("a:url(x.png)/* url(y.png) */", &[("x.png", "x.png")]),
        ("<!-- a{b:url(x.png)} -->", &[("x.png", "x.png")]),
        ("@media (a){b{c:url(x.png)}}", &[("x.png", "x.png")]),
        ("a{&:hover{b:url(x.png)}c:url(y.png)}", &[("x.png", "x.png"), ("y.png", "y.png")]),
        ("a:url(data,x),url(/data:1)", &[("data,x", "data,x"), ("/data:1", "/data:1")]),
    ];
    for (css, want) in cases {
        let want: Vec<_> = want.iter().map(|(url, raw)| ((*url).to_owned(), *raw)).collect();
        assert_eq!(pairs(css), want, "{css}");
    }
}

#[test]
fn what_is_no_picture_stays_out() {
    for css in [
        "@import url(x.css);",
        "@import 'x.css';",
        "@import url('x.css') layer(a) supports(b:url(c));",
        "@namespace url(http://www.w3.org/1999/xhtml);",
        "@namespace svg 'http://www.w3.org/2000/svg';",
        "@font-face{font-family:a;src:url(x.woff2) format('woff2'),url(\"y.woff\")}",
        "@FONT-FACE { src: url(x.woff2) }",
        "@media print{@font-face{src:url(x.woff)}}",
        "@supports (background:url(x.png)){}",
        "behavior:url(x.htc)",
        "a{behavior : url(x.htc);-moz-binding:url(x.xml#y)}",
        "fill:url(#gradient)",
        "a:url()",
        "a:url('')",
        "a:url(data:image/png;base64,AA==)",
        "a:url(\"data:,\")",
        "a:\"x.png\"",
        "a:attr(x 'y.png')",
        "a:url(a b)",
        "a:url(a(b)",
        "a:url('x\n.png')",
        "/* url(x.png)",
    ] {
        assert_eq!(pairs(css), [], "{css}");
    }
}

#[test]
fn what_is_quiet_ends_where_it_ends() {
    for css in [
        "@import url(x.css);a{b:url(y)}",
        "@document url(x){a{b:url(y)}}",
        "@-moz-document url-prefix('x'),url(x){a{b:url(y)}}",
        "@font-face{src:url(x)}a{b:url(y)}",
        "@font-face{src:a{url(x)};src:url(x)}a{b:url(y)}",
        "@font-face;a{b:url(y)}",
        "a{@import url(x)}b{c:url(y)}",
        "@media{a{behavior:url(x)}b{c:url(y)}}",
        "a{behavior:url(x);b:url(y)}",
        "behavior:hover{b:url(y)}",
        "behavior url(y)",
        "a)}b{c:url(y)}",
        "@import url(x) ( ; ) ; a{b:url(y)}",
        "a{b:@import url(y)}",
    ] {
        let urls: Vec<_> = pairs(css).into_iter().map(|pair| pair.0).collect();
        assert_eq!(urls, ["y"], "{css}");
    }
}

#[test]
fn what_the_text_leaves_open_ends_with_the_text() {
    for (css, want) in [
        ("a:url(x.png", "x.png"),
        ("a:url( x.png ", "x.png"),
        ("a:url('x.png", "x.png"),
        ("a:url(\"x.png\"", "x.png"),
        ("a:url(x\\)", "x\\)"),
        ("a:url('x\\'", "x\\'"),
        ("a:image-set('x.png", "x.png"),
    ] {
        let raw: Vec<_> = pairs(css).into_iter().map(|pair| pair.1).collect();
        assert_eq!(raw, [want], "{css}");
    }
}

#[test]
fn a_css_file_tells_strings_from_urls() {
    let mut slots = Vec::new();
    collect_file("a:image-set(\"x\" 1x, url(y) 2x, url('z') 3x)", &mut |r| slots.push((r.url, r.slot.to_string())));
    let want = [("x", "css:image-set"), ("y", "css:url"), ("z", "css:url")];
    assert_eq!(slots, want.map(|(url, slot)| (url.to_owned(), slot.to_owned())));
}

#[test]
fn hostile_nesting_is_read_to_its_end() {
    for open in ["a(", "{", "[", "(", "a{", "url(a("] {
        let css = format!("{}url(x)", open.repeat(200_000));
        assert!(found(&css).len() <= 1, "{open}");
    }
    let css = format!("a{{b:{}url(x){}}}c{{d:url(y)}}", "f(".repeat(200_000), ")".repeat(200_000));
    assert_eq!(found(&css).len(), 2);
}

proptest! {
    #[test]
    fn an_encoded_url_comes_back_and_can_be_replaced(first in url(), second in url()) {
        for (layer, before, after) in [
            (Layer::CssDouble, "a:url(\"", "\")"),
            (Layer::CssSingle, "a:url( '", "' )"),
            (Layer::CssUnquoted, "a:url(", ")"),
            (Layer::CssUnquoted, "a:url( ", " )"),
            (Layer::CssDouble, "a:image-set(\"", "\" 1x)"),
        ] {
            let layers = Layers::of(layer);
            let css = format!("b{{c:url(0)}}d{{{before}{}{after}}}e{{f:url(1)}}", layers.encode(&first));
            let references = found(&css);
            prop_assert_eq!(references.iter().map(|r| r.url.as_str()).collect::<Vec<_>>(), ["0", &first, "1"]);
            let reference = &references[1];
            prop_assert_eq!(reference.layers, layers);
            let mut spliced = css.clone();
            spliced.replace_range(reference.span.start..reference.span.end, &reference.layers.encode(&second));
            let again = found(&spliced);
            prop_assert_eq!(again.iter().map(|r| r.url.as_str()).collect::<Vec<_>>(), ["0", &second, "1"]);
        }
    }

    #[test]
    fn no_text_breaks_it(css in "(url\\(|['\"(){};:@\\\\ a\n]|@import|image-set\\(|中){0,30}") {
        let mut end = 0;
        for reference in found(&css) {
            prop_assert!(reference.span.start >= end && css.get(reference.span.start..reference.span.end).is_some());
            end = reference.span.end;
            let mut spliced = css.clone();
            spliced.replace_range(reference.span.start..reference.span.end, &reference.layers.encode("../z"));
            prop_assert_eq!(
                found(&spliced).iter().filter(|r| r.url == "../z").count(),
                1,
                "{:?}",
                spliced
            );
        }
    }
}
