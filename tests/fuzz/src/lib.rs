//! What must be true of every collector, whatever it is given.
//!
//! Each check panics with the text that broke it.

use imgmirror::collect::{Layer, Layers, Reference, Sink};
use imgmirror::rewrite::{Edit, RewritePlan, replacement};

/// A link as a mirrored document has it.
pub const LOCAL: &str = "../assets/ab/abababababababababababababababababababababababababababababababab.jpg";

/// A collector: reports the references of a text, spans relative to it.
pub type Read<'a> = &'a dyn Fn(&str, &mut Sink<'_>);

/// Collects the references of `text` and checks where they stand, then replaces all of them and collects again.
pub fn check(text: &str, read: Read<'_>) {
    let references = collected(text, read);
    check_places(text, &references);
    check_round_trip(text, &references, read);
}

pub fn collected(text: &str, read: Read<'_>) -> Vec<Reference> {
    let mut references = Vec::new();
    read(text, &mut |reference| references.push(reference));
    references
}

/// Spans lie in the text, ascend, do not overlap, cut no character, and say what the reference says.
pub fn check_places(text: &str, references: &[Reference]) {
    let mut end = 0;
    for reference in references {
        let span = reference.span;
        assert!(span.start >= end, "{reference:?} does not stand behind {end} in {text:?}");
        end = span.end;
        let raw = text.get(span.start..span.end);
        let raw = raw.unwrap_or_else(|| panic!("{reference:?} cuts a character or the end of {text:?}"));
        assert!(!raw.is_empty(), "{reference:?} has no text in {text:?}");
        // Where nothing is written that any syntax could take for an escape, the text is the URL.
        if !raw.contains(|c: char| matches!(c, '&' | '\\' | '%' | '\'' | '"' | '\0' | '\r' | '\n')) {
            let raw = raw.trim();
            let unbracketed = raw.strip_prefix('<').and_then(|raw| raw.strip_suffix('>'));
            // An autolink is replaced together with its angle brackets.
            let raw = unbracketed.filter(|_| is_autolink(reference.layers)).unwrap_or(raw);
            assert_eq!(reference.url.trim(), raw, "{reference:?} in {text:?}");
        }
    }
}

/// Replaces every reference: the same places then say the replacement, and there is nothing else.
pub fn check_round_trip(text: &str, references: &[Reference], read: Read<'_>) {
    let edits = references.iter().map(|reference| {
        let text = replacement(LOCAL, None, reference.layers).into_bytes();
        Edit { span: reference.span, text }
    });
    let plan = RewritePlan::new(edits.collect());
    let mut spliced = Vec::new();
    plan.splice(text.as_bytes(), &mut spliced).expect("all spans lie in the text");
    let spliced = String::from_utf8(spliced).expect("no span cuts a character");
    let again = collected(&spliced, read);
    let places = |list: &[Reference]| list.iter().map(|r| r.slot.to_string()).collect::<Vec<_>>();
    assert_eq!(places(&again), places(references), "\n{text:?} became\n{spliced:?}");
    for (new, old) in again.iter().zip(references) {
        assert_eq!(new.url, LOCAL, "{old:?} became {new:?}\n{text:?} became\n{spliced:?}");
    }
}

/// Whether this reference is an autolink, replaced by a link in brackets when its new URL is relative.
pub fn is_autolink(layers: Layers) -> bool {
    layers.iter().any(|layer| layer == Layer::MarkdownAutolink)
}
