//! What stands where a URL may stand and yet refers to nothing that could be fetched.

/// Schemes whose URLs carry their own content or name something inside the running page.
const INERT_SCHEMES: &[&str] = &["about", "blob", "cid", "data", "javascript", "mailto", "tel", "vbscript"];

/// True for the empty string, a fragment of the same document (`#a`), and URLs that no server answers (`data:`,
/// `javascript:` …). `url` is trimmed.
pub fn is_inert(url: &str) -> bool {
    url.is_empty()
        || url.starts_with('#')
        || url
            .split_once(':')
            .is_some_and(|(scheme, _)| INERT_SCHEMES.iter().any(|inert| scheme.eq_ignore_ascii_case(inert)))
}

#[cfg(test)]
mod tests {
    use super::is_inert;

    #[test]
    fn only_what_no_server_answers_is_inert() {
        for inert in ["", "#a", "data:,", "DATA:image/png;base64,AA", "blob:x", "about:blank", "javascript:void(0)"] {
            assert!(is_inert(inert), "{inert}");
        }
        for fetched in ["a", "/a", "//h/a", "https://h/?u=data:x", "data/a.png", "a#b", "x:y"] {
            assert!(!is_inert(fetched), "{fetched}");
        }
    }
}
