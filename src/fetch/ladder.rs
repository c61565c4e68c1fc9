//! Which Referer to send. Many picture hosts answer 403 to a request that does not seem to come from a page of
//! theirs, or of the article's site. Each rung is tried once, and what worked is remembered for the host.

use url::Url;

use super::options::RefererPolicy;
use super::{origin, without_credentials};

/// One step of the ladder, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    None,
    /// The target's own origin.
    Origin,
    /// The article's site.
    Site,
    /// A referring URL that the proxy's URL carried.
    Hint,
}

impl Rung {
    const ALL: [Rung; 4] = [Rung::None, Rung::Origin, Rung::Site, Rung::Hint];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Rung::None => "none",
            Rung::Origin => "origin",
            Rung::Site => "site",
            Rung::Hint => "hint",
        }
    }

    /// The rung that [`Rung::as_str`] wrote.
    pub fn from_word(word: &str) -> Option<Rung> {
        Rung::ALL.into_iter().find(|rung| rung.as_str() == word)
    }
}

/// The rungs for one source with their Referers, in the order to try. Never empty; no Referer comes twice.
pub(super) fn rungs(
    policy: RefererPolicy,
    source: &Url,
    site: Option<&Url>,
    hint: Option<&str>,
    learned: Option<Rung>,
) -> Vec<(Rung, Option<String>)> {
    let own = || (Rung::Origin, Some(front_page(source)));
    match policy {
        RefererPolicy::None => return vec![(Rung::None, None)],
        RefererPolicy::Origin => return vec![own()],
        RefererPolicy::Auto => {}
    }
    let hint = hint.and_then(|hint| Url::parse(hint).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    let mut found = vec![(Rung::None, None), own()];
    found.extend(site.filter(|url| url.has_host()).map(|site| (Rung::Site, Some(front_page(site)))));
    found.extend(hint.map(|hint| (Rung::Hint, Some(without_credentials(&hint).into()))));
    // Stable: what is not remembered keeps its order.
    found.sort_by_key(|(rung, _)| Some(*rung) != learned);
    let mut sent = Vec::new();
    found.retain(|(_, referer)| {
        let new = !sent.contains(referer);
        sent.push(referer.clone());
        new
    });
    found
}

/// The front page of a URL's origin: no path, no credentials, nothing of the reader's.
fn front_page(url: &Url) -> String {
    format!("{}/", origin(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climb(policy: RefererPolicy, learned: Option<Rung>) -> Vec<String> {
        let source = Url::parse("https://user:secret@img.test:8443/a/b.jpg?x#y").unwrap();
        let site = Url::parse("https://u:p@blog.test/2020/post#top").unwrap();
        let hint = Some("http://u:p@hint.test/page#f");
        let found = rungs(policy, &source, Some(&site), hint, learned);
        found.into_iter().map(|(_, referer)| referer.unwrap_or_default()).collect()
    }

    #[test]
    fn the_ladder_goes_from_nothing_to_the_hint_without_secrets() {
        let all = ["", "https://img.test:8443/", "https://blog.test/", "http://hint.test/page"];
        assert_eq!(climb(RefererPolicy::Auto, None), all);
        assert_eq!(climb(RefererPolicy::None, None), [""]);
        assert_eq!(climb(RefererPolicy::Origin, None), ["https://img.test:8443/"]);
    }

    #[test]
    fn what_worked_comes_first() {
        let order = ["https://blog.test/", "", "https://img.test:8443/", "http://hint.test/page"];
        assert_eq!(climb(RefererPolicy::Auto, Some(Rung::Site)), order);
    }

    #[test]
    fn no_referer_is_sent_twice_and_strange_hints_are_not_sent() {
        let source = Url::parse("https://a.test/x.png").unwrap();
        let found = rungs(RefererPolicy::Auto, &source, Some(&source), Some("javascript:1"), None);
        assert_eq!(found, [(Rung::None, None), (Rung::Origin, Some("https://a.test/".to_owned()))]);
    }

    #[test]
    fn every_rung_has_a_word_of_its_own() {
        assert!(Rung::ALL.iter().all(|rung| Rung::from_word(rung.as_str()) == Some(*rung)));
    }
}
