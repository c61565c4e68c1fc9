#![no_main]

use imgmirror::collect::lazy::names_image;
use imgmirror::collect::markdown::Reader;
use imgmirror::collect::{Sink, html};
use imgmirror_fuzz::{check_places, check_round_trip, collected, is_autolink};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let html = html::Reader { names_image: &names_image, selects: &[], witness: &|_, _| {} };
    let reader = Reader { names_image: &names_image, html: &|html_text, sink| html.collect(html_text, sink) };
    let read = |text: &str, sink: &mut Sink<'_>| reader.collect(text, sink);
    let references = collected(text, &read);
    check_places(text, &references);
    // A relative URL cannot stand in an autolink. The link in its place may change what brackets around it mean.
    if !references.iter().any(|reference| is_autolink(reference.layers)) {
        check_round_trip(text, &references, &read);
    }
});
