//! Makes text that came from outside fit to be shown.
//!
//! Documents, file names, servers and archives all choose text that ends up in a terminal or a report. Here control
//! characters lose their power, characters that hide or reorder text become visible, and credentials are covered.
//! Nothing here is for text that a program reads back, with one exception: [`json`] keeps the meaning.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// What stands for credentials.
const COVER: &str = "***";

/// Text in which nothing acts on the terminal: control characters, escape sequences, direction overrides, invisible
/// characters and line separators are written as escapes (`\u{202e}`, `\n`). All other text is left as it is.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if !has_hostile(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push_shown(&mut shown, c));
    Cow::Owned(shown)
}

/// [`for_terminal`], cut to at most `max` characters as shown; a cut ends with `…`.
pub fn for_terminal_limited(text: &str, max: usize) -> Cow<'_, str> {
    // Each shown character takes at most four bytes, so short text need not be counted.
    if text.len() <= max && !has_hostile(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let mut left = max;
    let mut before_last = 0;
    for c in text.chars() {
        let start = shown.len();
        push_shown(&mut shown, c);
        let width = shown[start..].chars().count();
        if width > left {
            // Make room for the ellipsis, without cutting an escape in two.
            shown.truncate(if left == 0 { before_last } else { start });
            shown.push('…');
            break;
        }
        left -= width;
        before_last = start;
    }
    Cow::Owned(shown)
}

/// A file name, as [`for_terminal`]; bytes that are no text become U+FFFD.
pub fn path(path: &Path) -> String {
    for_terminal(&path.to_string_lossy()).into_owned()
}

/// A URL for a person to read: user name and password become `***`, also in URLs inside the URL (behind a proxy, percent
/// encoded or not). Queries are kept, since they are part of what a picture is called. Takes any text with URLs in it.
pub fn url(text: impl AsRef<str>) -> String {
    for_terminal(&without_credentials(text.as_ref())).into_owned()
}

/// Serialised JSON with every hostile character written as `\uXXXX`. It means the same to a parser, and does nothing to
/// a terminal. (Outside of strings, JSON contains no such characters but line ends, which are kept.)
pub fn json(serialised: &str) -> Cow<'_, str> {
    let acts = |c: char| c != '\n' && is_hostile(c);
    if is_printable_ascii(serialised) || !serialised.contains(acts) {
        return Cow::Borrowed(serialised);
    }
    let mut safe = String::with_capacity(serialised.len() + 16);
    for c in serialised.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn has_hostile(text: &str) -> bool {
    !is_printable_ascii(text) && text.contains(is_hostile)
}

/// Most text is, and then there is no need to look at it by characters.
fn is_printable_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Characters that act on a terminal, hide, or change the order of what is read: Unicode's control and format characters
/// (Cc, Cf), the line separators, the fillers that show as nothing, and supplementary variation selectors.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn push_shown(shown: &mut String, c: char) {
    match is_hostile(c) {
        // `escape_default` gives `\n`, `\r`, `\t`, and `\u{…}` for all others.
        true => shown.extend(c.escape_default()),
        false => shown.push(c),
    }
}

/// [`url()`] for text that a program reads: credentials are covered, all else stays.
///
/// Credentials are what stands between the slashes of an authority and its last `@` (RFC 3986 section 3.2).
///
/// The WHATWG parser takes `\` for `/` and any number of slashes after `http:`, so both are followed here, and so is
/// percent-encoding, once or more, in URLs that stand inside others.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // Most text has no `@`, be it percent-encoded, and so no credentials.
    if memchr::memchr2(b'@', b'%', bytes).is_none() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let Some(authority) = authority_start(text, at) else {
            at += 1;
            continue;
        };
        let (mut end, mut last_at) = (authority, None);
        while end < bytes.len() {
            let (c, len) = unit(bytes, end);
            match c {
                b'/' | b'\\' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'(' | b')' => break,
                c if c.is_ascii_whitespace() || c.is_ascii_control() => break,
                b'@' => last_at = Some(end),
                _ => {}
            }
            end += len;
        }
        if let Some(last_at) = last_at.filter(|&last_at| last_at > authority) {
            clean.push_str(&text[copied..authority]);
            clean.push_str(COVER);
            copied = last_at;
        }
        at = end.max(at + 1);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

/// Where the authority begins, if a scheme's colon stands at `at`, or a `//` that begins the text.
fn authority_start(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (c, len) = unit(bytes, at);
    let mut next = if c == b':' { at + len } else { at };
    let mut slashes = 0;
    while next < bytes.len() {
        let (c, len) = unit(bytes, next);
        if c != b'/' && c != b'\\' {
            break;
        }
        slashes += 1;
        next += len;
    }
    let web = |scheme: &str| {
        let before = &bytes[..at];
        before.len() >= scheme.len() && before[before.len() - scheme.len()..].eq_ignore_ascii_case(scheme.as_bytes())
    };
    match c {
        b':' if slashes >= 2 || web("http") || web("https") => Some(next),
        b'/' | b'\\' if at == 0 && slashes >= 2 => Some(next),
        _ => None,
    }
}

/// The character at `at` and its length, seen through percent-encoding of any depth (`/`, `%2F`, `%252F`).
fn unit(bytes: &[u8], at: usize) -> (u8, usize) {
    let byte = |i: usize| bytes.get(at + i).copied().unwrap_or(0);
    if byte(0) != b'%' {
        return (byte(0), 1);
    }
    let mut len = 1;
    while byte(len) == b'2' && byte(len + 1) == b'5' {
        len += 2;
    }
    let digit = |i: usize| char::from(byte(i)).to_digit(16);
    match (digit(len), digit(len + 1)) {
        (Some(high), Some(low)) => ((high * 16 + low) as u8, len + 2),
        _ => (b'%', 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_become_visible() {
        let table = [
            ("plain", "plain"),
            ("日本語 – é 👩", "日本語 – é 👩"),
            ("", ""),
            ("\u{1b}[2J\u{1b}]0;pwned\u{7}", "\\u{1b}[2J\\u{1b}]0;pwned\\u{7}"),
            ("a\r\nb\tc\0d", "a\\r\\nb\\tc\\u{0}d"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("photo\u{202e}gpj.exe", "photo\\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200b}\u{feff}\u{ad}b", "a\\u{200b}\\u{feff}\\u{ad}b"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("\u{fffd}", "\u{fffd}"),
        ];
        for (given, shown) in table {
            assert_eq!(for_terminal(given), shown, "{given:?}");
        }
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(for_terminal("häßlich"), Cow::Borrowed(_)));
        assert!(matches!(json("{\"a\": 1}\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn cut_text_is_never_longer_than_asked_and_says_that_it_is_cut() {
        let table = [
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("日本語日本語", 4, "日本語…"),
            ("日本語", 3, "日本語"),
            ("ab\u{202e}cd", 8, "ab…"),
            ("a\u{202e}", 9, "a\\u{202e}"),
            ("a\u{202e}b", 9, "a…"),
            ("abc", 1, "…"),
        ];
        for (given, max, shown) in table {
            let cut = for_terminal_limited(given, max);
            assert_eq!(cut, shown, "{given:?} at {max}");
            assert!(cut.chars().count() <= max, "{cut:?}");
        }
        assert_eq!(for_terminal_limited(&"x".repeat(1 << 20), 80).chars().count(), 80);
    }

    #[test]
    fn credentials_are_covered_however_they_are_written() {
        let table = [
            ("https://user:pw@i.example/a.png", "https://***@i.example/a.png"),
            ("https://user@i.example/", "https://***@i.example/"),
            ("https://a@b:c@i.example/", "https://***@i.example/"),
            ("//user:pw@i.example/a", "//***@i.example/a"),
            ("http:\\\\user:pw@i.example\\a", "http:\\\\***@i.example\\a"),
            ("http:user:pw@i.example/", "http:***@i.example/"),
            ("https:/user:pw@i.example/", "https:/***@i.example/"),
            ("https://p.example/?http://u:p@i.example/a", "https://p.example/?http://***@i.example/a"),
            ("https://p.example/https:/u:p@i.example/a", "https://p.example/https:/***@i.example/a"),
            (
                "https://p.example/?u=http%3A%2F%2Fu%3Ap%40i.example%2Fa",
                "https://p.example/?u=http%3A%2F%2F***%40i.example%2Fa",
            ),
            (
                "https://p.example/?u=http%253A%252F%252Fu%253Ap%2540i.example",
                "https://p.example/?u=http%253A%252F%252F***%2540i.example",
            ),
            ("https://a:b@p.example/?u=http://c:d@i.example", "https://***@p.example/?u=http://***@i.example"),
            ("error for url (https://u:p@i.example/): reset", "error for url (https://***@i.example/): reset"),
            ("socks5h://u:p@proxy.example:1080", "socks5h://***@proxy.example:1080"),
        ];
        for (given, shown) in table {
            assert_eq!(url(given), shown, "{given}");
        }
    }

    #[test]
    fn what_is_no_credential_stays() {
        let table = [
            "https://i.example/a@2x.png",
            "https://i.example//b@2x.png",
            "https://medium.example/@user/photo.jpg?token=abc&sig=def",
            "https://i.example/?mail=a@b.example",
            "https://@i.example/",
            "/images/a@2x.png",
            "100%",
            "%",
            "%2",
            "é%C3%A9@x",
        ];
        for given in table {
            assert_eq!(url(given), given);
        }
    }

    #[test]
    fn a_url_cannot_act_on_the_terminal() {
        assert_eq!(url("https://u:p@i.example/\u{1b}[2J"), "https://***@i.example/\\u{1b}[2J");
    }

    #[cfg(unix)]
    #[test]
    fn file_names_that_are_no_text_can_be_shown() {
        use std::os::unix::ffi::OsStrExt;
        let name = Path::new(std::ffi::OsStr::from_bytes(b"a\xff\n.html"));
        assert_eq!(path(name), "a\u{fffd}\\n.html");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let given = "\u{9b}31m \u{202e} \u{e0041} plain \u{1b}";
        let serialised = serde_json::to_string(given).unwrap() + "\n";
        let safe = json(&serialised);
        assert_eq!(safe, "\"\\u009b31m \\u202e \\udb40\\udc41 plain \\u001b\"\n");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), given);
    }
}
