//! What must be true of pages that nobody thought of: pictures in every place and quoting, and pages cut up and put
//! together anew, compared with what a real parser makes of them.
//!
//! `PROPTEST_CASES` raises the number of pages.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scraper::Html;

use super::*;
use crate::collect::test_urls::url;
use crate::rewrite::{Edit, RewritePlan, replacement, url_safe};

fn collect(html: &str) -> Vec<Reference> {
    let reader = Reader { names_image: &|_| true, selects: &[], witness: &|_, _| {} };
    let mut found = Vec::new();
    reader.collect(html, &mut |reference| found.push(reference));
    found
}

/// One syntax around another: what stands in front, how the inner text is escaped, and what stands behind.
#[derive(Debug, Clone)]
struct Shell {
    before: String,
    layer: Option<Layer>,
    after: String,
}

impl Shell {
    fn new(before: impl Into<String>, layer: impl Into<Option<Layer>>, after: impl Into<String>) -> Self {
        Shell { before: before.into(), layer: layer.into(), after: after.into() }
    }

    fn around(&self, text: &str) -> String {
        let text = self.layer.map_or_else(|| text.to_owned(), |layer| Layers::of(layer).encode(text));
        format!("{}{text}{}", self.before, self.after)
    }
}

/// Tags up to and behind the value of an attribute, with the slot, and how the value is read.
const ATTRIBUTES: &[(&str, &str, &str, Reading)] = &[
    ("<img alt='' src=", ">", "img@src", Reading::Url),
    ("<IMG\n\tSRC = ", " alt=x />", "img@src", Reading::Url),
    ("<image src=", ">", "img@src", Reading::Url),
    ("<img src=data:, data-original=", ">", "img@data-original", Reading::Url),
    ("<img data-of-no-table=", ">", "img@data-of-no-table", Reading::ImageUrl),
    ("<div data-src=", "></div>", "div@data-src", Reading::ImageUrl),
    ("<video poster=", "></video>", "video@poster", Reading::Url),
    ("<input type=image src=", ">", "input@src", Reading::Url),
    ("<object type=image/png data=", "></object>", "object@data", Reading::Url),
    ("<embed src=", ">", "embed@src", Reading::ImageUrl),
    ("<table><tr><td background=", "></table>", "td@background", Reading::Url),
    ("<link rel='shortcut icon' href=", ">", "link@href", Reading::Url),
    ("<meta property=og:image content=", ">", "meta@content", Reading::Url),
    ("<a href=", ">x</a>", "a@href", Reading::ImageUrl),
    ("<svg><image href=", " /></svg>", "image@href", Reading::Url),
    ("<svg><image xlink:href=", "></image></svg>", "image@xlink:href", Reading::Url),
    ("<svg><feImage href=", " /></svg>", "feimage@href", Reading::Url),
    ("<svg><use xlink:href=", " /></svg>", "use@xlink:href", Reading::Url),
    ("<img srcset=", ">", "img@srcset", Reading::Srcset),
    ("<picture><source srcset=", "></picture>", "source@srcset", Reading::Srcset),
    ("<img data-srcset=", ">", "img@data-srcset", Reading::Srcset),
    ("<div data-bgset=", "></div>", "div@data-bgset", Reading::ImageSrcset),
    ("<link rel=preload as=image imagesrcset=", ">", "link@imagesrcset", Reading::Srcset),
    ("<p style=", ">x</p>", "p@style", Reading::Css),
    ("<div data-lazy-style=", "></div>", "div@data-lazy-style", Reading::Css),
    ("<div data-attrs=", "></div>", "div@data-attrs", Reading::Json),
    ("<img data-src=", ">", "img@data-src", Reading::Json),
    ("<a data-upload-link=", ">x</a>", "a@data-upload-link", Reading::PercentJson),
    ("<img data-interchange=", ">", "img@data-interchange", Reading::Interchange),
];

fn attribute() -> impl Strategy<Value = (Vec<Shell>, &'static str)> {
    let quoting =
        prop_oneof![Just(("\"", Layer::HtmlDouble)), Just(("'", Layer::HtmlSingle)), Just(("", Layer::HtmlUnquoted))];
    (proptest::sample::select(ATTRIBUTES), quoting).prop_flat_map(|((before, after, slot, reading), (quote, layer))| {
        let outer = Shell::new(format!("{before}{quote}"), layer, format!("{quote}{after}"));
        inside(reading).prop_map(move |mut shells| {
            shells.insert(0, outer.clone());
            (shells, slot)
        })
    })
}

/// Everything between an attribute's quotes and the URL, outermost first.
fn inside(reading: Reading) -> BoxedStrategy<Vec<Shell>> {
    let json = || {
        prop_oneof![
            Just(Shell::new("{\"width\": 3, \"src\": \"", Layer::Json, "\"}")),
            Just(Shell::new("[{\"a\":[\"//h/b.jpg\", \"", Layer::Json, "\"]}]")),
        ]
    };
    match reading {
        Reading::Url | Reading::ImageUrl | Reading::AbsoluteImageUrl => prop_oneof![
            4 => Just(vec![]),
            1 => Just(vec![Shell::new(" \n", None, "\t ")])
        ]
        .boxed(),
        Reading::Srcset | Reading::ImageSrcset => prop_oneof![
            Just(vec![Shell::new("", Layer::Srcset, "")]),
            Just(vec![Shell::new("a.jpg, ", Layer::Srcset, " 2x,b.jpg 3x")]),
            Just(vec![Shell::new(" , ", Layer::Srcset, ", a.jpg 100w")]),
        ]
        .boxed(),
        Reading::Css => style_sheet().prop_map(|shell| vec![shell]).boxed(),
        Reading::Json => json().prop_map(|shell| vec![shell]).boxed(),
        Reading::PercentJson => json().prop_map(|shell| vec![Shell::new("", Layer::Percent, ""), shell]).boxed(),
        Reading::Interchange => prop_oneof![
            Just(vec![Shell::new("[", Layer::Unescaped, ", (large)]")]),
            Just(vec![Shell::new("[a.jpg, (default)], [ ", Layer::Unescaped, ", (large)], [b.jpg, (x)]")]),
        ]
        .boxed(),
        Reading::Html => unreachable!("srcdoc is a wrapping"),
    }
}

/// Declarations around a URL in each of CSS's quotings.
fn style_sheet() -> impl Strategy<Value = Shell> {
    prop_oneof![
        Just(Shell::new("color:red;background:url(\"", Layer::CssDouble, "\") no-repeat")),
        Just(Shell::new("background-image: url( '", Layer::CssSingle, "' )")),
        Just(Shell::new("background:url(", Layer::CssUnquoted, "),url(a.jpg)")),
        Just(Shell::new("mask:image-set(\"", Layer::CssDouble, "\" 1x, 'b.jpg' 2x)")),
        Just(Shell::new("mask:image-set('", Layer::CssSingle, "' 1x)")),
    ]
}

/// A picture in an attribute or in a style sheet.
fn place() -> impl Strategy<Value = (Vec<Shell>, &'static str)> {
    let rule = style_sheet();
    let in_html = rule.prop_map(|css| (vec![Shell::new("<style>p{", None, "}</style>"), css], "style"));
    let in_svg = style_sheet()
        .prop_map(|css| (vec![Shell::new("<svg><style>p{", Layer::HtmlText, "}</style></svg>"), css], "style"));
    prop_oneof![6 => attribute(), 1 => in_html, 1 => in_svg]
}

/// Elements whose content is a page or part of one.
fn wrapping() -> impl Strategy<Value = Shell> {
    prop_oneof![
        Just(Shell::new("<div>\n<img src=first.jpg>", None, "<p style='background:url(last.jpg)'></div>")),
        Just(Shell::new("<template>", None, "</template>")),
        Just(Shell::new("<noscript>", None, "</noscript>")),
        Just(Shell::new("<noscript>", Layer::HtmlText, "</noscript>")),
        Just(Shell::new("<noscript>", Layer::HtmlDouble, "</noscript>")),
        Just(Shell::new("<iframe srcdoc=\"", Layer::HtmlDouble, "\"></iframe>")),
        Just(Shell::new("<iframe srcdoc='", Layer::HtmlSingle, "'></iframe>")),
        Just(Shell::new("<iframe srcdoc=", Layer::HtmlUnquoted, "></iframe>")),
        Just(Shell::new("<!-- <img src=a.jpg> -->中文&amp;<b>", None, "<script>'<img src=a.jpg>'</script>")),
    ]
}

/// The layers around the URL, as the collector reports them: it reads `noscript` text by one rule.
fn layers(shells: &[Shell]) -> Layers {
    let noscript = |shell: &Shell| shell.before == "<noscript>";
    let one = |shell: &Shell| shell.layer.map(|layer| if noscript(shell) { Layer::HtmlText } else { layer });
    shells.iter().filter_map(one).fold(Layers::default(), |outer, layer| Layers::of(layer).inside(outer).unwrap())
}

/// What a reader sees of a URL: two places can only hold it with some characters percent-encoded.
fn readable(url: &str, layers: Layers) -> String {
    match layers.iter().next_back() {
        Some(layer @ (Layer::Srcset | Layer::Unescaped)) => Layers::of(layer).encode(url),
        _ => url.to_owned(),
    }
}

fn splice(html: &str, edits: Vec<Edit>) -> String {
    let mut out = Vec::new();
    RewritePlan::new(edits).splice(html.as_bytes(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn a_url_comes_back_from_every_place_and_can_be_replaced_there(
        (place, slot) in place(),
        mut shells in proptest::collection::vec(wrapping(), 0..3),
        written in url(),
        local in url(),
    ) {
        shells.extend(place);
        let layers = layers(&shells);
        let html = shells.iter().rev().fold(written.clone(), |text, shell| shell.around(&text));
        let before = collect(&html);
        let wanted = readable(&written, layers);
        let at = before.iter().position(|reference| reference.url == wanted).unwrap_or(before.len());
        prop_assert!(at < before.len(), "{wanted} is not among {before:#?} of\n{html}");
        prop_assert_eq!((before[at].slot.as_str(), before[at].layers), (slot, layers), "{}", html);

        let text = replacement(&local, None, layers);
        let (old, length) = (before[at].span, text.len());
        let spliced = splice(&html, vec![Edit { span: old, text: text.into_bytes() }]);
        let mut expected = before;
        expected[at].url = readable(&url_safe(&local), layers);
        expected[at].span = Span::new(old.start, old.start + length);
        for later in &mut expected[at + 1..] {
            later.span = Span::new(later.span.start - old.end, later.span.end - old.end).shifted(old.start + length);
        }
        prop_assert_eq!(collect(&spliced), expected, "\n{}\nbecame\n{}", html, spliced);
    }
}

/// Pieces of markup, whole and broken, that change how what follows is read. The parser does not know what the encoding
/// of `annotation-xml` means, so there is none.
const PIECES: &[&str] = &[
    "<div>",
    "</div>",
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<table>",
    "<tr>",
    "<td>",
    "</table>",
    "<template>",
    "</template>",
    "<!--",
    "-->",
    "<!-- x -->",
    "<!--->",
    "<!",
    "<?php ?>",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE html>",
    "</",
    "<",
    ">",
    "/>",
    "<svg>",
    "</svg>",
    "<svg/>",
    "<math>",
    "</math>",
    "<foreignObject>",
    "</foreignObject>",
    "<desc>",
    "</desc>",
    "<mtext>",
    "</mtext>",
    "<mi>",
    "</mi>",
    "<annotation-xml>",
    "</annotation-xml>",
    "<g>",
    "</g>",
    "<font>",
    "<font color=red>",
    "</font>",
    "</br>",
    "</p>",
    "<br>",
    "<image>",
    "<path/>",
    "<script>",
    "</script>",
    "<script/>",
    "<style>",
    "</style>",
    "<style/>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "</xmp>",
    "<iframe>",
    "</iframe>",
    "<noembed>",
    "</noembed>",
    "<noframes>",
    "</noframes>",
    "<a href=x>",
    "</a>",
    "<body>",
    "<head>",
    "</head>",
    "</body>",
    "</html>",
    "<ul><li>",
    "</ul>",
    "<form>",
    "<button>",
    " ",
    "\n",
    "\r\n",
    "text",
    "\"",
    "'",
    "=",
    "&amp;",
    "&lt;",
    "中文",
    "\u{fffd}",
    "a < b",
    "<1>",
    "<é>",
];

/// The values that are compared, by element and attribute.
const COMPARED: &[(&str, &str)] =
    &[("img", "src"), ("img", "srcset"), ("img", "data-original"), ("source", "srcset"), ("image", "href")];

/// A picture's tag, in all kinds of spelling.
fn picture() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "[a-z/.&;=?%#,'<>]{1,8}".prop_map(|v| format!("\"{v}\"")),
        "[a-z/.&;=?%#,\"<>]{1,8}".prop_map(|v| format!("'{v}'")),
        "[a-z/.&;?%#,]{1,8}",
        Just("\"a\r\nb\"".to_owned()),
        Just("&#x41;&notit;&copy&amp=".to_owned()),
    ];
    let attribute = (
        proptest::sample::select(&["src", "SRC", "srcset", "data-original", "href", "alt", "src"][..]),
        proptest::sample::select(&["=", " = ", "=\n", "==", "/="][..]),
        value,
    );
    let space = proptest::sample::select(&[" ", "\n", "/", "  / ", ""][..]);
    let attributes = proptest::collection::vec((space, attribute), 0..4);
    let name = proptest::sample::select(&["img", "IMG", "source", "image", "img", "imgx"][..]);
    let end = proptest::sample::select(&[">", " >", "/>", " />", ""][..]);
    (name, attributes, end).prop_map(|(name, attributes, end)| {
        let attributes: String = attributes
            .into_iter()
            .map(|(space, (name, equals, value))| format!("{space}{name}{equals}{value}"))
            .collect();
        format!("<{name} {attributes}{end}")
    })
}

/// Sample pages, cut up.
fn sample() -> impl Strategy<Value = String> {
    let samples = [
        include_str!("../../../seeds/102_saved-page.html"),
        include_str!("../../../seeds/001_stone-bridge.txt"),
        include_str!("../../../seeds/009_brick-oven.txt"),
        include_str!("../../../seeds/109_valley-map.svg"),
    ];
    (proptest::sample::select(samples.to_vec()), any::<prop::sample::Index>(), 0usize..1500).prop_map(
        |(sample, from, length)| {
            let from = sample.floor_char_boundary(from.index(sample.len()));
            let to = sample.floor_char_boundary((from + length).min(sample.len()));
            // A parser that runs scripts reads noscript as text; what we do with it is tested elsewhere.
            sample[from..to].replace("noscript", "section")
        },
    )
}

fn page() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        4 => picture(),
        1 => sample(),
    ];
    proptest::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat())
}

/// What our tokenizer finds.
fn found_by_us(html: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    walk(html, &mut |visit| {
        let Visit::Tag(tag) = visit else { return };
        for attribute in tag.attributes().filter(|attribute| COMPARED.contains(&(tag.name, attribute.name))) {
            let value = decode_attribute(attribute.raw).text.replace("\r\n", "\n").replace('\r', "\n");
            found.push((tag.name.to_owned(), attribute.name.to_owned(), value));
        }
    });
    found.retain(|(_, _, value)| !value.is_empty());
    found.sort();
    found
}

/// What a parser that builds the tree finds.
fn found_by_a_parser(html: &str) -> Vec<(String, String, String)> {
    let page = Html::parse_document(html);
    let elements = page.tree.nodes().filter_map(|node| node.value().as_element());
    let mut found: Vec<_> = elements
        .flat_map(|element| {
            element.attrs.iter().map(|(name, value)| {
                let prefix = name.prefix.as_ref().map_or_else(String::new, |prefix| format!("{prefix}:"));
                (element.name().to_owned(), format!("{prefix}{}", name.local), value.to_string())
            })
        })
        .filter(|(element, name, value)| COMPARED.contains(&(element, name)) && !value.is_empty())
        .collect();
    found.sort();
    found
}

/// The pages are the same in every run, because a tokenizer without a tree may be wrong in places: a CDATA section
/// directly inside of an integration point (`<math><mtext><![CDATA[`) is one where it is.
#[test]
fn a_parser_finds_the_same_pictures() {
    let cases = Config::default().cases;
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut wrong = Vec::new();
    for _ in 0..cases {
        let html = page().new_tree(&mut runner).unwrap().current();
        let (ours, parsers) = (found_by_us(&html), found_by_a_parser(&html));
        if ours != parsers {
            wrong.push(format!("{html}\n  we find  {ours:?}\n  it finds {parsers:?}"));
        }
    }
    assert!(wrong.len() <= cases as usize / 2000, "{} of {cases} pages:\n{}", wrong.len(), wrong.join("\n"));
}
