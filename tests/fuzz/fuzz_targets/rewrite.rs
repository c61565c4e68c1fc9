#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use imgmirror::collect::Collector;
use imgmirror::document::Document;
use imgmirror::pipeline::{Collecting, Mention, SlotFilter};
use imgmirror::proxy::{Rules, Witnesses};
use imgmirror::rewrite::{Edit, RewritePlan, replacement};
use imgmirror::target::Skip;
use imgmirror_fuzz::LOCAL;
use libfuzzer_sys::fuzz_target;

static COLLECTING: LazyLock<Collecting> = LazyLock::new(|| Collecting {
    rules: Rules::builtin(),
    collector: Collector::new(&[], Vec::new()),
    base_url: Some("https://base.example/".parse().expect("a URL")),
    slots: SlotFilter::default(),
    max_document: u64::MAX,
    link_base: None,
});

/// The references of a document, and whether all of it could be read.
fn mentions(path: &Path, document: &Document) -> (Vec<Mention>, bool) {
    let mut mentions = Vec::new();
    let facts = COLLECTING.mentions(path, document, &mut Witnesses::new(), &mut |mention| mentions.push(mention));
    (mentions, facts.warnings.is_empty())
}

/// Spans lie in the file, ascend, and their bytes are the text at the place where the reference begins.
fn check_places(document: &Document, mentions: &[Mention]) {
    let text = document.text();
    let mut end = 0;
    for mention in mentions {
        let span = mention.reference.span;
        assert!(span.start >= end && span.end <= document.bytes().len(), "{mention:?} behind {end}");
        end = span.end;
        let raw = document.slice(span);
        assert!(text.text[mention.text_start..].starts_with(raw.as_ref()), "{mention:?} is {raw:?} in the file");
    }
}

/// The first byte says what the document is called.
const NAMES: [&str; 5] = ["a.html", "a.md", "a.txt", "a.css", "a.svg"];

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let path = Path::new(NAMES[usize::from(*kind) % NAMES.len()]);
    let Ok(document) = Document::from_bytes(bytes.to_vec()) else { return };
    let (before, is_valid) = mentions(path, &document);
    check_places(&document, &before);

    let edited = |mention: &Mention| mention.outcome.is_ok();
    let edits = before.iter().filter(|mention| edited(mention)).map(|mention| {
        let text = document.encode(&replacement(LOCAL, None, mention.reference.layers));
        Edit { span: mention.reference.span, text }
    });
    let plan = RewritePlan::new(edits.collect());
    let mut spliced = Vec::new();
    plan.splice(document.bytes(), &mut spliced).expect("all spans lie in the file");
    let Ok(rewritten) = Document::from_bytes(spliced) else { return };
    // A guess may come out another way when pictures' names were all that was not ASCII.
    if rewritten.encoding() != document.encoding() {
        return;
    }
    let (after, _) = mentions(path, &rewritten);
    check_places(&rewritten, &after);
    // Front matter that is not valid may be read in another way once it is changed.
    if !is_valid {
        return;
    }
    let slots = |list: &[Mention]| list.iter().map(|m| m.reference.slot.to_string()).collect::<Vec<_>>();
    assert_eq!(slots(&after), slots(&before), "{}\nbecame\n{}", document.text().text, rewritten.text().text);
    for (new, old) in after.iter().zip(&before) {
        if edited(old) {
            assert_eq!(new.outcome, Err(Skip::Mirrored), "{old:?} became {new:?}");
        } else {
            assert_eq!(new.reference.url, old.reference.url);
        }
    }
});
