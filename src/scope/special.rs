//! Which addresses are not hosts on the public internet: the IANA special-purpose registries (RFC 6890 and the
//! registries it founded), as code. IPv6 forms that carry an IPv4 address are judged by the address they carry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The block that fake-IP resolvers hand out, as `--allow` takes it.
pub(super) const FAKE_IP: &str = "198.18.0.0/15";

/// Whether `--allow-private` covers an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// A host may answer there, on this machine or a network near it.
    Private,
    /// Not the address of one host.
    Never,
}

/// Why an address is not a public host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Special {
    /// What it is, with its article: `a private address`.
    pub(super) name: &'static str,
    /// The IPv4 address inside it that was judged, if it is of a form that carries one.
    pub(super) embedded: Option<Ipv4Addr>,
    pub(super) reach: Reach,
}

pub(super) fn is_fake_ip(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if in_fake_ip(ip))
}

fn in_fake_ip(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    a == 198 && b & 0xfe == 18
}

/// `None` for a public address.
pub(super) fn special(ip: IpAddr) -> Option<Special> {
    let plain = |(name, reach)| Special { name, embedded: None, reach };
    match ip {
        IpAddr::V4(ip) => special_v4(ip).map(plain),
        IpAddr::V6(ip) => match special_v6(ip) {
            Some(found) => Some(plain(found)),
            None => embedded(ip).into_iter().flatten().find_map(|inner| {
                special_v4(inner).map(|(name, reach)| Special { name, embedded: Some(inner), reach })
            }),
        },
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<(&'static str, Reach)> {
    let [a, b, c, _] = ip.octets();
    Some(match (a, b, c) {
        (0, ..) => ("an unspecified address", Reach::Never),
        (10, ..) | (192, 168, _) => ("a private address", Reach::Private),
        (172, b, _) if b & 0xf0 == 16 => ("a private address", Reach::Private),
        (127, ..) => ("a loopback address", Reach::Private),
        (169, 254, _) => ("a link-local address", Reach::Private),
        (100, b, _) if b & 0xc0 == 64 => ("a shared (CGNAT) address", Reach::Private),
        (192, 0, 0) => ("a protocol assignment", Reach::Private),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => ("a documentation address", Reach::Private),
        (192, 88, 99) => ("a reserved address", Reach::Never),
        _ if in_fake_ip(ip) => ("a benchmarking address", Reach::Private),
        (224..=239, ..) => ("a multicast address", Reach::Never),
        _ if ip.is_broadcast() => ("the broadcast address", Reach::Never),
        (240.., ..) => ("a reserved address", Reach::Never),
        _ => return None,
    })
}

fn special_v6(ip: Ipv6Addr) -> Option<(&'static str, Reach)> {
    let s = ip.segments();
    if ip.is_unspecified() {
        return Some(("an unspecified address", Reach::Never));
    }
    if ip.is_loopback() {
        return Some(("a loopback address", Reach::Private));
    }
    if embedded(ip).iter().any(Option::is_some) {
        return None;
    }
    Some(match s[0] {
        0x0064 if s[1] == 0xff9b && s[2] == 1 => ("a local NAT64 address", Reach::Private),
        0xfc00..=0xfdff => ("a private (unique local) address", Reach::Private),
        0xfe80..=0xfebf => ("a link-local address", Reach::Private),
        0xfec0..=0xfeff => ("a site-local address", Reach::Private),
        0xff00.. => ("a multicast address", Reach::Never),
        0x2001 if s[1] == 0x0db8 => ("a documentation address", Reach::Private),
        0x3fff if s[1] < 0x1000 => ("a documentation address", Reach::Private),
        // RFC 2928: 2001::/23 is for protocols (Teredo, which carries an address, was let by above).
        0x2001 if s[1] < 0x0200 => ("a protocol assignment", Reach::Never),
        // RFC 4291 section 2.4, RFC 3513 section 4: global unicast is 2000::/3; the rest is not given out.
        0x2000..=0x3fff => return None,
        _ => ("a reserved address", Reach::Never),
    })
}

/// The IPv4 addresses that `ip` carries: mapped and compatible (RFC 4291 section 2.5.5), translated (RFC 7915),
/// NAT64 (RFC 6052), 6to4 (RFC 3056), and Teredo with its server and client (RFC 4380 section 4).
fn embedded(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let last = v4(s[6], s[7]);
    match s {
        [0, 0, 0, 0, 0, 0, ..] if !ip.is_unspecified() && !ip.is_loopback() => [Some(last), None],
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            [Some(last), None]
        }
        [0x2002, high, low, ..] => [Some(v4(high, low)), None],
        [0x2001, 0, high, low, ..] => [Some(v4(high, low)), Some(v4(!s[6], !s[7]))],
        _ => [None, None],
    }
}
