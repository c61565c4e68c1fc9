//! URLs for property tests of the collectors.

use proptest::prelude::*;

/// Any text that may stand in a URL (no white space, controls, double quotes, angle brackets, backslashes or non-ASCII
/// characters), but with everything that some syntax around it takes for its own.
pub(crate) fn url() -> impl Strategy<Value = String> {
    let start = prop_oneof![Just("https://h.example/"), Just("../assets/"), Just("//h/"), Just("/x")];
    (start, "[-a-zA-Z0-9._~:/?#@!$&'()*+,;=%|{}^\\[\\]]{1,24}").prop_map(|(start, rest)| format!("{start}{rest}"))
}
