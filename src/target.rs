//! From what a document says to what to ask for: base, proxies, normal form.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use url::Url;

use crate::proxy::{Peeled, Peeler, Rules, Step};
use crate::recent::Recent;
use crate::sanitize::without_credentials;

/// The absolute URL to ask for, all proxies peeled, and every other way to the same picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `http` or `https`, without credentials and without fragment: what makes two references the same asset.
    pub url: Url,
    /// What stood behind `#`, kept for the rewritten reference (`sprite.svg#icon`).
    pub fragment: Option<String>,
    /// `user:password` of the URL as written. For that origin alone; never stored, never shown.
    pub credentials: Option<String>,
    /// The proxies taken off, outermost first.
    pub proxies: Vec<Step>,
    /// Where else the picture may be had, in the order to try: other readings of the target, then the proxied URLs,
    /// outermost first. As they were written; none is the target.
    pub others: Vec<String>,
    /// A Referer that a proxy URL carried.
    pub hint: Option<String>,
}

impl Target {
    /// Every way to the picture, in the order to try: the target first.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.url.as_str()).chain(self.others.iter().map(String::as_str))
    }
}

/// Why a reference is nothing to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// `data:`, `blob:`, `about:`, `javascript:` and every other scheme but http and https.
    Scheme,
    /// Only a fragment: the picture is in the document itself.
    Fragment,
    /// Relative, and the document says of no base.
    Relative,
    /// A path of the site in front matter: left alone.
    Local,
    /// `{{ … }}`: a template fills it in.
    Template,
    /// No URL at all.
    BadUrl,
    /// Already a local copy.
    Mirrored,
    /// Left out by `--include` or `--exclude`.
    Excluded,
}

impl Skip {
    /// The reason as reports and the catalog write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Skip::Scheme => "scheme",
            Skip::Fragment => "fragment",
            Skip::Relative => "relative",
            Skip::Local => "local",
            Skip::Template => "template",
            Skip::BadUrl => "bad-url",
            Skip::Mirrored => "mirrored",
            Skip::Excluded => "excluded",
        }
    }
}

/// Where a relative URL of a document begins.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub base: Option<&'a Url>,
    /// The document's encoding: queries are encoded in it (WHATWG URL 4.4, "query state").
    pub encoding: &'static Encoding,
}

/// Resolves and peels one reference as written (decoded, trimmed).
pub fn resolve(written: &str, place: Place<'_>, rules: &Rules) -> Result<Target, Skip> {
    Resolver::new(place, rules).resolve(written)
}

/// Resolves the references of one document. They name one picture more than once and few hosts, so what was parsed last
/// is kept.
pub struct Resolver<'a> {
    place: Place<'a>,
    peeler: Peeler<'a>,
    /// A picture, its neighbours, and the hosts of both.
    parsed: Recent<Url, 4>,
}

impl<'a> Resolver<'a> {
    pub fn new(place: Place<'a>, rules: &'a Rules) -> Self {
        Resolver { place, peeler: Peeler::new(rules), parsed: Recent::default() }
    }

    /// Resolves and peels one reference as written (decoded, trimmed).
    pub fn resolve(&mut self, written: &str) -> Result<Target, Skip> {
        let place = self.place;
        if is_template(written) {
            return Err(Skip::Template);
        }
        if written.starts_with('#') {
            return Err(Skip::Fragment);
        }
        let cleaned = without_line_ends(written);
        let absolute = match scheme(&cleaned) {
            Some(scheme) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => cleaned,
            Some(_) => return Err(Skip::Scheme),
            None if cleaned.starts_with("//") || cleaned.starts_with("\\\\") => {
                let scheme = place.base.map_or("https", Url::scheme);
                Cow::Owned(format!("{scheme}:{cleaned}"))
            }
            None => {
                let base = place.base.ok_or(Skip::Relative)?;
                let options = Url::options().base_url(Some(base));
                let url = parse(&cleaned, options, place.encoding).ok_or(Skip::BadUrl)?;
                let absolute = url.as_str().to_owned();
                // What it is written out as says the same.
                if is_web(&url) && self.parsed.get(&absolute).is_none() {
                    self.parsed.keep(&absolute, url);
                }
                Cow::Owned(absolute)
            }
        };
        let without_scheme = written.starts_with("//") && place.base.is_none();
        self.resolve_absolute(&absolute, without_scheme)
    }

    fn resolve_absolute(&mut self, absolute: &str, without_scheme: bool) -> Result<Target, Skip> {
        let mut peeled = self.peeler.peel(absolute);
        let mut url = self.parse_web(&peeled.url);
        if url.is_none() && !peeled.steps.is_empty() {
            // What looked like an original is no URL after all: the proxied URL is all that there is.
            peeled = Peeled { url: absolute.to_owned(), ..Peeled::default() };
            url = self.parse_web(absolute);
        }
        let mut url = url.ok_or(Skip::BadUrl)?;
        let Peeled { url: inner, steps, alternatives, referer } = peeled;
        let fragment = url.fragment().filter(|fragment| !fragment.is_empty()).map(str::to_owned);
        let credentials = take_credentials(&mut url);
        let mut others = alternatives;
        if without_scheme && steps.is_empty() {
            others.push(inner.replacen("https:", "http:", 1));
        }
        others.extend(steps.iter().map(|step| step.proxied.clone()));
        // A proxy is not told the credentials of another origin, and one's own are not recorded.
        others.retain(|other| {
            memchr::memchr2(b'@', b'%', other.as_bytes()).is_none() || without_credentials(other) == other.as_str()
        });
        // A Referer is kept, and has no use for a password.
        let hint = referer.map(|hint| without_credentials(&hint).into_owned());
        Ok(Target { url, fragment, credentials, proxies: steps, others, hint })
    }

    /// Parses an absolute URL that a web server may answer.
    fn parse_web(&mut self, text: &str) -> Option<Url> {
        if let Some(url) = self.parsed.get(text) {
            return Some(url.clone());
        }
        // The host is half of the work, and a neighbour of the same origin has done it.
        let front = front(text).filter(|front| !text[front.len()..].starts_with(['/', '\\']));
        let neighbour = front.and_then(|front| self.parsed.find(|known| known.starts_with(front)));
        let url = match (front, neighbour) {
            (Some(front), Some(base)) => {
                parse(&text[front.len() - 1..], Url::options().base_url(Some(base)), self.place.encoding)
            }
            _ => parse(text, Url::options(), self.place.encoding),
        };
        let url = url.filter(is_web)?;
        self.parsed.keep(text, url.clone());
        Some(url)
    }
}

/// Scheme, authority and the slash behind it of an absolute URL that is written as most are; whatever has the same before
/// its path has the same host, port and credentials.
fn front(text: &str) -> Option<&str> {
    let behind = text.strip_prefix("http").map(|rest| rest.strip_prefix('s').unwrap_or(rest))?.strip_prefix("://")?;
    let end = behind.bytes().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\'))?;
    let (start, bytes) = (text.len() - behind.len(), text.as_bytes());
    // What the parser leaves out, wherever it stands, could make a path of what follows a second slash.
    let clean = end > 0 && bytes[start + end] == b'/' && memchr::memchr3(b'\t', b'\n', b'\r', bytes).is_none();
    clean.then(|| &text[..=start + end])
}

/// The markers of the template languages that sites are made with.
pub(crate) fn is_template(written: &str) -> bool {
    memchr::memchr2(b'{', b'%', written.as_bytes()).is_some()
        && ["{{", "{%", "<%", "${"].iter().any(|marker| written.contains(marker))
}

/// Tabs and line ends mean nothing anywhere in a URL (WHATWG URL 4.4, "basic URL parser").
fn without_line_ends(written: &str) -> Cow<'_, str> {
    match memchr::memchr3(b'\t', b'\n', b'\r', written.as_bytes()) {
        Some(_) => Cow::Owned(written.replace(['\t', '\n', '\r'], "")),
        None => Cow::Borrowed(written),
    }
}

/// Removes credentials and fragment; returns the credentials.
fn take_credentials(url: &mut Url) -> Option<String> {
    url.set_fragment(None);
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let credentials = format!("{}:{}", url.username(), url.password().unwrap_or_default());
    // Both only fail for URLs without a host, and http URLs have one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(credentials)
}

fn parse(text: &str, options: url::ParseOptions<'_>, encoding: &'static Encoding) -> Option<Url> {
    if encoding == UTF_8 {
        return options.parse(text).ok();
    }
    let encode = borrowing(|query| Cow::Owned(encoding.encode(query).0.into_owned()));
    options.encoding_override(Some(&encode)).parse(text).ok()
}

/// Lets the compiler see that the closure's result may borrow from its argument.
fn borrowing<F: Fn(&str) -> Cow<'_, [u8]>>(encode: F) -> F {
    encode
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty())
}

/// The scheme, if the text begins with one (RFC 3986, 3.1). A single letter is a drive of Windows, not a scheme.
fn scheme(text: &str) -> Option<&str> {
    let end = text.bytes().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    let valid = end > 1 && text.as_bytes()[end] == b':' && text.as_bytes()[0].is_ascii_alphabetic();
    valid.then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(written: &str, base: Option<&str>) -> Result<Target, Skip> {
        let base = base.map(|base| Url::parse(base).unwrap());
        let place = Place { base: base.as_ref(), encoding: encoding_rs::UTF_8 };
        resolve(written, place, &Rules::builtin())
    }

    fn url(written: &str, base: Option<&str>) -> Result<String, Skip> {
        resolved(written, base).map(|target| target.url.into())
    }

    #[test]
    fn what_is_nothing_to_fetch_says_why() {
        for (written, why) in [
            ("data:image/png;base64,AAAA", Skip::Scheme),
            ("javascript:void(0)", Skip::Scheme),
            ("blob:https://h.example/1", Skip::Scheme),
            ("about:blank", Skip::Scheme),
            ("file:///etc/passwd", Skip::Scheme),
            ("ftp://h.example/a.jpg", Skip::Scheme),
            ("#icon", Skip::Fragment),
            ("images/a.jpg", Skip::Relative),
            ("/images/a.jpg", Skip::Relative),
            ("C:\\pictures\\a.jpg", Skip::Relative),
            ("{{ site.url }}/a.jpg", Skip::Template),
            ("https://{{ host }}/a.jpg", Skip::Template),
            ("http://", Skip::BadUrl),
            ("https://h example/a.jpg", Skip::BadUrl),
        ] {
            assert_eq!(url(written, None), Err(why), "{written}");
        }
    }

    #[test]
    fn relative_urls_take_their_base() {
        let base = Some("http://h.example/posts/1/");
        assert_eq!(url("a.jpg", base).unwrap(), "http://h.example/posts/1/a.jpg");
        assert_eq!(url("../a.jpg", base).unwrap(), "http://h.example/posts/a.jpg");
        assert_eq!(url("/a.jpg", base).unwrap(), "http://h.example/a.jpg");
        assert_eq!(url("//cdn.example/a.jpg", base).unwrap(), "http://cdn.example/a.jpg");
    }

    #[test]
    fn a_url_without_scheme_tries_https_then_http() {
        let target = resolved("//h.example/a.jpg", None).unwrap();
        assert_eq!(target.sources().collect::<Vec<_>>(), ["https://h.example/a.jpg", "http://h.example/a.jpg"]);
    }

    #[test]
    fn fragments_and_credentials_are_no_part_of_the_target() {
        let target = resolved("https://me:secret@h.example/s.svg#icon", None).unwrap();
        assert_eq!(target.url.as_str(), "https://h.example/s.svg");
        assert_eq!(target.fragment.as_deref(), Some("icon"));
        assert_eq!(target.credentials.as_deref(), Some("me:secret"));
    }

    proptest::proptest! {
        #[test]
        fn what_was_resolved_before_changes_nothing(
            written in proptest::collection::vec("(//|https?:/{1,3}|HTTP://)[ab@:]{0,2}[hH](:8?|\\.e)?[/?#\\\\\t ]{0,2}[a./?#é%\\\\]{0,4}", 1..8),
            with_base: bool,
        ) {
            let base = Url::parse("http://h/x/").unwrap();
            for encoding in [encoding_rs::UTF_8, encoding_rs::GBK] {
                let place = Place { base: with_base.then_some(&base), encoding };
                let rules = Rules::builtin();
                let mut resolver = Resolver::new(place, &rules);
                for written in &written {
                    proptest::prop_assert_eq!(resolver.resolve(written), resolve(written, place, &rules));
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_relative_url_says_what_it_is_written_out_as(written in "[a./\\\\?#:;@&=|%25é图 \\[\\]^`{}\"'<>]{0,16}") {
            for base in ["http://h/x/", "https://u:p@h.e:8080/x?y#z", "http://[::1]"] {
                let base = Url::parse(base).unwrap();
                for encoding in [encoding_rs::UTF_8, encoding_rs::GBK] {
                    if let Some(url) = parse(&written, Url::options().base_url(Some(&base)), encoding).filter(is_web) {
                        proptest::prop_assert_eq!(parse(url.as_str(), Url::options(), encoding), Some(url));
                    }
                }
            }
        }
    }

    #[test]
    fn a_query_is_encoded_as_its_document() {
        let place = Place { base: None, encoding: encoding_rs::GBK };
        let target = resolve("http://h.example/图.jpg?q=图", place, &Rules::builtin()).unwrap();
        assert_eq!(target.url.as_str(), "http://h.example/%E5%9B%BE.jpg?q=%CD%BC");
    }

    #[test]
    fn spaces_and_line_ends_inside_of_urls_are_taken_as_browsers_do() {
        assert_eq!(url("http://h.example/a b.jpg", None).unwrap(), "http://h.example/a%20b.jpg");
        assert_eq!(url("http://h.example/a\n.jpg", None).unwrap(), "http://h.example/a.jpg");
    }

    #[test]
    fn the_proxied_url_is_the_last_source() {
        let target = resolved("https://cors.zfour.workers.dev/?http://h.example/a.jpg", None).unwrap();
        assert_eq!(target.url.as_str(), "http://h.example/a.jpg");
        let last = target.sources().last().unwrap();
        assert_eq!(last, "https://cors.zfour.workers.dev/?http://h.example/a.jpg");
    }
}
