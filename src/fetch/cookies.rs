//! Cookies of one run, in memory and bounded: some hosts serve a picture only to whom they have given one.
//!
//! A cookie goes back to the host that set it and to no other, whatever `Domain` it asked for: pictures need no more, and
//! without a list of public suffixes more would let one site speak to all others of a domain.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use cookie::Cookie;
use reqwest::header::{self, HeaderMap, HeaderValue};
use url::Url;

/// Bytes of one Set-Cookie field; RFC 6265 section 6.1 asks for no more of a client.
const COOKIE_MAX: usize = 4096;
/// Cookies of one host, as many as the same section asks for, and their bytes together: servers refuse longer heads.
const PER_HOST: usize = 50;
const PER_HOST_BYTES: usize = 8 << 10;
/// Hosts with cookies before all is forgotten. Cookies are a courtesy: losing them costs a redirect.
const HOSTS_MAX: usize = 1_000;

/// The jar.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    hosts: Mutex<HashMap<String, Host>>,
}

/// The cookies of one host, by path and name.
type Host = BTreeMap<(String, String), Kept>;

#[derive(Debug)]
struct Kept {
    value: String,
    /// Only over https.
    secure: bool,
}

impl Cookies {
    /// The Cookie field for a request to `url`.
    pub(super) fn get(&self, url: &Url) -> Option<HeaderValue> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = hosts
            .get(url.host_str()?)?
            .iter()
            .filter(|((path, _), kept)| path_matches(url.path(), path) && (!kept.secure || url.scheme() == "https"));
        let pairs: Vec<String> = fitting.map(|((_, name), kept)| format!("{name}={}", kept.value)).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }

    /// Takes in what a response from `url` set.
    pub(super) fn set(&self, url: &Url, headers: &HeaderMap) {
        let Some(host) = url.host_str() else { return };
        for field in headers.get_all(header::SET_COOKIE).iter().take(PER_HOST) {
            let Some(cookie) = field.to_str().ok().filter(|text| text.len() <= COOKIE_MAX) else { continue };
            let Ok(cookie) = Cookie::parse(cookie) else { continue };
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() >= HOSTS_MAX && !hosts.contains_key(host) {
                hosts.clear();
            }
            keep(hosts.entry(host.to_owned()).or_default(), &cookie, url);
        }
    }
}

fn keep(host: &mut Host, cookie: &Cookie<'_>, url: &Url) {
    let path =
        cookie.path().filter(|path| path.starts_with('/')).map_or_else(|| default_path(url.path()), str::to_owned);
    let key = (path, cookie.name().to_owned());
    host.remove(&key);
    let expired = match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(age), _) => !age.is_positive(),
        (None, Some(expires)) => SystemTime::from(expires) <= SystemTime::now(),
        (None, None) => false,
    };
    let size = |key: &(String, String), kept: &Kept| key.1.len() + kept.value.len() + 3;
    let kept = Kept { value: cookie.value().to_owned(), secure: cookie.secure() == Some(true) };
    let all: usize = host.iter().map(|(key, kept)| size(key, kept)).sum();
    if !expired && host.len() < PER_HOST && all + size(&key, &kept) <= PER_HOST_BYTES {
        host.insert(key, kept);
    }
}

/// RFC 6265 section 5.1.4: the folder of the path that set the cookie.
fn default_path(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder.to_owned(),
        _ => "/".to_owned(),
    }
}

/// RFC 6265 section 5.1.4.
fn path_matches(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cookies: &Cookies, url: &str, fields: &[&str]) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(header::SET_COOKIE, field.parse().unwrap());
        }
        cookies.set(&url.parse().unwrap(), &headers);
    }

    fn get(cookies: &Cookies, url: &str) -> String {
        let field = cookies.get(&url.parse().unwrap());
        field.map(|field| field.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_alone_whatever_it_asks_for() {
        let cookies = Cookies::default();
        set(&cookies, "http://a.test/x", &["k=v; Path=/", "wide=1; Domain=test; Path=/"]);
        assert_eq!(get(&cookies, "http://a.test/y/z"), "k=v; wide=1");
        assert_eq!(get(&cookies, "http://b.test/x") + &get(&cookies, "http://sub.a.test/x"), "");
    }

    #[test]
    fn paths_security_and_ends_are_kept_to() {
        let cookies = Cookies::default();
        set(&cookies, "https://a.test/one/x", &["here=1", "safe=1; Secure; Path=/", "deep=1; Path=/one/two"]);
        assert_eq!(get(&cookies, "https://a.test/one/y"), "safe=1; here=1");
        assert_eq!(get(&cookies, "http://a.test/one/two"), "here=1; deep=1");
        assert_eq!(get(&cookies, "http://a.test/onetwo"), "");
        set(&cookies, "https://a.test/one/x", &["here=2", "safe=; Path=/; Max-Age=0"]);
        assert_eq!(get(&cookies, "https://a.test/one/y"), "here=2");
        set(&cookies, "https://a.test/one/x", &["here=3; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]);
        assert_eq!(get(&cookies, "https://a.test/one/y"), "");
    }

    #[test]
    fn what_a_host_may_make_us_send_and_keep_is_bounded() {
        let cookies = Cookies::default();
        set(&cookies, "http://a.test/", &[&format!("big={}", "x".repeat(COOKIE_MAX))]);
        assert_eq!(get(&cookies, "http://a.test/"), "");
        for n in 0..200 {
            set(&cookies, "http://a.test/", &[&format!("k{n}={}", "v".repeat(1000))]);
        }
        assert!(get(&cookies, "http://a.test/").len() <= PER_HOST_BYTES);
        for n in 0..200 {
            set(&cookies, "http://b.test/", &[&format!("k{n}=v")]);
        }
        assert_eq!(get(&cookies, "http://b.test/").split("; ").count(), PER_HOST);
        for n in 0..=HOSTS_MAX {
            set(&cookies, &format!("http://{n}.test/"), &["k=v"]);
        }
        assert!(cookies.hosts.lock().unwrap().len() <= HOSTS_MAX);
    }
}
