#![no_main]

use imgmirror::collect::{Layer, Layers, Reference, Sink, Slot, srcset};
use libfuzzer_sys::fuzz_target;

fn read(text: &str, sink: &mut Sink<'_>) {
    for span in srcset::candidates(text) {
        let url = text[span.start..span.end].to_owned();
        sink(Reference { span, slot: Slot::new("img@srcset"), url, layers: Layers::of(Layer::Srcset) });
    }
}

fuzz_target!(|text: &str| imgmirror_fuzz::check(text, &read));
