//! Shapes of the image servers that have a URL grammar of their own and may stand on any host.
//!
//! Anyone may run one of these, so their host says nothing and the path must say everything: each reader here asks
//! for a signature, options or a timestamp in the exact form of its documentation, right before the inner URL.

use super::inner::{Bare, Found, begins_with_scheme, decode, level, read_base64, read_hex};
use super::parts::Parts;
use super::shape::{Tail, is_word, param_value, path_value, until};

/// More options than anybody writes; bounds the walk over segments.
const MAX_OPTIONS: usize = 64;

/// Characters of base64url without padding.
fn is_base64url(text: &str) -> bool {
    is_word(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A camo digest: HMAC-SHA1 or HMAC-SHA256 in hexadecimal.
fn is_hex_digest(segment: &str) -> bool {
    matches!(segment.len(), 40 | 64) && is_hex(segment)
}

/// A thumbor signature: HMAC-SHA1 as base64url with its padding.
fn is_padded_digest(segment: &str) -> bool {
    segment.len() == 28 && segment.strip_suffix('=').is_some_and(is_base64url)
}

/// Whether a segment could be one of the digests above; cheap enough to ask of every segment.
pub(super) fn is_digest(segment: &str) -> bool {
    is_hex_digest(segment) || is_padded_digest(segment)
}

/// The segments before `at`, the nearest first.
fn before<'a>(outer: &Parts<'a>, at: usize) -> impl Iterator<Item = &'a str> + use<'a> {
    outer.path.get(..at).unwrap_or("").strip_suffix('/').unwrap_or("").rsplit('/').take(MAX_OPTIONS)
}

/// camo: `/DIGEST/HEX`; go-camo also `/B64DIGEST/B64URL`. `at` is the segment with the URL.
pub(super) fn camo(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let digest = before(outer, at).next()?;
    let raw = until(outer.path.get(at..)?, &['/']);
    if is_hex_digest(digest) {
        return read_hex(raw, outer);
    }
    // 20 bytes without padding.
    (digest.len() == 27 && is_base64url(digest)).then(|| read_base64(raw, outer)).flatten()
}

/// camo: `/DIGEST?url=URL`. `at` is the digest, which must be the last segment.
pub(super) fn camo_param(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let digest = outer.path.get(at..)?;
    let value = outer.query?.strip_prefix("url=")?;
    is_hex_digest(digest).then(|| param_value(value, &[], Bare::Never, outer)).flatten()
}

/// Miniflux: `/proxy/B64HMAC/B64URL`, HMAC-SHA256. `at` is the segment `proxy`.
pub(super) fn miniflux(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let (signature, raw) = outer.path.get(at..)?.strip_prefix("proxy/")?.split_once('/')?;
    let signature = decode(signature, 1);
    let signed = signature.len() == 44 && signature.strip_suffix('=').is_some_and(is_base64url);
    signed.then(|| read_base64(raw, outer)).flatten()
}

/// imgproxy: `/SIG/name:args/…/plain/URL@ext` or `…/B64/URL/IN/PIECES.ext`. `at` is the segment `plain` or the
/// first of the base64. `/enc/` is encrypted and cannot be read.
pub(super) fn imgproxy(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let segments: Vec<&str> = before(outer, at).collect();
    let options = imgproxy_options(&segments)?;
    let signature = *segments.get(options)?;
    let unsigned = matches!(signature, "insecure" | "unsafe" | "_");
    // Signatures may be cut short, but then there must be options to recognise the form by.
    let signed = is_base64url(signature) && (options > 0 || signature.len() == 43);
    if !(unsigned || signed) {
        return None;
    }
    let raw = outer.path.get(at..)?;
    match raw.strip_prefix("plain/") {
        Some(plain) => {
            let url = match plain.rsplit_once('@') {
                Some((url, extension)) if is_image_extension(extension) => url,
                _ => plain,
            };
            path_value(url, Tail::Own, Bare::Never, outer)
        }
        None => {
            let raw = match raw.rsplit_once('.') {
                Some((raw, extension)) if is_image_extension(extension) => raw,
                _ => raw,
            };
            read_base64(&raw.replace('/', ""), outer)
        }
    }
}

/// How many of the segments (nearest first) are options of imgproxy: `name:arguments`, or the basic form
/// `fit/300/200/sm/0`.
fn imgproxy_options(segments: &[&str]) -> Option<usize> {
    let named = |segment: &&&str| {
        segment.split_once(':').is_some_and(|(name, _)| {
            name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'))
                && !matches!(name, "" | "http" | "https")
        })
    };
    let count = segments.iter().take_while(named).count();
    if count > 0 {
        return Some(count);
    }
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let basic = matches!(segments, [enlarge, gravity, height, width, kind, ..]
        if matches!(*enlarge, "0" | "1")
            && matches!(*gravity, "no" | "so" | "ea" | "we" | "ce" | "sm" | "noea" | "nowe" | "soea" | "sowe")
            && number(height)
            && number(width)
            && matches!(*kind, "fit" | "fill" | "fill-down" | "force" | "auto" | "crop"));
    Some(if basic { 5 } else { 0 })
}

fn is_image_extension(text: &str) -> bool {
    const EXTENSIONS: [&str; 14] =
        ["jpg", "jpeg", "png", "webp", "avif", "gif", "ico", "svg", "heic", "bmp", "tiff", "jxl", "best", "pdf"];
    EXTENSIONS.contains(&text)
}

/// thumbor: `/SIG or unsafe/trim/AxB:CxD/fit-in/ExF/left/top/smart/filters:…/URL`.
///
/// Without signature (Pocket's cache), `fit-in` or `filters:` must be there. The URL may lack its scheme behind a
/// signature or `unsafe`, where the loader's default is http.
pub(super) fn thumbor(outer: &Parts<'_>) -> Option<Found> {
    let path = outer.path.get(1..)?;
    let mut at = 0;
    let mut signed = false;
    let mut operations = 0;
    let mut marked = false;
    for segment in path.split('/') {
        let rest = path.get(at..)?;
        if begins_with_scheme(rest) {
            return (signed || marked)
                .then(|| path_value(outer.rest.get(1 + at..)?, Tail::Inner, Bare::Never, outer))
                .flatten();
        }
        if segment.starts_with("filters:") && segment.matches('(').count() != segment.matches(')').count() {
            // The argument of a filter holds a slash, perhaps a URL of its own.
            return None;
        }
        if segment.is_empty() {
            // Left behind by an option that was left out.
        } else if thumbor_operation(segment) {
            operations += 1;
            marked |= segment.starts_with("filters:") || segment.ends_with("fit-in");
        } else if operations == 0 && !signed && (segment == "unsafe" || is_padded_digest(segment)) {
            signed = true;
        } else if operations > 0 || signed {
            let encoded = level(segment) > 0;
            let bare = (signed && operations > 0 && (encoded || rest.contains('/'))).then_some(Bare::Http)?;
            return path_value(outer.rest.get(1 + at..)?, Tail::Inner, bare, outer);
        }
        at += segment.len() + 1;
    }
    None
}

/// Whether a segment is one of thumbor's operations.
fn thumbor_operation(segment: &str) -> bool {
    const WORDS: [&str; 13] = [
        "trim",
        "fit-in",
        "full-fit-in",
        "adaptive-fit-in",
        "adaptive-full-fit-in",
        "left",
        "center",
        "right",
        "top",
        "middle",
        "bottom",
        "smart",
        "meta",
    ];
    let size = |text: &str| {
        let side = |side: &str| {
            let side = side.strip_prefix('-').unwrap_or(side);
            side == "orig" || side.bytes().all(|b| b.is_ascii_digit())
        };
        text.len() > 1 && text.split_once('x').is_some_and(|(width, height)| side(width) && side(height))
    };
    WORDS.contains(&segment)
        || segment.starts_with("filters:")
        || segment.starts_with("trim:")
        || size(segment)
        || segment.split_once(':').is_some_and(|(from, to)| size(from) && size(to))
}

/// willnorris/imageproxy: `/{options}/{URL plain, encoded or base64url}`. `at` is the segment where the URL begins.
pub(super) fn willnorris(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let options = before(outer, at).next()?;
    if options.is_empty() || !options.split(',').all(willnorris_option) {
        return None;
    }
    let raw = outer.path.get(at..)?;
    let found =
        read_base64(raw, outer).or_else(|| path_value(outer.rest.get(at..)?, Tail::Inner, Bare::Never, outer))?;
    // A lone number says little: services that take pictures of pages write it too (`/width/600/https://…`).
    let number = options.bytes().all(|b| b.is_ascii_digit());
    (!number || names_an_image(&found.url)).then_some(found)
}

/// Whether a URL's path ends in an extension of images.
fn names_an_image(url: &str) -> bool {
    let path = until(url, &['?']);
    path.rsplit_once('.').is_some_and(|(_, extension)| is_image_extension(&extension.to_ascii_lowercase()))
}

fn willnorris_option(option: &str) -> bool {
    const WORDS: [&str; 10] = ["fit", "fv", "fh", "sc", "trim", "scaleUp", "jpeg", "png", "tiff", "webp"];
    let number =
        |text: &str| !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let side = |text: &str| text.is_empty() || number(text);
    let named = |names: &[&str]| names.iter().any(|name| option.strip_prefix(name).is_some_and(number));
    WORDS.contains(&option)
        || number(option) && option.len() <= 4
        || option.len() > 1 && option.split_once('x').is_some_and(|(width, height)| side(width) && side(height))
        || named(&["r", "q", "cx", "cy", "cw", "ch", "vu"])
        // A signature, HMAC-SHA256 as base64url.
        || option.strip_prefix('s').is_some_and(|sig| (40..=44).contains(&sig.len()) && is_base64url(sig.trim_end_matches('=')))
}

/// An archive on any host: a full timestamp right before the URL, which is written with its scheme.
pub(super) fn timestamped(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let digits = timestamp(before(outer, at).next()?)?;
    // A year in which there was a web.
    let year = digits.get(..4)?.parse::<u16>().ok()?;
    (digits.len() == 14 && (1990..2100).contains(&year))
        .then(|| path_value(outer.rest.get(at..)?, Tail::Inner, Bare::Never, outer))
        .flatten()
}

/// The digits of a Wayback timestamp: 1 to 14 of them, perhaps followed by a modifier (`im_`, `id_` …).
pub(super) fn timestamp(segment: &str) -> Option<&str> {
    let digits = segment.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, modifier) = segment.split_at(digits);
    let modified = modifier.is_empty()
        || modifier.len() == 3 && modifier.ends_with('_') && modifier.bytes().take(2).all(|b| b.is_ascii_lowercase());
    ((1..=14).contains(&digits.len()) && modified).then_some(digits)
}

/// Reads a URL that is written as one opaque word.
pub(super) fn opaque(raw: &str, outer: &Parts<'_>) -> Option<Found> {
    let word = until(raw, &['/', '?', '&']);
    read_base64(word, outer).or_else(|| read_hex(word, outer))
}
