use super::*;

fn collect(html: &str) -> Vec<(String, String, String)> {
    collect_with(html, &[])
}

fn collect_with(html: &str, selects: &[Select]) -> Vec<(String, String, String)> {
    let reader = Reader { names_image: &lazy::names_image, selects, witness: &|_, _| {} };
    let mut found = Vec::new();
    reader.collect(html, &mut |reference| {
        let raw = html[reference.span.start..reference.span.end].to_owned();
        found.push((reference.slot.to_string(), raw, reference.url));
    });
    found
}

/// `slot raw` of every reference; the decoded URL behind an arrow where it differs.
fn lines(html: &str) -> Vec<String> {
    let show = |(slot, raw, url): (String, String, String)| {
        if raw == url { format!("{slot} {raw}") } else { format!("{slot} {raw} → {url}") }
    };
    collect(html).into_iter().map(show).collect()
}

#[test]
fn every_quoting_of_an_attribute_is_cut_exactly() {
    assert_eq!(lines(r#"<img src="a.jpg">"#), ["img@src a.jpg"]);
    assert_eq!(lines("<IMG   SRC = 'a.jpg' >"), ["img@src a.jpg"]);
    assert_eq!(lines("<img src=a.jpg>"), ["img@src a.jpg"]);
    assert_eq!(lines("<img src=a.jpg/>"), ["img@src a.jpg/"]);
    assert_eq!(lines("<img alt onclick src=\"\n a.jpg \"/>"), ["img@src a.jpg"]);
    assert_eq!(lines("<img src=\"a.jpg\"alt=\"b\">"), ["img@src a.jpg"]);
    assert_eq!(lines("<img\tsrc\n=\n\"a.jpg\">"), ["img@src a.jpg"]);
    assert_eq!(lines("<img\r\nsrc=\"a.jpg\"\r\ndata-src=\"b.jpg\">"), ["img@src a.jpg", "img@data-src b.jpg"]);
    assert_eq!(lines("中文<img alt=\"中\" src=\"图.jpg\">"), ["img@src 图.jpg"]);
    assert_eq!(lines("<img src=\"\" data-src=\"b.jpg\">"), ["img@data-src b.jpg"]);
}

#[test]
fn names_outside_of_ascii_stay_whole() {
    assert_eq!(lines("<img 图src=a.jpg DATA-图=b.jpg>"), ["img@图src a.jpg", "img@data-图 b.jpg"]);
    assert_eq!(lines("<img data-É=a.jpg data-È=b.jpg>"), ["img@data-É a.jpg", "img@data-È b.jpg"]);
}

#[test]
fn character_references_are_decoded_and_their_text_is_kept() {
    assert_eq!(lines(r#"<img src="a?x=1&amp;y=2">"#), ["img@src a?x=1&amp;y=2 → a?x=1&y=2"]);
    assert_eq!(lines(r#"<img src="a?x=1&y=2">"#), ["img@src a?x=1&y=2"]);
    assert_eq!(lines(r#"<img src="&#x2F;&#x2F;h/a">"#), ["img@src &#x2F;&#x2F;h/a → //h/a"]);
}

#[test]
fn the_first_of_duplicate_attributes_counts() {
    assert_eq!(lines(r#"<img src="a.jpg" src="b.jpg">"#), ["img@src a.jpg"]);
}

#[test]
fn text_that_is_not_markup_holds_no_pictures() {
    for html in [
        "<!-- <img src=a.jpg> -->",
        "<script>'<img src=a.jpg>'</script>",
        "<textarea><img src=a.jpg></textarea>",
        "<title><img src=a.jpg></title>",
        "<iframe><img src=a.jpg></iframe>",
        "<xmp><img src=a.jpg></xmp>",
        "<noframes><img src=a.jpg></noframes>",
        "<code>&lt;img src=a.jpg&gt;</code>",
        "<pre>![](a.jpg)</pre>",
        "<img src=\"a.jpg\"",
        "<img src=a.jpg",
        "a < b <",
    ] {
        assert_eq!(lines(html), [""; 0], "{html}");
    }
}

#[test]
fn hidden_pictures_count() {
    assert_eq!(lines("<noscript><img src=a.jpg></noscript>"), ["img@src a.jpg"]);
    assert_eq!(lines("<template><img src=a.jpg></template>"), ["img@src a.jpg"]);
    assert_eq!(lines("<noscript>&lt;img src=\"a.jpg\"&gt;</noscript>"), ["img@src a.jpg"]);
    assert_eq!(lines("<noscript>&lt;img src=&quot;a.jpg&quot;&gt;</noscript>"), ["img@src a.jpg"]);
    assert_eq!(
        lines("<iframe srcdoc=\"<img src='a&amp;amp;b.jpg'>\"></iframe>"),
        ["img@src a&amp;amp;b.jpg → a&b.jpg"]
    );
}

#[test]
fn style_sheets_and_style_attributes_are_read() {
    assert_eq!(lines("<style>a{background:url(a.jpg)}</style>"), ["style a.jpg"]);
    assert_eq!(lines("<svg><style>a{fill:url(b.png)}</style></svg>"), ["style b.png"]);
    assert_eq!(lines("<style>a{background:url(a.jpg)"), ["style a.jpg"]);
    assert_eq!(lines(r#"<p style="background:url('a.jpg')">"#), ["p@style a.jpg"]);
    assert_eq!(
        lines(r#"<p style="background:url(&quot;a.jpg?x&amp;y&quot;)">"#),
        ["p@style a.jpg?x&amp;y → a.jpg?x&y"]
    );
}

#[test]
fn foreign_content_follows_its_own_rules() {
    assert_eq!(lines("<svg><title><img src=a.jpg></title></svg>"), ["img@src a.jpg"]);
    assert_eq!(lines("<svg><![CDATA[<img src=a.jpg>]]><image href=\"b.jpg\"/></svg>"), ["image@href b.jpg"]);
    assert_eq!(lines("<svg/><![CDATA[<img src=a.jpg>]]>"), [""; 0]);
    assert_eq!(lines("<svg><image xlink:href='b.jpg'></image></svg>"), ["image@xlink:href b.jpg"]);
    assert_eq!(lines("<svg><p><script>\"<img src=a.jpg>\"</script>"), [""; 0]);
}

#[test]
fn srcset_and_lazy_attributes_are_read() {
    assert_eq!(
        lines(r#"<img srcset="a.jpg 1x, b.jpg 2x" data-srcset="c.jpg 10w">"#),
        ["img@srcset a.jpg", "img@srcset b.jpg", "img@data-srcset c.jpg"]
    );
    assert_eq!(
        lines(r#"<img class="x" data-original="//h/a" data-new-thing="https://h/b.jpg" data-title="b">"#),
        ["img@data-original //h/a", "img@data-new-thing https://h/b.jpg"]
    );
    assert_eq!(
        lines(r#"<div data-attrs='{"src":"https:\/\/h\/a.jpg","w":3}'>"#),
        [r"div@data-attrs https:\/\/h\/a.jpg → https://h/a.jpg"]
    );
    assert_eq!(
        lines(r#"<img data-upload-link="%7B%22src%22%3A%22https%3A%2F%2Fh%2Fa.jpg%22%7D">"#),
        ["img@data-upload-link https%3A%2F%2Fh%2Fa.jpg → https://h/a.jpg"]
    );
    assert_eq!(
        lines(r#"<img data-interchange="[a.jpg, (default)], [b.jpg, (large)]">"#),
        ["img@data-interchange a.jpg", "img@data-interchange b.jpg"]
    );
}

#[test]
fn a_src_beside_a_lazy_attribute_is_a_witness() {
    let seen = std::cell::RefCell::new(Vec::new());
    let witness = |src: &str, other: &str| seen.borrow_mut().push(format!("{src} {other}"));
    let reader = Reader { names_image: &lazy::names_image, selects: &[], witness: &witness };
    reader.collect(
        "<img data-original='http://h/a' src='https://p/?http://h/a'><img src=b><img data-src=c>",
        &mut |_| {},
    );
    assert_eq!(seen.into_inner(), ["https://p/?http://h/a http://h/a"]);
}

#[test]
fn links_count_only_when_they_name_an_image() {
    assert_eq!(lines("<a href=\"https://h/a.jpg\"><img src=t.jpg></a>"), ["a@href https://h/a.jpg", "img@src t.jpg"]);
    assert_eq!(lines("<a href=\"https://h/page\">x</a>"), [""; 0]);
}

#[test]
fn hostile_pages_are_read_in_linear_time() {
    let many_noscript = "<noscript>".repeat(200_000);
    assert!(lines(&many_noscript).is_empty());
    let nested_style = format!("<svg>{}", "<style>".repeat(200_000));
    assert!(lines(&nested_style).is_empty());
    let attributes = format!("<img {}>", "a=b ".repeat(300_000));
    assert!(lines(&attributes).is_empty());
    let deep = format!("<img src=a.jpg>{}", "<svg>".repeat(100_000));
    assert_eq!(lines(&deep), ["img@src a.jpg"]);
}

#[test]
fn markup_that_never_closes_does_not_hide_what_stood_before() {
    assert_eq!(lines("<img src=a.jpg><!-- <img src=b.jpg>"), ["img@src a.jpg"]);
    assert_eq!(lines("<img src=a.jpg><p title=\"<img src=b.jpg>"), ["img@src a.jpg"]);
    assert_eq!(lines("\0<img\0 src=\"a\0.jpg\">").len(), 0);
}

#[test]
fn attributes_named_by_selector_count_whatever_they_look_like() {
    let html = "<div class=gallery data-full=x/1 data-set='a 1x, b 2x'></div><div data-full=x/2></div>";
    let selects: Vec<Select> =
        ["div.gallery@data-full", "div.gallery@data-srcset"].iter().map(|s| s.parse().unwrap()).collect();
    let found = collect_with(html, &selects);
    assert_eq!(found, [("div@data-full".to_owned(), "x/1".to_owned(), "x/1".to_owned())]);
    assert!("div.gallery".parse::<Select>().is_err());
    assert!("div[@x".parse::<Select>().is_err());
}

#[test]
fn a_base_is_taken_out_and_what_hung_on_it_stays_reachable() {
    let html = "<base href='http://h.example/p/'><a href=\"q?a=1&amp;b=2\">x</a><a href='#top'>y</a><img src=a.jpg>";
    assert_eq!(base(html).as_deref(), Some("http://h.example/p/"));
    let edits = rebase(html, &"http://h.example/p/".parse().unwrap());
    let mut out = Vec::new();
    crate::rewrite::RewritePlan::new(edits).splice(html.as_bytes(), &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "<base href=''><a href=\"http://h.example/p/q?a=1&amp;b=2\">x</a><a href='#top'>y</a><img src=http://h.example/p/a.jpg>"
    );
    assert_eq!(base("<p>no base</p><!-- <base href=x> -->"), None);
}

#[test]
fn a_link_is_written_out_at_the_very_place_of_a_picture() {
    let html = "<base href=http://h.example/><img src=' &#32;a.jpg\n'>";
    let edits = rebase(html, &"http://h.example/".parse().unwrap());
    assert_eq!(collect(html)[0].1, "a.jpg");
    assert_eq!(&html[edits[1].span.start..edits[1].span.end], "a.jpg");
}

#[test]
fn style_sheets_of_drawings_are_text_with_references_and_cdata() {
    assert_eq!(lines("<svg><style>a{fill:url(b?x=1&amp;y=2)}</style></svg>"), ["style b?x=1&amp;y=2 → b?x=1&y=2"]);
    assert_eq!(
        lines("<svg><style>a{fill:url(a&amp;b)}<![CDATA[c{fill:url(c&amp;d)}]]>e{fill:url(e)}</style></svg>"),
        ["style a&amp;b → a&b", "style c&amp;d", "style e"]
    );
    assert_eq!(
        lines("<svg><style>a{fill:url(a)}<image href='url(b)'/>c{fill:url(c)}</style>"),
        ["style a", "image@href url(b)"]
    );
    assert_eq!(lines("<style>a{fill:url(a&amp;b)}</style>"), ["style a&amp;b"]);
}

#[test]
fn what_browsers_take_for_an_img_is_one() {
    assert_eq!(lines("<image src=a.jpg><svg><image href=b.jpg /></svg>"), ["img@src a.jpg", "image@href b.jpg"]);
}

#[test]
fn pictures_as_text_are_found_behind_a_second_opening_tag() {
    assert_eq!(lines("<noscript><noscript>&lt;img src=a.jpg&gt;</noscript></noscript>"), ["img@src a.jpg"]);
}

#[test]
fn an_element_with_hundreds_of_attributes_is_read_quickly() {
    let attributes: String = (0..250).map(|n| format!(" a{n}=b")).collect();
    let html = format!("<link{attributes} rel=icon href=a.ico>").repeat(60);
    assert_eq!(lines(&html).len(), 60);
}

#[test]
fn foreign_content_ends_where_browsers_end_it() {
    let style = "<style><img src=a.jpg>";
    let is_markup = |before: &str| !lines(&format!("{before}{style}")).is_empty();
    for markup in ["<svg>", "<math>", "<svg><font>", "<math><annotation-xml>"] {
        assert!(is_markup(markup), "{markup}");
    }
    for text in [
        "",
        "<svg/>",
        "<svg></svg>",
        "<svg></p>",
        "<svg></br>",
        "<svg><div>",
        "<svg><font color=red>",
        "<svg><foreignObject>",
        "<math><mi>",
        "<math><mtext>",
        "<math><annotation-xml encoding='Text/HTML'>",
    ] {
        assert!(!is_markup(text), "{text}");
    }
}

/// Runs `test` where a stack that grows with the page would end the program.
fn with_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_tag_of_very_many_attributes_needs_no_stack() {
    for attribute in ["a=\"x\" ", "a=\"x\"\n\t", "a=\"x\"", "a=\"x\"/", "a=\"&amp;\" ", "a='x' ", "a=x ", "a "] {
        with_a_small_stack(move || {
            let many = attribute.repeat(100_000);
            let html = format!("<img src=\"a.jpg\" {many} data-src=\"late.jpg\"><p {many}><img src=\"b.jpg\">");
            assert_eq!(lines(&html), ["img@src a.jpg", "img@src b.jpg"], "{attribute:?}");
        });
    }
}

#[test]
fn attributes_are_cut_exactly_wherever_the_tokenizer_pauses() {
    for before in 0..40 {
        for (quote, between) in [("\"", " "), ("\"", "\r\n"), ("\"", ""), ("\"", "/"), ("'", " "), ("", "\t")] {
            let value = |name: &str, value: &str| format!("{name}={quote}{value}{quote}{between}");
            let many = |name: &str| (0..before).map(|n| value(&format!("{name}{n}"), "é&amp;")).collect::<String>();
            let html = format!(
                "<!DOCTYPE html PUBLIC \"x\" \"y\"><p c\"d\" e=\"\"><img {}{}{}{}{}><img src=\"c.jpg\">",
                many("k"),
                value("src", "a.jpg"),
                many("l"),
                value("data-src", "b.jpg"),
                many("m"),
            );
            assert_eq!(lines(&html), ["img@src a.jpg", "img@data-src b.jpg", "img@src c.jpg"], "{html}");
        }
    }
}

#[test]
fn css_in_an_attribute_for_one_url_is_read_as_css() {
    assert_eq!(lines("<div data-bg=\"url(https://h/a)\">"), ["div@data-bg https://h/a"]);
    assert_eq!(lines("<div data-bg=\"url(&quot;a.jpg&quot;)\">"), ["div@data-bg a.jpg"]);
    assert_eq!(
        lines("<p data-bg-multi='linear-gradient(red, blue), url(\"a\"), url(b)'>"),
        ["p@data-bg-multi a", "p@data-bg-multi b"]
    );
    assert_eq!(lines("<section data-background=' url(a.png) '>"), ["section@data-background a.png"]);
    assert_eq!(lines("<img data-src='url(a)'>"), ["img@data-src a"]);
}

#[test]
fn attributes_that_nobody_knows_count_when_they_say_it_all() {
    for name in ["data-bg-image", "data-background-src", "data-lazy-background", "data-image-src", "data-thumb"] {
        for element in ["div", "li", "span", "my-card"] {
            let page = format!("<{element} {name}=https://h/a.jpg>");
            assert_eq!(lines(&page), [format!("{element}@{name} https://h/a.jpg")]);
        }
        assert_eq!(lines(&format!("<li {name}=//h/a.png>")), [format!("li@{name} //h/a.png")]);
        for page in ["<li X=a.jpg>", "<li X=https://h/a>", "<li X='see https://h/a.jpg'>", "<iframe X=//h/a.jpg>"] {
            assert_eq!(lines(&page.replace('X', name)), [""; 0], "{page}");
        }
    }
}

#[test]
fn sets_of_backgrounds_count_where_they_name_images() {
    assert_eq!(
        lines("<div data-bgset='a.jpg 400w, b.jpg 800w [(max-width: 9px)] | //h/c.jpg?x|y 1x |d.jpg'>"),
        ["a.jpg", "b.jpg", "//h/c.jpg?x|y", "d.jpg"].map(|url| format!("div@data-bgset {url}"))
    );
    assert_eq!(lines("<div data-bgset='one 1x, two 2x' srcset='3 4w'>"), [""; 0]);
    assert_eq!(lines("<div data-new-srcset='a.jpg 1x, b 2x'>"), ["div@data-new-srcset a.jpg"]);
}

#[test]
fn drawings_and_custom_elements_show_pictures() {
    assert_eq!(
        lines("<svg><rect fill='url(x.svg#a)' stroke=red mask='url(#m)'/><a xlink:href=a.jpg></a><a xlink:href=b></a>"),
        ["rect@fill x.svg#a", "a@xlink:href a.jpg"]
    );
    assert_eq!(lines("<my-card src=a.jpg><my-film src=a.mp4><card src=b.jpg>"), ["my-card@src a.jpg"]);
    assert_eq!(lines("<link itemprop=image href=a>"), ["link@href a"]);
    assert_eq!(lines("<amp-story poster-square-src=a>"), ["amp-story@poster-square-src a"]);
}

#[test]
fn a_set_that_stands_in_a_src_is_read_as_one() {
    assert_eq!(
        lines("<img src=' http://h/a.jpg 320w, http://h/b.jpg?x&amp;y 640w'>"),
        ["img@src http://h/a.jpg", "img@src http://h/b.jpg?x&amp;y → http://h/b.jpg?x&y"]
    );
    assert_eq!(lines("<img src='a 2.jpg'>"), ["img@src a 2.jpg"]);
}
