use super::*;

impl Attributes for [(&str, &str)] {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

struct Given(&'static [(&'static str, &'static str)]);

impl Attributes for Given {
    fn get(&self, name: &str) -> Option<&str> {
        Attributes::get(self.0, name)
    }
}

#[test]
fn what_never_holds_a_picture_holds_none_on_any_element() {
    for element in PICTURE_ELEMENTS.iter().chain(OTHER_ELEMENTS).chain(&["p", "a", "link", "video", "figure", "x-y"]) {
        for attribute in NEVER {
            let others = Given(&[("rel", "icon"), ("type", "image/png"), ("name", "og:image")]);
            assert_eq!(reading(element, attribute, &others), None, "{element}@{attribute}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn what_names_an_image_has_a_mark(value in "([a-c:#%]|\\.|/|\\?|jpg|url|\\(|&|\\{|\\[|\"){0,8}") {
        let rules = crate::proxy::Rules::builtin();
        let names = names_image(&value) || names_image(&rules.peel(&value).url);
        proptest::prop_assert!(!names || value.bytes().any(is_mark));
    }
}

#[test]
fn every_mark_is_enough() {
    for value in ["a.jpg", "/a", "?a", "{a", "[a", "a(b", "a&period;jpg"] {
        assert_eq!(by_value(Reading::ImageUrl, "data-x", value), Some(Reading::ImageUrl), "{value}");
    }
    assert_eq!(by_value(Reading::ImageUrl, "data-bg", "url(a)"), Some(Reading::Css));
    assert_eq!(by_value(Reading::ImageUrl, "data-x", "a 12 #b"), None);
    // The mark is the only one.
    let reader = crate::collect::html::Reader { names_image: &names_image, selects: &[], witness: &|_, _| {} };
    for html in ["<img data-x='a&period;jpg'>", "<p data-bg='url(a)'>"] {
        let mut found = 0;
        reader.collect(html, &mut |_| found += 1);
        assert_eq!(found, 1, "{html}");
    }
}

#[test]
fn the_tables_are_sorted() {
    assert!(ATTRIBUTES.is_sorted_by_key(|(name, _)| name));
    assert!(META_NAMES.is_sorted());
    assert!(PRESENTATION.is_sorted());
}

#[test]
fn attributes_are_read_by_element_and_company() {
    type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)], Option<Reading>);
    let cases: &[Case] = &[
        ("img", "src", &[], Some(Reading::Url)),
        ("img", "data-original", &[], Some(Reading::Url)),
        ("img", "data-something-new", &[], Some(Reading::ImageUrl)),
        ("img", "data-new-srcset", &[], Some(Reading::Srcset)),
        ("img", "alt", &[], None),
        ("div", "data-src", &[], Some(Reading::ImageUrl)),
        ("div", "data-unknown", &[], Some(Reading::AbsoluteImageUrl)),
        ("div", "data-bgset", &[], Some(Reading::ImageSrcset)),
        ("div", "srcset", &[], Some(Reading::ImageSrcset)),
        ("div", "unknown", &[], None),
        ("iframe", "data-thumb", &[], None),
        ("iframe", "data-src", &[], None),
        ("script", "src", &[], None),
        ("video", "poster", &[], Some(Reading::Url)),
        ("video", "data-src", &[], None),
        ("video", "data-poster", &[], Some(Reading::Url)),
        ("input", "src", &[("type", "IMAGE")], Some(Reading::Url)),
        ("input", "src", &[("type", "text")], None),
        ("object", "data", &[("type", "image/svg+xml")], Some(Reading::Url)),
        ("object", "data", &[("type", "application/pdf")], None),
        ("object", "data", &[], Some(Reading::ImageUrl)),
        ("link", "href", &[("rel", "shortcut ICON")], Some(Reading::Url)),
        ("link", "href", &[("rel", "stylesheet")], None),
        ("link", "href", &[("rel", "preload"), ("as", "image")], Some(Reading::Url)),
        ("link", "href", &[("rel", "preload"), ("as", "script")], None),
        ("link", "imagesrcset", &[("rel", "preload"), ("as", "image")], Some(Reading::Srcset)),
        ("meta", "content", &[("property", "og:image")], Some(Reading::Url)),
        ("meta", "content", &[("name", "Twitter:Image")], Some(Reading::Url)),
        ("meta", "content", &[("name", "description")], None),
        ("a", "href", &[], Some(Reading::ImageUrl)),
        ("a", "xlink:href", &[], Some(Reading::ImageUrl)),
        ("link", "href", &[("itemprop", "thumbnailUrl")], Some(Reading::Url)),
        ("link", "href", &[("itemprop", "url")], None),
        ("amp-anim", "src", &[], Some(Reading::Url)),
        ("amp-anim", "srcset", &[], Some(Reading::Srcset)),
        ("amp-iframe", "src", &[], None),
        ("amp-story", "poster-portrait-src", &[], Some(Reading::Url)),
        ("my-card", "src", &[], Some(Reading::ImageUrl)),
        ("rect", "fill", &[], Some(Reading::Css)),
        ("path", "marker-end", &[], Some(Reading::Css)),
        ("td", "background", &[], Some(Reading::Url)),
        ("use", "xlink:href", &[], Some(Reading::Url)),
        ("source", "src", &[], Some(Reading::ImageUrl)),
    ];
    for (element, attribute, others, want) in cases {
        assert_eq!(reading(element, attribute, &Given(others)), *want, "{element}@{attribute} {others:?}");
    }
}

#[test]
fn what_a_value_begins_with_decides_too() {
    use Reading::{AbsoluteImageUrl, Css, ImageUrl, Json, Srcset, Url};
    for (reading, attribute, value, want) in [
        (Url, "data-bg", "a.jpg", Some(Url)),
        (Url, "data-bg", " URL(a.jpg)", Some(Css)),
        (ImageUrl, "data-background", "linear-gradient(red, blue), url(a.jpg)", Some(Css)),
        (AbsoluteImageUrl, "data-thumb", "url(a.jpg)", Some(Css)),
        (AbsoluteImageUrl, "data-note", "see url(a.jpg)", None),
        (AbsoluteImageUrl, "data-thumb", "a.jpg", None),
        (AbsoluteImageUrl, "data-thumb", "\n HTTPS://h/a.jpg", Some(AbsoluteImageUrl)),
        (AbsoluteImageUrl, "data-thumb", "//h/a.jpg", Some(AbsoluteImageUrl)),
        (Url, "background", "x?y=url(a.jpg)", Some(Url)),
        (Json, "data-attrs", "url(a.jpg)", Some(Json)),
        (Css, "style", "color: red", None),
        (Css, "style", "background: url&#40;a)", Some(Css)),
        (Url, "src", "a.jpg 320w, b.jpg 640w", Some(Srcset)),
        (Url, "src", "a 2.jpg", Some(Url)),
    ] {
        assert_eq!(by_value(reading, attribute, value), want, "{attribute}={value}");
    }
}

#[test]
fn names_of_images_are_recognised() {
    for yes in [
        "https://h.example/a.jpg",
        "//h.example/a.PNG?x=1",
        "a.webp",
        "https://h.example/a.jpg!cmspl",
        "https://h.example/a.jpg@100w_1e.webp",
        "https://h.example/a.jpg:large",
        "https://h.example/a~tplv-x:640:0.awebp",
        "https://h.example/a.image.jpg",
    ] {
        assert!(names_image(yes), "{yes}");
    }
    for no in [
        "https://h.example/",
        "https://pic.jpg",
        "https://h.example/page.html",
        "https://h.example/show?file=a.jpg",
        "https://en.wiki.example/wiki/File:A.jpg",
        "https://forge.example/u/r/blob/main/a.png",
        "https://h.example/a.jpgx",
        "",
    ] {
        assert!(!names_image(no), "{no}");
    }
}
