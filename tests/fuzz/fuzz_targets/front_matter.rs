#![no_main]

use imgmirror::collect::front_matter::{self, Facts, Keys, Split};
use imgmirror::collect::lazy::names_image;
use imgmirror::collect::{Reference, Sink};
use imgmirror_fuzz::{check_places, check_round_trip};
use libfuzzer_sys::fuzz_target;

/// As a page does it: in the order of the file.
fn read(text: &str, sink: &mut Sink<'_>) -> Facts {
    let Split::Found(found) = front_matter::split(text) else { return Facts::default() };
    assert!(found.inner.end <= found.body && text.is_char_boundary(found.body), "{found:?} in {text:?}");
    let mut references: Vec<Reference> = Vec::new();
    let facts = front_matter::collect(&found, text, &Keys::default(), &names_image, &mut |r| references.push(r));
    for warning in &facts.warnings {
        assert!(!warning.message.contains(char::is_control), "{warning:?} in {text:?}");
    }
    references.sort_by_key(|reference| reference.span.start);
    for reference in references {
        assert!(reference.span.start >= found.inner.start && reference.span.end <= found.inner.end, "{reference:?}");
        sink(reference);
    }
    facts
}

fuzz_target!(|text: &str| {
    let mut references = Vec::new();
    let facts = read(text, &mut |reference| references.push(reference));
    check_places(text, &references);
    // A block that is not valid may be read in another way once it is changed.
    if facts.warnings.is_empty() {
        check_round_trip(text, &references, &|text, sink| {
            read(text, sink);
        });
    }
});
