//! Which outgoing proxy a request goes through: `--via-proxy`, or the variables that other programs read too.
//!
//! Decided here and not inside the HTTP client, because the answer decides whose addresses are judged: direct
//! requests have every address in scope, proxied ones leave names to the proxy, which is the user's own.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::options::BadOption;

/// The proxies of this run.
#[derive(Debug, Clone, Default)]
pub(super) struct Outgoing {
    http: Option<Url>,
    https: Option<Url>,
    except: Vec<Exception>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    /// The name and everything below it.
    Name(String),
    Net(IpNet),
}

impl Outgoing {
    /// Reads the proxy of the command line, else the environment through `variable`. `NO_PROXY` counts for both.
    pub(super) fn new(
        via_proxy: Option<&Url>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Outgoing, BadOption> {
        let either = |name: &str| variable(&name.to_ascii_lowercase()).or_else(|| variable(name));
        let except = either("NO_PROXY").map(|list| exceptions(&list)).unwrap_or_default();
        if let Some(proxy) = via_proxy {
            let proxy = checked(proxy.clone(), "--via-proxy")?;
            return Ok(Outgoing { http: Some(proxy.clone()), https: Some(proxy), except });
        }
        let read = |name: &str| either(name).filter(|text| !text.trim().is_empty()).map(|text| parse(&text, name));
        // In a CGI program HTTP_PROXY is set by whoever sent a `Proxy:` header.
        let http = if variable("REQUEST_METHOD").is_some() { None } else { read("HTTP_PROXY").transpose()? };
        let https = read("HTTPS_PROXY").transpose()?;
        let all = read("ALL_PROXY").transpose()?;
        Ok(Outgoing { http: http.or_else(|| all.clone()), https: https.or(all), except })
    }

    /// The proxy for `url`; `None` means a direct connection.
    pub(super) fn proxy_for(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }?;
        let excepted = self.except.iter().any(|exception| match (exception, url.host()) {
            (Exception::Everything, _) => true,
            (Exception::Name(name), Some(Host::Domain(host))) => {
                let host = host.trim_end_matches('.');
                host == name || host.strip_suffix(name.as_str()).is_some_and(|front| front.ends_with('.'))
            }
            (Exception::Net(net), Some(Host::Ipv4(ip))) => net.contains(&IpAddr::from(ip)),
            (Exception::Net(net), Some(Host::Ipv6(ip))) => net.contains(&IpAddr::from(ip)),
            _ => false,
        });
        if excepted { None } else { Some(proxy) }
    }
}

fn exceptions(list: &str) -> Vec<Exception> {
    let one = |item: &str| {
        let item = item.trim();
        let bare = item.strip_prefix('[').and_then(|item| item.strip_suffix(']')).unwrap_or(item);
        if item == "*" {
            Some(Exception::Everything)
        } else if let Ok(net) = bare.parse::<IpNet>() {
            Some(Exception::Net(net))
        } else if let Ok(ip) = bare.parse::<IpAddr>() {
            Some(Exception::Net(ip.into()))
        } else {
            let name = item.trim_start_matches('*').trim_matches('.').to_ascii_lowercase();
            if name.is_empty() { None } else { Some(Exception::Name(name)) }
        }
    };
    list.split(',').filter_map(one).collect()
}

fn parse(text: &str, from: &str) -> Result<Url, BadOption> {
    let text = text.trim();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).map_err(|_| BadOption(format!("the proxy of {from} is not a URL")))?;
    checked(url, from)
}

fn checked(url: Url, from: &str) -> Result<Url, BadOption> {
    if matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.has_host() {
        return Ok(url);
    }
    Err(BadOption(format!("the proxy of {from} must be an http, https, socks5 or socks5h URL")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(variables: &[(&str, &str)]) -> Outgoing {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Outgoing::new(None, variable).unwrap()
    }

    fn proxy(outgoing: &Outgoing, url: &str) -> Option<String> {
        outgoing.proxy_for(&Url::parse(url).unwrap()).map(|proxy| proxy.as_str().to_owned())
    }

    #[test]
    fn each_scheme_has_its_variable_and_all_proxy_fills_in() {
        let found = outgoing(&[("http_proxy", "p.test:3128"), ("ALL_PROXY", "socks5h://s.test:1080")]);
        assert_eq!(proxy(&found, "http://a.test/").as_deref(), Some("http://p.test:3128/"));
        assert_eq!(proxy(&found, "https://a.test/").as_deref(), Some("socks5h://s.test:1080"));
        assert_eq!(proxy(&outgoing(&[]), "http://a.test/"), None);
        assert_eq!(proxy(&outgoing(&[("HTTPS_PROXY", " ")]), "https://a.test/"), None);
    }

    #[test]
    fn a_cgi_program_does_not_believe_http_proxy() {
        let found = outgoing(&[("HTTP_PROXY", "http://evil.test"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(proxy(&found, "http://a.test/"), None);
    }

    #[test]
    fn no_proxy_names_hosts_below_and_blocks() {
        let found = outgoing(&[("HTTP_PROXY", "http://p.test"), ("NO_PROXY", "in.test, .dot.test,10.0.0.0/8,[::1],")]);
        for (url, direct) in [
            ("http://in.test/", true),
            ("http://a.in.test./", true),
            ("http://pin.test/", false),
            ("http://dot.test/", true),
            ("http://10.1.1.1/", true),
            ("http://11.1.1.1/", false),
            ("http://[::1]/", true),
        ] {
            assert_eq!(proxy(&found, url).is_none(), direct, "{url}");
        }
        let nothing = outgoing(&[("HTTP_PROXY", "http://p.test"), ("no_proxy", "*")]);
        assert_eq!(proxy(&nothing, "http://a.test/"), None);
    }

    #[test]
    fn a_proxy_must_be_of_a_kind_that_we_speak() {
        let ftp = Url::parse("ftp://p.test/").unwrap();
        assert!(Outgoing::new(Some(&ftp), |_| None).is_err());
        let socks = Url::parse("socks5://u:p@p.test:1").unwrap();
        let found = Outgoing::new(Some(&socks), |name| (name == "HTTP_PROXY").then(|| "http://x.test".into())).unwrap();
        assert_eq!(found.proxy_for(&Url::parse("http://a.test/").unwrap()), Some(&socks));
    }
}
