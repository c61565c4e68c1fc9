use proptest::prelude::*;

use super::*;
use crate::collect::html;
use crate::collect::lazy::names_image;
use crate::collect::test_urls::url;

fn read(text: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    let page = html::Reader { names_image: &names_image, selects: &[], witness: &|_, _| {} };
    let html = |html: &str, sink: &mut Sink<'_>| page.collect(html, sink);
    Reader { names_image: &names_image, html: &html }.collect(text, &mut |reference| found.push(reference));
    for reference in &found {
        assert!(text.get(reference.span.start..reference.span.end).is_some(), "{reference:?}");
    }
    found
}

/// `slot raw-text` of every reference.
fn raws(text: &str) -> Vec<String> {
    read(text).iter().map(|r| format!("{} {}", r.slot, &text[r.span.start..r.span.end])).collect()
}

fn urls(text: &str) -> Vec<String> {
    read(text).into_iter().map(|r| r.url).collect()
}

#[test]
fn what_would_become_an_image_by_being_rewritten_stays_out() {
    // No image as it stands, since a `!` follows; with a link in place of the URL it would be one.
    assert_eq!(raws("![](<https://h/a.jpg>!)"), Vec::<String>::new());
    assert_eq!(raws("[x](<https://h/a.jpg>!) <https://h/b.jpg>"), ["md:link <https://h/b.jpg>"]);
}

#[test]
fn destinations_of_images_are_cut_exactly() {
    for (text, want) in [
        ("![a](u)", "u"),
        ("![](u)", "u"),
        ("![a]( u )", "u"),
        ("![a](u \"t\")", "u"),
        ("![a](u (t ]\\( ) )", "u"),
        ("![a](<u v>)", "u v"),
        ("![a](< u >)", "u"),
        ("![a](u(1)_b*c*.png)", "u(1)_b*c*.png"),
        ("![a](u\\_b)", "u\\_b"),
        ("![a](u?b=1&amp;c \"t](x)\")", "u?b=1&amp;c"),
        ("![a](<u&amp;v w> 't')", "u&amp;v w"),
        ("![a\\](x&amp;)](u&amp;)", "u&amp;"),
        ("![a [b](x)](u&amp;)", "u&amp;"),
        ("![*a* `](x)` b](u&amp;)", "u&amp;"),
        ("![中文](https://h/中文.png)", "https://h/中文.png"),
        ("# ![a](u)", "u"),
        ("> - ![a\n>   b](u&amp;)", "u&amp;"),
        ("> ![a](\n> u&amp;\n> 't')", "u&amp;"),
        ("a | b\n-|-\n![x](u\\|v) | `![y](z)`", "u\\|v"),
        ("[^1]\n\n[^1]: ![a](u)", "u"),
        ("*![a](u)*", "u"),
        ("\\![a](x) ![a](u)", "u"),
        ("\u{feff}![a](u)", "u"),
    ] {
        assert_eq!(raws(text), [format!("md:image {want}")], "{text}");
    }
}

#[test]
fn destinations_are_decoded() {
    for (text, want) in [
        ("![a](u\\_b\\c)", "u_b\\c"),
        ("![a](u?b=1&amp;c&copy;)", "u?b=1&c©"),
        ("![a](<u\\>>)", "u>"),
        ("![a][r]\n\n[r]: <u&amp;v>", "u&v"),
        ("![a](u\\_b&amp;c =1x1)", "u_b&c"),
    ] {
        assert_eq!(urls(text), [want], "{text}");
    }
}

#[test]
fn definitions_of_images_are_reported_once() {
    let text = "![a][R] ![b][r] ![r] ![r][]\n\n[r]: https://h/1 't'\n[unused]: https://h/2.png\n\n[r]: https://h/3\n";
    assert_eq!(raws(text), ["md:definition https://h/1"]);
    for (text, want) in [
        ("![a][x  Y]\n\n[X\ny]:\n  <u&amp;>\n", "u&amp;"),
        ("> ![x]\n>\n> [x]:\n> u\\_b\n", "u\\_b"),
        ("![a][b\\]: c]\n\n[b\\]: c]: u&amp;\n", "u&amp;"),
        ("[text][r]\n\n[r]: https://h/a.png", "https://h/a.png"),
    ] {
        assert_eq!(raws(text), [format!("md:definition {want}")], "{text}");
    }
    assert_eq!(raws("[text][r]\n\n[r]: https://h/page"), [""; 0]);
}

#[test]
fn links_count_when_they_name_an_image() {
    let text =
        "[![t](https://h/t)](https://h/full.jpg) <https://h/a.png> [x](https://h/page) <me@h.png> [y](b.gif 't')";
    let want = ["md:image https://h/t", "md:link https://h/full.jpg", "md:link <https://h/a.png>", "md:link b.gif"];
    assert_eq!(raws(text), want);
}

#[test]
fn code_and_comments_hold_no_pictures() {
    for text in [
        "`![a](u)`",
        "``![a](u) `![b](v)` ``",
        "```\n![a](u)\n<img src=u>\n![[https://h/a]]\n```",
        "~~~ html\n<img src=u>",
        "    ![a](u)\n    <img src=u>",
        "- a\n\n      ![a](u)\n",
        "<!-- ![a](u) <img src=u> -->",
        "a <!-- <img src=u> --> b",
        "<pre>\n\n<!-- <img src=u> -->\n\n</pre>",
        "<script>\n\nvar a = '<img src=u>';\n\n</script>",
        "{% raw %}![a](u) {% image https://h/a %} ![[https://h/b]]{% endraw %}",
        "{% comment %}\n\n![a](u)\n\n<img src=u>\n\n{% endcomment %}",
        "\\![a\\](u)",
        "![a](data:image/png;base64,AA)",
        "![a](#x) ![a]()",
    ] {
        assert_eq!(raws(text), [""; 0], "{text}");
    }
}

#[test]
fn a_tag_that_is_talked_about_opens_nothing() {
    assert_eq!(urls("`{% raw %}` ![a](u) `{% endraw %}`"), ["u"]);
    assert_eq!(urls("Use {% raw %} ![a](u)"), ["u"]);
    assert_eq!(urls("{% raw %}<img src=u>{% endraw %} ![a](v)"), ["u", "v"]);
}

#[test]
fn html_is_joined_where_markdown_breaks_it_up() {
    for (text, want) in [
        ("<div>\n<img src='u'\n alt=x>\n</div>", "img@src u"),
        ("> <div>\n> <img alt='a\n> b' src=\n> 'u'>\n> </div>", "img@src u"),
        ("- a\n\n  <p>\n  <img\n  src=u>\n", "img@src u"),
        ("text <b>x</b> <img\nsrc='u'> text", "img@src u"),
        ("> text <img\n> src='u'> text", "img@src u"),
        ("> > text <img\r\n> > src='u' alt='>'> text", "img@src u"),
        ("a | b\n-|-\n<img src='u'> | c", "img@src u"),
        ("<img src='u\\_v'>", "img@src u\\_v"),
        ("<script>x\n\n![a](v)</script>\n\n<img src=u>", "img@src u"),
        ("<div style='background:url(u)'>\n", "div@style u"),
    ] {
        assert_eq!(raws(text), [want], "{text}");
    }
    assert_eq!(raws("a <script>`<img src=u>` <img src=v></script>"), [""; 0]);
    let mixed = "<figure>\n\n![a](u)\n\n<img src=v>\n</figure>\n\n[![b](w)](<x.png>) <a href=y.png>![c](z)</a>";
    assert_eq!(urls(mixed), ["u", "v", "w", "x.png", "y.png", "z"]);
}

#[test]
fn forms_that_commonmark_does_not_know_are_read() {
    for (text, want) in [
        ("![a](u =100x20)", "md:image u"),
        ("![a](u \"t\" =100x)", "md:image u"),
        ("![a [b] \\] c](u =100x)", "md:image u"),
        ("![a](https://h/a_b_*c*.png =50%x)", "md:image https://h/a_b_*c*.png"),
        ("![a](https://h/a(1).png =x20)", "md:image https://h/a(1).png"),
        ("![a](https://h/a b.png)", "md:image https://h/a b.png"),
        ("![a](https://h/a b.png \"t\")", "md:image https://h/a b.png"),
        ("![a]({{ site.url }}/a.png)", "md:image {{ site.url }}/a.png"),
        ("![[https://h/a_b_c]]", "md:image https://h/a_b_c"),
        ("> ![[ https://h/a | 300 ]]", "md:image https://h/a"),
        ("{% image https://h/a, width=100px, link=https://h/page %}", "md:tag https://h/a"),
        ("{% img left \"https://h/_a_\" 100 %}", "md:tag https://h/_a_"),
        ("{% sinaimage https://h/a %}", "md:tag https://h/a"),
        ("{% link t, https://h/page, https://h/a.png %}", "md:tag https://h/a.png"),
        ("{% cell t, cover:https://h/a.png, url=https://h/page %}", "md:tag https://h/a.png"),
        ("{{< figure src=\"https://h/a\" link=\"https://h/page\" >}}", "md:tag https://h/a"),
        ("{{% figure title=\"x\" src='https://h/a' %}}", "md:tag https://h/a"),
        ("{% gallery %}\n![a](u)\n{% endgallery %}", "md:image u"),
        ("x\n{: lqip=\"https://h/a\" href=\"https://h/page\"}", "md:attribute https://h/a"),
    ] {
        assert_eq!(raws(text), [want], "{text}");
    }
    let copy = format!("../assets/ab/{}.jpg", "ab".repeat(32));
    assert_eq!(raws(&format!("{{{{< figure src=\"{copy}\" >}}}}")), [format!("md:tag {copy}")]);
    assert_eq!(
        raws(&format!("{{% img \"{copy}\", x %}}\n![[{copy}]]")),
        [format!("md:tag {copy}"), format!("md:image {copy}")]
    );
    assert_eq!(raws(&format!("{{{{% figure src={copy} %}}}}")), [format!("md:tag {copy}")]);
    assert_eq!(raws(&format!("![a]({copy} =10x)")), [format!("md:image {copy}")]);
    let attributes = "![a](u){:data-echo=\"https://h/a\" .b data-src='https://h/c' title='x'}";
    assert_eq!(raws(attributes), ["md:image u", "md:attribute https://h/a", "md:attribute https://h/c"]);
    for text in [
        "![a](u v)",
        "![a](u =axb)",
        "![[local.png]]",
        "[[https://h/a.png]]",
        "{% asset_img a.png %}",
        "{% post_link x https://h/page %}",
        "{% image https://h/a",
        "![[https://h/a",
        "(https://h/a b.png)",
        "![plan], [a](https://h/a b.png)",
        "[a](u =1x1)",
        "\\![a](u =1x1)",
        "![a\\](u =1x1)",
        "\\![[https://h/a]]",
        "{: href='https://h/page'}",
    ] {
        assert_eq!(raws(text), [""; 0], "{text}");
    }
}

#[test]
fn a_long_document_is_read_in_pieces() {
    let filler = "Some words to fill the page with, [like] this.\n\n".repeat(20_000);
    let long_html = format!("<!--\n\n<img src=no>\n\n{filler}--> <img src=https://h/4>\n");
    let text = format!(
        "![a][late]\n\n{filler}![b](https://h/1)\n\n{filler}```\n\n![no](x)\n\n{filler}{filler}```\n![c](https://h/2)\n\n\
         > ![d][late]\n> {filler}[late]: https://h/3&amp;\n\n{filler}{long_html}\n{filler}![e][LATE]\n\n\
         <script>\n{filler}{filler}</script>\n\n![f](https://h/5)\n"
    );
    assert!(chunks::is_long(&text));
    assert_eq!(urls(&text), ["https://h/1", "https://h/2", "https://h/3&", "https://h/4", "https://h/5"]);
}

#[test]
fn a_long_document_without_blank_lines_is_read_too() {
    for (unit, count) in [("![a](u) ", 300_000), ("![a](u)\n", 300_000), ("- ![a](u)\n", 220_000)] {
        let found = read(&unit.repeat(count)).len();
        // Where a cut goes through an image, that one is lost.
        assert!((count - 4..=count).contains(&found), "{unit:?} {found}");
    }
}

#[test]
fn hostile_texts_are_read_to_their_end() {
    for unit in [
        "[",
        "![",
        "![[",
        "](",
        "![](",
        "![](()",
        "{%",
        "{% image ",
        "{{<",
        "{:",
        "{:a=\"",
        "*a ",
        "`",
        "<",
        "<a ",
        "> ",
        "- ",
        "\n",
        "|",
        "&",
        "\\",
        "<!--",
        "{% raw %}",
        "![a][b]",
        "[a]: b\n",
        "```\n",
        "$",
        "_",
    ] {
        read(&unit.repeat(30_000));
    }
}

fn splice(text: &str, reference: &Reference, url: &str) -> String {
    let mut spliced = text.to_owned();
    spliced.replace_range(reference.span.start..reference.span.end, &reference.layers.encode(url));
    spliced
}

proptest! {
    #[test]
    fn an_encoded_url_comes_back_and_can_be_replaced(first in url(), second in url()) {
        for (before, after) in [
            ("![a](", ")"),
            ("![a](<", ">)"),
            ("![a](", " \"t\")"),
            ("> ![a](\n> ", ")"),
            ("a|b\n-|-\n![a](", ")|c"),
            ("a|b\n-|-\n![a](<", ">)|c"),
            ("![a]\n\n[a]: ", ""),
            ("> ![a]\n>\n> [a]: <", ">"),
            ("![a](", " =1x1)"),
            ("![[", "]]"),
            ("![a](x){:data-echo=\"", "\"}"),
            ("![a](x){:data-echo='", "'}"),
            ("{% image ", ", width=1 %}"),
            ("{{< figure src=\"", "\" >}}"),
            ("- <b>x</b> <img src=\"", "\">"),
        ] {
            let text = |written: &str| format!("![0](v)\n\n{before}{written}{after}\n\n![1](w)\n");
            let found = read(&text("https://h/"));
            let place = found.iter().position(|r| r.url == "https://h/").unwrap();
            let layers = found[place].layers;
            // Where nothing can be escaped, percent-encoding says the same to a server.
            let literal = |url: &str| if layers == crate::collect::Layers::of(crate::collect::Layer::Unescaped) { layers.encode(url) } else { url.to_owned() };
            let url = if before.starts_with("![[") || before.starts_with('{') { format!("https://h{first}") } else { first.clone() };
            let text = text(&layers.encode(&url));
            let found = read(&text);
            prop_assert_eq!(&found[place].url, &literal(&url), "{}", text);
            prop_assert_eq!(found[place].layers, layers);
            let second = if before.starts_with("![[") || before.starts_with('{') { format!("//h{second}") } else { second.clone() };
            let again = read(&splice(&text, &found[place], &second));
            prop_assert_eq!(again.len(), found.len(), "{}", splice(&text, &found[place], &second));
            for (index, (old, new)) in found.iter().zip(&again).enumerate() {
                let want = if index == place { literal(&second) } else { old.url.clone() };
                prop_assert_eq!(&new.url, &want, "{}", text);
                prop_assert_eq!(&new.slot, &old.slot);
            }
        }
    }

    #[test]
    fn an_autolink_becomes_what_the_new_url_needs(url in url()) {
        let text = "![0](v) <https://h/a.png> ![1](w)";
        let url = format!("{}.png", url.replace(['?', '#'], "/"));
        prop_assume!(names_image(&url));
        let reference = read(text).remove(1);
        let spliced = splice(text, &reference, &url);
        let again = read(&spliced);
        let seen: Vec<_> = again.iter().map(|r| (r.slot.as_str(), r.url.as_str())).collect();
        prop_assert_eq!(seen, [("md:image", "v"), ("md:link", &url), ("md:image", "w")], "{}", spliced);
    }

    #[test]
    fn no_text_breaks_it(text in "(!?\\[a?\\]|\\(u\\)|!\\[\\[https://h/|\\]\\]|\\{%|%\\}|\\{:|=\"|<img src=|[`*_<>&;\\\\|~ \n]|> |- |    |<!--|-->|中){0,40}") {
        let found = read(&text);
        prop_assert!(found.windows(2).all(|pair| pair[0].span.start <= pair[1].span.start));
    }
}

#[test]
fn a_definition_is_looked_at_once_however_often_it_is_used() {
    let asked = std::cell::Cell::new(0);
    let names_image = |_: &str| {
        asked.set(asked.get() + 1);
        false
    };
    let reader = Reader { names_image: &names_image, html: &|_, _| {} };
    let long = "x".repeat(100_000);
    // Escapes keep the parser from borrowing the destination; the second text is read in pieces.
    for (url, uses) in [(format!("http://h/{long}.jpg"), 5_000), (format!("http://h/\\_{long}.jpg"), 200_000)] {
        asked.set(0);
        let text = format!("[a]: {url}\n\n{}", "[a] ![a]\n\n".repeat(uses));
        let mut found = Vec::new();
        reader.collect(&text, &mut |reference| found.push(reference));
        assert_eq!(found.len(), 1);
        assert_eq!(&text[found[0].span.start..found[0].span.end], url);
        assert!(asked.get() <= 2, "{}", asked.get());
    }
}

#[test]
fn a_definition_that_a_link_used_first_still_counts_for_an_image() {
    assert_eq!(raws("[a] ![a]\n\n[a]: http://h/x"), ["md:definition http://h/x"]);
}
