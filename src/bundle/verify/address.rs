//! Where an address on a page leads.

use percent_encoding::percent_decode_str;

/// What an address is, as a browser reads it (WHATWG URL section 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// What stands behind `data:`.
    Data(String),
    /// A file of the bundle, from its root.
    Inside(String),
    /// A place on the same page, or nothing.
    Here,
    /// A scheme, in small letters, and the whole address.
    Absolute(String, String),
    /// A relative path that leads out of the bundle.
    Above,
    /// Out of the bundle without a scheme: from the root, from another host, or with a query; or no path at all.
    Outside,
}

/// Reads an address that stands in the file `from`.
pub fn read(address: &str, from: &str) -> Address {
    // A browser takes these away before it reads anything.
    let kept = |c: char| !matches!(c, '\t' | '\n' | '\r');
    let address = address.trim_matches(|c: char| c <= ' ');
    let mut address: String = address.chars().filter(|c| kept(*c)).collect();
    if let Some(scheme) = scheme(&address) {
        if scheme != "data" {
            return Address::Absolute(scheme, address);
        }
        // It may be as long as a picture: no second copy.
        address.drain(..=scheme.len());
        return Address::Data(address);
    }
    let path = address.split('#').next().unwrap_or_default();
    if path.is_empty() {
        return Address::Here;
    }
    if path.starts_with('/') || path.contains(['\\', '?']) {
        return Address::Outside;
    }
    inside(path, from)
}

fn scheme(address: &str) -> Option<String> {
    let (scheme, _) = address.split_once(':')?;
    let mut letters = scheme.chars();
    let good = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    good.then(|| scheme.to_ascii_lowercase())
}

/// The path from the root of the bundle.
fn inside(path: &str, from: &str) -> Address {
    let mut segments: Vec<String> = from.split('/').map(str::to_owned).collect();
    segments.pop();
    for segment in path.split('/') {
        let Ok(segment) = percent_decode_str(segment).decode_utf8() else { return Address::Outside };
        match &*segment {
            "." => {}
            ".." if segments.pop().is_none() => return Address::Above,
            ".." => {}
            other if other.contains(['/', '\\', '\0']) => return Address::Outside,
            other => segments.push(other.to_owned()),
        }
    }
    Address::Inside(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_browsers_read_them() {
        let inside = |path: &str| Address::Inside(path.to_owned());
        let absolute = |scheme: &str, address: &str| Address::Absolute(scheme.to_owned(), address.to_owned());
        let table = [
            ("../assets/a.png", inside("assets/a.png")),
            (" b%20c.html#x ", inside("pages/b c.html")),
            ("%2e%2e/assets/a.png", inside("assets/a.png")),
            ("./a/../b", inside("pages/b")),
            ("#x", Address::Here),
            ("", Address::Here),
            ("DATA:image/png,x", Address::Data("image/png,x".to_owned())),
            ("http://h.example/", absolute("http", "http://h.example/")),
            ("ht\ntp:x", absolute("http", "http:x")),
            ("\u{1}javascript:a()", absolute("javascript", "javascript:a()")),
            ("//h.example/a", Address::Outside),
            ("/a", Address::Outside),
            ("\\\\h.example\\a", Address::Outside),
            ("../../a", Address::Above),
            ("a/..\\..\\..", Address::Outside),
            ("a%2f..%2f..%2fb", Address::Outside),
            ("a?b", Address::Outside),
            ("a%ff", Address::Outside),
        ];
        for (address, read_as) in table {
            assert_eq!(read(address, "pages/a.html"), read_as, "{address:?}");
        }
    }
}
