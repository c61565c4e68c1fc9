//! `--connect-to HOST1:PORT1:HOST2:PORT2`: requests for HOST1:PORT1 go to HOST2:PORT2, as curl has it.
//!
//! The URL, the Host header and the name that a certificate must carry stay those of HOST1. Being the user's word, a
//! rule also permits the address that it names.

use std::net::IpAddr;
use std::str::FromStr;

use url::Url;

use super::options::BadOption;

/// One rule. Empty HOST1 or PORT1 stands for any, empty HOST2 or PORT2 for "as it was".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    from_host: Option<String>,
    from_port: Option<u16>,
    to_host: Option<String>,
    to_port: Option<u16>,
}

impl ConnectTo {
    /// Whether the rule is for `url`.
    pub fn matches(&self, url: &Url) -> bool {
        let host = url.host_str().map(plain_host);
        let same_host = self.from_host.is_none() || self.from_host == host;
        same_host && (self.from_port.is_none() || self.from_port == url.port_or_known_default())
    }

    /// The name or address to connect to instead, without brackets.
    pub fn host(&self) -> Option<&str> {
        self.to_host.as_deref()
    }

    /// The port to connect to instead.
    pub fn port(&self) -> Option<u16> {
        self.to_port
    }
}

/// A host as rules compare it: lower case, no brackets, no final dot.
fn plain_host(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.trim_end_matches('.').to_ascii_lowercase()
}

impl FromStr for ConnectTo {
    type Err = BadOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadOption(format!("'{text}' is not HOST1:PORT1:HOST2:PORT2 (such as ::127.0.0.1:8080)"));
        let (from_host, rest) = host_part(text.trim()).ok_or_else(bad)?;
        let (from_port, rest) = rest.split_once(':').ok_or_else(bad)?;
        let (to_host, to_port) = host_part(rest).ok_or_else(bad)?;
        Ok(ConnectTo {
            from_host: host(from_host).ok_or_else(bad)?,
            from_port: port(from_port).ok_or_else(bad)?,
            to_host: host(to_host).ok_or_else(bad)?,
            to_port: port(to_port).ok_or_else(bad)?,
        })
    }
}

/// Takes `HOST:` or `[v6]:` off the front.
fn host_part(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('[') {
        let end = text.find(']')?;
        return Some((text.get(..=end)?, text.get(end + 1..)?.strip_prefix(':')?));
    }
    text.split_once(':')
}

fn host(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    match url::Host::parse(text).ok()? {
        url::Host::Domain(name) => Some(Some(plain_host(&name))),
        url::Host::Ipv4(ip) => Some(Some(IpAddr::from(ip).to_string())),
        url::Host::Ipv6(ip) => Some(Some(IpAddr::from(ip).to_string())),
    }
}

fn port(text: &str) -> Option<Option<u16>> {
    if text.is_empty() {
        return Some(None);
    }
    text.parse().ok().filter(|&port| port != 0).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: (Option<&str>, Option<u16>), to: (Option<&str>, Option<u16>)) -> ConnectTo {
        ConnectTo {
            from_host: from.0.map(str::to_owned),
            from_port: from.1,
            to_host: to.0.map(str::to_owned),
            to_port: to.1,
        }
    }

    #[test]
    fn the_four_parts_are_read_and_each_may_be_empty() {
        let cases = [
            ("a.test:80:b.test:8080", rule((Some("a.test"), Some(80)), (Some("b.test"), Some(8080)))),
            ("A.Test.:80:127.0.0.1:8080", rule((Some("a.test"), Some(80)), (Some("127.0.0.1"), Some(8080)))),
            ("::127.0.0.1:8080", rule((None, None), (Some("127.0.0.1"), Some(8080)))),
            (":::8080", rule((None, None), (None, Some(8080)))),
            ("a.test:::", rule((Some("a.test"), None), (None, None))),
            (":443:[::1]:8443", rule((None, Some(443)), (Some("::1"), Some(8443)))),
            ("[2001:db8::1]:443:[::1]:", rule((Some("2001:db8::1"), Some(443)), (Some("::1"), None))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "a", "a:80", "a:80:b", "a:0:b:80", "a:80:b:99999", "[::1:80:b:80", "a:80:b:80:c", "a b:1:c:1"]
        {
            assert!(text.parse::<ConnectTo>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_is_for_its_host_and_port() {
        let cases = [
            ("a.test:80:b:1", "http://a.test/", true),
            ("a.test:80:b:1", "http://a.test./x", true),
            ("a.test:80:b:1", "https://a.test/", false),
            ("a.test:80:b:1", "http://b.test/", false),
            (":443:b:1", "https://anything.test/", true),
            ("[::1]:80:b:1", "http://[::1]/", true),
            ("::b:1", "http://10.0.0.1:9/", true),
        ];
        for (text, url, expected) in cases {
            let rule: ConnectTo = text.parse().unwrap();
            assert_eq!(rule.matches(&Url::parse(url).unwrap()), expected, "{text} {url}");
        }
    }
}
