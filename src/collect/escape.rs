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
}

const ALL: [Layer; 17] = [
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
        let depth = outer.iter().count();
        (depth + self.iter().count() <= Self::MAX).then(|| Layers(outer.0 | self.0 << (5 * depth)))
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
            Layer::Json | Layer::TomlBasic | Layer::YamlDouble => {
                replace(text, |c| matches!(c, '"' | '\\') || c.is_control(), json_escape)
            }
            Layer::YamlSingle => text.replace('\'', "''"),
            Layer::YamlPlain => yaml_plain(text),
            Layer::TomlLiteral => text.replace('\'', "%27"),
            Layer::MarkdownBare => markdown_bare(text),
            Layer::MarkdownAngle => replace(
                text,
                |c| matches!(c, '<' | '>' | '\\' | '&'),
                |c, out| {
                    if c == '&' { out.push_str("&amp;") } else { out.extend(['\\', c]) }
                },
            ),
            Layer::Percent => {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            }
        }
    }
}

fn replace(text: &str, special: impl Fn(char) -> bool, write: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special(c) { write(c, &mut out) } else { out.push(c) }
    }
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
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            ',' if at == 0 || text[at..].bytes().all(|b| b == b',') || at == last => out.push_str("%2C"),
            c if c.is_ascii_whitespace() => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c => out.push(c),
        }
    }
    if text.starts_with(",,") { out.replace(',', "%2C") } else { out }
}

/// YAML 1.2.2, section 7.3.3, strict enough for flow context too; otherwise single quotes.
fn yaml_plain(text: &str) -> String {
    let starts_safe = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.'));
    let inner_safe = text.chars().all(|c| !matches!(c, ',' | '[' | ']' | '{' | '}' | '"' | '\'') && !c.is_whitespace());
    let unambiguous = !text.ends_with(':') && !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'x'));
    if starts_safe && inner_safe && unambiguous {
        text.to_owned()
    } else {
        format!("'{}'", Layer::YamlSingle.encode(text))
    }
}

/// CommonMark 0.31, section 6.3: no white space, parentheses balanced or escaped.
fn markdown_bare(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '(' | ')' | '\\' | '<' | '>' | '*' | '_' | '`' | '|' => out.extend(['\\', c]),
            c if c.is_ascii_whitespace() => {
                let _ = write!(out, "%{:02X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
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
            (Layer::Json, "a\"\\\n", "a\\\"\\\\\\u000a"),
            (Layer::YamlPlain, "a b", "'a b'"),
            (Layer::YamlPlain, "it's", "'it''s'"),
            (Layer::YamlSingle, "it's", "it''s"),
            (Layer::TomlLiteral, "it's", "it%27s"),
            (Layer::MarkdownBare, "a(b)_c", "a\\(b\\)\\_c"),
            (Layer::MarkdownAngle, "a<b>", "a\\<b\\>"),
        ];
        for (layer, text, want) in cases {
            assert_eq!(layer.encode(text), want, "{layer:?} {text}");
        }
    }
}
