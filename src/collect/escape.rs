//! How a replacement must be written so that the place where it stands gives it back unchanged.
//!
//! A URL can sit under several syntaxes at once: a CSS string inside a `style` attribute inside an HTML page. Each
//! syntax is one [`Layer`]; [`Layers::encode`] applies them from the innermost outwards, the reverse of reading.

use std::fmt::Write as _;

/// One syntax around a URL, and with it one way to escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Layer {
    /// `attribute="…"`
    HtmlDouble = 1,
    /// `attribute='…'`
    HtmlSingle,
    /// `attribute=…`
    HtmlUnquoted,
    /// HTML that is itself written as text (`&lt;img …`), as some lazy loaders do inside `noscript`.
    HtmlText,
    /// One candidate of a `srcset`: white space ends it, a comma at either end is eaten.
    Srcset,
    /// `url("…")`
    CssDouble,
    /// `url('…')`
    CssSingle,
    /// `url(…)`
    CssUnquoted,
    /// A JSON string.
    Json,
    /// A plain YAML scalar; quoted when the new text cannot stand plain.
    YamlPlain,
    YamlSingle,
    YamlDouble,
    /// `"…"` in TOML
    TomlBasic,
    /// `'…'` in TOML, which has no escapes: a quote is percent-encoded.
    TomlLiteral,
    /// `](…)` in Markdown
    MarkdownBare,
    /// `](<…>)` in Markdown
    MarkdownAngle,
    /// Percent-encoded text (JSON in an attribute that was passed through `encodeURIComponent`).
    Percent,
    /// `<https://…>` in Markdown, angle brackets included: a link without a scheme cannot be written so.
    MarkdownAutolink,
    /// A place that knows no escapes (an attribute list or a tag of a site generator inside Markdown, an interchange
    /// list): quotes, brackets, braces, bars and white space are percent-encoded, and commas that could end it.
    Unescaped,
}

const ALL: [Layer; 19] = [
    Layer::HtmlDouble,
    Layer::HtmlSingle,
    Layer::HtmlUnquoted,
    Layer::HtmlText,
    Layer::Srcset,
    Layer::CssDouble,
    Layer::CssSingle,
    Layer::CssUnquoted,
    Layer::Json,
    Layer::YamlPlain,
    Layer::YamlSingle,
    Layer::YamlDouble,
    Layer::TomlBasic,
    Layer::TomlLiteral,
    Layer::MarkdownBare,
    Layer::MarkdownAngle,
    Layer::Percent,
    Layer::MarkdownAutolink,
    Layer::Unescaped,
];

/// The syntaxes around one URL, outermost first. At most [`Layers::MAX`] of them; five bits each, so that the
/// catalog keeps them in one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layers(u64);

impl Layers {
    /// The deepest nesting that is followed: a document deeper than this is not read further.
    pub const MAX: usize = 8;

    pub fn of(layer: Layer) -> Self {
        Layers(layer as u64)
    }

    /// These layers inside of `outer`. `None` when there would be more than [`Layers::MAX`].
    pub fn inside(self, outer: Layers) -> Option<Self> {
        let depth = outer.depth();
        (depth + self.depth() <= Self::MAX).then(|| Layers(outer.0 | self.0 << (5 * depth)))
    }

    fn depth(self) -> usize {
        (0..Self::MAX).take_while(|i| (self.0 >> (5 * i)) & 31 != 0).count()
    }

    /// From the outermost to the innermost.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Layer> {
        (0..Self::MAX)
            .map(move |i| (self.0 >> (5 * i)) & 31)
            .take_while(|code| *code != 0)
            .filter_map(|code| ALL.get(code as usize - 1).copied())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The form that [`Layers::from_bits`] takes back.
    pub fn to_bits(self) -> i64 {
        self.0 as i64
    }

    pub fn from_bits(bits: i64) -> Self {
        Layers(bits as u64)
    }

    /// Writes `url` so that reading it through all layers gives `url` back.
    ///
    /// `url` is a URL reference: what may not stand in one at all (white space, quotes, angle brackets, controls,
    /// non-ASCII characters) is expected to be percent-encoded already, see [`crate::rewrite::url_safe`].
    pub fn encode(self, url: &str) -> String {
        self.iter().rev().fold(url.to_owned(), |text, layer| layer.encode(&text))
    }
}

impl Layer {
    fn encode(self, text: &str) -> String {
        match self {
            Layer::HtmlDouble => replace(text, |c| matches!(c, '&' | '"' | '<' | '>'), html_reference),
            Layer::HtmlSingle => replace(text, |c| matches!(c, '&' | '\'' | '<' | '>'), html_reference),
            Layer::HtmlText => replace(text, |c| matches!(c, '&' | '<' | '>'), html_reference),
            Layer::HtmlUnquoted => {
                let special =
                    |c: char| c.is_ascii_whitespace() || matches!(c, '&' | '"' | '\'' | '<' | '>' | '=' | '`');
                replace(text, special, html_reference)
            }
            Layer::Srcset => srcset(text),
            Layer::CssDouble => replace(text, |c| matches!(c, '"' | '\\') || c.is_control(), css_escape),
            Layer::CssSingle => replace(text, |c| matches!(c, '\'' | '\\') || c.is_control(), css_escape),
            Layer::CssUnquoted => {
                let special =
                    |c: char| matches!(c, '"' | '\'' | '(' | ')' | '\\') || c.is_whitespace() || c.is_control();
                replace(text, special, css_escape)
            }
            // JSON in attributes and in front matter may stand between single quotes.
            Layer::Json => replace(text, |c| matches!(c, '"' | '\'' | '\\') || c.is_control(), json_escape),
            Layer::TomlBasic | Layer::YamlDouble => {
                replace(text, |c| matches!(c, '"' | '\\') || c.is_control(), json_escape)
            }
            Layer::YamlSingle => text.replace('\'', "''"),
            Layer::YamlPlain => yaml_plain(text),
            Layer::TomlLiteral => text.replace('\'', "%27"),
            Layer::MarkdownBare => markdown_bare(text),
            Layer::MarkdownAngle => markdown(text, |c| matches!(c, '<' | '>' | '\\' | '|')),
            Layer::MarkdownAutolink => markdown_autolink(text),
            Layer::Unescaped => unescaped(text),
            Layer::Percent => {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            }
        }
    }
}

fn replace(text: &str, special: impl Fn(char) -> bool, write: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| special(*c)) {
        out.push_str(&rest[..at]);
        write(c, &mut out);
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out
}

fn html_reference(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '"' => out.push_str("&quot;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => {
            let _ = write!(out, "&#{};", other as u32);
        }
    }
}

/// CSS Syntax 3, section 4.3.7: a hexadecimal escape ends with one white space character.
fn css_escape(c: char, out: &mut String) {
    if c.is_control() || c.is_whitespace() {
        let _ = write!(out, "\\{:x} ", c as u32);
    } else {
        out.extend(['\\', c]);
    }
}

fn json_escape(c: char, out: &mut String) {
    if matches!(c, '"' | '\\') {
        out.extend(['\\', c]);
    } else {
        let _ = write!(out, "\\u{:04x}", c as u32);
    }
}

/// WHATWG HTML, "parse a srcset attribute": white space ends the URL, leading and trailing commas are not part of it.
fn srcset(text: &str) -> String {
    let first = text.len() - text.trim_start_matches(',').len();
    let last = text.trim_end_matches(',').len();
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c.is_ascii_whitespace() || (c == ',' && (at < first || at >= last)) {
            percent(c, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

fn percent(c: char, out: &mut String) {
    let mut buffer = [0; 4];
    for byte in c.encode_utf8(&mut buffer).bytes() {
        let _ = write!(out, "%{byte:02X}");
    }
}

fn unescaped(text: &str) -> String {
    let last = text.trim_end_matches(',').len();
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let special = matches!(c, '"' | '\'' | '`' | '<' | '>' | '[' | ']' | '{' | '}' | '|' | '\\')
            || c.is_whitespace()
            || (c == ',' && (at >= last || text[at + 1..].starts_with('(')));
        if special { percent(c, &mut out) } else { out.push(c) }
    }
    out
}

/// YAML 1.2.2, section 7.3.3, strict enough for flow context too; otherwise single quotes.
fn yaml_plain(text: &str) -> String {
    let starts_safe = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.'));
    let inner_safe = text.chars().all(|c| !matches!(c, ',' | '[' | ']' | '{' | '}' | '"' | '\'') && !c.is_whitespace());
    // What holds a slash is no number, no date, no `true` and no `null` in any version of YAML.
    let unambiguous = !text.ends_with(':') && text.contains('/');
    if starts_safe && inner_safe && unambiguous {
        text.to_owned()
    } else {
        format!("'{}'", Layer::YamlSingle.encode(text))
    }
}

/// CommonMark 0.31, section 6.3: no white space, parentheses balanced or escaped. A bar is escaped for the sake of
/// tables, a square bracket so that nobody takes it for another link. Everything else is left alone, because not every
/// renderer takes escapes back.
fn markdown_bare(text: &str) -> String {
    let balanced = parentheses_balance(text);
    markdown(text, |c| matches!(c, '\\' | '<' | '>' | '|' | '[' | ']') || (!balanced && matches!(c, '(' | ')')))
}

fn markdown(text: &str, escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '&' if starts_reference(&text[at + 1..]) => out.push_str("&amp;"),
            // A backtick that belongs to a code span cannot be escaped.
            '`' => percent(c, &mut out),
            c if c.is_ascii_whitespace() => percent(c, &mut out),
            c if escaped(c) => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Whether `&` in front of `text` would be read as a character reference.
fn starts_reference(text: &str) -> bool {
    let name = text.bytes().take(34).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
    name > 0 && text.as_bytes().get(name) == Some(&b';')
}

/// Renderers give up on parentheses nested deeper than 32.
fn parentheses_balance(text: &str) -> bool {
    let mut depth = 0i32;
    let within = text.bytes().all(|byte| {
        depth += i32::from(byte == b'(') - i32::from(byte == b')');
        (0..=30).contains(&depth)
    });
    within && depth == 0
}

/// CommonMark 0.31, section 6.5: an absolute URL between angle brackets, without escapes of any kind.
fn markdown_autolink(text: &str) -> String {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let absolute = (2..=32).contains(&scheme.len())
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
    if absolute && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>')) {
        return format!("<{text}>");
    }
    let shown =
        replace(text, |c| c.is_ascii_punctuation() && !matches!(c, '/' | '.' | '-'), |c, out| out.extend(['\\', c]));
    format!("[{shown}]({})", markdown_bare(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_nest_and_survive_the_catalog() {
        let css_in_attribute = Layers::of(Layer::CssSingle).inside(Layers::of(Layer::HtmlDouble)).unwrap();
        assert_eq!(css_in_attribute.iter().collect::<Vec<_>>(), [Layer::HtmlDouble, Layer::CssSingle]);
        assert_eq!(Layers::from_bits(css_in_attribute.to_bits()), css_in_attribute);
        assert_eq!(css_in_attribute.encode("a'b&c"), "a\\'b&amp;c");
    }

    #[test]
    fn every_layer_has_its_own_code() {
        for layer in ALL {
            assert_eq!(Layers::of(layer).iter().collect::<Vec<_>>(), [layer]);
        }
    }

    #[test]
    fn nesting_is_limited() {
        let mut layers = Layers::default();
        for _ in 0..Layers::MAX {
            layers = Layers::of(Layer::HtmlDouble).inside(layers).unwrap();
        }
        assert_eq!(Layers::of(Layer::HtmlDouble).inside(layers), None);
    }

    #[test]
    fn a_path_without_special_characters_is_written_as_it_is_everywhere() {
        let path = "../assets/ab/ab12.jpg";
        for layer in ALL {
            let want = match layer {
                Layer::Percent => "%2E%2E%2Fassets%2Fab%2Fab12%2Ejpg".to_owned(),
                Layer::MarkdownAutolink => format!("[{path}]({path})"),
                _ => path.to_owned(),
            };
            assert_eq!(layer.encode(path), want, "{layer:?}");
        }
    }

    #[test]
    fn what_a_layer_cannot_hold_is_escaped() {
        let cases = [
            (Layer::HtmlDouble, "a\"b&c", "a&quot;b&amp;c"),
            (Layer::HtmlSingle, "a'b", "a&#39;b"),
            (Layer::HtmlUnquoted, "a b>c", "a&#32;b&gt;c"),
            (Layer::Srcset, "a,b,", "a,b%2C"),
            (Layer::Srcset, "a b", "a%20b"),
            (Layer::CssDouble, "a\"b\\", "a\\\"b\\\\"),
            (Layer::CssUnquoted, "a(b) c", "a\\(b\\)\\20 c"),
            (Layer::Srcset, ",,a,b,,", "%2C%2Ca,b%2C%2C"),
            (Layer::Json, "a\"\\\n'", "a\\\"\\\\\\u000a\\u0027"),
            (Layer::YamlPlain, "a b", "'a b'"),
            (Layer::YamlPlain, "2001-01-01", "'2001-01-01'"),
            (Layer::YamlPlain, "../a", "../a"),
            (Layer::YamlPlain, "it's", "'it''s'"),
            (Layer::YamlSingle, "it's", "it''s"),
            (Layer::TomlLiteral, "it's", "it%27s"),
            (Layer::MarkdownBare, "a(b)_c", "a(b)_c"),
            (Layer::MarkdownBare, "a(b", "a\\(b"),
            (Layer::MarkdownBare, "a)b(", "a\\)b\\("),
            (Layer::MarkdownBare, "a?b=1&c=2&copy;", "a?b=1&c=2&amp;copy;"),
            (Layer::MarkdownBare, "a|b`c", "a\\|b%60c"),
            (Layer::MarkdownAutolink, "https://h/a_b&amp;", "<https://h/a_b&amp;>"),
            (Layer::MarkdownAutolink, "a_b/c", "[a\\_b/c](a_b/c)"),
            (Layer::Unescaped, "a[b]'{c}|d,e,", "a%5Bb%5D%27%7Bc%7D%7Cd,e%2C"),
            (Layer::Unescaped, "a,(b)", "a%2C(b)"),
            (Layer::MarkdownAngle, "a<b>", "a\\<b\\>"),
        ];
        for (layer, text, want) in cases {
            assert_eq!(layer.encode(text), want, "{layer:?} {text}");
        }
    }
}
