use proptest::prelude::*;

use super::*;
use crate::collect::lazy::names_image;
use crate::collect::test_urls::url;
use crate::collect::{Layer, Layers, Reference};

fn read(text: &str) -> (Vec<Reference>, Facts) {
    let Split::Found(front) = split(text) else { panic!("no front matter in {:?}", text.get(..200).unwrap_or(text)) };
    let mut found = Vec::new();
    let facts = collect(&front, text, &Keys::default(), &names_image, &mut |reference| found.push(reference));
    for reference in &found {
        assert!(text.get(reference.span.start..reference.span.end).is_some(), "{text:?} {reference:?}");
    }
    (found, facts)
}

/// `slot raw-text` of every reference.
fn raws(text: &str) -> Vec<String> {
    read(text).0.iter().map(|r| format!("{} {}", r.slot, &text[r.span.start..r.span.end])).collect()
}

fn yaml(inner: &str) -> Vec<String> {
    raws(&format!("---\n{inner}\n---\n"))
}

fn toml(inner: &str) -> Vec<String> {
    raws(&format!("+++\n{inner}\n+++\n"))
}

#[test]
fn a_block_is_found_behind_marks_and_blank_lines() {
    for (text, kind, inner, body) in [
        ("---\ntitle: x\n---\nbody", Kind::Yaml, "title: x\n", "body"),
        ("\n---\ntitle: x\n---\nbody", Kind::Yaml, "title: x\n", "body"),
        ("\u{feff} \r\n\t\n---  \r\ntitle: x\r\n---\r\nbody", Kind::Yaml, "title: x\r\n", "body"),
        ("\u{feff}---\ntitle: x\n...\nbody", Kind::Yaml, "title: x\n", "body"),
        ("---\n---\nbody", Kind::Yaml, "", "body"),
        ("---\n\n# note\n---\nbody", Kind::Yaml, "\n# note\n", "body"),
        ("---\ntitle: x\n---", Kind::Yaml, "title: x\n", ""),
        ("---\ntitle: x\n----\n---\n", Kind::Yaml, "title: x\n----\n", ""),
        ("-----\ntitle: x\n-----\nbody", Kind::Yaml, "title: x\n", "body"),
        ("---\na: x\n b: ---\n---\n---\n", Kind::Yaml, "a: x\n b: ---\n", "---\n"),
        ("+++\ntitle = 'x'\n+++\nbody", Kind::Toml, "title = 'x'\n", "body"),
        (";;;\n\"title\": \"x\"\n;;;\nbody", Kind::Json, "\"title\": \"x\"\n", "body"),
        ("{\n\"a\": {\"b\": \"}\"}\n}\nbody", Kind::Json, "{\n\"a\": {\"b\": \"}\"}\n}", "body"),
        ("{}\n", Kind::Json, "{}", ""),
        ("title: x\ntags:\n- a\n---\nbody", Kind::Yaml, "title: x\ntags:\n- a\n", "body"),
        ("cover: //h.test/a\nx: y\n---\nbody", Kind::Yaml, "cover: //h.test/a\nx: y\n", "body"),
    ] {
        let Split::Found(front) = split(text) else { panic!("{text:?}") };
        let found = (front.kind, &text[front.inner.start..front.inner.end], &text[front.body..]);
        assert_eq!(found, (kind, inner, body), "{text:?}");
    }
}

#[test]
fn what_is_no_front_matter_is_left_to_the_body() {
    for text in [
        "",
        " \n\n",
        "text",
        "text\n---\nx: y\n---\n",
        "---\n\n![a](b)\n\n---\n",
        "---\nA rule, then prose.\n---\n",
        "---\nProse.",
        "---x\na: b\n---\n",
        " ---\na: b\n---\n",
        "<p>\n---\n",
        "{% raw %}",
        "{{ x }}",
        "{\"a\": 1} and more",
        "Heading: a\n---\n",
        "Image: a\n---\n",
        "See: http://h.test/a.jpg\n---\n",
        "title: a\n\nProse here.\n\n---\n",
        "title: a",
    ] {
        assert_eq!(split(text), Split::Absent, "{text:?}");
    }
}

#[test]
fn a_block_that_never_ends_is_told() {
    for (text, line) in [("\n---\ntitle: x\nbody", 2), ("+++\na = 1\n", 1), ("{\"a\": 1", 1), (";;;\n\"a\": 1\n", 1)] {
        assert_eq!(split(text), Split::Unclosed { line }, "{text:?}");
    }
}

#[test]
fn yaml_scalars_are_cut_inside_of_their_quotes() {
    for (inner, want) in [
        ("headimg: https://h/a.png", "front:headimg https://h/a.png"),
        ("headimg: 'https://h/a.png'", "front:headimg https://h/a.png"),
        ("headimg: \"https://h/a.png\"  # note", "front:headimg https://h/a.png"),
        ("headimg: https://h/a#b # note", "front:headimg https://h/a#b"),
        ("headimg: ' https://h/a '", "front:headimg https://h/a"),
        ("\"headimg\": //h/a", "front:headimg //h/a"),
        ("? headimg\n: https://h/a", "front:headimg https://h/a"),
        ("cover: &c https://h/a\nbanner: *c", "front:cover https://h/a"),
        ("cover: !!str https://h/a", "front:cover https://h/a"),
        ("{cover: https://h/a, title: b}", "front:cover https://h/a"),
        ("cover: >-\n  https://h/a", "front:cover https://h/a"),
        ("cover: |\r\n  https://h/a\r\n", "front:cover https://h/a"),
        ("标题: 中文\ncover: https://h/中.png", "front:cover https://h/中.png"),
        ("cover:\n    https://h/a", "front:cover https://h/a"),
        ("cover: https://h/a\r", "front:cover https://h/a"),
        ("cover: \"https:\\/\\/h\\/a\"", "front:cover https:\\/\\/h\\/a"),
        ("cover: 'it''s/a.png'", "front:cover it''s/a.png"),
    ] {
        assert_eq!(yaml(inner), [want], "{inner:?}");
    }
}

#[test]
fn yaml_of_every_shape_is_read() {
    let inner = "\
photos:
- https://h/1
- src: 'https://h/2'
  title: https://h/no
- [https://h/3, \"https://h/4\"]
albums:
 - cover: https://h/5
   name: x
links: {a: {image: https://h/6}}
header:
  teaser: /a/7
  overlay_filter: rgba(0, 0, 0, 0.5)
image: {path: https://h/8, lqip: 'data:image/webp;base64,AA', alt: https://h/no}
gallery: |
  https://h/9
  https://h/10
[https://h/no, x]: y
{cover: https://h/no}: {banner: https://h/11}
";
    let want = [
        "front:photos https://h/1",
        "front:photos.src https://h/2",
        "front:photos https://h/3",
        "front:photos https://h/4",
        "front:albums.cover https://h/5",
        "front:links.a.image https://h/6",
        "front:header.teaser /a/7",
        "front:image.path https://h/8",
        "front:gallery https://h/9",
        "front:gallery https://h/10",
        "front:banner https://h/11",
    ];
    assert_eq!(yaml(inner), want);
}

#[test]
fn values_that_are_no_urls_are_left_alone() {
    for value in [
        "''",
        "false",
        "true",
        "null",
        "~",
        "7",
        "0.5",
        "'#333'",
        "rgb(1,2,3)",
        "none",
        "auto",
        "center",
        "'/'",
        "//",
        "data:image/png;base64,AA==",
        "javascript:void(0)",
        "fas fa-home",
        "a picture of https://h/a",
        "https://h/a is a picture",
        "https://h/a.png https://h/b.png",
        "\"https://h/a\\nb.png\"",
        "'a b.png'",
    ] {
        assert_eq!(yaml(&format!("cover: {value}")), [""; 0], "{value}");
    }
    for value in [
        "/images/404.gif",
        "./a.png",
        "a.png",
        "https://h/p/undefined",
        "HTTP://h",
        "https://h/a b.png",
        "{{ site.url }}/a.png",
        "{{site.url}}/a",
    ] {
        let inner = format!("cover: '{value}'");
        assert_eq!(yaml(&inner), [format!("front:cover {value}")], "{value}");
    }
}

#[test]
fn a_text_of_several_lines_is_no_url() {
    assert_eq!(toml("image = \"\"\"https://h/a\nhttps://h/b\"\"\""), [""; 0]);
    assert_eq!(yaml("cover: https://h/a\n  https://h/b"), [""; 0]);
}

#[test]
fn invalid_yaml_still_gives_what_can_be_read() {
    for (broken, line) in [
        ("title: [转] x", 2),
        ("title: a: b", 2),
        ("title: @me", 2),
        ("title: %me", 2),
        ("title: \"open", 3),
        ("title: 'open", 3),
        ("tags:\n\t- b", 3),
        ("title: *nope\n  x: y", 3),
    ] {
        let inner = format!(
            "{broken}\ncover : 'https://h/1'\nbanner: https://h/2 # x\nphotos:\n- https://h/3\n- src: \"https://h/4\"\n  \
             alt: x\nheader:\n  image: 'it''s/5.png'\nimages: [https://h/6, 'https://h/7']\nphotos: [https://h/no] x\nlast: https://h/8"
        );
        let want = [
            "front:cover https://h/1",
            "front:banner https://h/2",
            "front:photos https://h/3",
            "front:photos.src https://h/4",
            "front:header.image it''s/5.png",
            "front:images https://h/6",
            "front:images https://h/7",
        ];
        let text = format!("---\n{inner}\n---\n");
        assert_eq!(raws(&text), want, "{broken}");
        let warnings = read(&text).1.warnings;
        assert_eq!(warnings.len(), 1, "{broken}");
        assert!(warnings[0].line >= line, "{broken} {warnings:?}");
    }
}

#[test]
fn what_was_read_before_a_mistake_is_not_read_twice() {
    let want = ["front:cover https://h/1", "front:photos https://h/2", "front:banner https://h/3"];
    assert_eq!(yaml("cover: https://h/1\nphotos: [https://h/2]\ntitle: [x] y\nbanner: https://h/3"), want);
}

#[test]
fn toml_strings_of_every_kind_are_read() {
    let inner = "\
cover = \"https://h/1\"
images = [ 'https://h/2', # note
  \"\"\"https://h/3\"\"\" ]
poster = '''
https://h/4'''
header.image = \"https:\\u002f\\u002fh/5\"
title = 'https://h/no'
draft = false
inline = { image = 'https://h/6', x = { cover = \"https://h/7\" } }
[extra]
local_image = 'a/8.png'
\"head.img\" = 'https://h/9'
[[resources]]
src = 'https://h/10.png'
[[resources]]
src = 'file.pdf'
";
    let want = [
        "front:cover https://h/1",
        "front:images https://h/2",
        "front:images https://h/3",
        "front:poster https://h/4",
        "front:header.image https:\\u002f\\u002fh/5",
        "front:inline.image https://h/6",
        "front:inline.x.cover https://h/7",
        "front:extra.local_image a/8.png",
        "front:extra.head.img https://h/9",
        "front:resources.src https://h/10.png",
    ];
    assert_eq!(toml(inner), want);
    assert_eq!(read(&format!("+++\n{inner}+++\n")).1.warnings, []);
}

#[test]
fn invalid_toml_still_gives_what_can_be_read() {
    let inner = "cover = 'https://h/1'\ntitle = x y\nbanner = \"https://h/2\" # x\n[a.b]\nimage = 'https://h/3'\n\
                 photos = ['https://h/4', \"https://h/5\"]\npic = https://h/no\nlogo = \"https://h/no";
    let text = format!("+++\n{inner}\n+++\n");
    let want = [
        "front:cover https://h/1",
        "front:banner https://h/2",
        "front:a.b.image https://h/3",
        "front:a.b.photos https://h/4",
        "front:a.b.photos https://h/5",
    ];
    assert_eq!(raws(&text), want);
    assert_eq!(read(&text).1.warnings.iter().map(|w| w.line).collect::<Vec<_>>(), [3]);
}

#[test]
fn json_is_read_with_and_without_braces() {
    let want = ["front:cover https:\\/\\/h/1", "front:photos.src https://h/2"];
    let inner = "\"cover\": \"https:\\/\\/h/1\", \"n\": [1, null, true], \"photos\": [{\"src\": \"https://h/2\", }, ],";
    assert_eq!(raws(&format!("{{{inner}}}\nbody")), want);
    assert_eq!(raws(&format!(";;;\n{inner}\n;;;\nbody")), want);
    let broken = ";;;\n\"cover\": \"https://h/1\",\n\"a\": ?,\n\"banner\": \"https://h/2\"\n;;;\n";
    assert_eq!(raws(broken), ["front:cover https://h/1"]);
    assert_eq!(read(broken).1.warnings[0].line, 3);
}

#[test]
fn the_base_is_the_first_absolute_url_in_the_order_of_the_keys() {
    for (inner, want) in [
        ("url: https://h/a\npermalink: https://h/b", Some("https://h/b")),
        ("permalink: /b\nlink: https://h/c", Some("https://h/c")),
        ("original-url: 'https://h/d'", Some("https://h/d")),
        ("nested:\n  url: https://h/e", None),
        ("url: [https://h/f]", Some("https://h/f")),
        ("url: //h/g", None),
    ] {
        assert_eq!(read(&format!("---\n{inner}\n---\n")).1.base.as_deref(), want, "{inner}");
    }
}

#[test]
fn hostile_blocks_are_read_in_linear_time() {
    let many = 50_000;
    for inner in [
        "[".repeat(many),
        "{a: ".repeat(many),
        "- ".repeat(many),
        "a:\n ".repeat(many),
        "&a [*a, *a]\n".repeat(many),
        format!("cover: \"{}", "\\".repeat(many)),
        "'".repeat(many),
        "a: b\n".repeat(many),
        "cover: https://h/a\n".repeat(many),
        "? ".repeat(many),
        format!("{}: x", "k".repeat(many)),
        (0..many).map(|i| format!("{}a:\n", " ".repeat(i % 300))).collect(),
    ] {
        read(&format!("---\nx: 1\n{inner}\n---\n"));
        read(&format!("+++\nx = 1\n{inner}\n+++\n"));
    }
    for inner in ["a = [", "a = {a = ", "a.", "[a]\n", "[[a.b]]\n", "a = 'https://h'\n", "a = \"\"\"", "a = 1 "] {
        read(&format!("+++\nx = 1\n{}\n+++\n", inner.repeat(many)));
    }
    read(&format!(";;;\n{{\"cover\": {}\n;;;\n", "[{\"a\":".repeat(many)));
}

proptest! {
    #[test]
    fn an_encoded_url_comes_back_and_can_be_replaced(first in url(), second in url()) {
        for (before, after) in [
            ("---\ncover: ", "\nbanner: /b\n---\n"),
            ("---\ncover: '", "'\nbanner: /b\n---\n"),
            ("---\ncover: \"", "\"\nbanner: /b\n---\n"),
            ("---\ncover: [", "]\nbanner: /b\n---\n"),
            ("---\ncover: ['", "']\nbanner: /b\n---\n"),
            ("---\ncover: |\n  ", "\nbanner: /b\n---\n"),
            ("---\ntitle: [x] y\ncover: ", "\nbanner: /b\n---\n"),
            ("---\ntitle: [x] y\ncover: '", "'\nbanner: /b\n---\n"),
            ("---\ntitle: [x] y\ncover: \"", "\"\nbanner: /b\n---\n"),
            ("+++\ncover = '", "'\nbanner = '/b'\n+++\n"),
            ("+++\ncover = \"", "\"\nbanner = '/b'\n+++\n"),
            ("+++\ncover = '''", "'''\nbanner = '/b'\n+++\n"),
            ("+++\ncover = \"\"\"", "\"\"\"\nbanner = '/b'\n+++\n"),
            ("+++\ntitle = x\ncover = \"", "\"\nbanner = '/b'\n+++\n"),
            ("{\"cover\": \"", "\", \"banner\": \"/b\"}\n"),
            ("{\"cover\": '", "', \"banner\": \"/b\"}\n"),
        ] {
            // The layers of a place are the same for every text in it, except that plain YAML may become quoted.
            let plain = format!("{before}/x{after}");
            let layers = read(&plain).0[0].layers;
            let literal = |url: &str| if layers == Layers::of(Layer::TomlLiteral) { url.replace('\'', "%27") } else { url.to_owned() };
            let text = format!("{before}{}{after}", layers.encode(&first));
            let found = read(&text).0;
            prop_assert_eq!(found.iter().map(|r| r.url.clone()).collect::<Vec<_>>(), [literal(&first), "/b".into()], "{}", text);
            let mut spliced = text.clone();
            spliced.replace_range(found[0].span.start..found[0].span.end, &found[0].layers.encode(&second));
            let again = read(&spliced).0;
            prop_assert_eq!(again.iter().map(|r| r.url.clone()).collect::<Vec<_>>(), [literal(&second), "/b".into()], "{}", spliced);
            prop_assert_eq!(&again[0].slot, &found[0].slot);
        }
    }

    #[test]
    fn no_text_breaks_it(inner in "(cover|https://h/a|: |\n|\n  |- |['\"\\[\\]{}#&*|>%@=,\\\\ \t]|中){0,40}") {
        for (fence, first) in [("---", "a: b"), ("+++", "a = 1"), (";;;", "\"a\": 1,")] {
            let text = format!("{fence}\n{first}\n{inner}\n{fence}\n");
            let found = read(&text).0;
            prop_assert!(found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start), "{:?}", found);
        }
    }
}

#[test]
fn anchors_and_tags_stand_in_front_of_a_value_behind_a_mistake_too() {
    assert_eq!(
        yaml(
            "bad: \"x\" y\ncover: &a http://h/1.jpg\nbanner: !!str &b 'http://h/2.jpg'\nphotos:\n- !x http://h/3.jpg\n- &c"
        ),
        ["front:cover http://h/1.jpg", "front:banner http://h/2.jpg", "front:photos http://h/3.jpg"]
    );
}
