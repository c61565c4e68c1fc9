#![no_main]

use imgmirror::collect::html;
use imgmirror::collect::lazy::names_image;
use imgmirror::collect::markdown::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let html = html::Reader { names_image: &names_image, selects: &[], witness: &|_, _| {} };
    let reader = Reader { names_image: &names_image, html: &|html_text, sink| html.collect(html_text, sink) };
    imgmirror_fuzz::check(text, &|text, sink| reader.collect(text, sink));
});
