//! Which attribute of which element holds a picture, as data.
//!
//! The tables hold what was met in real pages; over a hundred attribute names have been counted and new ones keep
//! coming, so a rule for unknown `data-*` attributes stands behind them: on an element that shows a picture, an
//! attribute whose whole value is the URL of an image is one more copy of it.

#[cfg(test)]
mod tests;

use super::srcset;

/// How the value of an attribute must be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// One URL.
    Url,
    /// One URL, counted only when it names an image: the attribute often holds something else.
    ImageUrl,
    /// One URL, counted only when it is written out with its host and names an image: nothing is known of the
    /// attribute.
    AbsoluteImageUrl,
    /// `srcset` syntax.
    Srcset,
    /// `srcset` syntax, where the URLs that name an image count. Bars may part one list from the next.
    ImageSrcset,
    /// CSS declarations.
    Css,
    /// A JSON text with URLs somewhere in it; those that name an image, or stand under a `src` key, count.
    Json,
    /// JSON that was percent-encoded as a whole.
    PercentJson,
    /// A whole HTML document (`srcdoc`).
    Html,
    /// Foundation's `[url, (media)], [url, (media)]`.
    Interchange,
}

/// Attributes that mean the same on every element that can show a picture.
/// Sorted, so that a lookup is a binary search.
const ATTRIBUTES: &[(&str, Reading)] = &[
    (":src", Reading::ImageUrl),
    ("_mce_src", Reading::Url),
    ("bpic", Reading::Url),
    ("data-1000src", Reading::Url),
    ("data-1200src", Reading::Url),
    ("data-1500src", Reading::Url),
    ("data-2000src", Reading::Url),
    ("data-380src", Reading::Url),
    ("data-500src", Reading::Url),
    ("data-640src", Reading::Url),
    ("data-800src", Reading::Url),
    ("data-actualsrc", Reading::Url),
    ("data-asset-url", Reading::Url),
    ("data-at2x", Reading::Url),
    ("data-attrs", Reading::Json),
    ("data-background", Reading::ImageUrl),
    ("data-background-image", Reading::Url),
    ("data-backsrc", Reading::Url),
    ("data-bg", Reading::Url),
    ("data-canonical-src", Reading::Url),
    ("data-croporisrc", Reading::Url),
    ("data-default-watermark-src", Reading::Url),
    ("data-delayed-url", Reading::Url),
    ("data-echo", Reading::Url),
    ("data-ezsrc", Reading::Url),
    ("data-ezsrcset", Reading::Srcset),
    ("data-fallback-src", Reading::Url),
    ("data-flickity-lazyload", Reading::Url),
    ("data-full", Reading::ImageUrl),
    ("data-full-src", Reading::Url),
    ("data-full-url", Reading::Url),
    ("data-gif-url", Reading::Url),
    ("data-gt-lazy-src", Reading::Url),
    ("data-hi-res-src", Reading::Url),
    ("data-high-res-src", Reading::Url),
    ("data-image", Reading::Url),
    ("data-image-url", Reading::Url),
    ("data-img-retina-url", Reading::Url),
    ("data-img-src", Reading::Url),
    ("data-img-url", Reading::Url),
    ("data-interchange", Reading::Interchange),
    ("data-large-file", Reading::Url),
    ("data-lazy", Reading::ImageUrl),
    ("data-lazy-src", Reading::Url),
    ("data-lazy-srcset", Reading::Srcset),
    ("data-lazy-style", Reading::Css),
    ("data-lazyload", Reading::Url),
    ("data-li-src", Reading::Url),
    ("data-low-res-src", Reading::Url),
    ("data-mce-src", Reading::Url),
    ("data-mcesrc", Reading::Url),
    ("data-mediaviewer-src", Reading::Url),
    ("data-medium-file", Reading::Url),
    ("data-native-src", Reading::Url),
    ("data-normal", Reading::ImageUrl),
    ("data-old-src", Reading::Url),
    ("data-orig", Reading::Url),
    ("data-orig-file", Reading::Url),
    ("data-original", Reading::Url),
    ("data-original-mos", Reading::Url),
    ("data-original-src", Reading::Url),
    ("data-originalsrc", Reading::Url),
    ("data-pin-media", Reading::Url),
    ("data-poster", Reading::Url),
    ("data-raw-src", Reading::Url),
    ("data-retina", Reading::Url),
    ("data-runner-src", Reading::Url),
    ("data-sf-original-src", Reading::Url),
    ("data-src", Reading::Url),
    ("data-src-big", Reading::Url),
    ("data-src-medium", Reading::Url),
    ("data-src-retina", Reading::Url),
    ("data-src-small", Reading::Url),
    ("data-srcset", Reading::Srcset),
    ("data-srv", Reading::Url),
    ("data-td-src-property", Reading::Url),
    ("data-upload-link", Reading::PercentJson),
    ("data-url", Reading::ImageUrl),
    ("data-xextension-imageproxy-original-src", Reading::Url),
    ("data-zoom-image", Reading::Url),
    ("data-zoom-src", Reading::Url),
    ("datasrc", Reading::Url),
    ("file", Reading::ImageUrl),
    ("itemid", Reading::ImageUrl),
    ("lazysrc", Reading::Url),
    ("lqip", Reading::Url),
    ("oldsrc", Reading::Url),
    ("original", Reading::ImageUrl),
    ("real_src", Reading::Url),
    ("rel:bf_image_src", Reading::Url),
    ("v-lazy", Reading::ImageUrl),
    ("zoomfile", Reading::Url),
];

/// Elements that show a picture themselves: here a lazy attribute may hold any URL, whatever its path looks like.
const PICTURE_ELEMENTS: &[&str] = &["amp-anim", "amp-img", "image", "img", "lazy-image", "picture", "source"];

/// Elements whose `src`-like attributes name something else than a picture (a page, a program, a film).
const OTHER_ELEMENTS: &[&str] =
    &["amp-iframe", "audio", "base", "form", "frame", "iframe", "meta", "param", "script", "track"];

/// Properties that SVG also takes as attributes, as far as they take a URL (SVG 2, section 6.6).
const PRESENTATION: &[&str] =
    &["clip-path", "cursor", "fill", "filter", "marker", "marker-end", "marker-mid", "marker-start", "mask", "stroke"];

/// `link@rel` tokens whose `href` is a picture. WHATWG HTML 4.6.7 and what sites use beside it.
const LINK_RELS: &[&str] = &[
    "apple-touch-icon",
    "apple-touch-icon-precomposed",
    "apple-touch-startup-image",
    "fluid-icon",
    "icon",
    "image_src",
    "mask-icon",
];

/// `meta` names, properties and itemprops whose `content` is a picture.
const META_NAMES: &[&str] = &[
    "image",
    "msapplication-square150x150logo",
    "msapplication-square310x310logo",
    "msapplication-square70x70logo",
    "msapplication-tileimage",
    "msapplication-wide310x150logo",
    "og:image",
    "og:image:secure_url",
    "og:image:url",
    "sailthru.image.full",
    "sailthru.image.thumb",
    "thumbnail",
    "thumbnailurl",
    "twitter:image",
    "twitter:image0",
    "twitter:image:src",
];

/// What an element's other attributes say about the one in question.
pub trait Attributes {
    /// The raw value of the first attribute of this name, or `None`.
    fn get(&self, name: &str) -> Option<&str>;
}

/// Attributes that stand on nearly every element and hold no picture on any: no table needs to be asked.
const NEVER: &[&str] =
    &["class", "id", "alt", "width", "height", "title", "rel", "type", "name", "onclick", "loading", "referrerpolicy"];

/// Whether `attribute` is one of those that are the most frequent, and hold no picture.
pub fn is_never_picture(attribute: &str) -> bool {
    NEVER.contains(&attribute)
}

/// How to read `attribute` of `element`, or `None` when it holds no picture. Names are in lower case.
pub fn reading(element: &str, attribute: &str, others: &impl Attributes) -> Option<Reading> {
    match attribute {
        "style" => return Some(Reading::Css),
        "background" => return Some(Reading::Url),
        _ => {}
    }
    match (element, attribute) {
        ("img" | "amp-img" | "amp-anim" | "lazy-image", "src") => Some(Reading::Url),
        ("img" | "source" | "amp-img" | "amp-anim" | "lazy-image", "srcset") => Some(Reading::Srcset),
        ("video" | "amp-video", "poster") => Some(Reading::Url),
        ("input", "src") => is(others.get("type"), "image").then_some(Reading::Url),
        ("object", "data") | ("embed", "src") => Some(match others.get("type") {
            Some(kind) if starts_with(kind, "image/") => Reading::Url,
            Some(kind) if !kind.trim().is_empty() => return None,
            _ => Reading::ImageUrl,
        }),
        ("image" | "feimage" | "use", "href" | "xlink:href") => Some(Reading::Url),
        ("link", _) => link(attribute, others),
        ("a", "xlink:href") => Some(Reading::ImageUrl),
        ("amp-story", _) if attribute.starts_with("poster-") && attribute.ends_with("-src") => Some(Reading::Url),
        ("meta", "content") => {
            let named = |key| others.get(key).is_some_and(|name| contains(META_NAMES, name));
            (named("property") || named("name") || named("itemprop")).then_some(Reading::Url)
        }
        ("a" | "area", "href") => Some(Reading::ImageUrl),
        ("iframe", "srcdoc") => Some(Reading::Html),
        _ => lazy(element, attribute),
    }
}

/// How to read an attribute that the user named: any URL counts.
pub fn named(attribute: &str) -> Reading {
    match attribute {
        "style" => Reading::Css,
        _ if attribute.ends_with("srcset") => Reading::Srcset,
        _ => Reading::Url,
    }
}

fn link(attribute: &str, others: &impl Attributes) -> Option<Reading> {
    let rels = others.get("rel").unwrap_or_default();
    let has = |rel: &str| rels.split_ascii_whitespace().any(|token| token.eq_ignore_ascii_case(rel));
    let preload = has("preload") && is(others.get("as"), "image");
    let is_item = || others.get("itemprop").is_some_and(|name| contains(META_NAMES, name));
    match attribute {
        "href" if preload || LINK_RELS.iter().any(|rel| has(rel)) || is_item() => Some(Reading::Url),
        "imagesrcset" if preload => Some(Reading::Srcset),
        _ => None,
    }
}

fn lazy(element: &str, attribute: &str) -> Option<Reading> {
    let poster = matches!(attribute, "data-poster" | "data-lazy-poster");
    let shows_picture = PICTURE_ELEMENTS.contains(&element);
    let is_other = || OTHER_ELEMENTS.contains(&element) || (matches!(element, "video" | "embed" | "object") && !poster);
    if !shows_picture && is_other() {
        return None;
    }
    if let Ok(at) = ATTRIBUTES.binary_search_by_key(&attribute, |(name, _)| name) {
        // Elsewhere `data-src` may be a page fragment or a film: there the value has to look like a picture.
        return Some(match ATTRIBUTES[at].1 {
            Reading::Url if !shows_picture && !poster => Reading::ImageUrl,
            reading => reading,
        });
    }
    let is_data = attribute.starts_with("data-");
    match () {
        () if attribute.ends_with("srcset") && is_data && shows_picture => Some(Reading::Srcset),
        () if attribute.ends_with("srcset") || attribute.ends_with("bgset") => Some(Reading::ImageSrcset),
        // Of elements that nobody knows, that is: custom ones have a hyphen in their name.
        () if attribute == "src" && element.contains('-') => Some(Reading::ImageUrl),
        () if !is_data && PRESENTATION.binary_search(&attribute).is_ok() => Some(Reading::Css),
        () if !is_data && !attribute.ends_with("src") => None,
        () if shows_picture || matches!(element, "figure" | "a" | "video") => Some(Reading::ImageUrl),
        () => is_data.then_some(Reading::AbsoluteImageUrl),
    }
}

/// How to read `value` in an attribute of which [`reading`] says that it holds one URL: sites also write CSS there, or
/// a whole `srcset`.
/// `None` when it cannot hold what counts. `value` may be raw: it is asked before anything is decoded.
pub fn by_value(reading: Reading, attribute: &str, value: &str) -> Option<Reading> {
    match reading {
        // No function, no URL; that is what nearly every `style` and `fill` is.
        Reading::Css => return memchr::memchr2(b'(', b'&', value.as_bytes()).map(|_| reading),
        Reading::Url if attribute == "src" && srcset::is_list(value) => return Some(Reading::Srcset),
        // Numbers and words, which is what most attributes hold that nobody knows.
        Reading::ImageUrl | Reading::AbsoluteImageUrl if !value.bytes().any(is_mark) => return None,
        Reading::Url | Reading::ImageUrl | Reading::AbsoluteImageUrl => {}
        _ => return Some(reading),
    }
    let value = value.trim_start();
    let names_style = || ["bg", "background", "style"].iter().any(|word| attribute.contains(word));
    let holds_style = || starts_with(value, "url(") || (names_style() && value.contains("url("));
    // Hardly any value has a parenthesis, and one byte is found faster than four.
    if attribute.starts_with("data-") && memchr::memchr(b'(', value.as_bytes()).is_some() && holds_style() {
        return Some(Reading::Css);
    }
    let unknown = reading == Reading::AbsoluteImageUrl;
    (!unknown || ["http://", "https://", "//"].iter().any(|start| starts_with(value, start))).then_some(reading)
}

/// Bytes of which one stands in every value that names an image, be it in JSON, in CSS or behind a character reference.
fn is_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b'/' | b'?' | b'&' | b'{' | b'[' | b'(')
}

fn is(value: Option<&str>, wanted: &str) -> bool {
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}

fn starts_with(value: &str, prefix: &str) -> bool {
    value.trim().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn contains(sorted: &[&str], name: &str) -> bool {
    sorted.binary_search(&name.trim().to_ascii_lowercase().as_str()).is_ok()
}

/// File name endings of the formats that browsers show.
const EXTENSIONS: &[&str] = &[
    "apng", "avif", "awebp", "bmp", "gif", "heic", "heif", "ico", "jfif", "jpe", "jpeg", "jpg", "jxl", "pjpeg", "pjp",
    "png", "svg", "svgz", "tif", "tiff", "webp",
];

/// Whether the last path segment of a URL ends like an image file, with or without a size suffix behind it
/// (`.jpg!cmspl`, `.jpg@100w`, `.jpg:large`, `.webp~tplv`). The query and the fragment are not looked at.
pub fn names_image(url: &str) -> bool {
    let path = &url[..memchr::memchr2(b'?', b'#', url.as_bytes()).unwrap_or(url.len())];
    // Asked of every value that could be a URL: most end here.
    if memchr::memchr(b'.', path.as_bytes()).is_none() {
        return false;
    }
    let slashes = |at: &usize| path.as_bytes().get(at + 1) == Some(&b'/');
    let after_scheme = memchr::memchr_iter(b'/', path.as_bytes()).find(slashes).map_or(0, |at| at + 2);
    let Some((directory, name)) =
        path[after_scheme..].rsplit_once('/').or_else(|| (after_scheme == 0).then_some(("", path)))
    else {
        return false;
    };
    // A wiki's `File:x.jpg` and a forge's `blob/…/x.png` are pages about a picture.
    let page_about_it = || (name.contains(':') && directory.contains("wiki")) || directory.contains("/blob/");
    name.match_indices('.').any(|(dot, _)| image_extension_at(&name[dot + 1..])) && !page_about_it()
}

fn image_extension_at(rest: &str) -> bool {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let suffix_marks_an_end =
        rest[end..].chars().next().is_none_or(|c| matches!(c, '!' | '@' | '~' | ':' | '_' | ';' | '%' | '&' | ','));
    suffix_marks_an_end && EXTENSIONS.iter().any(|known| rest[..end].eq_ignore_ascii_case(known))
}
