//! How the values of flags are written. Each function's error says what was expected and shows an example.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytesize::ByteSize;
use url::Url;

/// Longer durations are mistakes, and would overflow the clock's arithmetic.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A number of bytes, at least one: `20MiB`, `500k`, `1048576`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let ByteSize(bytes) =
        text.trim().parse().map_err(|_| "sizes are written like 20MiB, 500k or 1048576".to_owned())?;
    if bytes == 0 { Err("a size of 0 would let nothing through".to_owned()) } else { Ok(bytes) }
}

/// A time to wait for something: `30s`, `2m`, `500ms`, `1d`; not zero.
pub(super) fn limit(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a limit of 0 would let nothing through".to_owned()),
        limit => Ok(limit),
    }
}

/// A duration, which may be zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let duration = humantime::parse_duration(text.trim())
        .map_err(|_| "durations are written with a unit, like 30s, 2m, 500ms or 1d".to_owned())?;
    if duration > MAX_DURATION { Err("that is more than a hundred years".to_owned()) } else { Ok(duration) }
}

/// A share of something, written in percent: `5%`, `0.5%`, `100%`. From above 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let percent = text.trim().strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent / 100.0),
        _ => Err("shares are written in percent, above 0% and up to 100%, like 5%".to_owned()),
    }
}

/// An absolute http or https URL.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("{error}; write it like https://example.org/blog/"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("a base is an http or https URL, not {other}")),
    }
}

/// An address of this machine that no other can reach.
pub(super) fn loopback(text: &str) -> Result<IpAddr, String> {
    let address = match text.trim() {
        name if name.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        number => number.trim_start_matches('[').trim_end_matches(']').parse().unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
    };
    match address.is_loopback() {
        true => Ok(address),
        false => Err("a mirror is shown to this machine alone, on 127.0.0.1 or ::1".to_owned()),
    }
}

/// The URL of an outgoing proxy.
pub(super) fn proxy_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("{error}; write it like http://proxy.example:3128"))?;
    match (url.scheme(), url.host()) {
        ("http" | "https" | "socks5" | "socks5h", Some(_)) => Ok(url),
        _ => Err("proxies are http, https, socks5 or socks5h URLs, like socks5h://127.0.0.1:1080".to_owned()),
    }
}

/// What references to pictures begin with, ending in a slash.
pub(super) fn link_base(text: &str) -> Result<String, String> {
    let unfit = |c: char| c.is_whitespace() || c.is_control() || "\"'<>()`\\?#".contains(c);
    if text.is_empty() || text.contains(unfit) {
        return Err("a link base is a path or URL without spaces, quotes, queries or fragments, like /images/mirror/"
            .to_owned());
    }
    Ok(format!("{}/", text.trim_end_matches('/')))
}

/// `ELEMENT@ATTRIBUTE`, both parts there.
pub(super) fn selection(text: &str) -> Result<String, String> {
    match text.trim().rsplit_once('@') {
        Some((element, attribute)) if !element.trim().is_empty() && !attribute.trim().is_empty() => {
            Ok(text.trim().to_owned())
        }
        _ => Err("selections are written like div.gallery@data-full".to_owned()),
    }
}

/// Text that can be sent as a header's value.
pub(super) fn user_agent(text: &str) -> Result<String, String> {
    match reqwest::header::HeaderValue::from_str(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("a user agent is one line of visible characters".to_owned()),
    }
}

pub(super) fn non_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.trim().to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_percent() {
        assert_eq!((share("5%"), share(" 0.5 %"), share("100%")), (Ok(0.05), Ok(0.005), Ok(1.0)));
        for text in ["5", "0%", "-1%", "101%", "%", "x%", "NaN%", ""] {
            assert!(share(text).unwrap_err().contains("like 5%"), "{text:?}");
        }
    }

    #[test]
    fn only_loopback_addresses_are_served_on() {
        for (given, address) in
            [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1"), ("LocalHost", "127.0.0.1")]
        {
            assert_eq!(loopback(given), Ok(address.parse().unwrap()), "{given}");
        }
        for given in ["", "0.0.0.0", "::", "192.168.0.1", "example.org", "::ffff:10.0.0.1", "127.0.0.1:80"] {
            assert!(loopback(given).is_err(), "{given}");
        }
    }

    #[test]
    fn sizes() {
        let table = [("20MiB", 20 << 20), ("500k", 500_000), ("1048576", 1 << 20), ("1.5 GiB", 3 << 29), ("2kb", 2000)];
        for (given, bytes) in table {
            assert_eq!(size(given), Ok(bytes), "{given}");
        }
        for given in ["", "0", "x", "-1", "20 bananas", "MiB", "1e9", "∞"] {
            assert!(size(given).is_err(), "{given}");
        }
    }

    #[test]
    fn durations() {
        let table =
            [("30s", 30_000), ("2m", 120_000), ("500ms", 500), ("1d", 86_400_000), ("1m 30s", 90_000), ("0", 0)];
        for (given, millis) in table {
            assert_eq!(duration(given), Ok(Duration::from_millis(millis)), "{given}");
        }
        for given in ["", "30", "x", "-1s", "1fortnight", "101y", "99999999999999999999s"] {
            assert!(duration(given).is_err(), "{given}");
        }
        assert!(limit("0s").is_err());
    }

    #[test]
    fn link_bases_end_in_one_slash_and_fit_into_any_slot() {
        let table = [
            ("/images/mirror", "/images/mirror/"),
            ("/images/mirror//", "/images/mirror/"),
            ("https://cdn.example/x/", "https://cdn.example/x/"),
            ("../img", "../img/"),
            ("/", "/"),
        ];
        for (given, base) in table {
            assert_eq!(link_base(given).as_deref(), Ok(base));
        }
        for given in ["", " ", "a b", "a\"b", "a'b", "<a>", "a)b", "a?b", "a#b", "a\nb", "a\\b"] {
            assert!(link_base(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn urls_of_the_wrong_kind_are_refused() {
        assert!(base_url("https://example.org/blog/").is_ok());
        for given in ["/blog/", "ftp://example.org/", "example.org", "mailto:a@b"] {
            assert!(base_url(given).is_err(), "{given}");
        }
        assert!(proxy_url("socks5h://127.0.0.1:1080").is_ok());
        for given in ["127.0.0.1:1080", "socks4://x:1", "proxy", "http://"] {
            assert!(proxy_url(given).is_err(), "{given}");
        }
    }

    #[test]
    fn selections_have_two_parts() {
        assert!(selection("div.gallery@data-full").is_ok());
        for given in ["div", "@data-full", "div@", ""] {
            assert!(selection(given).is_err(), "{given}");
        }
    }
}
