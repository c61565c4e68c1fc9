#![no_main]

use imgmirror::collect::{Slot, css};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    imgmirror_fuzz::check(text, &|text, sink| css::collect_file(text, sink));
    let slot = Slot::new("p@style");
    imgmirror_fuzz::check(text, &|text, sink| css::collect(text, &slot, sink));
});
