//! Reads a Content-Security-Policy (CSP Level 3).

/// What a page's policy has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Let nothing out by itself.
    Full,
    /// Let nothing out that it speaks of: reading systems of books put styles and scripts of their own into chapters,
    /// which a full policy would block.
    Partial,
}

/// Sources that lead nowhere but into the bundle, by directive.
fn allowed(directive: &str) -> Option<&'static [&'static str]> {
    Some(match directive {
        "img-src" => &["'none'", "'self'", "data:", "file:", "blob:"],
        "style-src" => &["'none'", "'self'", "'unsafe-inline'", "file:"],
        "default-src" | "script-src" | "object-src" | "frame-src" | "child-src" | "media-src" | "font-src"
        | "connect-src" | "worker-src" | "manifest-src" | "base-uri" | "form-action" => &["'none'"],
        _ => return None,
    })
}

/// What is wrong with a policy; `None` where nothing is.
pub fn wrong(policy: &str, demand: Demand) -> Option<String> {
    let mut seen: Vec<String> = Vec::new();
    for directive in policy.split(';') {
        let mut words = directive.split_ascii_whitespace();
        let Some(name) = words.next().map(str::to_ascii_lowercase) else { continue };
        let Some(allowed) = allowed(&name) else { return Some(format!("the directive {name}")) };
        if seen.contains(&name) {
            return Some(format!("{name} twice"));
        }
        if let Some(source) = words.find(|source| !allowed.contains(&source.to_ascii_lowercase().as_str())) {
            return Some(format!("{name} {source}"));
        }
        seen.push(name);
    }
    let needed: &[&str] = match demand {
        Demand::Full => &["default-src", "base-uri", "form-action"],
        Demand::Partial => &[],
    };
    needed.iter().find(|needed| !seen.iter().any(|name| name == *needed)).map(|needed| format!("no {needed}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::shell::{POLICY, POLICY_OF_ONE_FILE};

    #[test]
    fn own_policies_are_good_and_weaker_ones_are_not() {
        for policy in [POLICY, POLICY_OF_ONE_FILE] {
            assert_eq!(wrong(policy, Demand::Full), None, "{policy}");
            for (from, to) in [
                ("default-src 'none'", "default-src 'self'"),
                ("default-src 'none';", ""),
                ("base-uri 'none';", ""),
                ("form-action 'none'", ""),
                ("form-action 'none'", "form-action 'none'; report-uri https://h.example/"),
                ("img-src", "img-src https:"),
                ("img-src", "img-src *"),
                ("style-src", "style-src https://h.example"),
                ("base-uri", "script-src 'unsafe-inline'; base-uri"),
                ("base-uri", "connect-src http://h.example; base-uri"),
            ] {
                let weaker = policy.replace(from, to);
                assert_ne!(weaker, policy);
                assert!(wrong(&weaker, Demand::Full).is_some(), "{weaker}");
            }
        }
        assert_eq!(wrong("img-src 'self'", Demand::Partial), None);
        assert!(wrong("img-src http:", Demand::Partial).is_some());
    }
}
