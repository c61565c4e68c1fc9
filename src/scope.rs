//! Scope: may this URL be asked for, and may this socket address be connected to.
//!
//! Asked before the first request, at every redirect, and of every address that a name resolves to. It resolves and
//! connects to nothing itself. Documents and servers are hostile: a picture's URL must not become a probe of the
//! reader's own machine or network, in any spelling of an address.

mod special;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use special::{Special, special};

/// One exception to the rule, as written after `--allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// `HOST:PORT`: exactly this name (lower case, no final dot) and port.
    Name { host: String, port: u16 },
    /// `IP:PORT`: exactly this socket address, however the URL names it.
    Socket { ip: IpAddr, port: u16 },
    /// `CIDR` or a single `IP`: every port of these addresses.
    Net(IpNet),
}

/// What `--allow` could not make sense of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not HOST:PORT, an IP address or a CIDR block (example.test:8080, 10.1.2.3, 192.168.0.0/16, [::1]:80)"
)]
pub struct BadAllow(String);

impl FromStr for Allow {
    type Err = BadAllow;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadAllow(text.to_owned());
        let trimmed = text.trim();
        if let Ok(net) = trimmed.parse::<IpNet>() {
            return Ok(Allow::Net(net.trunc()));
        }
        let bare = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(trimmed);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Allow::Net(IpNet::from(ip)));
        }
        let (host, port) = trimmed.rsplit_once(':').ok_or_else(bad)?;
        let port: u16 = port.parse().ok().filter(|&port| port != 0).ok_or_else(bad)?;
        match Host::parse(host).map_err(|_| bad())? {
            Host::Ipv4(ip) => Ok(Allow::Socket { ip: ip.into(), port }),
            Host::Ipv6(ip) => Ok(Allow::Socket { ip: ip.into(), port }),
            Host::Domain(name) => {
                let host = bare_name(&name);
                if host.is_empty() { Err(bad()) } else { Ok(Allow::Name { host, port }) }
            }
        }
    }
}

/// What happens to addresses that are not on the public internet and that no [`Allow`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Private {
    #[default]
    Refuse,
    /// `--allow-private`: loopback, private, link-local and the like. Multicast and reserved addresses stay refused.
    Allow,
}

/// Why a URL or an address is out of scope. Its text names the address and the switch that would allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

/// The rules that say whether a URL may be asked for.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    allow: Vec<Allow>,
    private: Private,
}

impl Scope {
    pub fn new(allow: Vec<Allow>, private: Private) -> Self {
        Scope { allow, private }
    }

    /// Judges everything about `url` that can be known without resolving its name: the scheme, the host, and the
    /// address when the host is one (the `url` crate has already brought `0x7f.1`, `2130706433`, `０` and `%31` to one
    /// form). A name that passes here still has its addresses judged by [`Scope::check_addr`].
    pub fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal { text: format!("only http and https are asked for, not {}:", url.scheme()) });
        }
        let port = url.port_or_known_default().filter(|&port| port != 0);
        let Some(port) = port else {
            return Err(Refusal { text: "port 0 cannot be asked for".to_owned() });
        };
        match url.host() {
            None => Err(Refusal { text: "the URL names no host".to_owned() }),
            Some(Host::Ipv4(ip)) => self.check_addr(&ip.to_string(), Some(port), ip.into()),
            Some(Host::Ipv6(ip)) => self.check_addr(&ip.to_string(), Some(port), ip.into()),
            Some(Host::Domain(name)) => self.check_name(name, port),
        }
    }

    /// Judges the address that `host` resolved to. `port` is the port of the URL, `None` when it is not known; rules
    /// with a port never match then.
    pub fn check_addr(&self, host: &str, port: Option<u16>, ip: IpAddr) -> Result<(), Refusal> {
        let Some(Special { name, embedded, reach }) = special(ip) else { return Ok(()) };
        if self.allows(host, port, ip) || embedded.is_some_and(|inner| self.allows(host, port, inner.into())) {
            return Ok(());
        }
        if self.private == Private::Allow && reach == special::Reach::Private {
            return Ok(());
        }
        Err(refusal(host, port, ip, embedded, name))
    }

    /// Whether some rule names this port, so that addresses of a URL with this port must be judged knowing it.
    pub fn names_port(&self, port: u16) -> bool {
        self.allow.iter().any(|rule| match rule {
            Allow::Name { port: named, .. } | Allow::Socket { port: named, .. } => *named == port,
            Allow::Net(_) => false,
        })
    }

    fn check_name(&self, name: &str, port: u16) -> Result<(), Refusal> {
        let bare = bare_name(name);
        if bare.is_empty() {
            return Err(Refusal { text: "the URL names no host".to_owned() });
        }
        // RFC 6761 section 6.3: these names are loopback whatever a resolver says.
        if bare != "localhost" && !bare.ends_with(".localhost") {
            return Ok(());
        }
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        if loopback.iter().any(|&ip| self.check_addr(name, Some(port), ip).is_ok()) {
            return Ok(());
        }
        Err(Refusal { text: format!("{bare} is this machine (loopback); --allow {bare}:{port} would permit it") })
    }

    fn allows(&self, host: &str, port: Option<u16>, ip: IpAddr) -> bool {
        self.allow.iter().any(|rule| match rule {
            Allow::Net(net) => net.contains(&ip),
            Allow::Socket { ip: named, port: at } => *named == ip && Some(*at) == port,
            Allow::Name { host: named, port: at } => *named == bare_name(host) && Some(*at) == port,
        })
    }
}

fn bare_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn refusal(host: &str, port: Option<u16>, ip: IpAddr, embedded: Option<Ipv4Addr>, name: &str) -> Refusal {
    let shown = match ip {
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    let mut text = if host.parse::<IpAddr>().is_ok() {
        format!("{shown} is {name}")
    } else {
        format!("{host} resolves to {shown}, {name}")
    };
    if let Some(inner) = embedded {
        text.push_str(&format!(" (it stands for {inner})"));
    }
    let fake = [Some(ip), embedded.map(IpAddr::V4)].into_iter().flatten().any(special::is_fake_ip);
    let switch = match (fake, port) {
        (true, _) => {
            text.push_str("; proxies in fake-IP mode answer every name with such an address");
            special::FAKE_IP.to_owned()
        }
        (false, Some(port)) => format!("{shown}:{port}"),
        (false, None) => ip.to_string(),
    };
    text.push_str(&format!("; --allow {switch} would permit it"));
    Refusal { text }
}
