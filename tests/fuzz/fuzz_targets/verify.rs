#![no_main]

use imgmirror::bundle::verify::{Beside, Findings, read_page};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut findings = Findings::default();
    read_page(text, Beside::Unknown, "a.html", &mut findings);
    for finding in findings.listed() {
        assert!(!finding.what.contains(char::is_control) && finding.what.chars().count() <= 1000, "{finding:?}");
    }
    // Nothing at all is no page: a policy has to stand in it.
    assert!(findings.total() > 0 || text.windows(11).any(|part| part.eq_ignore_ascii_case(b"default-src")), "{text:?}");
});
