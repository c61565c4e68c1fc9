//! Which client a URL is asked with, and which socket addresses that client may connect to.
//!
//! A name is resolved by a resolver of our own, which hands on only addresses in scope, so the address that was judged
//! is the address that is connected to. The resolver is not told the port, and a host that is an address never
//! reaches it; therefore there is one client for each rule that needs one, made when first needed, and
//! [`Scope::check_url`] is asked before.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderValue;
use url::{Host, Url};

use super::FailureKind;
use super::connect_to::ConnectTo;
use super::http::Trouble;
use super::options::{BadOption, Options, Rate};
use super::outgoing::Outgoing;
use crate::scope::{Refusal, Scope};

/// Header fields in one response. With hyper's own limit on their bytes this bounds the head of an HTTP/1 response.
const HEADERS_MAX: usize = 200;
/// Bytes of header fields in one HTTP/2 response.
const HEADER_LIST_MAX: u32 = 64 << 10;
/// How long an idle connection is kept. Hosts are worked through one after the other, and a run over many hosts must
/// not run out of file descriptors.
const IDLE_TIME: Duration = Duration::from_secs(5);
/// How long it is kept at most where requests are spaced; servers seldom keep one for longer.
const SPACED_IDLE_TIME: Duration = Duration::from_secs(60);

/// The way that a request takes. Few: one for each rule, proxy and named port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Route {
    way: Way,
    /// The port being connected to, where a rule of the scope depends on it.
    port: Option<u16>,
    versions: Versions,
}

/// Which versions of HTTP a route may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Versions {
    Any,
    /// Only HTTP/1 has a Host field; HTTP/2 takes the authority from the URL.
    WithHostField,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Way {
    Direct,
    /// By the rule with this index.
    ConnectTo(usize),
    Via(Url),
}

/// The request to make for a URL.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) client: Client,
    /// The URL to hand to the client; its port or address may be that of a `--connect-to` rule.
    pub(super) url: Url,
    /// The Host header, when `url` does not say it.
    pub(super) host: Option<HeaderValue>,
}

/// Asks which addresses a name and a port stand for.
pub(super) type Lookup = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// As the system resolves names.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name, port| Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) }))
}

/// All clients of a run.
pub(super) struct Clients {
    scope: Arc<Scope>,
    lookup: Lookup,
    outgoing: Outgoing,
    connect_to: Arc<[ConnectTo]>,
    settings: Options,
    made: Mutex<HashMap<Route, Client>>,
}

impl Clients {
    /// Fails when an option makes no client: an unreadable certificate, a proxy of no known kind.
    pub(super) fn new(options: &Options, lookup: Lookup) -> Result<Self, BadOption> {
        let scope = Scope::new(options.allow.clone(), options.private);
        let outgoing = Outgoing::new(options.via_proxy.as_ref(), |name| std::env::var(name).ok())?;
        let clients = Clients {
            scope: Arc::new(scope),
            lookup,
            outgoing,
            connect_to: options.connect_to.clone().into(),
            settings: options.clone(),
            made: Mutex::default(),
        };
        // Clients are made when they are needed: each reads the certificates that the machine trusts.
        clients.trust()?;
        Ok(clients)
    }

    /// How to ask for `url`, or why it must not or cannot be asked for.
    pub(super) fn plan(&self, url: &Url) -> Result<Plan, Trouble> {
        let refused = |refusal: Refusal| Trouble::new(FailureKind::OutOfScope, refusal.to_string());
        let rule = self.connect_to.iter().enumerate().find(|(_, rule)| rule.matches(url));
        let (way, sent) = match rule {
            Some((index, rule)) => {
                if !matches!(url.scheme(), "http" | "https") || rule.host().is_none() {
                    self.scope.check_url(url).map_err(refused)?;
                }
                (Way::ConnectTo(index), led(url, rule)?)
            }
            None => {
                self.scope.check_url(url).map_err(refused)?;
                let proxy = self.outgoing.proxy_for(url);
                if proxy.is_some_and(|proxy| proxy.scheme() == "socks5" && proxy.host_str() == url.host_str()) {
                    // Its name is resolved for the connection to the proxy, which may be anywhere.
                    let detail = "the URL names the outgoing proxy itself";
                    return Err(Trouble::new(FailureKind::OutOfScope, detail));
                }
                (proxy.cloned().map_or(Way::Direct, Way::Via), url.clone())
            }
        };
        let port = rule.and_then(|(_, rule)| rule.port()).or_else(|| url.port_or_known_default());
        let port = port.filter(|&port| self.scope.names_port(port));
        let host = if sent == *url { None } else { Some(host_header(url)?) };
        let versions = if host.is_some() { Versions::WithHostField } else { Versions::Any };
        let client =
            self.client(Route { way, port, versions }).map_err(|bad| Trouble::new(FailureKind::Connection, bad.0))?;
        Ok(Plan { client, url: sent, host })
    }

    fn client(&self, route: Route) -> Result<Client, BadOption> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&route) {
            return Ok(client.clone());
        }
        let client = self.build(&route)?;
        made.insert(route, client.clone());
        Ok(client)
    }

    /// The certificates of `--cacert`.
    fn trust(&self) -> Result<Vec<reqwest::Certificate>, BadOption> {
        match &self.settings.cacert {
            None => Ok(Vec::new()),
            Some(pem) => reqwest::Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| BadOption("the --cacert file holds no certificate in PEM form".to_owned())),
        }
    }

    fn build(&self, route: &Route) -> Result<Client, BadOption> {
        let trust = self.trust()?;
        // The builder takes the provider that the process has; giving it twice does nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = self.builder(route)?.tls_certs_merge(trust).build();
        // A machine without certificates still fetches what needs none; https fails there as `tls`, never unverified.
        client.or_else(|_| self.builder(route).map(|builder| builder.tls_certs_only([]))?.build().map_err(describe))
    }

    fn builder(&self, route: &Route) -> Result<reqwest::ClientBuilder, BadOption> {
        let settings = &self.settings;
        let guard = Guard {
            scope: Arc::clone(&self.scope),
            lookup: Arc::clone(&self.lookup),
            port: route.port,
            rule: match route.way {
                Way::ConnectTo(index) => self.connect_to.get(index).cloned(),
                _ => None,
            },
            open: match &route.way {
                Way::Via(proxy) => proxy.host_str().map(str::to_owned),
                _ => None,
            },
        };
        let builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(idle_time(settings.rate))
            // A connection comes back a moment after its body has ended, when the next request may have opened another.
            .pool_max_idle_per_host(2 * settings.per_host.max(1))
            .http1_max_headers(HEADERS_MAX)
            .http2_max_header_list_size(HEADER_LIST_MAX)
            .no_proxy()
            .dns_resolver(Arc::new(guard));
        let builder = match route.versions {
            Versions::Any => builder,
            Versions::WithHostField => builder.http1_only(),
        };
        Ok(match &route.way {
            Way::Direct | Way::ConnectTo(_) => builder,
            Way::Via(proxy) => builder.proxy(reqwest::Proxy::all(proxy.clone()).map_err(describe)?),
        })
    }
}

/// A connection that is closed between two requests that are far apart on purpose would be opened anew for each.
fn idle_time(rate: Option<Rate>) -> Duration {
    rate.map_or(IDLE_TIME, |rate| (rate.interval() * 2).clamp(IDLE_TIME, SPACED_IDLE_TIME))
}

fn describe(error: reqwest::Error) -> BadOption {
    BadOption(format!("no HTTP client could be made: {}", super::http::causes(&error.without_url())))
}

/// The URL that makes the client connect where `rule` says. A port that is written in a URL overrides the resolver's,
/// and an address never reaches the resolver, so these are replaced in the URL; [`Plan::host`] then says what was
/// asked for.
fn led(url: &Url, rule: &ConnectTo) -> Result<Url, Trouble> {
    let mut led = url.clone();
    let is_address = !matches!(url.host(), Some(Host::Domain(_)));
    let failed = || Trouble::new(FailureKind::Connection, "the --connect-to rule does not fit this URL");
    if is_address && let Some(host) = rule.host() {
        if url.scheme() == "https" {
            let detail = "--connect-to cannot lead an https URL whose host is an address to another host".to_owned();
            return Err(Trouble::new(FailureKind::Tls, detail));
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        led.set_host(Some(&host)).map_err(|_| failed())?;
    }
    if let Some(port) = rule.port()
        && (is_address || url.port().is_some())
    {
        led.set_port(Some(port)).map_err(|()| failed())?;
    }
    Ok(led)
}

fn host_header(url: &Url) -> Result<HeaderValue, Trouble> {
    let host = url.host_str().unwrap_or_default();
    let text = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    HeaderValue::from_str(&text).map_err(|_| Trouble::new(FailureKind::BadUrl, "the host cannot be sent"))
}

/// Resolves names for one route and judges what they resolve to.
struct Guard {
    scope: Arc<Scope>,
    lookup: Lookup,
    port: Option<u16>,
    rule: Option<ConnectTo>,
    /// The outgoing proxy's own name, which the user's word permits.
    open: Option<String>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (scope, lookup) = (Arc::clone(&self.scope), Arc::clone(&self.lookup));
        let (rule, port) = (self.rule.clone(), self.port);
        let trusted = self.open.as_deref() == Some(name.as_str()) || rule.as_ref().is_some_and(|r| r.host().is_some());
        // A SOCKS5 client also hands over addresses, those of IPv6 with the brackets that a URL puts around them.
        let asked = name.as_str().trim_start_matches('[').trim_end_matches(']').to_owned();
        Box::pin(async move {
            let host = rule.as_ref().and_then(ConnectTo::host).unwrap_or(&asked);
            let to_port = rule.as_ref().and_then(ConnectTo::port).unwrap_or(0);
            let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
                Ok(ip) => vec![SocketAddr::new(ip, to_port)],
                Err(_) => lookup(host.to_owned(), to_port).await?,
            };
            let mut refused = None;
            let mut kept = Vec::with_capacity(found.len());
            for address in found {
                match if trusted { Ok(()) } else { scope.check_addr(host, port, address.ip()) } {
                    Ok(()) => kept.push(address),
                    Err(refusal) => refused = refused.or(Some(refusal)),
                }
            }
            match refused {
                Some(refusal) if kept.is_empty() => Err(refusal.into()),
                _ => Ok(Box::new(kept.into_iter()) as Addrs),
            }
        })
    }
}
