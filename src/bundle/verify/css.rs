//! Reads styles, and tells what in them could ask for something.

use cssparser::{Parser, Token};

/// Blocks in blocks deeper than this are not read; own styles have three.
const MAX_DEPTH: usize = 32;

/// At-rules that load nothing. `import`, `namespace`, `font-face` and whatever comes in the future are not among them.
const AT_RULES: [&str; 6] = ["media", "supports", "page", "keyframes", "layer", "charset"];

/// Functions that load nothing. `url` has a rule of its own; `image-set`, `image`, `src`, `cross-fade`, `element`,
/// `paint`, `attr` and whatever comes in the future are not among them.
const FUNCTIONS: &[&str] = &[
    "blur",
    "brightness",
    "calc",
    "circle",
    "clamp",
    "color",
    "contrast",
    "cubic-bezier",
    "drop-shadow",
    "ellipse",
    "grayscale",
    "has",
    "hsl",
    "hsla",
    "hue-rotate",
    "inset",
    "invert",
    "is",
    "lab",
    "lang",
    "lch",
    "linear-gradient",
    "matrix",
    "matrix3d",
    "max",
    "min",
    "minmax",
    "not",
    "nth-child",
    "nth-last-child",
    "nth-last-of-type",
    "nth-of-type",
    "oklab",
    "oklch",
    "opacity",
    "perspective",
    "polygon",
    "radial-gradient",
    "repeat",
    "rgb",
    "rgba",
    "rotate",
    "rotate3d",
    "rotatex",
    "rotatey",
    "rotatez",
    "saturate",
    "scale",
    "scale3d",
    "scalex",
    "scaley",
    "scalez",
    "sepia",
    "skew",
    "skewx",
    "skewy",
    "steps",
    "translate",
    "translate3d",
    "translatex",
    "translatey",
    "translatez",
    "var",
    "where",
];

/// What a `url()` may lead to: nothing, or a place in the same file.
fn is_within(url: &str) -> bool {
    url.trim().starts_with('#')
}

/// Calls `tell` for everything in a style sheet, or in the value of an attribute, that is not known to be harmless.
pub fn read(css: &str, tell: &mut dyn FnMut(&str)) {
    block(&mut Parser::new(css), 0, tell);
}

fn block(parser: &mut Parser<'_>, depth: usize, tell: &mut dyn FnMut(&str)) {
    if depth > MAX_DEPTH {
        return tell("blocks are nested too deep to be read");
    }
    while let Ok(token) = parser.next_including_whitespace_and_comments() {
        let inner = match token.clone() {
            Token::Function(name) => {
                if name.eq_ignore_ascii_case("url") {
                    quoted_url(parser, tell);
                    continue;
                }
                if !FUNCTIONS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                    tell(&format!("{name}()"));
                }
                true
            }
            Token::ParenthesisBlock | Token::SquareBracketBlock | Token::CurlyBracketBlock => true,
            Token::AtKeyword(name) => {
                if !AT_RULES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
                    tell(&format!("@{name}"));
                }
                false
            }
            Token::UnquotedUrl(url) => {
                if !is_within(&url) {
                    tell(&format!("url({url})"));
                }
                false
            }
            Token::BadUrl(url) | Token::BadString(url) => {
                tell(&format!("broken: {url}"));
                false
            }
            // Old browsers run what these are set to.
            Token::Ident(name)
                if name.eq_ignore_ascii_case("behavior") || name.eq_ignore_ascii_case("-moz-binding") =>
            {
                tell(&name);
                false
            }
            // A style sheet ends in some parsers where others see text.
            Token::CDO | Token::CDC => {
                tell("<!-- or -->");
                false
            }
            _ => false,
        };
        if inner {
            let _ = parser.parse_nested_block(|inner| -> Result<(), cssparser::ParseError<()>> {
                block(inner, depth + 1, tell);
                Ok(())
            });
        }
    }
}

/// `url("…")`, which is a function to the tokenizer.
fn quoted_url(parser: &mut Parser<'_>, tell: &mut dyn FnMut(&str)) {
    let _ = parser.parse_nested_block(|inner| -> Result<(), cssparser::ParseError<()>> {
        match inner.next() {
            Ok(Token::QuotedString(url)) if is_within(url) => {}
            Ok(Token::QuotedString(url)) => tell(&format!("url({url})")),
            _ => tell("url() of something else than an address"),
        }
        while inner.next().is_ok() {}
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(css: &str) -> Vec<String> {
        let mut told = Vec::new();
        read(css, &mut |what| told.push(what.to_owned()));
        told
    }

    #[test]
    fn own_styles_are_harmless() {
        assert_eq!(told(crate::page::shell::STYLE), Vec::<String>::new());
        for css in ["fill:url(#a)", "fill:url( \"#a\" )", "transform: rotate(3deg) scale(2)", "/* url(x) */ color: red"]
        {
            assert_eq!(told(css), Vec::<String>::new(), "{css}");
        }
    }

    #[test]
    fn whatever_could_load_something_is_told() {
        for css in [
            "@import 'http://h.example/a.css';",
            "@import url(a.css);",
            "@\\69mport 'a.css';",
            "a { background: url(http://h.example/a.png) }",
            "a { background: url('a.png') }",
            "a { background: u\\72l(a.png) }",
            "a { background: URL(\"//h.example/a\") }",
            "a { background: image-set('a.png' 1x) }",
            "a { background: -webkit-image-set('a.png' 1x) }",
            "a { background: src('a.png') }",
            "@font-face { src: local(x) }",
            "@namespace 'x';",
            "@media print { a { b: url(x) } }",
            "a { b: url(x y) }",
            "a { behavior: x }",
            "a { width: expression(1) }",
            "a { content: 'x\n' }",
            "<!-- a { b: c } -->",
        ] {
            assert!(!told(css).is_empty(), "{css}");
        }
        assert_eq!(told(&"(".repeat(100_000)).len(), 1);
    }
}
