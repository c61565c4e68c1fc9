//! What must be true of every document, whatever it is put together from: formats, encodings, quotings and all.
//!
//! `PROPTEST_CASES` raises the number of documents.

use std::path::Path;

use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251};
use proptest::prelude::*;

use super::*;
use crate::collect::Collector;
use crate::document::Document;
use crate::mirror::digest::Digest;
use crate::proxy::{Rules, Witnesses};
use crate::rewrite::{Edit, RewritePlan, replacement, url_safe};
use crate::target::Skip;
use crate::text::Span;

/// How URLs are met in documents. Each can stand in every fragment.
const URLS: &[&str] = &[
    "https://h.example/a.jpg",
    "http://h.example/b.png?x=1&y=2",
    "https://h.example/b.png?x=1&amp;y=2",
    "//h.example/c.webp",
    "https://cors.zfour.workers.dev/?http://h.example/d.jpg",
    "https://h.example/e.jpg!cmspl",
    "https://h.example/f(1).gif",
    "https://h.example/%E5%9B%BE.jpg",
    "https://h.example/图/文.jpg",
    "https://h.example/s.svg#icon",
    "images/g.jpg",
    "/images/it_s-here,really.jpg",
];

/// Bodies of pages, `§` standing for a URL.
const HTML: &[&str] = &[
    "<p>中文<img src=\"§\" data-original=' § '>文</p>\n",
    "<img src=§>",
    "<img srcset=\"§ 1x, § 2x\" alt=图>\r\n",
    "<div style=\"background:url('§')\">图</div>\n",
    "<div style='background:url(&quot;§&quot;)'></div>",
    "<style>a{background:url(\"§\")}</style>\n",
    "<noscript><img src=\"§\"></noscript>\n",
    "<noscript>&lt;img src=\"§\"&gt;</noscript>\n",
    "<iframe srcdoc=\"<img src='§'>图\"></iframe>\n",
    "<div data-attrs='{\"src\":\"§\"}'>x</div>\n",
    "<img data-interchange=\"[§, (small)], [§, (large)]\">",
    "<svg><style>a{fill:url('§')}</style><image href='§'/></svg>\n",
    "<!-- <img src=\"§\"> --><script>'<img src=§>'</script>\n",
    "<a href=\"§\">图</a><meta property=og:image content='§'>\n",
    "<base href='http://base.example/p/'><a href=q>x</a><img src=' §'>\n",
    "<textarea><img src='§'></textarea><img src=\"data:,§\">\n",
    "text &lt; 中 \u{1f600} &amp; \"quotes\"\n\n",
];

const MARKDOWN: &[&str] = &[
    "![图](§ \"title\") and ![](<§>)\n\n",
    "中文 ![ref] and [![a](§)](§)\n\n[ref]: §\n\n",
    "<§> `![code](§)`\n\n",
    "```\n![](§)\n```\n\n",
    "> * ![a](§)\n\n",
    "| a | b |\n|---|---|\n| ![x](§) | 图 |\n\n",
];

const CSS: &[&str] = &[
    "a{background:url(\"§\")}\n",
    ".图{background:url( § )}\n",
    "/* url(§) */ b{mask:image-set('§' 1x,\"§\" 2x)}\n",
    "@font-face{src:url(a.woff)}\n",
    "c{content:'中文 \\\"'}",
];

const FRONT_MATTER: &[&str] = &[
    "",
    "---\ntitle: 图\ncover: §\n---\n",
    "\n---\ntitle: it''s\nheadimg: '§'\nphotos:\n - \"§\"\n - §\n---\n\n",
    "---\nimages: [\"§\", '§']\nbad: [\nthumbnail: § # 注\n---\n",
    "+++\ntitle = \"图\"\nimage = \"§\"\ncover = '§'\n+++\n",
    "{\"title\": \"图\", \"image\": \"§\", \"images\": [\"§\"]}\n\n",
];

#[derive(Debug)]
struct Sample {
    name: &'static str,
    bytes: Vec<u8>,
}

fn sample() -> impl Strategy<Value = Sample> {
    let fragments = |from: &'static [&'static str]| {
        proptest::collection::vec(proptest::sample::select(from), 0..6).prop_map(|fragments| fragments.concat())
    };
    let html = || proptest::sample::select(&["a.html", "a.txt", "a.md"][..]);
    let front_matter = proptest::sample::select(FRONT_MATTER);
    let mixed = (front_matter, fragments(MARKDOWN), fragments(HTML), any::<bool>());
    let mixed = mixed.prop_map(|(front, markdown, html, html_first)| match html_first {
        true => format!("{front}<meta charset=ENCODING>\n{html}{markdown}"),
        false => format!("{front}{markdown}<meta charset=ENCODING>\n{html}"),
    });
    let svg = fragments(HTML).prop_map(|html| format!("<?xml version='1.0' encoding='ENCODING'?><svg>{html}</svg>"));
    let css = fragments(CSS).prop_map(|css| format!("@charset \"ENCODING\";\n{css}"));
    let text = prop_oneof![
        4 => (html(), mixed).boxed(),
        1 => (Just("a.svg"), svg).boxed(),
        1 => (Just("a.css"), css).boxed(),
    ];
    let encoding = proptest::sample::select(vec![
        UTF_8,
        UTF_8,
        UTF_16LE,
        UTF_16BE,
        GBK,
        GB18030,
        BIG5,
        SHIFT_JIS,
        EUC_KR,
        WINDOWS_1251,
    ]);
    let urls = proptest::collection::vec(proptest::sample::select(URLS), 1..5);
    let broken = proptest::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (text, urls, encoding, any::<bool>(), broken).prop_map(|((name, text), urls, encoding, bom, broken)| {
        let mut urls = urls.iter().cycle().copied();
        let parts = text.replace("ENCODING", encoding.name());
        let mut parts = parts.split('§');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        parts.for_each(|part| filled.extend([urls.next().unwrap_or_default(), part]));
        let mut bytes = encoded(&filled, encoding, bom);
        // A byte that does not belong there.
        if let Some((at, byte)) = broken {
            let at = at.index(bytes.len() + 1);
            bytes.insert(at, byte);
        }
        Sample { name, bytes }
    })
}

fn encoded(text: &str, encoding: &'static Encoding, byte_order_mark: bool) -> Vec<u8> {
    let utf_16 = |unit: fn(u16) -> [u8; 2]| std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(unit).collect();
    match encoding {
        e if e == UTF_16LE => utf_16(u16::to_le_bytes),
        e if e == UTF_16BE => utf_16(u16::to_be_bytes),
        e if e == UTF_8 && byte_order_mark => format!("\u{feff}{text}").into_bytes(),
        // What an encoding lacks becomes a character reference.
        e => e.encode(text).0.into_owned(),
    }
}

fn collecting() -> Collecting {
    Collecting {
        rules: Rules::builtin(),
        collector: Collector::new(&[], Vec::new()),
        base_url: Some("https://base.example/".parse().unwrap()),
        slots: SlotFilter::default(),
        max_document: u64::MAX,
        link_base: None,
    }
}

fn mentions(collecting: &Collecting, name: &str, document: &Document) -> Vec<Mention> {
    let mut mentions = Vec::new();
    collecting.mentions(Path::new(name), document, &mut Witnesses::new(), &mut |mention| mentions.push(mention));
    mentions
}

/// What a run does with a document of which every picture is held.
fn plan(collecting: &Collecting, name: &str, document: &Document, mentions: &[Mention]) -> RewritePlan {
    let edits = mentions.iter().filter_map(|mention| {
        let target = mention.outcome.as_ref().ok()?;
        let digest = Digest::of(target.url.as_str().as_bytes());
        let local = format!("../assets/{}/{digest}.jpg", &digest.to_string()[..2]);
        let text = replacement(&local, target.fragment.as_deref(), mention.reference.layers);
        Some(Edit { span: mention.reference.span, text: document.encode(&text) })
    });
    collecting
        .complete(Path::new(name), document, RewritePlan::new(edits.collect()), || Ok(Vec::new()), &Links::WithinMirror)
        .unwrap()
}

fn splice(plan: &RewritePlan, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    plan.splice(bytes, &mut out).unwrap();
    out
}

proptest! {
    #[test]
    fn references_lie_in_the_file_and_say_what_stands_there(sample in sample()) {
        let Ok(document) = Document::from_bytes(sample.bytes.clone()) else { return Ok(()) };
        let text = document.text();
        let mut end = 0;
        for mention in mentions(&collecting(), sample.name, &document) {
            let span = mention.reference.span;
            prop_assert!(span.start >= end && span.end <= sample.bytes.len() && !span.is_empty(), "{mention:?}");
            end = span.end;
            let raw = document.slice(span).into_owned();
            prop_assert!(text.text[mention.text_start..].starts_with(&raw), "{:?} is not {:?}", mention, raw);
            // The same bytes come out when the text is written again: nothing of a character stands outside.
            // No part of a character stands outside: what is around reads the same without it. Broken characters do not.
            if !text.text.contains(char::REPLACEMENT_CHARACTER) {
                let before = document.slice(Span::new(0, span.start));
                let behind = document.slice(Span::new(span.end, sample.bytes.len()));
                let apart = [before.trim_start_matches('\u{feff}'), &raw, &behind].concat();
                prop_assert_eq!(apart, text.text.trim_start_matches('\u{feff}'), "{:?}", mention);
            }
        }
        prop_assert_eq!(splice(&RewritePlan::default(), document.bytes()), sample.bytes);
    }

    #[test]
    fn a_rewritten_document_differs_in_its_links_alone_and_has_nothing_left_to_do(sample in sample()) {
        let Ok(document) = Document::from_bytes(sample.bytes.clone()) else { return Ok(()) };
        let collecting = collecting();
        let before = mentions(&collecting, sample.name, &document);
        let edits = plan(&collecting, sample.name, &document, &before);
        let written = splice(&edits, &sample.bytes);
        let Ok(rewritten) = Document::from_bytes(written.clone()) else { return Ok(()) };
        // Where the encoding is a guess, the names of pictures may have been what it was guessed from.
        prop_assume!(rewritten.encoding() == document.encoding() || written.is_ascii());

        let after = mentions(&collecting, sample.name, &rewritten);
        let shown = || format!("\n{}\nbecame\n{}", document.text().text, rewritten.text().text);
        let slots = |list: &[Mention]| list.iter().map(|m| m.reference.slot.to_string()).collect::<Vec<_>>();
        prop_assert_eq!(slots(&after), slots(&before), "{}", shown());
        for (new, old) in after.iter().zip(&before) {
            match &old.outcome {
                Ok(target) => {
                    let wanted = Some(Digest::of(target.url.as_str().as_bytes()));
                    prop_assert_eq!((new.outcome.as_ref().err(), new.held), (Some(&Skip::Mirrored), wanted), "{}", shown());
                    let fragment = target.fragment.as_ref().map(|fragment| format!("#{}", url_safe(fragment)));
                    prop_assert!(new.reference.url.ends_with(fragment.as_deref().unwrap_or(".jpg")), "{}", shown());
                }
                Err(_) => prop_assert_eq!(&new.reference.url, &old.reference.url, "{}", shown()),
            }
        }
        prop_assert_eq!(plan(&collecting, sample.name, &rewritten, &after), RewritePlan::default(), "{}", shown());
    }
}
