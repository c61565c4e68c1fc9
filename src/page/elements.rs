//! The elements and attributes of a page, as data. What is not here is not on a page.

/// What becomes of an element of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It becomes this one.
    Kept(&'static str),
    /// What stands in it takes its place.
    Opened,
    /// It goes with all that stands in it.
    Dropped,
    /// It has a rule of its own in [`super::clean`].
    Special,
}

/// Elements that become another one or stay themselves. What a browser would lay out as a block stays one.
const KEPT: &[(&str, &str)] = &[
    ("a", "a"),
    ("abbr", "abbr"),
    ("acronym", "abbr"),
    ("address", "div"),
    ("article", "div"),
    ("aside", "div"),
    ("b", "b"),
    ("bdi", "bdi"),
    ("big", "span"),
    ("blink", "span"),
    ("blockquote", "blockquote"),
    ("br", "br"),
    ("button", "span"),
    ("caption", "caption"),
    ("center", "div"),
    ("cite", "cite"),
    ("code", "code"),
    ("dd", "dd"),
    ("del", "del"),
    ("details", "div"),
    ("dfn", "dfn"),
    ("dialog", "div"),
    ("dir", "ul"),
    ("div", "div"),
    ("dl", "dl"),
    ("dt", "dt"),
    ("em", "em"),
    ("fieldset", "div"),
    ("figcaption", "figcaption"),
    ("figure", "figure"),
    ("font", "span"),
    ("footer", "div"),
    ("form", "div"),
    ("h1", "h1"),
    ("h2", "h2"),
    ("h3", "h3"),
    ("h4", "h4"),
    ("h5", "h5"),
    ("h6", "h6"),
    ("header", "div"),
    ("hgroup", "div"),
    ("hr", "hr"),
    ("i", "i"),
    ("ins", "ins"),
    ("kbd", "kbd"),
    ("label", "span"),
    ("legend", "div"),
    ("li", "li"),
    ("listing", "pre"),
    ("main", "div"),
    ("mark", "mark"),
    ("marquee", "div"),
    ("menu", "ul"),
    ("nav", "div"),
    ("ol", "ol"),
    ("output", "span"),
    ("p", "p"),
    ("plaintext", "pre"),
    ("pre", "pre"),
    ("q", "q"),
    ("rt", "rt"),
    ("ruby", "ruby"),
    ("s", "s"),
    ("samp", "samp"),
    ("search", "div"),
    ("section", "section"),
    ("small", "small"),
    ("span", "span"),
    ("strike", "s"),
    ("strong", "strong"),
    ("sub", "sub"),
    ("summary", "div"),
    ("sup", "sup"),
    ("table", "table"),
    ("tbody", "tbody"),
    ("td", "td"),
    ("tfoot", "tbody"),
    ("th", "th"),
    ("thead", "tbody"),
    ("time", "span"),
    ("tr", "tr"),
    ("tt", "code"),
    ("u", "u"),
    ("ul", "ul"),
    ("var", "var"),
    ("wbr", "wbr"),
    ("xmp", "pre"),
];

/// Elements that a reader never sees, or that only act.
const DROPPED: &[&str] = &[
    "applet", "area", "base", "basefont", "bgsound", "col", "colgroup", "datalist", "frame", "head", "keygen", "link",
    "map", "meta", "meter", "noembed", "noframes", "option", "param", "progress", "rp", "script", "select", "source",
    "style", "template", "textarea", "title", "track",
];

/// Elements with a rule of their own.
const SPECIAL: &[&str] = &[
    "amp-anim", "amp-img", "audio", "embed", "iframe", "image", "img", "input", "noscript", "object", "picture", "svg",
    "video",
];

/// What becomes of an HTML element. Unknown ones are opened: browsers show what stands in them.
pub fn fate(name: &str) -> Fate {
    if SPECIAL.contains(&name) {
        return Fate::Special;
    }
    match KEPT.binary_search_by_key(&name, |(known, _)| known) {
        Ok(at) => Fate::Kept(KEPT[at].1),
        Err(_) if DROPPED.contains(&name) => Fate::Dropped,
        Err(_) => Fate::Opened,
    }
}

/// Whether an element stands among blocks, and may not stand in a line of text.
pub fn is_block(name: &str) -> bool {
    matches!(
        name,
        "blockquote"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "figcaption"
            | "figure"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "li"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "ul"
    )
}

/// Whether an element may hold blocks. `a`, `del` and `ins` may where what stands around them may (HTML 3.2.5.3,
/// "transparent content models").
pub fn may_hold_blocks(name: &str) -> bool {
    matches!(
        name,
        "a" | "blockquote"
            | "caption"
            | "dd"
            | "del"
            | "div"
            | "dl"
            | "figcaption"
            | "figure"
            | "ins"
            | "li"
            | "ol"
            | "section"
            | "table"
            | "tbody"
            | "td"
            | "th"
            | "tr"
            | "ul"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(KEPT.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn elements_that_act_are_dropped_and_unknown_ones_opened() {
        assert_eq!(fate("script"), Fate::Dropped);
        assert_eq!(fate("form"), Fate::Kept("div"));
        assert_eq!(fate("my-card"), Fate::Opened);
        assert_eq!(fate("iframe"), Fate::Special);
    }
}
