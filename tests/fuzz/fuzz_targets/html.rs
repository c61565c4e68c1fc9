#![no_main]

use imgmirror::collect::html::Reader;
use imgmirror::collect::lazy::names_image;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|html: &str| {
    let reader = Reader { names_image: &names_image, selects: &[], witness: &|_, _| {} };
    imgmirror_fuzz::check(html, &|html, sink| reader.collect(html, sink));
});
