//! Cookies of one run, in memory and bounded: some hosts serve a picture only to whom they have given one.

use std::sync::{Mutex, PoisonError};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{self, HeaderMap, HeaderValue};
use url::Url;

/// Bytes of one Set-Cookie field; RFC 6265 section 6.1 asks for no more of a client.
const COOKIE_MAX: usize = 4096;
/// Set-Cookie fields that are read of one response.
const PER_RESPONSE: usize = 20;
/// Fields taken in before the jar is emptied. Cookies are a courtesy: losing them costs a redirect.
const FIELDS_MAX: usize = 10_000;

/// The jar.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    kept: Mutex<(Jar, usize)>,
}

impl Cookies {
    /// The Cookie field for a request to `url`.
    pub(super) fn get(&self, url: &Url) -> Option<HeaderValue> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.cookies(url)
    }

    /// Takes in what a response from `url` set.
    pub(super) fn set(&self, url: &Url, headers: &HeaderMap) {
        let fields: Vec<&HeaderValue> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter(|field| field.len() <= COOKIE_MAX)
            .take(PER_RESPONSE)
            .collect();
        if fields.is_empty() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.1 + fields.len() > FIELDS_MAX {
            *kept = Default::default();
        }
        kept.1 += fields.len();
        kept.0.set_cookies(&mut fields.into_iter(), url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cookies: &Cookies, url: &Url, field: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::SET_COOKIE, field.parse().unwrap());
        cookies.set(url, &headers);
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_alone() {
        let (cookies, home) = (Cookies::default(), Url::parse("http://a.test/x").unwrap());
        set(&cookies, &home, "k=v; Path=/");
        assert_eq!(cookies.get(&home).unwrap(), "k=v");
        assert_eq!(cookies.get(&Url::parse("http://b.test/x").unwrap()), None);
    }

    #[test]
    fn the_jar_does_not_grow_without_end() {
        let (cookies, home) = (Cookies::default(), Url::parse("http://a.test/").unwrap());
        set(&cookies, &home, &format!("big={}", "x".repeat(COOKIE_MAX)));
        assert_eq!(cookies.get(&home), None);
        for n in 0..=FIELDS_MAX {
            set(&cookies, &home, &format!("k{n}=v"));
        }
        assert_eq!(cookies.get(&home).unwrap(), format!("k{FIELDS_MAX}=v"));
    }
}
